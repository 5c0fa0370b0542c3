"""Running the handler for the records of a batch."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from math import isinf
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from .batch import Batch, Item
from .context import RecordContext
from .deadline import Deadline
from .errors import OutOfTimeError, UnrunTaskError
from .functions import check_result
from .loops import run_coroutine
from .observers import tell
from .pipeline import PipelineTermination

if TYPE_CHECKING:
    from asyncio import Semaphore

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
    for item, message in batch.alive:
        if item.error is not None or item.outcome is not None:
            continue  # its message group was stopped meanwhile, or its Task is done
        # The first record is always started, or a short timeout would never get anywhere.
        if started and deadline.seconds_to_work() < longest:
            batch.fail(item, _out_of_time(deadline))
            continue
        begin = monotonic()
        started = True
        # A coroutine function runs nothing yet when it is called.
        if item.facts is not None and not is_async(message.task_name):
            _start(item)
        try:
            facts = {"aws": aws_context, "sqs": item.record.facts, "task": message.facts}
            item.result = item.context.run(
                handler, dict(message.body), RecordContext(context, facts)
            )
            if item.result is not None and not isinstance(item.result, Coroutine):
                check_result(item.result)
        except BaseException as error:  # noqa: BLE001 - what isn't the record's own goes on
            _note_end(batch, item, error)
        finally:
            waits = item.result is not None and isinstance(item.result, Coroutine)
            if not waits:
                _stop(item, begin)
        if waits:
            coroutine, item.result = item.result, None
            if item.record.group is None:
                coroutines.append((item, coroutine))
            else:
                _run_coroutines(batch, [(item, coroutine)], deadline, concurrency)
        longest = max(longest, monotonic() - begin)
    if coroutines:
        _run_coroutines(batch, coroutines, deadline, concurrency)


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
        begin = monotonic()
        _start(item)
        try:
            async with timeout:
                # As a task of its own, since what it does to that, such as cancelling
                # it, would otherwise end the whole batch.
                item.result = await asyncio.create_task(coroutine, context=item.context)
                check_result(item.result)
        except TimeoutError as error:
            batch.fail(item, _out_of_time(deadline) if timeout.expired() else error)
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise
            _note_end(batch, item, error)
        finally:
            _stop(item, begin)


def _start(item: Item) -> None:
    if item.facts is not None:
        if item.started_at is None:
            tell(item.context, "started", item.facts)
        item.started_at = time()


def _stop(item: Item, begin: float) -> None:
    if item.started_at is not None:  # else it didn't get as far as running, or nobody is told
        item.seconds = monotonic() - begin
        tell(item.context, "stopped", item.facts)


def _note_end(batch: Batch, item: Item, error: BaseException) -> None:
    """Note what it means for a record that its Task ended with an error, and no result."""
    if isinstance(error, PipelineTermination):
        try:
            check_result(error.result)
        except UnrunTaskError as unrun:
            batch.fail(item, unrun)
        else:
            item.result, item.ends_chain = error.result, True
    elif isinstance(error, Exception):
        batch.fail(item, error)
    # By its name, since importing asyncio takes longer than this whole package.
    elif type(error).__name__ == "CancelledError":
        cancelled = RuntimeError("the Task's coroutine cancelled itself")
        cancelled.__cause__ = error
        batch.fail(item, cancelled)
    else:
        raise error


def _out_of_time(deadline: Deadline) -> OutOfTimeError:
    return OutOfTimeError(
        f"only {deadline.seconds_left():.3f} s of Lambda's time are left, too few to run this"
        " record and to send results on: it stays in the queue"
    )
