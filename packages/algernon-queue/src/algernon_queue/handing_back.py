"""Handing back what a batch couldn't do: to the ledger, the queue, or its dead-letter queue."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from time import time

from algernon_serialize import RebuildError, SerializeError
from algernon_storage import Ledger, OtherTaskError, ReadLimitError

from .batch import Batch, Item
from .deadline import Deadline
from .errors import (
    PermanentError,
    TaskRunningError,
    UnregisteredTaskError,
    WorkerLostError,
    text_of,
)
from .parallel import in_parallel
from .receives import TriesCounter, is_last, is_last_try
from .record import REASON_PREFIX, TASK_ID_ATTRIBUTE
from .retry import Retry
from .source_queue import hide, move_to_dead_letter_queue, visibility_timeout
from .state_machine import report_failure

logger = logging.getLogger("algernon_queue")

RetryOf = Callable[[str], Retry | None]

_MAX_REASON = 1024

# While a Task moves from one worker to another, its messages may come to the one that
# hasn't it: CloudFormation gives a function its new code before it removes the old mapping.
# Five tries are two to four minutes.
_UNREGISTERED = Retry(retries=4, backoff=16)

# What trying again won't change, or would do harm.
_PERMANENT = (PermanentError, OtherTaskError, ReadLimitError, WorkerLostError)

# What a class that is rebuilt raises for what was sent. For a service that it can't reach it
# raises others, after which it is tried again.
_OF_WHAT_WAS_SENT = (
    ArithmeticError,
    AttributeError,
    LookupError,
    PermanentError,
    SerializeError,
    TypeError,
    ValueError,
)


def release_claims(batch: Batch, ledger: Ledger) -> None:
    """Give back the claims of Tasks that failed or weren't started, so that they can run again."""
    claims = [
        (item, replace(item.claim, may_have_run=item.has_run or item.claim.may_have_run))
        for item in batch.items
        if item.claim is not None and item.error is not None and item.outcome is None
    ]
    problems = in_parallel(lambda one: one[0].do(ledger.release, one[1]), claims)
    for (item, _), problem in zip(claims, problems, strict=True):
        if problem is not None:
            item.do(
                logger.warning, "a claim is left to lapse, since it can't be released: %s", problem
            )


