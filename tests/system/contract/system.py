"""What a scenario needs of the system that it is played on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from algernon_queue import Task

#: The Tasks whose topic and queue are FIFO.
FIFO = ("line_up",)

#: How long a batch may take, in seconds.
TIMEOUT = 5

#: For how long a queue hides what it gave out, in seconds: longer than a busy machine takes to
#: start all functions, and less than the template's, so that what is waited for comes sooner.
VISIBILITY_TIMEOUT = 4 * TIMEOUT


class Letter(NamedTuple):
    """What a dead letter says of itself.

    Attributes:
        task: Its Task's name, or that of its queue's Task if it is no message.
        error: The name of the error.
        reason: What the error says.
        receive_count: How often it was received.
    """

    task: str
    error: str
    reason: str
    receive_count: int


class System(Protocol):
    """Workers at work, of which nothing else was asked before."""

    def send(self, *tasks: Task) -> list[str]:
        """Send Tasks, and return their ids."""

    def send_text(self, task_name: str, text: str) -> None:
        """Publish a text to the listener of a Task."""

    def run(self) -> None:
        """Return when nothing is left to do."""

    def dead_letters(self) -> list[Letter]:
        """Return what is in the dead-letter queues."""

    def redrive(self) -> int:
        """Move all dead letters back to their queues, and return how many they were."""


#: Has workers at work for one scenario.
Start = Callable[[], AbstractContextManager[System]]
