"""Those who watch how Tasks fare, and note what they are told."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from algernon_queue import Observer

if TYPE_CHECKING:
    from collections.abc import Mapping


current: ContextVar[str] = ContextVar("current", default="nothing")


class Notes(Observer):
    """An observer that notes all that it is told, and may want attributes sent.

    Args:
        attributes: The attributes of each message.
    """

    def __init__(self, **attributes: Any) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.attributes = attributes

    def received(self, record: Mapping[str, Any]) -> None:
        """Note a record, and that it is the current one."""
        current.set(record["message_id"])
        self.said.append(("received", dict(record)))

    def started(self, record: Mapping[str, Any]) -> None:
        """Note a start."""
        self.said.append(("started", dict(record)))

    def stopped(self, record: Mapping[str, Any]) -> None:
        """Note a stop."""
        self.said.append(("stopped", dict(record)))

    def sending(self, message: Mapping[str, Any]) -> Mapping[str, str]:
        """Note a message, and return what goes with it."""
        self.said.append(("sending", dict(message)))
        return self.attributes

    def publishing(self) -> None:
        """Note that messages are on their way."""
        self.said.append(("publishing",))

    def sent(self, message: Mapping[str, Any], error: Exception | None) -> None:
        """Note what became of a message."""
        self.said.append(("sent", dict(message), error))

    def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        """Note what became of a record."""
        assert current.get() == record["message_id"]
        self.said.append(("ended", dict(record), dict(end)))

    def batch_ended(self) -> None:
        """Note the end of a batch."""
        self.said.append(("batch_ended",))

    def of(self, what: str) -> list[Any]:
        """Return what was said of one kind, without its name."""
        return [
            said[0] if len(said) == 1 else tuple(said)
            for name, *said in self.said
            if name == what and said
        ]

    @property
    def order(self) -> list[str]:
        """Return of what kinds it was, in order."""
        return [name for name, *_ in self.said]

    @property
    def ends(self) -> list[dict[str, Any]]:
        """Return the ends, in order."""
        return [end for _, end in self.of("ended")]

    @property
    def outcomes(self) -> list[str]:
        """Return the outcomes, in order."""
        return [end["outcome"] for end in self.ends]


OF_THE_RECORD = ["received", "started", "stopped", "sending", "sent", "ended"]
OF_THE_BATCH = ["publishing", "batch_ended"]
