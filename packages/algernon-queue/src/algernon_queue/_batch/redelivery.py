"""Redelivery: what failed comes again from its queue, or goes to the dead-letter queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import time

from algernon_serialize import RebuildError, SerializeError
from algernon_storage import FailureNote, OtherTaskError, ReadLimitError

from .._aws.dead_letters import move_to_dead_letter_queue
from .._aws.parallel import in_parallel
from .._aws.queues import hide, visibility_timeout
from .._aws.step_functions import report_failure
from .._wire.record import REASON_PREFIX, TASK_ID_ATTRIBUTE
from ..errors import (
    PermanentError,
    TaskRunningError,
    UnregisteredTaskError,
    WorkerLostError,
    text_of,
)
from ..retry import Retry
from .batch import Batch
from .delivery import Attempt, Delivery, Failure
from .outcome_ids import failed_ids, notes_failures, outcomes_of
from .receives import is_last, is_last_try

logger = logging.getLogger("algernon_queue")

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


def hand_back(batch: Batch) -> None:
    """Move what isn't to be tried again to the dead-letter queue, and hide the rest.

    Whatever goes wrong with that, the record stays in the queue as it is.
    """
    staying = [
        delivery
        for delivery in batch.deliveries
        # An event that was made by hand may come from no queue at all.
        if delivery.stays and delivery.record.queue_arn
    ]
    for delivery in staying:
        if not delivery.has_failed:
            batch.worker.tries.note_untried(delivery.record)
    _move(batch, [each for each in staying if each.do(_is_given_up, batch, each)])
    _hide(batch, [each for each in staying if each.stays])


def give_up(batch: Batch, delivery: Delivery) -> bool:
    """Move a record of a FIFO queue away at once if it isn't to be tried again; tell if it was.

    So those behind it in its message group needn't wait for another time, which
    would count as one of theirs.
    """
    if not delivery.record.queue_arn or not delivery.do(_is_given_up, batch, delivery):
        return False
    if delivery.task_token is None:
        _move(batch, [delivery])
    elif is_last(delivery.record):
        try:
            delivery.do(leave_to_state_machine, delivery)
        except Exception as problem:  # noqa: BLE001 - it stays in the queue then
            what = "the state machine of %s can't be told: %s"
            delivery.do(logger.warning, what, delivery, problem)
    return not delivery.stays


def leave_to_state_machine(delivery: Delivery) -> None:
    """Leave a failure to the state machine that waits for the Task.

    Raises:
        botocore.exceptions.ClientError: Step Functions doesn't take the report.
    """
    if delivery.failure is not None and delivery.task_token is not None:
        report_failure(delivery.task_token, delivery.failure.error)
        delivery.failure = delivery.failure._replace(goes_to="state_machine")


def _is_given_up(batch: Batch, delivery: Delivery) -> bool:
    """Tell whether a record that stays in the queue isn't to be tried again."""
    record, failure = delivery.record, delivery.failure
    if failure is None:
        return False
    if _is_permanent(failure) or is_last(record):
        return True
    # In the receives beyond, only a ledger tells what hasn't run from what ends its worker.
    has_run = isinstance(delivery, Attempt) and delivery.run is not None
    is_under_ledger = isinstance(delivery, Attempt) and (
        batch.worker.ledger_of(delivery.message) is not None
    )
    if (has_run or not is_under_ledger) and is_last_try(record):
        return delivery.has_failed
    retry = _retry(batch, delivery)
    tries = batch.worker.tries.of(record)
    return delivery.has_failed and retry is not None and retry.is_exhausted(tries)


def _is_permanent(failure: Failure) -> bool:
    error: BaseException = failure.error
    if isinstance(error, RebuildError):
        return failure.is_permanent or isinstance(error.__cause__ or error, _OF_WHAT_WAS_SENT)
    return failure.is_permanent or isinstance(error, _PERMANENT)


def _move(batch: Batch, given_up: Sequence[Delivery]) -> None:
    _note_failures(batch, given_up)
    problems = move_to_dead_letter_queue(
        [(delivery.record, _reasons(delivery)) for delivery in given_up],
        seconds=batch.deadline.seconds_to_wait(),
    )
    for delivery, problem in zip(given_up, problems, strict=True):
        if problem is None:
            if delivery.failure is not None:
                delivery.failure = delivery.failure._replace(goes_to="dead_letter_queue")
            delivery.do(logger.warning, "%s was moved to the dead-letter queue", delivery)
        else:
            what = "%s can't be moved to the dead-letter queue: %s"
            delivery.do(logger.error, what, delivery, problem)


