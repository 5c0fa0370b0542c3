"""Running the handler for the records of a batch."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from math import isinf
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from algernon_storage import Document, uploads_put_off

from .batch import Batch, Item
from .context import RecordContext
from .deadline import Deadline
from .errors import OutOfTimeError
from .functions import check_result
from .loops import run_coroutine
from .message import Message
from .observers import tell
from .pipeline import PipelineTermination

if TYPE_CHECKING:
    from asyncio import Semaphore

    from algernon_storage import Upload

Handler = Callable[[dict[str, Any], dict[str, Any]], Any]


def run_batch(
    batch: Batch,
    handler: Handler,
    context: dict[str, Any],
    aws_context: Any,
    deadline: Deadline,
    concurrency: int,
    is_async: Callable[[str], bool],
) -> None:
    """Run the handler for each record that isn't done yet, in order, while there is time.

    Coroutines run when every record was started, so many at a time; those of a
    FIFO queue at once, one after the other, as the order there asks.
    """
    longest = 0.0
    started = False
    coroutines: list[tuple[Item, Coroutine[Any, Any, Any]]] = []
    for item, message in _in_turn(batch):
        if item.error is not None or item.outcome is not None:
            continue  # its message group was stopped meanwhile, or its Task is done
        # The first record is always started, or a short timeout would never get anywhere.
        if started and deadline.seconds_to_work() < longest:
            batch.fail(item, _out_of_time(deadline))
            continue
        begin = running_since = monotonic()
        started = True
        waits = False
        # A coroutine function runs nothing yet when it is called.
        if not is_async(message.task_name):
            item.has_run = True
            running_since = _start(item)
        try:
            facts = {
                "aws": aws_context,
                "sqs": item.record.facts(item.attributes),
                "task": message.facts,
            }
            result = item.context.run(handler, dict(message.body), RecordContext(context, facts))
            waits = result is not None and isinstance(result, Coroutine)
        except BaseException as error:  # noqa: BLE001 - what isn't the record's own goes on
            result = _note_end(batch, item, error)
        finally:
            if not waits:
                _stop(item, running_since)
        if not waits:
            _note_result(batch, item, result)
        elif item.record.group is None:
            coroutines.append((item, result))
        else:
            _run_coroutines(batch, [(item, result)], deadline, concurrency)
        longest = max(longest, monotonic() - begin)
    if coroutines:
        _run_coroutines(batch, coroutines, deadline, concurrency)


def _in_turn(batch: Batch) -> list[tuple[Item, Message]]:
    # What SQS won't give out again goes first, where there is no order to keep: it
    # would be lost for lack of time.
    return sorted(batch.alive, key=lambda one: not one[0].is_extra or bool(one[0].record.group))


def _run_coroutines(
    batch: Batch,
    coroutines: list[tuple[Item, Coroutine[Any, Any, Any]]],
    deadline: Deadline,
    concurrency: int,
) -> None:
    from asyncio import Semaphore, gather

    async def run_all() -> None:
        limit = Semaphore(concurrency)
        await gather(
            *(
                _run_coroutine(batch, item, coroutine, deadline, limit)
                for item, coroutine in coroutines
            )
        )

    run_coroutine(run_all())


async def _run_coroutine(
    batch: Batch,
    item: Item,
    coroutine: Coroutine[Any, Any, Any],
    deadline: Deadline,
    limit: Semaphore,
) -> None:
    import asyncio

    async with limit:
        seconds = deadline.seconds_to_work()
        if seconds <= 0:
            coroutine.close()
            batch.fail(item, _out_of_time(deadline))
            return
        timeout = asyncio.timeout(None if isinf(seconds) else seconds)
        item.has_run = True
        running_since = _start(item)
        try:
            async with timeout:
                # As a task of its own, since what it does to that, such as cancelling
                # it, would otherwise end the whole batch.
                running = _run_and_write(batch, item, coroutine)
                await asyncio.create_task(running, context=item.context)
        except TimeoutError as error:
            batch.fail(item, _out_of_time(deadline) if timeout.expired() else error)
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise
            _note_end(batch, item, error)
        finally:
            _stop(item, running_since)


async def _run_and_write(batch: Batch, item: Item, coroutine: Coroutine[Any, Any, Any]) -> None:
    # Not a moment lies between the end of the coroutine and the writing of what it
    # returned, in which another could change it.
    try:
        result = await coroutine
    except PipelineTermination as end:
        result = _note_end(batch, item, end)
    _note_result(batch, item, result)


def _start(item: Item) -> float:
    """Tell that a record's Task begins to run, and return when it did, by the monotonic clock.

    That is read last, so that what lies between takes no time of the Task's: by the time
    that observers are told, it would seem to end after the next one begins.
    """
    if item.facts is not None:
        if item.started_at is None:
            tell(item.context, "started", item.facts)
        item.started_at = time()
    return monotonic()


def _stop(item: Item, running_since: float) -> None:
    if item.started_at is not None:  # else it didn't get as far as running, or nobody is told
        item.seconds = monotonic() - running_since
        tell(item.context, "stopped", item.facts)


def _note_end(batch: Batch, item: Item, error: BaseException) -> Any:
    """Note that a record's Task ended with an error, and return its result, if that is none."""
    if isinstance(error, PipelineTermination):
        item.ends_chain = True
        return error.result
    if isinstance(error, Exception):
        batch.fail(item, error)
    # By its name, since importing asyncio takes longer than this whole package.
    elif type(error).__name__ == "CancelledError":
        cancelled = RuntimeError("the Task's coroutine cancelled itself")
        cancelled.__cause__ = error
        batch.fail(item, cancelled)
    else:
        raise error
    return None


def _note_result(batch: Batch, item: Item, result: Any) -> None:
    """Write a result where somebody gets it, before anything else can change it.

    What nobody gets may be anything but work that is still to be done.
    """
    if item.error is not None or result is None:
        return
    try:
        check_result(result)
        if _is_wanted(item):
            item.document, item.uploads = item.do(_written, result)
    except Exception as error:  # noqa: BLE001 - whatever an object's own code raises
        # The Task has run, and what it returns won't be any better the next time.
        item.is_permanent = True
        batch.fail(item, error)


def _written(result: Any) -> tuple[Document, list[Upload]]:
    with uploads_put_off() as uploads:
        return Document.of(result), uploads


def _is_wanted(item: Item) -> bool:
    if item.task_token is not None:
        return True
    if item.ends_chain:
        return item.claim is not None
    return item.message is not None and item.message.next_task is not None


def _out_of_time(deadline: Deadline) -> OutOfTimeError:
    return OutOfTimeError(
        f"only {deadline.seconds_left():.3f} s of Lambda's time are left, too few to run this"
        " record and to send results on: it stays in the queue"
    )
