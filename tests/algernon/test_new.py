"""`algernon new` makes a project that runs as it is."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from algernon.commands.main import command_parser
from algernon.commands.new.names import project_name
from algernon.commands.new.project import make_project
from algernon.errors import ProjectError
from algernon.local import LocalSystem
from algernon.settings import Alarms, Settings, read_settings
from algernon_queue import SentTask, send_task
from hypothesis import example, given
from hypothesis import strategies as st

from ..waiting import PATIENCE

Command = Callable[..., subprocess.CompletedProcess[str]]

README = Path(__file__).parents[2] / "packages" / "algernon" / "README.md"
PARTS = ("algernon", "algernon-logging", "algernon-queue", "algernon-serialize", "algernon-storage")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project whose name isn't its package's."""
    directory = tmp_path_factory.mktemp("projects")
    make_project(project_name("my-shop"), directory)
    return directory / "my-shop"


def check(shop: Path, *command: str) -> None:
    """Run a module of Python in the project, which has to find nothing wrong."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=shop,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.starts
def test_the_command_makes_a_folder_and_says_how_to_go_on(command: Command, tmp_path: Path) -> None:
    """Whoever reads what it prints has a project, and knows the next four commands."""
    done = command("new", "shop")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"(?m)^  (.*)$", done.stdout) == [
        "cd shop",
        "uv sync && . .venv/bin/activate",
        "pytest",
        "algernon run shop.worker:router --reload",
    ]
    assert sorted(path.name for path in (tmp_path / "shop").iterdir()) == [
        *(".github", ".gitignore", ".python-version", "README.md"),
        *("pyproject.toml", "shop", "tests", "wheels"),
    ]
    # Made in a folder that only one may read, it is open to whom others are.
    assert (tmp_path / "shop").stat().st_mode == (tmp_path / "shop" / "shop").stat().st_mode


def told_of(content: bytes) -> tuple[str, str]:
    """Return the digest and size with which a wheel's RECORD lists a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
    return f"sha256={digest.rstrip('=')}", str(len(content))


@pytest.mark.starts
def test_its_tests_pass(shop: Path) -> None:
    """As they are, with a warning being an error."""
    check(shop, "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")


@pytest.mark.starts
def test_its_types_are_right(shop: Path) -> None:
    """mypy, by the project's own settings, which are strict, finds nothing."""
    pytest.importorskip("mypy", reason="mypy isn't installed")
    check(shop, "mypy")


@pytest.mark.starts
@pytest.mark.parametrize("name", ["my-shop", "a", "a" * 40])
def test_its_code_is_in_order(name: str, tmp_path: Path) -> None:
    """Ruff finds nothing to mend, however short or long the name is."""
    pytest.importorskip("ruff", reason="ruff isn't installed")
    make_project(project_name(name), tmp_path)
    check(tmp_path / name, "ruff", "check", "--isolated", "--select", "B,D1,E,F,I,UP", "--no-cache")
    check(tmp_path / name, "ruff", "format", "--check", "--isolated", "--no-cache")


@pytest.mark.starts
def test_it_runs_on_a_local_aws(shop: Path) -> None:
    """Its chain comes to what its README says."""
    (said,) = re.findall(r'(?m)^"(.*)"$', (shop / "README.md").read_text(encoding="utf-8"))
    with LocalSystem("my_shop.worker:router", directory=shop) as system, system.as_default():
        sent = SentTask[str](
            send_task("count_words", {"text": "Try it now"}, "judge", keep_result=True)
        )
        assert sent.result(timeout=PATIENCE) == said


def test_its_worker_is_the_one_that_the_quick_start_shows(shop: Path) -> None:
    """Whoever reads on finds there what they have."""
    worker = (shop / "my_shop" / "worker.py").read_text(encoding="utf-8")
    assert f"```python\n{worker}```\n" in README.read_text(encoding="utf-8")


def test_its_readme_shows_commands_that_there_are(shop: Path) -> None:
    """Each that begins with `algernon` is one that the command takes."""
    text = (shop / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"(?m)^\$ algernon (.*)$", text)
    assert len(commands) == 3
    for line in commands:
        command_parser().parse_args(shlex.split(line))


def test_its_settings_are_those_that_hold_anyway(shop: Path) -> None:
    """What it says of a system changes nothing before somebody changes it, commented keys too."""
    assert read_settings(shop) == Settings(timeout=30, memory=256)
    text = (shop / "pyproject.toml").read_text(encoding="utf-8")
    meant = re.sub(r"(?m)^# (\[tool\.algernon\.|\w+ = )", r"\1", text)
    (shop.parent / "pyproject.toml").write_text(meant, encoding="utf-8")
    settings = read_settings(shop.parent)
    assert settings.environment == {"BANK_URL": "https://bank.example"}
    assert settings.alarms == Alarms(email="you@example.com")


