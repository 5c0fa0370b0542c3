"""Workers' modules that do more than define Tasks while they are imported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from algernon import TaskNeeds
from algernon.errors import WorkerError
from algernon.system import workers
from algernon.system.workers import import_workers
from algernon.worker import Worker

from ..waiting import PATIENCE, wait_for

pytestmark = pytest.mark.starts

Command = Callable[..., subprocess.CompletedProcess[str]]

WORKER = """
from algernon import TaskRouter

router = TaskRouter()


@router.task(retries=7, timeout=60, batch_size=100, batch_window=5)
def read(name):
    return {"name": name}


handler = router.handler
"""
READ = Worker(
    "worker.handler",
    ("read",),
    {"read": 7},
    {"read": TaskNeeds(timeout=60, batch_size=100, batch_window=5)},
)

FOR_EVER = "import time\nwhile True:\n    time.sleep(1)\n"
NOISES = {
    "descriptor": "import os\nos.write(1, b'abc1234\\n')",
    "no newline": "import os\nos.write(1, b'abc1234')",
    "forged answer": "import os\nos.write(1, b'{\"workers\": []}\\nabc1234')",
    "subprocess": "import subprocess\nsubprocess.run(['echo', 'abc1234'])",
    "shell": "import os\nos.system('echo abc1234')",
    "print at exit": "import atexit\natexit.register(print, 'abc1234')",
    "write at exit": "import atexit, os\natexit.register(os.write, 1, b'abc1234')",
    "real stdout": "import sys\nprint('abc1234', file=sys.__stdout__)",
    "no text": "import os\nos.write(1, b'\\xff abc1234\\n')",
    "fork": (
        "import os\nif os.fork() == 0:\n    os.write(1, b'abc1234')\n    os._exit(0)\nos.wait()"
    ),
    "fork in a fork": (
        "import os\n"
        "if os.fork() == 0:\n"
        "    others = [os.dup(1) for _ in range(9)]\n"
        "    if os.fork() == 0:\n"
        "        [os.write(each, b'abc1234') for each in others]\n"
        "        os._exit(0)\n"
        "    os._exit(os.wait()[1] >> 8)\n"
        "assert os.wait()[1] == 0"
    ),
}


def write_worker(folder: Path, text: str) -> None:
    """Write a worker's module into a folder."""
    (folder / "worker.py").write_text(text, encoding="utf-8")


