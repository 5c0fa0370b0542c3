"""An event source mapping: what brings the messages of a queue to a function."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..task_needs import TaskNeeds
from .clock import Clock
from .function import Function
from .sqs import InMemorySQS, Queue
from .sqs_message import SQSMessage

logger = logging.getLogger("algernon_queue")

# AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source mapping":
# messages a batch, where nothing is said.
_BATCH_SIZE = 10


class EventSourceMapping:
    """What brings the messages of a queue to a function, in batches.

    It has ``ReportBatchItemFailures``. A batch is due when it is full, or when its window is
    over, which begins with the first message that there is for it.

    Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS".

    Args:
        queue: The queue.
        function: The function.
        clock: The system's clock.
        needs: What its Task asks for.

    Attributes:
        queue: The queue.
        function: The function.
    """

    def __init__(self, queue: Queue, function: Function, clock: Clock, needs: TaskNeeds) -> None:
        self.queue = queue
        self.function = function
        self._clock = clock
        self._batch_size = needs.batch_size or _BATCH_SIZE
        self._window = needs.batch_window or 0
        self._window_ends_at: float | None = None

    @property
    def next_due_at(self) -> float | None:
        """When a message comes back or a window is over, or None where nothing is waited for."""
        times = [self.queue.next_visible_at, self._window_ends_at]
        return min((time for time in times if time is not None), default=None)

    def deliver(self, sqs: InMemorySQS) -> int:
        """Hand over the next batch, if it is due, and return how many messages it had.

        What is done is deleted. What isn't comes back when its time is over, and so does
        all of a batch if the handler raises.
        """
        if self._window and self._is_to_wait():
            return 0
        messages = sqs.receive(self.queue, self._batch_size)
        if messages:
            event = {"Records": [message.record(self.queue.arn) for message in messages]}
            try:
                answer = self.function.invoke(event)
            except Exception:
                what = "%s failed with a batch of %s"
                logger.exception(what, self.function.name, self.queue.name)
            else:
                sqs.delete(self.queue, _done(messages, answer))
        return len(messages)

    def _is_to_wait(self) -> bool:
        """Tell whether its window is open, which it is from when there is a message on."""
        if 0 < self.queue.visible < self._batch_size:
            if self._window_ends_at is None:
                self._window_ends_at = self._clock.now + self._window
            if self._clock.now < self._window_ends_at:
                return True
        self._window_ends_at = None
        return False


def _done(messages: Sequence[SQSMessage], answer: Any) -> list[SQSMessage]:
    """Return the messages that a handler's answer leaves to be deleted.

    Source: AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda",
    "Success and failure conditions".
    """
    failures = answer.get("batchItemFailures") if isinstance(answer, Mapping) else None
    if not failures:
        return [*messages]
    ids = [message.message_id for message in messages]
    staying = [
        failure.get("itemIdentifier") if isinstance(failure, Mapping) else None
        for failure in (failures if isinstance(failures, list) else [failures])
    ]
    if not all(each in ids for each in staying):
        return []
    return [message for message in messages if message.message_id not in staying]