class HandingBack:
    """Handing back the records of batches to where they came from.

    Whatever goes wrong with that, the record stays in the queue as it is.

    Args:
        retry_of: How each Task is tried again, by its name.
        has_ledger: Whether a ledger knows which Tasks may have run.
    """

    def __init__(self, retry_of: RetryOf, *, has_ledger: bool) -> None:
        self._retry_of = retry_of
        self._has_ledger = has_ledger
        self._counter = TriesCounter()

    def give_up(self, item: Item, deadline: Deadline) -> bool:
        """Move a record to the dead-letter queue at once, if it isn't to be tried again.

        So those behind it in its message group needn't wait for another time, which
        would count as one of theirs.
        """
        if not item.record.queue_arn or not item.do(self._is_doomed, item):
            return False
        if item.task_token is not None:
            return is_last(item.record) and _is_reported(item, item.task_token)
        self._move([item], deadline)
        return item.is_settled

    def hand_back(self, batch: Batch, deadline: Deadline) -> None:
        """Move what isn't to be tried again to the dead-letter queue, and hide the rest."""
        staying = [
            item
            for item in batch.items
            # An event that was made by hand may come from no queue at all.
            if item.error is not None and not item.is_settled and item.record.queue_arn
        ]
        for item in staying:
            if not item.has_failed:
                self._counter.note_untried(item.record)
        self._move([item for item in staying if item.do(self._is_doomed, item)], deadline)
        coming_back = [item for item in staying if not item.is_settled]
        for item in coming_back:
            item.comes_back_at = _end_of_visibility(batch, item)
        self._hide(coming_back, deadline)

    def _is_doomed(self, item: Item) -> bool:
        """Tell whether a record that stays in the queue isn't to be tried again."""
        if item.is_permanent or _is_permanent(item.error) or is_last(item.record):
            return True
        # In the receives beyond, only a ledger tells what hasn't run from what ends its worker.
        if (item.has_run or not self._has_ledger) and is_last_try(item.record):
            return item.has_failed
        retry = self._retry(item)
        tries = self._counter.tries(item.record)
        return item.has_failed and retry is not None and retry.is_exhausted(tries)

    def _move(self, doomed: list[Item], deadline: Deadline) -> None:
        moved = move_to_dead_letter_queue(
            [(item.record, _reasons(item)) for item in doomed], seconds=deadline.seconds_to_wait()
        )
        for item, problem in zip(doomed, moved, strict=True):
            if problem is None:
                item.is_settled = item.is_dead_letter = True
                item.do(logger.warning, "%s was moved to the dead-letter queue", item)
            else:
                what = "%s can't be moved to the dead-letter queue: %s"
                item.do(logger.error, what, item, problem)

    def _hide(self, staying: list[Item], deadline: Deadline) -> None:
        delays = [
            (item, delay)
            for item in staying
            # What an event by hand leaves out would have SQS refuse all in the call.
            if item.record.receipt_handle is not None and (delay := self._delay(item)) is not None
        ]
        hidden = hide(
            [(item.record, delay) for item, delay in delays], seconds=deadline.seconds_to_wait()
        )
        for (item, delay), problem in zip(delays, hidden, strict=True):
            if problem is None:
                item.comes_back_at = None if is_last(item.record) else time() + delay
            else:
                what = "%s comes back at its queue's own time: %s"
                item.do(logger.warning, what, item, problem)

    def _delay(self, item: Item) -> int | None:
        """Return for how many seconds a record is hidden, or None for as long as it is anyway."""
        retry = self._retry(item)
        # What another worker runs is in no hurry to be looked at again.
        if retry is None or isinstance(item.error, TaskRunningError):
            return None
        return retry.delay(self._counter.tries(item.record)) if item.has_failed else 0

    def _retry(self, item: Item) -> Retry | None:
        if isinstance(item.error, UnregisteredTaskError):
            return _UNREGISTERED
        return self._retry_of(item.message.task_name) if item.message is not None else None


def _is_permanent(error: Exception | None) -> bool:
    if isinstance(error, RebuildError):
        return isinstance(error.__cause__ or error, _OF_WHAT_WAS_SENT)
    return isinstance(error, _PERMANENT)


def _end_of_visibility(batch: Batch, item: Item) -> float | None:
    """Return when a queue gives a record out again of itself, if anybody wants to know."""
    if item.facts is None or is_last(item.record):
        return None
    seconds = visibility_timeout(item.record.queue_arn)
    return None if seconds is None else batch.began_at + seconds


def _is_reported(item: Item, task_token: str) -> bool:
    """Leave a failure to the state machine that waits for the Task, if it can be told."""
    if item.error is None:
        return False
    try:
        item.do(report_failure, task_token, item.error)
    except Exception as problem:  # noqa: BLE001 - it stays in the queue then
        item.do(logger.warning, "the state machine of %s can't be told: %s", item, problem)
        return False
    item.is_settled = True
    return True


def _reasons(item: Item) -> dict[str, str]:
    """Return why a record goes to the dead-letter queue, as attributes, none of which is empty."""
    reasons = {
        f"{REASON_PREFIX}error": type(item.error).__name__,
        f"{REASON_PREFIX}reason": text_of(item.error)[:_MAX_REASON],
        f"{REASON_PREFIX}receive_count": str(item.record.receive_count),
    }
    if item.message is not None:
        reasons[f"{REASON_PREFIX}task_name"] = item.message.task_name
        reasons[TASK_ID_ATTRIBUTE] = item.message.task_id
        reasons[f"{REASON_PREFIX}chain_id"] = item.message.chain_id
    return {name: value for name, value in reasons.items() if value}
