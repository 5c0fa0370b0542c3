"""The zip of a deployment, built without a network."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Literal

import pytest
from algernon.errors import BuildError, MissingExtraError
from algernon.settings import Settings
from algernon.system.build.build import Build, build

from .wheels import write_installed, write_what_algernon_needs, write_wheel

uv = pytest.importorskip("uv")
pytestmark = pytest.mark.starts

WORKER = """
{imports}
from algernon import TaskRouter

router = TaskRouter()


@router.task
def price(items):
    import {within}
    return items


handler = router.handler
"""
# A build for this machine is imported from, which takes its time.
ARCHITECTURES: list[Literal["x86_64", "arm64"]] = ["x86_64", "arm64"]
if platform.machine() != "x86_64":
    ARCHITECTURES.reverse()
HERE, ELSEWHERE = (Settings(architecture=architecture) for architecture in ARCHITECTURES)
Project = Callable[..., Path]


@pytest.fixture(scope="module")
def _shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of what Algernon needs."""
    folder = tmp_path_factory.mktemp("shelf")
    write_what_algernon_needs(folder)
    return folder


@pytest.fixture
def wheels(_shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own wheels, where uv finds these and what Algernon needs."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("UV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_FIND_LINKS", f"{_shelf},{folder}")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(_shelf.parent / "cache"))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Write a project, and return its folder."""

    def write(imports: str = "", *, within: str = "json", requirements: str | None = None) -> Path:
        folder = tmp_path / "a #1 project of ${HOME}"
        folder.mkdir(exist_ok=True)
        source = WORKER.format(imports=imports, within=within)
        (folder / "worker.py").write_text(source, encoding="utf-8")
        if requirements is not None:
            (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
        return folder

    return write


def built(folder: Path, settings: Settings = ELSEWHERE) -> Build:
    """Return what is built of the worker in a folder."""
    return build(["worker:router"], folder, settings=settings, tell=lambda line: None)


def refusal(folder: Path, settings: Settings = ELSEWHERE) -> str:
    """Return why nothing can be built of the worker in a folder."""
    with pytest.raises(BuildError) as raised:
        built(folder, settings)
    message = str(raised.value)
    assert "\n" not in message
    return message


def files(code: Build) -> dict[str, bytes]:
    """Return the files in a zip."""
    with zipfile.ZipFile(io.BytesIO(code.archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def tops(code: Build) -> set[str]:
    """Return what is at the top of a zip, without what tells of a distribution."""
    return {name.partition("/")[0] for name in files(code) if ".dist-info/" not in name}


ALWAYS = {
    "algernon", "algernon_logging", "algernon_queue", "algernon_serialize", "algernon_storage",
    "aws_xray_sdk", "dateutil", "orjson", "six.py", "worker.py", "wrapt",
}  # fmt: skip


def test_what_requirements_txt_lists_is_in_the_zip(wheels: Path, project: Project) -> None:
    """With what that needs, and what Algernon needs; boto3 and what it alone needs are Lambda's."""
    write_wheel(wheels, "prices", requires=["coins"])
    write_wheel(wheels, "coins")
    write_wheel(wheels, "unused")
    folder = project("import prices", requirements="prices\n")

    code = built(folder, HERE)

    assert tops(code) - {"wrapt-stubs"} == ALWAYS | {"prices.py", "coins.py", "requirements.txt"}
    assert code.key == f"{hashlib.sha256(code.archive).hexdigest()}.zip"
    assert code.source == "requirements.txt"
    assert code.left_out == ("boto3", "botocore", "jmespath", "s3transfer")
    assert code.notes == ()


def test_what_a_machine_notes_and_the_command_are_left_out(wheels: Path, project: Project) -> None:
    """Of Algernon there is what Lambda needs, the secrets' door too; of others no programs."""
    names = set(files(built(project(requirements=""))))

    assert {"algernon/__init__.py", "algernon/secrets.py", "algernon/errors.py"} <= names
    rooms = "commands|console|local|story|system"
    assert not [name for name in names if re.match(rf"algernon/({rooms}|template)\b", name)]
    left_out = r"bin/|.*\.pyc$|.*dist-info/(RECORD|INSTALLER|REQUESTED|direct_url.json)|\.lock"
    assert not [name for name in names if re.match(left_out, name)]
    assert [name for name in names if re.fullmatch(r"six-[\d.]+dist-info/METADATA", name)]


def test_equal_projects_give_equal_zips(
    wheels: Path, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the folder, the time, the file mode mask nor uv's cache makes another zip."""
    write_wheel(wheels, "prices")
    here = project("import prices", requirements="prices==1.0\n")
    there = tmp_path / "far" / "away"
    shutil.copytree(here, there)
    os.utime(there / "worker.py", (0, 0))
    first = built(here)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-cache"))
    mask = os.umask(0o077)
    try:
        second = built(there)
    finally:
        os.umask(mask)

    assert first == second


def test_without_a_list_it_is_what_the_worker_imports(wheels: Path, project: Project) -> None:
    """In the version that is installed here, also where a Task alone imports it; this is said."""
    write_installed(wheels, "packaging")
    write_wheel(wheels, "packaging", "9999.0")
    write_wheel(wheels, "prices")

    code = built(project(within="packaging.version"))

    assert tops(code) - {"wrapt-stubs"} == ALWAYS | {"packaging"}
    assert b"9999.0" not in b"".join(files(code).values())
    assert code.source.startswith(
        "installed: the imports' distributions, since there is no uv.lock"
    )


def test_the_nearest_list_counts(wheels: Path, project: Project) -> None:
    """One above the folder is read where there is none in it."""
    write_wheel(wheels, "prices")
    folder = project("import prices")
    (folder.parent / "requirements.txt").write_text("prices")

    code = built(folder)

    assert code.source == "../requirements.txt"
    assert "prices.py" in tops(code)


def lock(folder: Path, dependencies: str, development: str = "", *, more: str = "") -> None:
    """Write a project's pyproject.toml, and lock it."""
    (folder / "pyproject.toml").write_text(
        f"[project]\nname = 'shop'\nversion = '1'\nrequires-python = '>=3.11'\n"
        f"dependencies = [{dependencies}]\n[dependency-groups]\ndev = [{development}]\n{more}"
    )
    subprocess.run(
        [uv.find_uv_bin(), "lock", "--quiet", "--python", sys.executable], cwd=folder, check=True
    )


def test_what_is_locked_is_in_the_zip(wheels: Path, project: Project) -> None:
    """In the locked version, without what is for development and what boto3 alone needs."""
    write_wheel(wheels, "prices", "1.0")
    write_wheel(wheels, "pricetest")
    folder = project("import prices")
    write_wheel(wheels, "algernon", "9.0", requires=["coins"])
    write_wheel(wheels, "coins")
    lock(folder, "'prices', 'boto3', 'algernon'", "'pricetest'")
    write_wheel(wheels, "prices", "2.0")

    code = built(folder)

    assert code.source == "uv.lock"
    assert "prices-1.0.dist-info/METADATA" in files(code)
    # Nor what the other algernon, by whose name something was locked, needs.
    left_out = ("pricetest", "urllib3", "boto3", "algernon-9", "algernon.py", "coins")
    assert not [name for name in files(code) if name.startswith(left_out)]


def test_what_is_locked_is_read_below_a_file_of_settings(wheels: Path, project: Project) -> None:
    """A pyproject.toml that has no project, but settings alone, doesn't hide the project above."""
    write_wheel(wheels, "prices")
    folder = project("import prices")
    lock(folder, "'prices'")
    below = folder / "shop"
    below.mkdir()
    (folder / "worker.py").rename(below / "worker.py")
    (below / "pyproject.toml").write_text("[tool.algernon]\nmemory = 256\n")

    code = built(below)

    assert code.source == "../uv.lock"
    assert "prices.py" in tops(code)


def test_what_is_locked_for_other_pythons_is_refused(wheels: Path, project: Project) -> None:
    """What this Python needs may not be in it, and would be missed in Lambda."""
    folder = project()
    lock(folder, "")
    text = (folder / "uv.lock").read_text()
    (folder / "uv.lock").write_text(text.replace('">=3.11"', '">=3.99"'))

    message = refusal(folder)

    assert message.startswith("uv.lock is for Python >=3.99 (requires-python in pyproject.toml), ")
    assert platform.python_version() in message


def test_a_wheel_with_another_hash_is_refused(wheels: Path, project: Project) -> None:
    """Where it is said which hash a wheel has, no other one is installed."""
    wheel = write_wheel(wheels, "prices")
    own = hashlib.sha256(wheel.read_bytes()).hexdigest()

    for number, said in enumerate([own, own.replace(own[0], "0" if own[0] != "0" else "1")]):
        folder = project(requirements=f"prices==1.0 \\\n    --hash=sha256:{said}\n")
        if number:
            assert "Hash mismatch for `prices==1.0`" in refusal(folder)
        else:
            assert "prices.py" in tops(built(folder))


@pytest.mark.parametrize(
    "requirements", ["algernon\n", "shop-core\n", "algernon>=9\nalgernon-queue==9.0\n"]
)
def test_algernon_is_never_looked_for_by_name(
    wheels: Path, project: Project, requirements: str
) -> None:
    """Whatever an index has by these names, directly or for others, what is installed is copied."""
    for name in ("algernon", "algernon-queue"):
        package = name.replace("-", "_")
        write_wheel(wheels, name, "9.0", files={f"{package}/evil.py": b""}, requires=["evil"])
    write_wheel(wheels, "evil")
    write_wheel(wheels, "shop-core", requires=["algernon>=2"])

    code = built(project(requirements=requirements))

    assert not [name for name in files(code) if "evil" in name or "algernon-9" in name]
    assert "algernon_queue/router.py" in files(code)


def test_a_missing_wheel_is_named(wheels: Path, project: Project) -> None:
    """With its version, the platform, where there are some, and what to do."""
    write_wheel(wheels, "prices", "2.1", tag=f"cp3{sys.version_info.minor}-none-win_amd64")

    folder = project("import prices", requirements="prices==2.1\n")
    message = refusal(folder, Settings(architecture="x86_64"))

    python = f"Python 3.{sys.version_info.minor} on x86_64"
    assert message.startswith(f"prices 2.1 has no wheel for Lambda's {python} (Amazon Linux 2")
    assert "choose a version that has one" in message
    assert ("Python 3.12 or newer" in message) == (sys.version_info < (3, 12))
    assert (
        "Wheels are available for `prices` (v2.1) on the following platform: `win_amd64`" in message
    )


def test_a_wheel_for_the_other_processor_is_none(wheels: Path, project: Project) -> None:
    """What is for x86_64 isn't installed for arm64."""
    python = f"cp3{sys.version_info.minor}"
    tag = f"{python}-{python}-manylinux_2_17_x86_64"
    write_wheel(wheels, "prices", "2.1", tag=tag)
    folder = project("import prices", requirements="prices==2.1\n")

    assert "prices.py" in tops(built(folder, Settings(architecture="x86_64")))
    assert refusal(folder, Settings(architecture="arm64")).startswith(
        "prices 2.1 has no wheel for Lambda's Python 3."
    )


def test_what_is_there_as_source_alone_has_no_wheel(wheels: Path, project: Project) -> None:
    """Nothing is compiled, and what would be is named."""
    (wheels / "prices-2.1.tar.gz").write_bytes(b"")

    message = refusal(project("import prices", requirements="prices\n"))

    assert message.startswith("prices ")
    assert "has no wheel for Lambda's Python" in message


def test_a_missing_wheel_that_another_one_needs_is_named_with_that(
    wheels: Path, project: Project
) -> None:
    """Whoever listed the other one hasn't to guess where it comes from."""
    write_wheel(wheels, "shop-core", requires=["prices==2.1"])
    write_wheel(wheels, "prices", "2.1", tag="cp27-cp27m-win_amd64")

    message = refusal(project(requirements="shop-core\n"))

    assert message.startswith("prices 2.1 has no wheel for Lambda's Python")
    assert "shop-core" in message


def test_what_would_be_built_from_its_repository_has_no_wheel(
    wheels: Path, project: Project, tmp_path: Path
) -> None:
    """A source archive by its URL is named as what has no wheel."""
    archive = tmp_path / "prices-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        text = b"[project]\nname = 'prices'\ndynamic = ['version']\n"
        entry = tarfile.TarInfo("prices-1.0/pyproject.toml")
        entry.size = len(text)
        opened.addfile(entry, io.BytesIO(text))

    message = refusal(project(requirements=f"prices @ {archive.as_uri()}\n"))

    assert message.startswith("prices has no wheel for Lambda's Python")


def test_what_was_yanked_is_taken_only_where_it_is_pinned(
    wheels: Path, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As everywhere: who has a version keeps it, and nobody gets it anew."""
    served = tmp_path / "index" / "prices"
    served.mkdir(parents=True)
    wheel = write_wheel(served, "prices")
    (served / "index.html").write_text(f"<a href='{wheel.name}' data-yanked='broken'>prices</a>")
    with served_at(served.parent, monkeypatch) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        assert "yanked" in refusal(project(requirements="prices\n"))
        assert "prices.py" in tops(built(project(requirements="prices==1.0\n")))


@contextmanager
def served_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a folder of indexes, which uv may ask, at the URL that is given."""
    for name in ("UV_OFFLINE", "UV_NO_INDEX"):
        monkeypatch.delenv(name)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def index_of(folder: Path, **contents: bytes) -> None:
    """Write an index of distributions, each of which has one module of the same name."""
    for name, content in contents.items():
        (folder / name).mkdir(parents=True)
        wheel = write_wheel(folder / name, name, files={f"{name}.py": content})
        (folder / name / "index.html").write_text(f"<a href='{wheel.name}'>{name}</a>")


@pytest.mark.parametrize("kind", ["explicit", "named", "flat", "folder"])
def test_what_is_locked_from_an_index_of_ones_own_comes_from_there(
    wheels: Path, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    """And never from another one, where somebody else may have put the same name and version."""
    served = tmp_path / "served"
    index_of(served / "everybody", prices=b"OURS = False", coins=b"")
    index_of(served / "other", prices=b"OURS = False", six=b"")
    index_of(served / "own", prices=b"OURS = True", coins=b"WRONG = 1")
    (served / "own" / "prices" / "own.html").write_text("<a href='prices-1.0-py3-none-any.whl'>")
    folder = project("import prices, coins")
    with served_at(served, monkeypatch) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{url}/everybody")
        place, more = {
            "explicit": (f"{url}/own/", "explicit = true"),
            "named": (f"{url}/own", ""),
            "flat": (f"{url}/own/prices/own.html", "explicit = true\nformat = 'flat'"),
            "folder": (f"{served}/own/prices", "explicit = true\nformat = 'flat'"),
        }[kind]
        other = f"[[tool.uv.index]]\nname = 'other'\nurl = '{url}/other'\n" * (kind == "named")
        # The named one is asked for everything, after the other one.
        if kind == "named":
            shutil.rmtree(served / "own" / "coins")
        lock(
            folder,
            "'prices', 'coins'",
            more=f"[tool.uv.sources]\nprices = {{ index = 'own' }}\n{other}"
            f"[[tool.uv.index]]\nname = 'own'\nurl = '{place}'\n{more}\n",
        )
        code = files(built(folder))
    assert (code["prices.py"], code["coins.py"]) == (b"OURS = True", b"")


def test_what_is_nowhere_is_named(wheels: Path, project: Project) -> None:
    """A distribution that no index has is told by uv's own words, in one line."""
    message = refusal(project(requirements="not-there\n"))

    assert message.startswith("uv can't resolve what workers need: ")
    assert "not-there" in message


def test_credentials_in_urls_are_not_told(wheels: Path, project: Project) -> None:
    """Neither a password, nor what is behind a question mark, such as a signature."""
    url = "https://me:hidden@wheels.example/prices-1.0-py3-none-any.whl?signature=hidden"
    message = refusal(project(requirements=f"prices @ {url}\n"))

    assert message.startswith("uv can't resolve what workers need: ")
    assert "https://wheels.example/prices-1.0-py3-none-any.whl" in message
    assert "hidden" not in message


def test_requirements_that_contradict_each_other_are_named(wheels: Path, project: Project) -> None:
    """A pin that another requirement forbids is told with both."""
    write_wheel(wheels, "prices", requires=["coins>=2"])
    for version in ("1.0", "2.0"):
        write_wheel(wheels, "coins", version)

    message = refusal(project(requirements="prices\ncoins==1.0\n"))

    assert "coins>=2" in message
    assert "coins==1.0" in message


def test_boto3_is_bundled_where_lambdas_own_may_not_do(wheels: Path, project: Project) -> None:
    """Where something needs another version than Lambda may have, boto3 is in the zip, and told."""
    write_wheel(wheels, "aio", requires=["botocore>=1.36,<1.37"])
    write_wheel(wheels, "boto3", "1.36.2", requires=["botocore==1.36.2"])
    write_wheel(wheels, "botocore", "1.36.2", requires=["urllib3"])

    code = built(project(requirements="aio\n"))

    assert code.left_out == ()
    assert code.notes[0] == (
        "boto3 is in the zip, since aio 1.0 needs botocore<1.37,>=1.36, which Lambda's own may not"
        " be"
    )
    assert {"boto3.py", "botocore.py"} <= tops(code)
    assert [name for name in files(code) if name.startswith("urllib3-")]


def test_lambdas_boto3_has_a_say_in_other_versions(wheels: Path, project: Project) -> None:
    """What isn't in the zip is imported beside it, so that dateutil is one that botocore takes."""
    write_wheel(wheels, "python-dateutil", "99.0")

    names = files(built(project(requirements="")))

    assert [name for name in names if name.startswith("python_dateutil-2.")]


def test_boto3_is_bundled_if_asked_for(wheels: Path, project: Project) -> None:
    """`bundle_boto3` puts it in the zip, and nothing is left out."""
    write_wheel(wheels, "boto3", "1.999", requires=["botocore"])

    code = built(project(requirements=""), replace(ELSEWHERE, bundle_boto3=True))

    assert code.left_out == ()
    assert "boto3.py" in tops(code)


def test_for_another_processor_nothing_is_imported_and_that_is_said(
    wheels: Path, project: Project
) -> None:
    """A worker that can't be imported here is built for another all the same, with a note."""
    code = built(project("import not_there", requirements=""))

    (note,) = code.notes
    assert note.startswith(
        "the workers weren't imported from the zip, which is for Lambda's Python"
    )
    assert f" on {ELSEWHERE.architecture} (Amazon Linux 2" in note


@pytest.mark.parametrize(
    ("imports", "why"),
    [
        (
            "import packaging",
            "No module named 'packaging' (worker.py, line 2): nothing that the workers need brings",
        ),
        (
            "from algernon.template import system_template",
            "No module named 'algernon.template' (worker.py, line 2): what runs in Lambda has ",
        ),
        (
            "from six import coins",
            "(./six.py) (worker.py, line 2): six is there, but isn't what is",
        ),
        ("1 / 0", "ZeroDivisionError: division by zero (worker.py, line 2)"),
        ("import os; os._exit(3)", "ended with status 3, and didn't say why"),
        ("raise SystemExit('no bank')", "SystemExit: no bank (worker.py, line 2)"),
    ],
)
def test_a_worker_that_the_zip_does_not_do_for_is_refused(
    wheels: Path, project: Project, imports: str, why: str
) -> None:
    """It is imported from the zip alone, whatever else is installed here."""
    assert why in refusal(project(imports, requirements=""), HERE)


def test_a_workers_environment_is_there_when_it_is_imported(wheels: Path, project: Project) -> None:
    """Its plain variables are set, as in Lambda; a thread that it leaves is no matter."""
    waits = "import threading; threading.Thread(target=threading.Event().wait).start()"
    folder = project(f"import os; os.environ['BANK_URL']\n{waits}", requirements="")

    built(folder, replace(HERE, environment={"BANK_URL": "https://bank.example"}))
    assert "KeyError: 'BANK_URL'" in refusal(folder, HERE)


@pytest.mark.parametrize("line", ["./my coins", "-e ./my coins", "coins @ {uri}"])
def test_a_folder_of_the_project_is_built(wheels: Path, project: Project, line: str) -> None:
    """What is required by its path is built as a wheel, with the backend that it names."""
    folder = project("import coins")
    coins = folder / "my coins"
    (folder / "requirements.txt").write_text(line.format(uri=coins.as_uri()))
    write_project_to_build(coins, "version = '3'")

    code = built(folder)

    assert "coins-3.dist-info/METADATA" in files(code)


@pytest.mark.parametrize("marker", ["", "; sys_platform != 'win32'"])
def test_a_locked_folder_is_built_to_tell_its_version(
    wheels: Path, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, marker: str
) -> None:
    """Of one whose version its backend makes up, nothing is known before."""
    folder = project("import coins")
    write_project_to_build(tmp_path / "coins", "dynamic = ['version']")
    source = "[tool.uv.sources]\ncoins = { path = '../coins' }\n"
    lock(folder, f'"coins{marker}"', more=source)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another machine's cache"))

    code = built(folder)

    assert "coins-3.dist-info/METADATA" in files(code)


@pytest.mark.parametrize("listed", ["locked", "requirements.txt"])
def test_a_git_repository_is_built(
    wheels: Path, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listed: str
) -> None:
    """As it is at the commit that is named; and no index is asked for its name."""
    write_wheel(wheels, "coins", "9.0")
    write_wheel(wheels, "prices", requires=["coins"])
    folder = project("import coins, prices")
    # Without a lock, it has to be told without a build what it needs.
    version = "dynamic = ['version']" if listed == "locked" else "version = '3'"
    write_project_to_build(tmp_path / "coins", version)
    commit = committed(tmp_path / "coins")
    (tmp_path / "coins" / "backend.py").unlink()
    git = f"git+{(tmp_path / 'coins').as_uri()}"
    if listed == "locked":
        source = f"{{ git = '{git.removeprefix('git+')}', rev = '{commit}' }}"
        lock(folder, "'coins', 'prices'", more=f"[tool.uv.sources]\ncoins = {source}\n")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another machine's cache"))
    else:
        (folder / "requirements.txt").write_text(f"prices\ncoins @ {git}@{commit}\n")

    code = files(built(folder))

    assert {name for name in code if "coins" in name} == {
        "coins/__init__.py",
        *(f"coins-3.dist-info/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt")),
    }


@pytest.mark.parametrize("kind", ["folder", "git"])
def test_what_is_compiled_here_is_refused(
    wheels: Path, project: Project, tmp_path: Path, kind: str
) -> None:
    """Whatever it was compiled for, and linked with, it may not run in Lambda."""
    folder = project("import coins")
    tag = f"cp3{sys.version_info.minor}-cp3{sys.version_info.minor}-linux_x86_64"
    write_project_to_build(tmp_path / "coins", "version = '3'", tag=tag)
    place = (tmp_path / "coins").as_uri()
    if kind == "git":
        place = f"git+{place}@{committed(tmp_path / 'coins')}"
    (folder / "requirements.txt").write_text(f"coins @ {place}\n")

    message = refusal(folder, Settings(architecture="x86_64"))

    assert message.startswith("coins is required as source, and what is built of it here is for")
    assert "(linux_x86_64)" in message


def committed(folder: Path) -> str:
    """Make a git repository of a folder, and return its commit."""
    if shutil.which("git") is None:
        pytest.skip("there is no git here")

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        command = ["git", *identity, "-c", "init.defaultBranch=main", *arguments]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Have coins")
    return git("rev-parse", "HEAD")


def write_project_to_build(folder: Path, version: str, *, tag: str = "py3-none-any") -> None:
    """Write a project `coins`, whose backend has its wheel already."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        f"[project]\nname = 'coins'\n{version}\n"
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    wheel = write_wheel(folder, "coins", "3", files={"coins/__init__.py": b"WORTH = 1"}, tag=tag)
    (folder / "backend.py").write_text(
        "import shutil\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        f"    return shutil.copy({wheel.name!r}, folder) and {wheel.name!r}\n"
    )


def test_what_may_hold_secrets_is_told(wheels: Path, project: Project) -> None:
    """Keys, variables and an index's password that lie beside a worker are in its zip, so told."""
    folder = project(requirements="--find-links https://me:hidden@wheels.example/\n")
    for name in ("local.env", "tls.pem", ".env", "secrets.py", "monkey.txt"):
        (folder / name).write_text("KEY=hidden")
    (folder / "uv.toml").write_text('[[index]]\nurl = "https://wheels.example/"\n')

    told = built(folder).notes[0]

    assert told.startswith(
        "what may hold secrets is in the zip: local.env, requirements.txt, tls.pem; what workers"
    )
    assert "hidden@" not in told


def test_a_package_of_the_workers_own_hides_one_that_is_needed(
    wheels: Path, project: Project
) -> None:
    """As on this machine, where the folder comes first; nothing of both is mixed."""
    write_wheel(wheels, "prices", files={"prices/__init__.py": b"1 / 0", "prices/old.py": b""})
    folder = project("import prices", requirements="prices\n")
    (folder / "prices.py").write_text("")

    names = files(built(folder))

    assert "prices.py" in names
    assert not [name for name in names if name.startswith("prices/")]


def test_too_much_code_is_refused(wheels: Path, project: Project) -> None:
    """What is larger than Lambda takes is told with the largest folders."""
    folder = project(requirements="")
    (folder / "model").mkdir()
    with (folder / "model" / "weights.bin").open("wb") as file:
        file.truncate(251 * 1024 * 1024)

    assert re.search(r"takes more than 250 MB.*model \(251 MB\)", refusal(folder))


def test_a_name_that_is_not_utf_8_is_refused(wheels: Path, project: Project) -> None:
    """The error names the file."""
    folder = project(requirements="")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).touch()

    assert r"caf\xe9.txt' would belong to the workers' code" in refusal(folder)


def test_the_extra_that_is_missing_is_named() -> None:
    """Without packaging, which it brings, nothing can be built, and that is said."""
    program = (
        "import sys; sys.modules['packaging'] = None\n"
        "from algernon.errors import MissingExtraError\n"
        "try:\n    import algernon.system.build.build\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "install the extra algernon[deploy]" in done.stdout


def test_uv_that_is_missing_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where it is neither installed nor on the path, the extra that brings it is named."""
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingExtraError, match=r"install the extra algernon\[deploy\]"):
        built(project(requirements=""))
