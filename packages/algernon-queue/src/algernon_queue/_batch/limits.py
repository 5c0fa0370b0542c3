"""What a running Task has left, of Lambda's time and of its tries."""

from __future__ import annotations

from .._wire.envelope import Envelope
from .._wire.record import Record
from .deadline import Deadline
from .receives import extra_receives, tries_left_in_queue
from .worker import Worker


class TaskLimits:
    """What the Tasks of one call of the function have left.

    Args:
        deadline: When Lambda ends the function.
        worker: The worker whose records they are; None for a bare message, which is tried
            again by whoever sends it, if at all.
    """

    __slots__ = ("_deadline", "_worker")

    def __init__(self, deadline: Deadline, worker: Worker | None = None) -> None:
        self._deadline = deadline
        self._worker = worker

    def seconds_left(self) -> float:
        """Return the seconds until Lambda ends the function."""
        return self._deadline.seconds_left()

    def tries_left(self, record: Record, envelope: Envelope, task_name: str) -> int | None:
        """Return how many more times a Task would be tried if it failed now, or None if unknown.

        `redelivery` gives up by the same rules. Of a Task that a state machine waits for,
        nobody here knows: that decides.
        """
        worker = self._worker
        if worker is None or envelope.task_token is not None:
            return None
        if worker.options.keeps_whole_batch:
            return tries_left_in_queue(record, extra=0)
        retry = worker.tasks.retry(task_name)
        known = (
            tries_left_in_queue(record, extra_receives()),
            None if retry is None else retry.tries_left(worker.tries.of(record)),
        )
        return min((each for each in known if each is not None), default=None)
