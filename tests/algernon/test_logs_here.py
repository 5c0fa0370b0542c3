"""`algernon logs` and `trace` of a system on a local AWS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from algernon import send_task
from algernon.local import LocalSystem
from algernon.local.entries import RunningSystem, reserve_entry

from ..waiting import PATIENCE
from .terminals import OnTerminal
from .terminals import algernon as command_line

pytestmark = pytest.mark.starts

WORKER = """
import logging

from algernon import TaskRouter, lambda_logged

logger = logging.getLogger("shop")
router = TaskRouter()
handler = lambda_logged(router.handler)


@router.task
def count_words(text):
    print("counting", text)
    return {"words": len(text.split())}


@router.task(retries=0)
def judge(words, **others):
    if words == 3:
        raise ValueError("three is too many")
    logger.warning("%s words", words)
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """A system that runs, and that the command finds."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "worker.py").write_text(WORKER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        with (
            LocalSystem("worker:router", directory=folder) as system,
            reserve_entry(system.stack_name) as entry,
        ):
            entry.announce(RunningSystem(system.tasks, system.environ, system.log_group))
            yield system


def send(system: LocalSystem, text: str) -> str:
    """Send a chain, and return its id."""
    with system.as_default():
        return send_task("count_words", {"text": text}, "judge")


def printed(*arguments: str) -> list[str]:
    """Return the lines that the command prints, piped."""
    done = subprocess.run(
        command_line(*arguments), capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return done.stdout.splitlines()


def test_a_chain_is_followed(system: LocalSystem, tmp_path: Path) -> None:
    """On a terminal each run is a short line as soon as it has ended, of this chain alone."""
    other, chain_id = send(system, "another one"), send(system, "one two")
    assert other != chain_id
    state = {"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]}
    line = command_line("logs", chain_id, "--follow")
    with OnTerminal(line, folder=tmp_path, columns=100, **state) as terminal:
        terminal.wait_for(lambda text: " judge done " in text and " count_words done " in text)
        assert "counting one two" in terminal.text
        assert "WARNING 2 words" in terminal.text
        assert "another" not in terminal.text


def test_what_failed_is_shown_with_its_traceback(system: LocalSystem) -> None:
    """Piped its lines are whole; for programs the traceback is with the line above it."""
    chain_id = send(system, "one two three")
    system.run()

    lines = printed("logs", "judge", "--failed")
    assert [line for line in lines if line == "ValueError: three is too many"]
    assert not [line for line in lines if "counting" in line]
    objects = [json.loads(line) for line in printed("logs", chain_id, "--failed", "--json")]
    assert {line["chain_id"] for line in objects} == {chain_id}
    (explained,) = (line for line in objects if "traceback" in line)
    assert explained["traceback"].endswith("\nValueError: three is too many")


def test_a_task_that_the_system_does_not_have_is_refused(system: LocalSystem) -> None:
    """Its near names are said."""
    done = subprocess.run(
        command_line("logs", "count_wrods", "--follow"),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "algernon: the system has no Task 'count_wrods'; did you mean count_words?\n"
    )
    assert system.tasks == ("count_words", "judge")


def test_arguments_are_told_where_something_keeps_them(system: LocalSystem) -> None:
    """Those that went through S3, and those of dead letters; what isn't known is said."""
    chain_id = send(system, "one two three four")
    with system.as_default():
        dead_id = send_task("judge", {"words": 3, "api_key": "mine", "at": Decimal("1.50")})
    system.run()

    told = printed("trace", chain_id, "--kwargs")
    (row,) = (n for n, line in enumerate(told) if line.startswith("judge "))
    assert told[row + 1] == '    {"words": 4}'
    assert told[-1].startswith("The arguments of 1 Task aren't known: they travelled in messages")

    told = printed("trace", dead_id, "--kwargs")
    assert '    {"words": 3, "api_key": "***", "at": "1.50"}' in told
    assert not [line for line in told if "aren't known" in line]
    (line,) = printed("trace", dead_id, "--kwargs", "--json")
    (task,) = json.loads(line)["tasks"]
    at = {"_alg_class": "decimal", "value": "1.50"}
    assert task["kwargs"] == {"words": 3, "api_key": "***", "at": at}
