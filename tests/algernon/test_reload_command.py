"""`algernon run --reload` and `--persist`, as somebody works with them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from algernon.errors import LocalSystemError, MissingExtraError
from algernon.local import code_watch
from algernon.local.code_watch import CodeWatch, watch_code
from watchfiles import watch

from ..waiting import wait_for
from .test_run import Run, environ_of, send

pytestmark = pytest.mark.starts

WORKER = """
import logging

from algernon import TaskRouter, lambda_logged

router = TaskRouter()
log = logging.getLogger(__name__)


@router.task
def greet(name):
    log.info("hello %s", name)


handler = lambda_logged(router.handler)
"""
MAIL = """
@router.task
def mail(name):
    log.info("mailing %s", name)


handler = lambda_logged(router.handler)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of somebody who works on a worker, which is a package."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "tmp").mkdir()
    (folder / "worker").mkdir()
    (folder / "worker" / "__init__.py").write_text(WORKER, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Run]:
    """A system that reloads."""
    with Run(folder, "--reload", "--persist", ".algernon") as run:
        run.wait_until_ready()
        yield run


def reloads(run: Run) -> list[str]:
    """Return what was said of what was saved."""
    return [
        line for line in run.lines[:] if re.match(r"(Reloaded|Not reloaded|What is saved)", line)
    ]


def save(run: Run, folder: Path, text: str) -> str:
    """Save the worker, and return what is said of it."""
    before = len(reloads(run))
    (folder / "worker" / "__init__.py").write_text(text, encoding="utf-8")
    wait_for(lambda: len(reloads(run)) > before, moving=lambda: run.lines[:])
    return reloads(run)[before]


def test_a_day_of_work(run: Run, folder: Path) -> None:
    """Code is edited, broken, mended, and gets a Task that others can send at once."""
    assert re.fullmatch(
        r"Reloaded in \d+\.\d s\.", save(run, folder, WORKER.replace("hello", "good day"))
    )
    send(folder, "greet", "--kwargs", '{"name": "Ann"}')
    run.wait_for_line("good day Ann")

    assert save(run, folder, "def greet(:\n") == "Not reloaded: what ran before runs on."
    assert f'  File "{folder}/worker/__init__.py", line 1' in run.lines
    run.wait_for_line(r"^algernon: the module worker can't be imported: SyntaxError: ")
    send(folder, "greet", "--kwargs", '{"name": "Bob"}')
    run.wait_for_line("good day Bob")

    assert save(run, folder, WORKER.replace("hello", "good day")) == "What is saved is what runs."

    with_mail = WORKER.replace("\nhandler = lambda_logged(router.handler)\n", MAIL)
    assert re.fullmatch(r"Reloaded in .* s; new: mail\.", save(run, folder, with_mail))
    assert send(folder, "mail", "--kwargs", '{"name": "Cid"}').returncode == 0
    run.wait_for_line("mailing Cid")

    assert re.fullmatch(r"Reloaded in .* s; gone: mail\.", save(run, folder, WORKER))
    assert send(folder, "mail", "--kwargs", "{}").returncode == 1


def test_a_burst_of_saves_is_one_reload(run: Run, folder: Path) -> None:
    """As where an editor, a formatter or git writes many files."""
    before = len(reloads(run))
    for number in range(30):
        (folder / "worker" / f"words_{number}.py").write_text(
            f"WORD = {number}\n", encoding="utf-8"
        )

    wait_for(lambda: len(reloads(run)) > before, moving=lambda: run.lines[:])
    # What comes after it was saved after it.
    save(run, folder, WORKER.replace("hello", "good evening"))

    assert len(reloads(run)) == before + 2