def is_alive(process_id: int) -> bool:
    """Return whether a process runs, and isn't just waiting to be buried."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_what_an_import_writes_goes_to_standard_error(
    command: Command, tmp_path: Path, noise: str
) -> None:
    """The template on standard output is JSON, whatever is written to which descriptor."""
    write_worker(tmp_path, WORKER + noise)

    done = command("template", "worker:router")

    assert json.loads(done.stdout)["Metadata"] == {"Algernon": {"Tasks": ["read"]}}
    assert "abc1234" in done.stderr


@pytest.mark.parametrize(
    "left",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=[900]).start()",
        "import subprocess\nleft = subprocess.Popen(['sleep', '900']).pid",
        "import os, time\nleft = os.fork()\nif not left:\n    time.sleep(900)\n    os._exit(0)",
        (
            "import multiprocessing, time\n"
            "context = multiprocessing.get_context('fork')\n"
            "context.Process(target=time.sleep, args=[900]).start()"
        ),
    ],
    ids=["thread", "subprocess", "fork", "multiprocessing"],
)
def test_what_an_import_leaves_is_not_waited_for(tmp_path: Path, left: str) -> None:
    """A thread or a process that goes on is ended, once what was asked for is known."""
    note = f"\nopen({str(tmp_path / 'left')!r}, 'w').write(str(globals().get('left', 0)))\n"
    write_worker(tmp_path, f"{WORKER}{left}{note}")

    assert import_workers(["worker:router"], tmp_path) == [READ]

    left_process = int((tmp_path / "left").read_text())
    if left_process:
        wait_for(lambda: not is_alive(left_process))


def test_the_command_ends_though_a_daemon_lives_on(command: Command, tmp_path: Path) -> None:
    """A process in a session of its own, which isn't ended, holds nothing of the command's."""
    write_worker(
        tmp_path,
        f"{WORKER}import subprocess\n"
        "left = subprocess.Popen(['sleep', '900'], start_new_session=True)\n"
        "open('left', 'w').write(str(left.pid))\n",
    )

    done = command("template", "worker:router")
    daemon = int((tmp_path / "left").read_text())
    was_alive = is_alive(daemon)
    os.kill(daemon, signal.SIGKILL)

    assert done.returncode == 0
    assert was_alive


def test_what_is_registered_for_the_exit_is_done(tmp_path: Path) -> None:
    """The process ends as Python does, where nothing holds it up."""
    write_worker(
        tmp_path,
        f"{WORKER}import atexit, pathlib\n"
        f"atexit.register(pathlib.Path({str(tmp_path / 'exit')!r}).touch)\n",
    )

    import_workers(["worker:router"], tmp_path)

    assert (tmp_path / "exit").exists()


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("import os\nos._exit(0)", 0),
        ("import os\nos._exit(5)", 5),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import os, time\nif os.fork() == 0:\n    time.sleep(900)\nos._exit(7)", 7),
    ],
    ids=["exit", "exit-5", "killed", "exit-beside-a-child"],
)
def test_an_import_that_ends_the_process_is_an_error(tmp_path: Path, end: str, status: int) -> None:
    """No answer is told as such, with the status."""
    write_worker(tmp_path, WORKER + end)

    with pytest.raises(WorkerError, match=rf"worker:router gave no answer .* status {status}:"):
        import_workers(["worker:router"], tmp_path)


def test_an_import_that_closes_everything_is_an_error(tmp_path: Path) -> None:
    """So is a way for the answer that is gone."""
    write_worker(tmp_path, f"{WORKER}import os\nos.closerange(3, 100)\n")

    with pytest.raises(WorkerError, match="gave no answer that can be read"):
        import_workers(["worker:router"], tmp_path)


def test_an_import_that_never_ends_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence is told as such, and the process is ended."""
    write_worker(tmp_path, f"import os\nopen('pid', 'w').write(str(os.getpid()))\n{FOR_EVER}")
    monkeypatch.setattr(workers, "_IMPORT_SECONDS", 3)

    with pytest.raises(WorkerError, match="worker:router weren't imported within 3 s: a module w"):
        import_workers(["worker:router"], tmp_path)

    if (tmp_path / "pid").exists():
        assert not is_alive(int((tmp_path / "pid").read_text()))


def test_an_import_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    """However that ends: here it is killed."""
    write_worker(tmp_path, f"import os\nopen('pid', 'w').write(f'{{os.getpid()}}.')\n{FOR_EVER}")
    asking = subprocess.Popen(
        [sys.executable, "-m", "algernon.commands", "template", "worker:router"],
        cwd=tmp_path,
    )
    note = tmp_path / "pid"
    wait_for(lambda: note.exists() and note.read_text().endswith("."))

    asking.kill()
    asking.wait()

    wait_for(lambda: not is_alive(int(note.read_text().rstrip("."))))


def test_an_error_has_a_line_of_its_own(command: Command, tmp_path: Path) -> None:
    """Whatever a module writes before it, without ending its line."""
    write_worker(tmp_path, "import os\nos.write(1, b'abc1234')\nraise ValueError('no')")

    done = command("template", "worker:router")

    first, *_, last = done.stderr.splitlines()
    assert first == "abc1234"
    assert last == (
        "algernon: the module worker can't be imported: ValueError: no"
        f" ({tmp_path / 'worker.py'}, line 3)"
    )


