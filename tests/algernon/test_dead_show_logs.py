"""The tracebacks that `algernon dead show` finds in the logs of workers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from algernon import send_task
from algernon.commands.main import main
from algernon.local import LocalSystem

from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

WORKER = """
from algernon import PermanentError, TaskRouter, lambda_logged

router = TaskRouter()
handler = lambda_logged(router.handler)


class CardDeclinedError(PermanentError):
    pass


def ask_the_bank(depth):
    if depth == 0:
        raise CardDeclinedError("no money")
    ask_again(depth - 1)


def ask_again(depth):
    ask_the_bank(depth)


@router.task
def charge(depth):
    print("charging")
    try:
        {}["card"]
    except KeyError as error:
        ask_the_bank(depth)
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """The system of a worker whose Task fails."""
    folder = tmp_path_factory.mktemp("dead-show")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    with LocalSystem("worker:router", directory=folder) as system:
        yield system


@pytest.fixture
def told(
    system: LocalSystem, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], dict[str, Any]]:
    """What the command tells of a letter of that system."""
    for name, value in system.environ.items():
        monkeypatch.setenv(name, value)

    def run(letter: str) -> dict[str, Any]:
        prefix = system.environ["ALGERNON_TOPIC_PREFIX"]
        assert main(["dead", "show", letter, "--json", "--prefix", prefix]) == 0
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return told

    return run


def test_the_last_traceback_is_shown(
    system: LocalSystem, told: Callable[[str], dict[str, Any]]
) -> None:
    """It has the worker's own frames, with what led to it, and no other Task's."""
    with system.as_default():
        others = [send_task("charge", {"depth": 0}) for _ in range(3)]
        sent = send_task("charge", {"depth": 1})
    system.run(timeout=PATIENCE)

    found = told(str(sent))

    assert others
    assert found["traceback_problem"] is None
    assert found["traceback"] == [
        "Traceback (most recent call last):",
        '  File "worker.py", line 26, in charge',
        '    {}["card"]',
        "KeyError: 'card'",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "worker.py", line 28, in charge',
        "    ask_the_bank(depth)",
        '  File "worker.py", line 15, in ask_the_bank',
        "    ask_again(depth - 1)",
        '  File "worker.py", line 19, in ask_again',
        "    ask_the_bank(depth)",
        '  File "worker.py", line 14, in ask_the_bank',
        '    raise CardDeclinedError("no money")',
        "worker.CardDeclinedError: no money",
    ]


def test_of_a_long_traceback_the_end_is_shown(
    system: LocalSystem, told: Callable[[str], dict[str, Any]]
) -> None:
    """The frames near the error are what one wants to see."""
    with system.as_default():
        sent = send_task("charge", {"depth": 50})
    system.run(timeout=PATIENCE)

    lines = told(str(sent))["traceback"]

    assert lines[0].startswith("… ")
    assert lines[-1] == "worker.CardDeclinedError: no money"
    assert len(lines) == 41
