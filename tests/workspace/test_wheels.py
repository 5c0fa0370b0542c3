"""Each distribution, built, installs and passes its tests in a clean environment.

``hatch run test-wheels`` runs these tests, and ``hatch run test`` all others.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from .releases import check_out, last_release, missing_history, release_commit

pytestmark = [pytest.mark.wheels, pytest.mark.starts]

ROOT = Path(__file__).parents[2]

NEWEST = "3.13"

#: What each package's tests need besides the package: its siblings' wheels, and tools.
TOOLS = {
    "serialize": ["hypothesis", "pytest"],
    "storage": ["hypothesis", "moto[server]", "pytest"],
    "queue": ["hypothesis", "moto[server]", "pytest"],
    "logging": [
        "awslambdaric; sys_platform == 'linux'",
        "hypothesis",
        "moto[server]",
        "pytest",
    ],
    "algernon": ["cfn-lint", "hypothesis", "moto[server]", "pytest"],
}
#: Tests that take long, and for which it matters little what is installed: of what becomes of
#: templates on AWS, of rights, and of whole examples.
LEFT_TO_THE_SUITE = [
    "test_at_night.py",
    "test_change_sets.py",
    "test_code_bucket.py",
    "test_demo.py",
    "test_deploy.py",
    "test_deploy_killed.py",
    "test_destroy_system.py",
    "test_embedding_examples.py",
    "test_orders_example.py",
    "test_policy.py",
    "test_policy_of_deployments.py",
    "test_role.py",
    "test_stack_states.py",
    "test_template_lint.py",
    "test_template_update.py",
    "test_two_systems.py",
]
SIBLINGS = {
    "serialize": [],
    "storage": ["serialize"],
    "queue": ["serialize", "storage"],
    "logging": [],
    "algernon": ["serialize", "storage", "queue", "logging"],
}
#: Which of the last release's own tests show that it gets on with its siblings.
OF_SIBLINGS = {
    "storage": ["test_stored_data.py", "test_moncrief.py", "test_nesting.py", "test_trust.py"],
    "queue": [
        "test_callbacks.py",
        "test_handing_on.py",
        "test_inline_results.py",
        "test_once_in_s3.py",
    ],
    "algernon": ["test_lazy_imports.py", "test_send.py", "test_trace.py"],
}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command in an environment without this project's, and return what it printed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALGERNON_", "AWS_", "HATCH_", "PYTEST_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each package, built from its sdist's sources."""
    folder = tmp_path_factory.mktemp("dist")
    packages = sorted((ROOT / "packages").iterdir())
    return {package.name.removeprefix("algernon-"): build(package, folder) for package in packages}


def build(package: Path, folder: Path) -> Path:
    """Build the wheel of a package's folder from its sdist's sources, and return its path."""
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=package)
    (wheel,) = folder.glob(f"{package.name.replace('-', '_')}-*.whl")
    return wheel


class Releases:
    """Packages as they were released, built when they are asked for.

    Args:
        folder: Where to build them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def tree(self, distribution: str, version: str) -> Path:
        """Return the whole repository as a release of a distribution found it."""
        commit = release_commit(distribution, version)
        assert commit is not None, f"{distribution} {version} was never released"
        tree = self._folder / commit
        if not tree.exists():
            check_out(commit, tree)
        return tree

    def wheel(self, distribution: str, version: str) -> Path:
        """Return the wheel of a release of a distribution."""
        package = self.tree(distribution, version) / "packages" / distribution
        assert project(package)["version"] == version
        return build(package, self._folder / f"{distribution}-{version}")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """The packages as they were released."""
    return Releases(tmp_path_factory.mktemp("releases"))


def interpreter(version: str) -> str | None:
    """Return the path of a Python of a version, of which pyenv may know, or None."""
    candidates = [shutil.which(f"python{version}")]
    if pyenv := shutil.which("pyenv"):
        installed_versions = run(pyenv, "versions", "--bare").split()
        candidates += [
            f"{run(pyenv, 'prefix', found).strip()}/bin/python"
            for found in installed_versions
            if found.startswith(f"{version}.")
        ]
    for candidate in filter(None, candidates):
        # What stands on the path may be pyenv's stand-in for one that isn't chosen.
        asked = subprocess.run([candidate, "-V"], capture_output=True, text=True, check=False)
        if asked.stdout.startswith(f"Python {version}."):
            return candidate
    return None


def install(
    folder: Path,
    *requirements: str | Path,
    resolution: str = "highest",
    base: str = sys.executable,
) -> Path:
    """Make a clean environment with these requirements, and return its Python."""
    run("uv", "venv", "--quiet", "--python", base, folder)
    python = folder / "bin" / "python"
    run(
        "uv", "pip", "install", "--quiet", "--python", python, "--resolution", resolution,
        *requirements,
    )  # fmt: skip
    return python


def installed(python: Path) -> set[str]:
    """Return the names of the distributions in an environment."""
    listing = run("uv", "pip", "list", "--quiet", "--python", python, "--format", "freeze")
    return {line.partition("==")[0].partition(" @")[0] for line in listing.splitlines()}


def wheel_name(wheel: Path) -> str:
    """Return the name of a wheel's distribution."""
    return wheel.name.partition("-")[0].replace("_", "-")


