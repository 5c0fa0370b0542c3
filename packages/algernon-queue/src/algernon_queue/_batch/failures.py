"""What a failure means for the record, and for those behind it in its message group."""

from __future__ import annotations

import logging

from ..errors import GroupStoppedError
from .batch import Batch
from .delivery import Delivery, Failure
from .redelivery import give_up

logger = logging.getLogger("algernon_queue")


def fail(batch: Batch, delivery: Delivery, error: Exception, *, is_permanent: bool = False) -> None:
    """Note that a record failed, or wasn't tried.

    That touches no other, except that on a FIFO queue it stops the rest of its message
    group, unless the record is given up at once.
    """
    before = delivery.failure
    if before is None:
        delivery.failure = Failure(error, is_permanent)
    else:
        is_permanent = is_permanent or before.is_permanent
        delivery.failure = before._replace(error=error, is_permanent=is_permanent)
    if delivery.has_failed:
        name = type(error).__name__
        delivery.do(logger.error, "%s failed: %s", delivery, name, exc_info=error)
    else:
        delivery.do(logger.warning, "%s stays in the queue: %s", delivery, error)
    if delivery.record.group is None or not delivery.stays:
        return
    if batch.stays_whole or not give_up(batch, delivery):
        _stop_group(batch, delivery)


def _stop_group(batch: Batch, failed: Delivery) -> None:
    for delivery in batch.deliveries[batch.deliveries.index(failed) + 1 :]:
        if delivery.record.group == failed.record.group and delivery.failure is None:
            error = GroupStoppedError(
                f"message {failed.record.message_id}, which is before this one in the message"
                f" group {failed.record.group!r}, failed"
            )
            delivery.failure = Failure(error)
