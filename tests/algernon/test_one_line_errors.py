"""What goes wrong is one line on standard error that says why, whatever it is."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.starts

Command = Callable[..., subprocess.CompletedProcess[str]]

WORKER = """
from algernon import TaskRouter

router = TaskRouter()


@router.task
def read():
    return None


handler = router.handler
"""
TO_AWS = ("send", "read", "--stack", "shop")


def the_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line that a command that failed said why in."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("algernon: ")
    assert line.isprintable()
    return line


@pytest.mark.parametrize(
    ("process", "message"),
    [
        ("echo hello", "gives something else than it should: JSONDecodeError: Expecting value"),
        ("printf ''", "gives something else than it should: JSONDecodeError: Expecting value"),
        (r"printf '\377'", "gives something else than it should: UnicodeDecodeError: "),
        ("echo []", "gives something else than it should: AttributeError: 'list' object has no"),
        ("echo {}", "Unsupported version '<Version key not provided>' for credential process"),
        ("not-there-at-all", "FileNotFoundError: [Errno 2] No such file or directory"),
        ("false", "Error when retrieving credentials from custom-process"),
        ("'", "ValueError: No closing quotation"),
    ],
)
def test_a_credential_process_that_does_not_work(
    command: Command, tmp_path: Path, process: str, message: str
) -> None:
    """Whatever the program of a profile prints in place of credentials."""
    config = tmp_path / "config"
    config.write_text(f"[profile mine]\ncredential_process = {process}\n", encoding="utf-8")

    line = the_line(command(*TO_AWS, "--profile", "mine", AWS_CONFIG_FILE=str(config)))

    assert message in line


@pytest.mark.parametrize("options", [("--profile", "mine"), ("--region", "eu-west-1")])
@pytest.mark.parametrize(
    "config",
    [
        b"[profile mine\n",
        b"nonsense\n",
        b"[profile mine]\nregion = \xff\n",
        b"[profile mine]\nservices = nowhere\naws_access_key_id = a\naws_secret_access_key = b\n",
    ],
)
def test_a_configuration_that_can_not_be_read(
    command: Command, tmp_path: Path, config: bytes, options: tuple[str, str]
) -> None:
    """A damaged configuration of AWS, for the profile of an option and of the shell."""
    path = tmp_path / "config"
    path.write_bytes(config)

    the_line(command(*TO_AWS, *options, AWS_CONFIG_FILE=str(path), AWS_PROFILE="mine"))


def test_an_endpoint_that_is_none(command: Command) -> None:
    """What boto3 says of a setting is told with its kind and place."""
    where = ("--region", "eu-west-1")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    line = the_line(command(*TO_AWS, *where, AWS_ENDPOINT_URL="nonsense", **keys))

    assert "ValueError: Invalid endpoint: nonsense (" in line


def test_no_home_directory(tmp_path: Path) -> None:
    """A user of no name and without HOME, as in some containers."""
    code = """
import pwd, sys

def nobody(_):
    raise KeyError("no such user")

