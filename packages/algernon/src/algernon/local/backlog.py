"""The backlog of a system on the local AWS: what its Tasks' queues hold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a Task's queue holds.

    Attributes:
        waiting: How many messages wait for a worker.
        hidden: How many a worker has in hand, or hid until they are tried again.
        seconds: After how many seconds all of these would have come again.
    """

    waiting: int
    hidden: int
    seconds: float

    @classmethod
    def of(cls, messages: Sequence[Mapping[str, Any]]) -> Self:
        """Return the backlog that messages are, as ministack shows them."""
        hidden_until = [each["VisibleAt"] for each in messages if not each["IsVisible"]]
        seconds = max(hidden_until) - time.time() if hidden_until else 0.0
        return cls(len(messages) - len(hidden_until), len(hidden_until), max(0.0, seconds))

    def __str__(self) -> str:
        waiting = f"{self.waiting} waiting" if self.waiting else ""
        hidden = f"{self.hidden} running or hidden, for {self.seconds:.0f} s at most"
        return ", ".join(filter(None, (waiting, hidden if self.hidden else "")))
