"""What observers are told passes the type checker only as it is told."""

from __future__ import annotations

import sys
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import Observer
from algernon_queue.observers import tell

if TYPE_CHECKING:
    from algernon_queue import RecordFacts

    # Each of these has to be an error: mypy says so of an ignore that nothing needs.
    def _misspelt(record: RecordFacts) -> None:
        tell(copy_context(), Observer.recieved, record)  # type: ignore[attr-defined]

    def _by_name(record: RecordFacts) -> None:
        tell(copy_context(), "received", record)  # type: ignore[arg-type]

    def _of_another_type() -> None:
        tell(copy_context(), Observer.received, 3)  # type: ignore[arg-type]

    def _too_much(record: RecordFacts) -> None:
        tell(copy_context(), Observer.received, record, 4)  # type: ignore[call-arg]

    def _too_little() -> None:
        tell(copy_context(), Observer.received)  # type: ignore[call-arg]


class Ending:
    """Hears of one thing only, and is no subclass."""

    def __init__(self) -> None:
        self.ended = 0

    def batch_ended(self) -> None:
        """Count the batches."""
        self.ended += 1


def test_an_observer_may_be_something_else_besides() -> None:
    """A subclass passes what it is made with on to its other base, as of any class."""

    class Watching(Observer, Thread):
        def __init__(self) -> None:
            super().__init__(name="watching", daemon=True)

    assert Watching().name == "watching"


def test_an_observer_hears_what_it_has_a_method_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told goes to the method of that name, and a method that isn't there isn't missed."""
    ending: Any = Ending()
    monkeypatch.setitem(vars(sys.modules["algernon_queue.observers"]), "observers", [ending])
    tell(copy_context(), Observer.publishing)
    tell(copy_context(), Observer.batch_ended)
    assert ending.ended == 1
