"""Running the Tasks of a batch."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from math import isinf
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple

from algernon_storage import Document, Upload, uploads_put_off

from ..errors import OutOfTimeError
from ..observers import Observer, tell
from ..task import PipelineTermination
from .batch import Batch
from .context import RecordContext
from .deadline import Deadline
from .delivery import Attempt, Result, Run
from .failures import fail
from .functions import check_result
from .loops import run_coroutine

if TYPE_CHECKING:
    from asyncio import Semaphore

# A run that no observer wants to know the times of.
_UNTIMED = Run()


class Pending(NamedTuple):
    """An attempt whose Task gave a coroutine, which is still to be awaited."""

    attempt: Attempt
    coroutine: Coroutine[Any, Any, Any]


def run_batch(batch: Batch, attempts: list[Attempt]) -> None:
    """Run each Task that isn't done yet, in order, while there is time.

    Coroutines run when every record was started, so many at a time; those of a
    FIFO queue at once, one after the other, as the order there asks.
    """
    longest = 0.0
    is_first = True
    pending: list[Pending] = []
    for attempt in _in_turn(attempts):
        if not attempt.is_to_run:
            continue  # its message group was stopped meanwhile, or its Task is done
        # The first record is always started, or a short timeout would never get anywhere.
        if not is_first and batch.deadline.seconds_to_work() < longest:
            fail(batch, attempt, _out_of_time(batch.deadline))
            continue
        is_first = False
        began = monotonic()
        coroutine = _run(batch, attempt)
        if coroutine is not None:
            if attempt.record.group is None:
                pending.append(Pending(attempt, coroutine))
            else:
                _await_all(batch, [Pending(attempt, coroutine)])
        longest = max(longest, monotonic() - began)
    if pending:
        _await_all(batch, pending)


def _in_turn(attempts: list[Attempt]) -> list[Attempt]:
    # What comes after all of its tries goes first, where there is no order to keep: SQS won't
    # give it out often again, and it would be lost for lack of time.
    if not any(attempt.is_extra for attempt in attempts):
        return attempts
    return sorted(attempts, key=lambda each: not each.is_extra or bool(each.record.group))


def _run(batch: Batch, attempt: Attempt) -> Coroutine[Any, Any, Any] | None:
    """Call a Task, and return what is still to be awaited, or None if that is all."""
    worker, message = batch.worker, attempt.message
    context = RecordContext(worker.context, attempt.context_entries(batch.aws_context))
    running_since = monotonic()
    # A coroutine function runs nothing yet when it is called.
    if not worker.tasks.is_async(message.task_name):
        running_since = _start(attempt)
    try:
        result = attempt.context.run(worker.tasks.run, message.body, context)
        is_pending = result is not None and isinstance(result, Coroutine)
    except PipelineTermination as end:
        _stop(attempt, running_since)
        _note_result(batch, attempt, end.result, ends_chain=True)
    except BaseException as error:  # noqa: BLE001 - what isn't the record's own goes on
        try:
            _note_error(batch, attempt, error)
        finally:
            _stop(attempt, running_since)
    else:
        if is_pending:
            pending: Coroutine[Any, Any, Any] = result
            return pending
        _stop(attempt, running_since)
        _note_result(batch, attempt, result)
    return None


def _await_all(batch: Batch, pending: list[Pending]) -> None:
    from asyncio import Semaphore, gather

    async def await_all() -> None:
        limit = Semaphore(batch.worker.options.concurrency)
        await gather(*(_await(batch, *each, limit) for each in pending))

    run_coroutine(await_all())


async def _await(
    batch: Batch, attempt: Attempt, coroutine: Coroutine[Any, Any, Any], limit: Semaphore
) -> None:
    import asyncio

    async with limit:
        if batch.deadline.is_over:
            coroutine.close()
            fail(batch, attempt, _out_of_time(batch.deadline))
            return
        seconds = batch.deadline.seconds_to_work()
        timeout = asyncio.timeout(None if isinf(seconds) else seconds)
        running_since = _start(attempt)
        # As a task of its own, since what it does to that, such as cancelling it, would
        # otherwise end the whole batch.
        running = asyncio.create_task(
            _await_and_note(batch, attempt, coroutine), context=attempt.context
        )
        try:
            async with timeout:
                await running
        except TimeoutError as error:
            if not timeout.expired():
                fail(batch, attempt, error)
            # Otherwise it came to its end in the same moment as the time did.
            elif running.cancelled() or running.exception() is not None:
                fail(batch, attempt, _out_of_time(batch.deadline))
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise
            _note_error(batch, attempt, error)
        finally:
            _stop(attempt, running_since)


async def _await_and_note(
    batch: Batch, attempt: Attempt, coroutine: Coroutine[Any, Any, Any]
) -> None:
    # Not a moment lies between the end of the coroutine and the writing of what it
    # returned, in which another could change it.
    try:
        result = await coroutine
    except PipelineTermination as end:
        _note_result(batch, attempt, end.result, ends_chain=True)
    else:
        _note_result(batch, attempt, result)


def _start(attempt: Attempt) -> float:
    """Note that a Task begins to run, and return when it did, by the monotonic clock.

    That is read last, so that what lies between takes no time of the Task's: by the time
    that observers are told, it would seem to end after the next one begins.
    """
    if attempt.facts is None:
        attempt.run = _UNTIMED
    else:
        if attempt.run is None:
            tell(attempt.context, Observer.started, attempt.facts)
        attempt.run = Run(started_at=time())
    return monotonic()


def _stop(attempt: Attempt, running_since: float) -> None:
    # Else it didn't get as far as running, or nobody is told.
    if attempt.facts is not None and attempt.run is not None:
        attempt.run = attempt.run._replace(seconds=monotonic() - running_since)
        tell(attempt.context, Observer.stopped, attempt.facts)


def _note_error(batch: Batch, attempt: Attempt, error: BaseException) -> None:
    """Note that a Task failed, unless that ends more than the Task."""
    if isinstance(error, Exception):
        fail(batch, attempt, error)
    # By its name, since importing asyncio takes longer than this whole package.
    elif type(error).__name__ == "CancelledError":
        cancelled = RuntimeError("the Task's coroutine cancelled itself")
        cancelled.__cause__ = error
        fail(batch, attempt, cancelled)
    else:
        raise error


def _note_result(batch: Batch, attempt: Attempt, result: Any, *, ends_chain: bool = False) -> None:
    """Write a result where somebody gets it, before anything else can change it.

    What nobody gets may be anything but work that is still to be done.
    """
    if attempt.failure is not None or (result is None and not ends_chain):
        return
    try:
        if _is_group(result):
            attempt.do(_note_group, attempt, result, ends_chain=ends_chain)
            return
        check_result(result)
        if result is not None and _is_wanted(attempt, ends_chain=ends_chain):
            if not ends_chain and not attempt.message.ends_its_chain:
                result = attempt.do(batch.worker.tasks.as_arguments, result)
            document, uploads = attempt.do(_written, result)
            attempt.result = Result(document, uploads, ends_chain)
        else:
            attempt.result = Result(ends_chain=ends_chain)
    except Exception as error:  # noqa: BLE001 - whatever an object's own code raises
        # The Task has run, and what it returns won't be any better the next time.
        fail(batch, attempt, error, is_permanent=True)


def _is_group(result: Any) -> bool:
    # Whoever made one has loaded what it takes, and few cold starts need that.
    module = sys.modules.get("algernon_queue.group")
    return module is not None and isinstance(result, module.Group)


def _note_group(attempt: Attempt, group: Any, *, ends_chain: bool) -> None:
    from .expansions import prepared

    attempt.expansion = prepared(attempt, group, ends_chain=ends_chain)


def _written(result: Any) -> tuple[Document, tuple[Upload, ...]]:
    with uploads_put_off() as uploads:
        return Document.of(result), tuple(uploads)


def _is_wanted(attempt: Attempt, *, ends_chain: bool) -> bool:
    if attempt.task_token is not None:
        return True
    message = attempt.message
    if message.result_id is not None and (ends_chain or message.ends_its_chain):
        return True
    if ends_chain:
        return attempt.claim is not None
    return not message.ends_its_chain


def _out_of_time(deadline: Deadline) -> OutOfTimeError:
    return OutOfTimeError(
        f"only {deadline.seconds_left():.3f} s of Lambda's time are left, too few to run this"
        " record and to send results on: it stays in the queue"
    )
