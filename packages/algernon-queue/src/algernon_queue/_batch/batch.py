"""A batch: its deliveries, and what they share."""

from __future__ import annotations

from time import time
from typing import Any

from .._aws.listeners import Listeners
from ..current_task import function_arn_of
from .deadline import Deadline
from .delivery import Delivery
from .limits import TaskLimits
from .receives import extra_receives
from .worker import Worker


class Batch:
    """The records of one SQS event, and how far each got.

    Args:
        aws_context: Lambda's own context.
        worker: The worker.

    Attributes:
        worker: The worker.
        aws_context: Lambda's own context.
        listeners: The topics that its worker knows.
        deadline: When Lambda ends the function.
        limits: What its Tasks have left.
        stays_whole: Whether one failure keeps the whole batch in the queue. Nothing is
            sent on for a batch that will run again.
        extra_receives: How many times its queue gives a message out beyond its Task's tries.
        began_at: When it was handed over, in seconds since 1970.
        deliveries: All records, in order, once they are read.

    Raises:
        SettingError: An environment variable has a value that means nothing.
    """

    def __init__(self, aws_context: Any, worker: Worker) -> None:
        self.worker = worker
        self.aws_context = aws_context
        self.stays_whole = worker.options.keeps_whole_batch
        self.extra_receives = 0 if self.stays_whole else extra_receives()
        self.listeners = Listeners(worker.options.listeners or {}, function_arn_of(aws_context))
        self.deadline = Deadline(aws_context, worker.options.deadline_margin)
        self.limits = TaskLimits(self.deadline, worker)
        self.began_at = time()
        self.deliveries: list[Delivery] = []

    @property
    def is_well(self) -> bool:
        """Whether nothing went wrong with any of its records so far."""
        return all(delivery.failure is None for delivery in self.deliveries)

    @property
    def failures(self) -> dict[str, Exception]:
        """The error of each record that is to stay in the queue, by its messageId."""
        return {
            delivery.record.message_id: delivery.failure.error
            for delivery in self.deliveries
            if delivery.failure is not None and delivery.failure.goes_to == "queue"
        }

    @property
    def may_send(self) -> bool:
        """Whether anything of it may be sent on, as things stand."""
        return not self.stays_whole or not any(delivery.stays for delivery in self.deliveries)
