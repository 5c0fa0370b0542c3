"""What the batches of one worker share."""

from __future__ import annotations

from typing import Any, Protocol

from algernon_storage import S3Ledger

from .._wire.message import Message
from ..retry import Retry
from ..task_context import TaskContext
from .options import Options
from .receives import TriesCounter
from .task_ledger import TaskLedger


class Tasks(Protocol):
    """The Tasks that a worker runs."""

    def run(self, event: dict[str, Any], context: TaskContext) -> Any:
        """Run the Task that a message names, and return its result, or a coroutine of it."""

    def is_async(self, task_name: str) -> bool:
        """Tell whether a Task is ``async def``, so that calling it runs nothing yet."""

    def as_arguments(self, result: Any) -> Any:
        """Return a result as what the next Task of its chain is sent."""

    def retry(self, task_name: str) -> Retry | None:
        """Return how a Task is tried again, or None where it doesn't say."""


class Worker:
    """What the batches of one Lambda handler share, for as long as the process lives.

    Attributes:
        tasks: The Tasks that it runs.
        options: Its options.
        ledger: Where it claims all Tasks, if anywhere.
        context: The dict that handlers get, but for what is each record's own.
        tries: How often the messages that it saw were tried.
    """

    def __init__(self, tasks: Tasks, options: Options, context: dict[str, Any]) -> None:
        self.tasks = tasks
        self.options = options
        self.ledger = TaskLedger.of(options.once)
        self.context = context
        self.tries = TriesCounter()
        self._own_ledger: TaskLedger | None = None

    def ledger_of(self, message: Message) -> TaskLedger | None:
        """Return where the Task of a message is claimed, if anywhere."""
        if self.ledger is not None or not message.once:
            return self.ledger
        if self._own_ledger is None:
            self._own_ledger = TaskLedger(S3Ledger(), is_the_workers_own=True)
        return self._own_ledger