def project(package: Path) -> dict[str, Any]:
    """Return the [project] table of a package's folder."""
    table: dict[str, Any] = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    return table


def requirements(distribution: str, root: Path = ROOT) -> list[str]:
    """Return what a package requires of others, with those of its extras that bring more."""
    table = project(root / "packages" / distribution)
    extras = table.get("optional-dependencies", {})
    lines = [*table["dependencies"]]
    for extra in ("deploy", "local", "otel"):
        lines += extras.get(extra, ())
    return [line for line in lines if not line.startswith("algernon")]


def oldest_siblings(package: str, wheels: dict[str, Path], releases: Releases) -> dict[str, Path]:
    """Return the wheels of a package's siblings, each of the oldest release in its range.

    One that isn't released yet is the sibling that is here.
    """
    oldest = {}
    for line in project(ROOT / "packages" / wheel_name(wheels[package]))["dependencies"]:
        if sibling := re.match(r"(algernon-(\w+))[^>]*>=(\d+\.\d+),", line):
            distribution, name, floor = sibling.groups()
            here = project(ROOT / "packages" / distribution)["version"]
            released = release_commit(distribution, f"{floor}.0")
            oldest[name] = (
                wheels[name]
                if released is None and here == f"{floor}.0"
                else releases.wheel(distribution, f"{floor}.0")
            )
    return oldest


def test_serialize_alone_brings_dateutil_and_nothing_of_aws(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    """Installing algernon-serialize brings python-dateutil and what that needs, no more."""
    python = install(tmp_path / "env", wheels["serialize"])
    dateutil = install(tmp_path / "dateutil", "python-dateutil")
    assert installed(python) == {"algernon-serialize", *installed(dateutil)}
    assert not any(name.startswith(("aws", "boto")) for name in installed(python))


@pytest.mark.parametrize("resolution", ["highest", "lowest-direct"])
# The one with the longest tests first.
@pytest.mark.parametrize("package", [*reversed(TOOLS)])
def test_a_wheel_alone_passes_its_tests(
    package: str, resolution: str, wheels: dict[str, Path], releases: Releases, tmp_path: Path
) -> None:
    """A package, with only what it requires, passes its tests with newest and oldest versions.

    The oldest versions of siblings are releases, where there is a history of them. The newest
    versions go with the newest Python that is here.
    """
    siblings = {name: wheels[name] for name in SIBLINGS[package]}
    if resolution == "lowest-direct" and not missing_history():
        siblings |= oldest_siblings(package, wheels, releases)
    needed = [*siblings.values(), wheels[package]]
    # "Direct" are the requirements that are listed, so a wheel's own are listed too.
    third_party = [line for wheel in needed for line in requirements(wheel_name(wheel))]
    newest = interpreter(NEWEST) if resolution == "highest" else None
    python = install(
        tmp_path / "env",
        *needed,
        *third_party,
        resolution=resolution,
        base=newest or sys.executable,
    )
    ours = {name for name in installed(python) if name.startswith("algernon")}
    assert ours == set(map(wheel_name, needed))
    run("uv", "pip", "install", "--quiet", "--python", python, *TOOLS[package])
    tests = ROOT / "tests" / package
    left_out = [f"--ignore={tests / name}" for name in LEFT_TO_THE_SUITE if package == "algernon"]
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *left_out, tests)


@pytest.mark.parametrize("package", OF_SIBLINGS)
def test_the_last_release_gets_on_with_newer_siblings(
    package: str, wheels: dict[str, Path], releases: Releases, tmp_path: Path
) -> None:
    """Where siblings are updated before it, a package that was released passes its own tests."""
    if reason := missing_history():
        pytest.skip(reason)
    distribution = wheel_name(wheels[package])
    version = last_release(distribution)
    tree = releases.tree(distribution, version)
    python = install(
        tmp_path / "env",
        releases.wheel(distribution, version),
        *(wheels[name] for name in SIBLINGS[package]),
        *requirements(distribution, tree),
        *TOOLS[package],
    )
    tests = [tree / "tests" / package / name for name in OF_SIBLINGS[package]]
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=tree)