def _note_failures(batch: Batch, given_up: Sequence[Delivery]) -> None:
    """Note why Tasks failed, for whoever waits for their results."""
    noting = [
        delivery
        for delivery in given_up
        if isinstance(delivery, Attempt)
        and notes_failures(batch, delivery)
        # Of what another worker runs, nobody knows yet what comes.
        and not isinstance(_error_of(delivery), TaskRunningError)
    ]
    problems = in_parallel(lambda attempt: attempt.do(_note_failure, attempt), noting)
    for attempt, problem in zip(noting, problems, strict=True):
        # Its dead letter has the reason too.
        if problem is not None:
            attempt.do(logger.warning, "the failure of %s can't be noted: %s", attempt, problem)


def _note_failure(attempt: Attempt) -> None:
    message, error = attempt.message, _error_of(attempt)
    note = FailureNote(
        error=type(error).__name__,
        reason=text_of(error)[:_MAX_REASON],
        task_id=message.task_id,
        attempts=attempt.record.receive_count,
        task_name=message.task_name,
    )
    for task_id in failed_ids(attempt):
        outcomes_of(attempt).note_failure(task_id, note)


def _hide(batch: Batch, staying: list[Delivery]) -> None:
    delays: dict[Delivery, int] = {}
    for delivery in staying:
        _note_return(delivery, _end_of_visibility(batch, delivery))
        delay = _delay(batch, delivery)
        # What an event by hand leaves out would have SQS refuse all in the call.
        if delay is not None and delivery.record.receipt_handle is not None:
            delays[delivery] = delay
    problems = hide(
        [(delivery.record, delay) for delivery, delay in delays.items()],
        seconds=batch.deadline.seconds_to_wait(),
    )
    for (delivery, delay), problem in zip(delays.items(), problems, strict=True):
        if problem is None:
            _note_return(delivery, None if is_last(delivery.record) else time() + delay)
        else:
            what = "%s comes back at its queue's own time: %s"
            delivery.do(logger.warning, what, delivery, problem)


def _note_return(delivery: Delivery, comes_back_at: float | None) -> None:
    if delivery.failure is not None:
        delivery.failure = delivery.failure._replace(comes_back_at=comes_back_at)


def _delay(batch: Batch, delivery: Delivery) -> int | None:
    """Return for how many seconds a record is hidden, or None for as long as it is anyway."""
    retry = _retry(batch, delivery)
    # What another worker runs is in no hurry to be looked at again.
    if retry is None or isinstance(_error_of(delivery), TaskRunningError):
        return None
    tries = batch.worker.tries.of(delivery.record)
    return retry.delay(tries) if delivery.has_failed else 0


def _retry(batch: Batch, delivery: Delivery) -> Retry | None:
    if isinstance(_error_of(delivery), UnregisteredTaskError):
        return _UNREGISTERED
    if not isinstance(delivery, Attempt):
        return None
    return batch.worker.tasks.retry(delivery.message.task_name)


def _error_of(delivery: Delivery) -> Exception | None:
    return None if delivery.failure is None else delivery.failure.error


def _end_of_visibility(batch: Batch, delivery: Delivery) -> float | None:
    """Return when a queue gives a record out again of itself, if anybody wants to know."""
    if delivery.facts is None or is_last(delivery.record):
        return None
    seconds = visibility_timeout(delivery.record.queue_arn)
    return None if seconds is None else batch.began_at + seconds


def _reasons(delivery: Delivery) -> dict[str, str]:
    """Return why a record goes to the dead-letter queue, as attributes, none of which is empty."""
    error = _error_of(delivery)
    reasons = {
        f"{REASON_PREFIX}error": type(error).__name__,
        f"{REASON_PREFIX}reason": text_of(error)[:_MAX_REASON],
        f"{REASON_PREFIX}receive_count": str(delivery.record.receive_count),
    }
    if isinstance(delivery, Attempt):
        message = delivery.message
        reasons[f"{REASON_PREFIX}task_name"] = message.task_name
        reasons[TASK_ID_ATTRIBUTE] = message.task_id
        reasons[f"{REASON_PREFIX}chain_id"] = message.chain_id
    return {name: value for name, value in reasons.items() if value}
