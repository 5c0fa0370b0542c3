"""What the command prints, to whoever reads only some of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from algernon.story.printing import warn

from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

WORKER = """
from algernon import TaskRouter

router = TaskRouter()
handler = router.handler


@router.task
def work():
    pass
"""
# Prints more than a pipe holds, and then what `template` does.
CHATTY = """
import sys
from algernon.commands import main, template

execute = template.execute

def chatty(options):
    for number in range(10_000):
        print("much", number)
    execute(options)

template.execute = chatty
sys.exit(main.main())
"""


def run(
    folder: Path, *arguments: str, code: str | None = None, stdout: IO[bytes] | int
) -> subprocess.CompletedProcess[str]:
    """Run the command with a standard output of one's own."""
    command = ["-c", code] if code else ["-m", "algernon.commands"]
    return subprocess.run(
        [sys.executable, *command, *arguments],
        cwd=folder,
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a worker."""
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    return tmp_path


def unread_pipe() -> int:
    """Return the end to write to of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["template", "worker:router"], None),
        (["template", "worker:router"], CHATTY),
        (["--help"], None),
        (["trace", "--help"], None),
    ],
    ids=["little", "much", "help", "a command's help"],
)
def test_who_reads_no_further_is_told_nothing(
    folder: Path, arguments: list[str], code: str | None
) -> None:
    """Behind a pipe that is closed early, as by head, the command ends silently with 0."""
    writing = unread_pipe()
    try:
        done = run(folder, *arguments, code=code, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_head_gets_its_lines(folder: Path) -> None:
    """In a shell's pipe, what was asked for arrives, and nothing complains."""
    script = (
        f"set -o pipefail; {sys.executable} -m algernon.commands template worker:router | head -n 1"
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_without_a_stream_nothing_is_printed(folder: Path, closed: str) -> None:
    """A process that was started without standard output or error does its work all the same."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m algernon.commands template worker:router {closed}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_errors_that_nobody_reads_are_errors(folder: Path) -> None:
    """A failure has the status 1, also where its line has no reader."""
    writing = unread_pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "algernon.commands", "send", "work"],
            env={**os.environ, "XDG_STATE_HOME": str(folder)},
            stdout=writing,
            stderr=writing,
            check=False,
            timeout=PATIENCE,
        )
    finally:
        os.close(writing)
    assert done.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it is Linux's disk without room")
def test_what_cannot_be_written_is_an_error(folder: Path) -> None:
    """A full disk is told in one line, with the status 1."""
    with Path("/dev/full").open("wb") as full:
        done = run(folder, "template", "worker:router", stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("algernon: ")
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


def test_a_warning_does_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What it cites may hold what a terminal would do instead of showing it."""
    warn("bad \x1b]0;title\x07\n name")

    assert (
        capsys.readouterr().err
        == "algernon: bad \N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER} name\n"
    )