def test_algernon_comes_from_the_project_alone(shop: Path) -> None:
    """Each part has a wheel there that it is taken from, so that no index is asked for its name."""
    project = tomllib.loads((shop / "pyproject.toml").read_text(encoding="utf-8"))

    assert project["project"]["dependencies"] == list(PARTS)
    sources = project["tool"]["uv"]["sources"]
    assert list(sources) == list(PARTS)
    wheels = {f"wheels/{path.name}" for path in (shop / "wheels").iterdir()}
    assert {source["path"] for source in sources.values()} == wheels


def test_its_wheels_are_whole_and_always_the_same(shop: Path, tmp_path: Path) -> None:
    """Each lists what it holds, with the right hashes, and another project gets equal ones."""
    make_project(project_name("market"), tmp_path)
    for path in (shop / "wheels").iterdir():
        assert path.read_bytes() == (tmp_path / "market" / "wheels" / path.name).read_bytes()
        with zipfile.ZipFile(path) as wheel:
            names = set(wheel.namelist())
            (record,) = (name for name in names if name.endswith(".dist-info/RECORD"))
            rows = list(csv.reader(wheel.read(record).decode().splitlines()))
            assert {name for name, _, _ in rows} == names
            for name, digest, size in rows:
                content = wheel.read(name)
                hashed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
                expected = (
                    ("", "") if name == record else (f"sha256={hashed[:-1]}", f"{len(content)}")
                )
                assert (digest, size) == expected
        assert not [name for name in names if name.endswith((".pyc", ".pth", "direct_url.json"))]
        kinds = {"METADATA", "RECORD", "WHEEL", "LICENSE"}
        assert kinds <= {name.rpartition("/")[2] for name in names}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "can't be a project's name"),
        ("../shop", "can't be a project's name"),
        ("/shop", "can't be a project's name"),
        (".", "can't be a project's name"),
        ("my shop", "can't be a project's name"),
        ("my.shop", "can't be a project's name"),
        ("3shop", "can't be a project's name"),
        ("_shop", "can't be a project's name"),
        ("shop-", "can't be a project's name"),
        ("my--shop", "can't be a project's name"),
        ("büro", "can't be a project's name"),
        ("shop\n", "can't be a project's name"),
        ("$package", "can't be a project's name"),
        ("s" * 41, "41 characters"),
        ("class", "a keyword of Python"),
        ("Class", "a keyword of Python"),
        ("json", "a module of Python's standard library"),
        ("test", "a folder of tests or wheels"),
        ("tests", "a folder of tests or wheels"),
        ("wheels", "a folder of tests or wheels"),
        ("algernon", "an installed package"),
        ("algernon-queue", "an installed package"),
        ("Algernon_Queue", "an installed package"),
        ("boto3", "an installed package"),
        ("dateutil", "an installed package"),
        ("python-dateutil", "an installed package"),
    ],
)
def test_a_name_that_is_no_good_is_refused(name: str, why: str) -> None:
    """With the name, and why it can't be."""
    with pytest.raises(ProjectError, match=re.escape(why)) as refused:
        project_name(name)
    assert repr(name) in str(refused.value)


@given(st.text(st.characters(codec="ascii"), max_size=50) | st.text(max_size=10))
@example("My_Shop-2")
def test_a_name_is_good_in_all_its_forms_or_refused(text: str) -> None:
    """Whatever it is: what is taken is a folder right here, a package, and a stack."""
    try:
        name = project_name(text)
    except ProjectError:
        return
    assert name.name == text == Path(text).name
    assert name.package.isidentifier()
    assert name.package == name.package.lower()
    assert re.fullmatch("[a-zA-Z][-a-zA-Z0-9]*", name.stack)


@pytest.mark.starts
def test_a_name_that_is_no_good_is_told_in_one_line(command: Command, tmp_path: Path) -> None:
    """And nothing is made, there or elsewhere."""
    done = command("new", "../shop", directory=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("algernon: '../shop' can't be a project's name, ")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("there", ["file", "folder", "link", "dangling"])
def test_what_is_there_is_never_overwritten(there: str, tmp_path: Path) -> None:
    """A file, a folder with something in it, or a link stays what it was, and alone."""
    shop = tmp_path / "shop"
    other = tmp_path / "other"
    other.mkdir()
    if there == "file":
        shop.write_text("mine", encoding="utf-8")
    elif there == "folder":
        shop.mkdir()
        (shop / "mine").touch()
    else:
        shop.symlink_to(other if there == "link" else tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(ProjectError, match=f"something already at {re.escape(str(shop))}, "):
        make_project(project_name("shop"), tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    """Such as the one that a new repository begins with."""
    (tmp_path / "shop").mkdir()
    make_project(project_name("shop"), tmp_path)
    assert (tmp_path / "shop" / "shop" / "worker.py").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