@pytest.mark.parametrize("extra", ["orjson", "ormsgpack"])
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_serialize_passes_its_tests_with_an_extra_on_newer_pythons(
    version: str, extra: str, wheels: dict[str, Path], tmp_path: Path
) -> None:
    """With what an extra brings, algernon-serialize passes its tests on the newer Pythons too."""
    base = interpreter(version)
    if base is None:
        pytest.skip(f"there is no Python {version} here")
    wheel = f"algernon-serialize[{extra}] @ {wheels['serialize'].as_uri()}"
    python = install(tmp_path / "env", wheel, *TOOLS["serialize"], base=base)
    assert extra in installed(python)
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", ROOT / "tests" / "serialize")


def test_serialize_passes_its_tests_with_the_oldest_of_its_extras(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    """The oldest orjson and ormsgpack that the extras take write and read as the newest do."""
    text = (ROOT / "packages" / "algernon-serialize" / "pyproject.toml").read_text()
    lines = tomllib.loads(text)["project"]["optional-dependencies"]["ormsgpack"]
    python = install(tmp_path / "env", wheels["serialize"], *lines, resolution="lowest-direct")
    run("uv", "pip", "install", "--quiet", "--python", python, *TOOLS["serialize"])
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", ROOT / "tests" / "serialize")


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_oldest_requirements_of_serialize_warn_of_nothing(
    version: str, wheels: dict[str, Path], tmp_path: Path
) -> None:
    """The oldest dateutil that is asked for is imported on the newer Pythons without a warning."""
    base = interpreter(version)
    if base is None:
        pytest.skip(f"there is no Python {version} here")
    python = install(
        tmp_path / "env",
        wheels["serialize"],
        *requirements("algernon-serialize"),
        resolution="lowest-direct",
        base=base,
    )
    program = "from algernon_serialize import ajson; import dateutil.tz; print(ajson.dumps(1))"
    assert run(python, "-W", "error", "-c", program) == "1\n"


def test_the_meta_package_is_lazy(wheels: dict[str, Path], tmp_path: Path) -> None:
    """With all five installed, importing ajson and AlgObject loads no AWS package."""
    python = install(tmp_path / "env", *wheels.values())
    assert "orjson" in installed(python)
    program = (
        "import sys\n"
        "from algernon import ajson, AlgObject\n"
        "print(sorted({'boto3', 'botocore', 'aws_xray_sdk'} & set(sys.modules)))"
    )
    assert run(python, "-c", program) == "[]\n"
    assert "ministack" not in installed(python)


def test_the_zip_for_lambda_is_the_same_wherever_it_is_made(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    """The commands of "By hand" make equal zips, of what Lambda needs alone, on any machine."""
    page = (ROOT / "packages" / "algernon" / "docs" / "deploying.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if block.startswith("$ rm -rf build\n"))
    script = re.sub(r"^\$ ", "", block, flags=re.MULTILINE)
    zips = []
    for place, zone, mask in (("here", "UTC", "022"), ("far/away", "Asia/Tokyo", "077")):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        (folder / "dist").symlink_to(wheels["serialize"].parent)
        (folder / "shop").mkdir()
        (folder / "shop" / "worker.py").write_text("print('at work')\n")
        run(sys.executable, "-m", "compileall", "-q", folder / "shop")
        run(sys.executable, "-m", "venv", folder / "venv")
        shell = f"set -euo pipefail; umask {mask}; export TZ={zone} PATH={folder}/venv/bin:$PATH"
        run("bash", "-c", f"{shell}\n{script}", cwd=folder)
        zips.append((folder / "code.zip").read_bytes())
    assert zips[0] == zips[1]
    with zipfile.ZipFile(io.BytesIO(zips[0])) as opened:
        names = opened.namelist()
    assert {"shop/worker.py", "algernon/__init__.py", "wrapt/__init__.py"} <= set(names)
    assert not [name for name in names if name.endswith(".pyc") or name.startswith("bin/")]


def test_a_new_project_takes_algernon_from_its_own_wheels(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    """Made where the wheels are installed, it is set up, checked and tested as its CI does it.

    So it is elsewhere, by what was locked here, and no index is asked for a part of Algernon.
    """
    folder = tmp_path / "here" / "shop"
    folder.parent.mkdir()
    python = install(tmp_path / "env", *wheels.values())
    run(python.parent / "algernon", "new", "shop", cwd=folder.parent)
    run("uv", "lock", "--quiet", cwd=folder)
    folder = folder.rename(tmp_path / "shop")
    jobs = (folder / ".github" / "workflows" / "ci.yml").read_text()
    commands = re.findall(r"^      - run: (.*)$", jobs, re.MULTILINE)
    assert commands[0] == "uv sync --locked"
    for command in commands:
        run(*command.split(), cwd=folder)
    locked = tomllib.loads((folder / "uv.lock").read_text())["package"]
    sources = {each["name"]: each["source"] for each in locked if "algernon" in each["name"]}
    assert set(sources) == set(map(wheel_name, wheels.values()))
    assert all(source["path"].startswith("wheels/") for source in sources.values())
