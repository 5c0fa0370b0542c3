"""Handing back what a batch couldn't do: to the ledger, the queue, or its dead-letter queue."""

from __future__ import annotations

import logging
from collections.abc import Callable

from algernon_storage import Ledger

from .batch import Batch, Item
from .deadline import Deadline
from .errors import PermanentError, TaskRunningError, text_of
from .parallel import in_parallel
from .record import TASK_ID_ATTRIBUTE
from .retry import Retry
from .source_queue import hide, move_to_dead_letter_queue

logger = logging.getLogger("algernon_queue")

RetryOf = Callable[[str], Retry | None]

_MAX_REASON = 1024


def release_claims(batch: Batch, ledger: Ledger) -> None:
    """Give back the claims of Tasks that failed or weren't started, so that they can run again."""
    claims = [
        (item, item.claim)
        for item in batch.items
        if item.claim is not None and item.error is not None and item.outcome is None
    ]
    problems = in_parallel(lambda one: one[0].do(ledger.release, one[1]), claims)
    for (item, _), problem in zip(claims, problems, strict=True):
        if problem is not None:
            item.do(
                logger.warning, "a claim is left to lapse, since it can't be released: %s", problem
            )


def hand_back(batch: Batch, retry_of: RetryOf, deadline: Deadline) -> None:
    """Move what won't ever succeed to the dead-letter queue, and hide the rest for a while.

    Whatever goes wrong with that, the record stays in the queue as it is.
    """
    staying = [
        item
        for item in batch.items
        # An event that was made by hand may come from no queue at all.
        if item.error is not None and not item.is_settled and item.record.queue_arn
    ]
    doomed = [item for item in staying if _is_doomed(item, retry_of)]
    moved = move_to_dead_letter_queue(
        [(item.record, _reasons(item)) for item in doomed], seconds=deadline.seconds_to_wait()
    )
    for item, problem in zip(doomed, moved, strict=True):
        if problem is None:
            item.is_settled = item.is_dead_letter = True
            item.do(logger.warning, "%s was moved to the dead-letter queue", item)
        else:
            item.do(logger.error, "%s can't be moved to the dead-letter queue: %s", item, problem)
    delays = [
        (item, delay)
        for item in staying
        if not item.is_settled and (delay := _delay(item, retry_of)) is not None
    ]
    hidden = hide(
        [(item.record, delay) for item, delay in delays], seconds=deadline.seconds_to_wait()
    )
    for (item, _), problem in zip(delays, hidden, strict=True):
        if problem is not None:
            item.do(logger.warning, "%s comes back at its queue's own time: %s", item, problem)


def _is_doomed(item: Item, retry_of: RetryOf) -> bool:
    if isinstance(item.error, PermanentError):
        return True
    retry = _retry(item, retry_of)
    return item.has_failed and retry is not None and retry.is_exhausted(item.record.receive_count)


def _delay(item: Item, retry_of: RetryOf) -> int | None:
    """Return for how long a record is hidden, in seconds, or None for as long as it is anyway."""
    retry = _retry(item, retry_of)
    # What another worker runs is in no hurry to be looked at again.
    if retry is None or isinstance(item.error, TaskRunningError):
        return None
    return retry.delay(item.record.receive_count) if item.has_failed else 0


def _retry(item: Item, retry_of: RetryOf) -> Retry | None:
    return retry_of(item.message.task_name) if item.message is not None else None


def _reasons(item: Item) -> dict[str, str]:
    """Return why a record goes to the dead-letter queue, as attributes, none of which is empty."""
    reasons = {
        "algernon.error": type(item.error).__name__,
        "algernon.reason": text_of(item.error)[:_MAX_REASON],
        "algernon.receive_count": str(item.record.receive_count),
    }
    if item.message is not None:
        reasons["algernon.task_name"] = item.message.task_name
        reasons[TASK_ID_ATTRIBUTE] = item.message.task_id
        reasons["algernon.chain_id"] = item.message.chain_id
    return {name: value for name, value in reasons.items() if value}
