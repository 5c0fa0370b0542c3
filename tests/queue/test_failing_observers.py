"""What goes wrong in those who watch harms no Task."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import Observer, observers, send_task

from .events import ALL_DONE, LambdaContext, event, message, record
from .handlers import returning, returning_later
from .watching import OF_THE_BATCH, OF_THE_RECORD, Notes

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Listeners


class Failing(Observer):
    """An observer that raises whenever it is told one kind of thing."""

    def __init__(self, what: str) -> None:
        setattr(self, what, self._fail)

    def _fail(self, *facts: object) -> Any:
        raise KeyError("out of order")


@pytest.mark.parametrize("what", OF_THE_RECORD + OF_THE_BATCH)
@pytest.mark.parametrize("make", [returning, returning_later], ids=["def", "async def"])
def test_what_an_observer_raises_harms_nothing(
    bucket: str,
    listeners: Listeners,
    watch: Callable[..., Notes],
    caplog: pytest.LogCaptureFixture,
    make: Any,
    what: str,
) -> None:
    """It is logged with its traceback; Tasks, messages and other observers fare as ever."""
    listeners.add("next")
    first = watch(a="1")
    observers.append(Failing(what))
    last = watch(b="2")
    records = [record(message(callback="next")) for _ in range(2)]
    assert make({"n": 1}, {"n": 2})(event(*records), LambdaContext()) == ALL_DONE
    told = sorted(OF_THE_RECORD * 2 + OF_THE_BATCH)
    assert sorted(first.order) == sorted(last.order) == told
    taken = listeners.take()
    assert [set(one["messageAttributes"]) for one in taken] == [{"a", "b"}] * 2
    problems = [one for one in caplog.records if one.name == "algernon_queue"]
    assert len(problems) == (1 if what in OF_THE_BATCH else 2)
    for problem in problems:
        assert problem.levelno == logging.ERROR
        assert "an observer of Tasks failed" in problem.getMessage()
        assert problem.exc_info is not None
        assert isinstance(problem.exc_info[1], KeyError)


def test_a_sender_s_observer_may_raise_too(
    listeners: Listeners, watch: Callable[..., Notes], caplog: pytest.LogCaptureFixture
) -> None:
    """Outside of Tasks, what observers raise keeps no message back."""
    listeners.add("work")
    observers.extend([Failing("sending"), Failing("publishing"), Failing("sent")])
    notes = watch()
    send_task("work")
    assert notes.order == ["sending", "publishing", "sent"]
    assert len(listeners.messages()) == 1
    assert caplog.text.count("an observer of Tasks failed") == 3


def test_a_logger_that_fails_too_harms_no_task(
    listeners: Listeners, monkeypatch: pytest.MonkeyPatch, watch: Callable[..., Notes]
) -> None:
    """Where an observer fails, and so does the line that tells of it, the batch is done."""
    listeners.add("next")

    class Failing(Observer):
        def ended(self, record: Any, end: Any) -> None:
            raise ValueError("no line")

    def refuse(line: logging.LogRecord) -> bool:
        raise RuntimeError("no line at all")

    logger = logging.getLogger("algernon_queue")
    monkeypatch.setattr(logger, "filters", [refuse])
    failing = Failing()
    observers.append(failing)
    notes = watch()
    one = record(message(callback="next"))
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    assert [end["outcome"] for end in notes.ends] == ["done"]