def test_it_is_stopped_while_a_module_waits(run: Run, folder: Path) -> None:
    """One that was saved waits for ever while it is imported; who runs it doesn't."""
    before = reloads(run)
    waits = folder / "waits"
    waiting = f"import time\n\nopen({str(waits)!r}, 'w').close()\ntime.sleep(600)\n"
    (folder / "worker" / "__init__.py").write_text(waiting, encoding="utf-8")
    wait_for(waits.exists)

    run.process.send_signal(signal.SIGINT)

    assert run.end() == 0
    assert run.lines[-1] == "Stopped."
    # As is said after two minutes, which a module that is imported has.
    assert reloads(run) == before


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a module and a package."""
    (tmp_path / "shop").mkdir()
    for name in ("worker.py", "shop/__init__.py", "shop/worker.py", "shop/prices.py"):
        (tmp_path / name).touch()
    for name in (".git", "__pycache__", "env", "docs"):
        (tmp_path / name).mkdir()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    return tmp_path


def seen(project: Path, path: Path, text: str | None) -> None:
    """Write or delete a file, and wait until one who watches everything has seen it."""
    for changes in watch(
        project, watch_filter=None, step=300, rust_timeout=200, yield_on_timeout=True
    ):
        if any(Path(changed) == path for _, changed in changes):
            return
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(f"{text}{time.monotonic()}", encoding="utf-8")


@pytest.mark.parametrize(
    ("module", "saved", "counts"),
    [
        ("worker", "worker.py", True),
        ("worker", "new.py", True),
        ("worker", "data.csv", True),
        ("worker", "docs/note.txt", True),
        ("worker", ".hidden.py", False),
        ("worker", ".git/index", False),
        ("worker", "__pycache__/worker.pyc", False),
        ("worker", "env/lib.py", False),
        ("shop.worker", "shop/prices.py", True),
        ("shop.worker", "shop/new.py", True),
        ("shop.worker", "worker.py", False),
        ("shop.worker", "docs/note.txt", False),
        ("shop.worker", "pyproject.toml", True),
    ],
)
def test_what_goes_with_a_worker_is_watched(
    project: Path, module: str, saved: str, *, counts: bool
) -> None:
    """What isn't packed with it isn't, but for the settings."""
    with watch_code([module], project) as code:
        seen(project, project / saved, "# ")

        if counts:
            wait_for(code.has_changed)
        else:
            assert not code.has_changed()


def test_deleted_files_and_settings_above_are_watched(project: Path) -> None:
    """As a workspace has its settings above its members."""
    member = project / "shop"
    (project / "pyproject.toml").touch()
    with watch_code(["worker"], member) as code:
        seen(project, member / "prices.py", None)
        wait_for(code.has_changed)

        seen(project, project / "pyproject.toml", "# ")
        wait_for(code.has_changed)


def test_what_cant_be_watched_is_told() -> None:
    """Code that is saved for nothing would be looked at for long."""
    code = CodeWatch()
    code.give_up(OSError("OS file watch limit reached"))

    with pytest.raises(LocalSystemError, match="watched any more: OS file watch limit reached"):
        code.has_changed()


def test_a_missing_extra_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of what installs it."""
    monkeypatch.setattr(code_watch, "find_spec", lambda _: None)

    with pytest.raises(MissingExtraError, match=r"algernon\[local\]"), watch_code(["w"], project):
        pass


def test_a_killed_run_loses_nothing(tmp_path: Path) -> None:
    """What was sent, what failed and what was stored is there when the same folder runs again."""
    (tmp_path / "tmp").mkdir()
    failing = WORKER.replace("log.info", "raise PermanentError").replace(
        "import TaskRouter", "import PermanentError, TaskRouter"
    )
    (tmp_path / "worker.py").write_text(failing, encoding="utf-8")
    with Run(tmp_path, "--persist", ".kept") as run:
        run.wait_until_ready()
        run.wait_for_line(r"^Messages, dead letters and objects are kept in \.kept\.$")
        send(tmp_path, "greet", "--kwargs", '{"name": "Ann"}')
        run.wait_for_line("task_name=greet")
        os.kill(run.process.pid, signal.SIGKILL)
        run.end()

    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    with Run(tmp_path, "--persist", ".kept") as run:
        run.wait_until_ready()
        assert run_dead(tmp_path, "redrive", "--yes") == 0
        run.wait_for_line("hello Ann")
        run.process.send_signal(signal.SIGTERM)
        assert run.end() == 0
        assert run.lines[-1] == "Stopped."


def run_dead(folder: Path, *arguments: str) -> int:
    """Run `algernon dead` as the user of a folder."""
    return subprocess.run(
        [sys.executable, "-m", "algernon.commands", "dead", *arguments],
        env=environ_of(folder),
        check=False,
    ).returncode