pwd.getpwuid = nobody
from algernon.commands.main import main
sys.exit(main(["send", "read"]))
"""
    environ = {name: value for name, value in os.environ.items() if name != "HOME"}
    environ.pop("XDG_STATE_HOME", None)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "set HOME or XDG_STATE_HOME" in the_line(done)


def test_a_state_folder_that_is_none(command: Command, tmp_path: Path) -> None:
    """A file where the folder of local systems should be."""
    (tmp_path / "file").touch()

    line = the_line(command("send", "read", XDG_STATE_HOME=str(tmp_path / "file")))

    assert str(tmp_path / "file" / "algernon") in line


@pytest.mark.parametrize("text", [b"{", b"[]", b"{}", b"\xff", b'{"tasks": 1}'])
def test_a_damaged_entry_of_a_running_system(command: Command, tmp_path: Path, text: bytes) -> None:
    """What another version wrote, or half of it, says what to do about it."""
    folder = tmp_path / "state" / "algernon" / "systems"
    folder.mkdir(parents=True)
    (folder / "shop.json").write_bytes(text)
    code = (
        "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX);"
        " print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, folder / "shop.json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()

        line = the_line(command("send", "read"))

        holder.communicate(b"")
    assert "shop.json" in line
    assert "stop that system, and start it again" in line


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([b"send", b"caf\xe9", b"--region", b"eu-west-1", b"--stack", b"shop"], 1),
        ([b"send", b"read", b"--kwargs", b'{"a": "\xff"}', b"--region", b"x", b"--stack", b"s"], 1),
        ([b"trace", b"\xff"], 1),
        ([b"template", b"worker:\xff"], 2),
        ([b"template", b"worker:router", b"--timeout", b"\xff"], 2),
    ],
)
def test_arguments_that_are_not_utf_8(tmp_path: Path, arguments: list[bytes], status: int) -> None:
    """They are refused as other wrong ones are."""
    done = subprocess.run(
        [sys.executable, "-m", "algernon.commands", *arguments],
        cwd=tmp_path,
        env={
            **os.environ,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_MAX_ATTEMPTS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "error" in done.stderr or len(done.stderr.splitlines()) == 1


def test_a_file_that_is_not_utf_8_beside_the_worker(command: Command, tmp_path: Path) -> None:
    """What can't be in a zip is named, and the system isn't started."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "worker.py").write_text(WORKER, encoding="utf-8")
    Path(os.fsdecode(os.fsencode(project) + b"/caf\xe9.txt")).touch()

    line = the_line(command("run", "worker:router", directory=project))

    assert "caf\\xe9.txt" in line


def test_a_folder_that_is_not_utf_8(command: Command, tmp_path: Path) -> None:
    """Its worker is found all the same, and one that isn't there is told in a line."""
    project = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    project.mkdir()
    (project / "worker.py").write_text(WORKER, encoding="utf-8")

    assert command("template", "worker:router", directory=project).returncode == 0
    assert "there is no module 'mailer'" in the_line(
        command("template", "mailer:router", directory=project)
    )


def test_a_full_disk(tmp_path: Path) -> None:
    """What can't be written isn't taken for written."""
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "algernon.commands", "template", "worker:router"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == "algernon: [Errno 28] No space left on device\n"


def test_an_interrupt_while_it_waits_for_aws(tmp_path: Path) -> None:
    """Ctrl-C ends a command that gets no answer, as shells expect it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        where = ("--region", "eu-west-1", "--stack", "shop")
        with subprocess.Popen(
            [sys.executable, "-m", "algernon.commands", "send", "read", *where],
            cwd=tmp_path,
            env={
                **os.environ,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            },
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                _, told = process.communicate()

    assert process.returncode == 130
    assert told == "algernon: interrupted\n"


def test_a_ministack_that_is_too_old(command: Command, tmp_path: Path) -> None:
    """A version with which a local system was never tried is refused, with the one it needs."""
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    older = tmp_path / "older" / "ministack-1.4.0.dist-info"
    older.mkdir(parents=True)
    (older / "METADATA").write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 1.4.0\n")

    line = the_line(command("run", "worker:router", PYTHONPATH=str(older.parent)))

    assert line == (
        "algernon: a local system needs ministack 1.5.33 or newer, but 1.4.0 is installed: install"
        " the extra algernon[local] again, as algernon's README says"
    )


def test_the_oldest_versions_are_those_of_the_extra() -> None:
    """What is refused is what the package's own requirements exclude."""
    from importlib.metadata import requires

    from algernon.local.aws import _EXTRA

    asked = [line.replace(" ", "") for line in requires("algernon") or []]
    for distribution, (_, oldest) in _EXTRA.items():
        assert any(line.startswith(distribution) and f">={oldest}" in line for line in asked), (
            json.dumps(asked)
        )