def test_any_exception_is_one_clear_line(command: Command, tmp_path: Path) -> None:
    """One that isn't an Exception too."""
    write_worker(tmp_path, "raise KeyboardInterrupt('no')")

    done = command("template", "worker:router")

    assert done.returncode == 1
    *_, last = done.stderr.splitlines()
    assert last == "algernon: worker:router can't be imported: KeyboardInterrupt: no"


@pytest.mark.parametrize("name", ["queue", "statistics", "json", "time", "boto3", "email"])
def test_a_module_of_a_name_that_others_have_is_told_by_its_file(tmp_path: Path, name: str) -> None:
    """Either the worker works, or the error names the file in the way, and what to do."""
    (tmp_path / f"{name}.py").write_text(WORKER, encoding="utf-8")

    done = subprocess.run(
        [Path(sys.executable).with_name("algernon"), "template", f"{name}:router"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    if done.returncode:
        *_, line = done.stderr.splitlines()
        assert str(tmp_path / f"{name}.py") in line
        assert "give it another name" in line or "give yours another name" in line


def test_a_folder_that_an_installed_package_comes_before_is_told(
    command: Command, tmp_path: Path
) -> None:
    """A folder without __init__.py comes after a package, wherever that is."""
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "message.py").write_text(WORKER, encoding="utf-8")

    done = command("template", "email.message:router")

    import email.message

    assert done.returncode == 1
    assert done.stderr == (
        f"algernon: the module email.message that was loaded is {email.message.__file__}, not"
        f" {tmp_path / 'email' / 'message.py'}, since Python comes to that one first: give yours"
        " another name\n"
    )


@pytest.mark.parametrize(
    ("target", "text", "missing"),
    [
        ("worker:router", "import not_there.at_all", "not_there"),
        ("elsewhere.worker:router", WORKER, "elsewhere"),
        ("worker:router", "1 / 0", None),
    ],
)
def test_a_module_that_is_missing_is_data_of_the_error(
    tmp_path: Path, target: str, text: str, missing: str | None
) -> None:
    """Nobody has to read its name out of the message."""
    write_worker(tmp_path, text)

    with pytest.raises(WorkerError) as caught:
        import_workers([target], tmp_path)

    assert caught.value.missing_module == missing


def test_the_module_that_was_loaded_is_named(command: Command) -> None:
    """Where there is no such file here, it says which one has no router."""
    done = command("template", "queue:router")

    import queue

    assert done.returncode == 1
    assert done.stderr.startswith("algernon: the module queue has no TaskRouter 'router'; it has")
    assert f"(what was loaded is {queue.__file__})" in done.stderr


@pytest.mark.parametrize(
    "text",
    ["", "from algernon import TaskRouter", "import not_there", "1 / 0"],
    ids=["empty", "circular", "missing", "failing"],
)
def test_a_module_that_hides_what_algernon_needs_is_named(
    command: Command, tmp_path: Path, text: str
) -> None:
    """The error has the file that hides another, and the one that is hidden."""
    write_worker(tmp_path, WORKER)
    (tmp_path / "logging.py").write_text(text, encoding="utf-8")

    done = command("template", "worker:router")

    import logging

    assert done.returncode == 1
    *_, line = done.stderr.splitlines()
    assert line.endswith(
        f"; {tmp_path / 'logging.py'} hides {logging.__file__}, which others need: give it another"
        " name"
    )


def test_the_environment_is_the_one_given(tmp_path: Path) -> None:
    """Nothing of this process's own is there beside it."""
    write_worker(
        tmp_path,
        WORKER + "import json, os\nopen('environ', 'w').write(json.dumps(dict(os.environ)))\n",
    )

    import_workers(["worker:router"], tmp_path, environ={"PATH": os.environ["PATH"], "A": "1"})

    environ = json.loads((tmp_path / "environ").read_text())
    assert set(environ) - {"LC_CTYPE"} == {"PATH", "A"}
