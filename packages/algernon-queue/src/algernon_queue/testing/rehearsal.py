"""Running the Task of one record as its worker would, while nothing leaves the process."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from algernon_storage import aws_client

from .._batch.batch import Batch
from .._batch.callbacks import send_on, store_parts
from .._batch.delivery import Attempt
from .._batch.reading import add_constants, fetch, read_batch
from .._batch.running import run_batch
from .._batch.worker import Tasks, Worker
from ..observers import observers
from ..retry import Retry
from ..router import TaskRouter
from ..task import PipelineTermination, Task
from ..task_context import TaskContext
from .client import InMemoryClient
from .clock import Clock
from .lambda_context import lambda_context
from .s3_unwritten import UnwrittenS3
from .sent_tasks import tasks_caught

# AWS Lambda Developer Guide, "Lambda quotas": the longest timeout. Whoever looks into a Task by
# a debugger takes longer than its worker.
_SECONDS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What came of a record's Task.

    Attributes:
        task_name: The Task's name, or None where the message can't be read.
        task_id: Its id, or None as for `task_name`.
        sent: What it sent, and what would have gone to its callback, in order.
        returned: What it returned.
        error: Why it failed, or couldn't be run, or what of its result couldn't be sent on;
            or None.
    """

    task_name: str | None
    task_id: str | None
    sent: tuple[Task, ...]
    returned: Any
    error: BaseException | None


def rehearse(router: TaskRouter, record: Mapping[str, Any]) -> Rehearsal:
    """Run the Task of a record as its worker would, while nothing leaves the process.

    What it sends is caught, its callback's message too. S3 is read, and what is written to it
    stays in memory. No ledger is asked, nothing is claimed, no outcome or failure is noted,
    no group is joined, no state machine and no observer told, and no message moved or hidden. What
    the Task does by other ways than Algernon's, it does.

    Args:
        router: The worker's router.
        record: The record, as Lambda hands it over. What its Task's settings are read from, the
            environment, is the process's.

    Raises:
        NotAnSQSEventError: The record is none of SQS's.
        BaseException: What the Task raises that is neither an Exception nor a SystemExit.

    Example:
        >>> from algernon_queue import Task
        >>> from algernon_queue.testing import sqs_event
        >>> router = TaskRouter(once=True)
        >>> @router.task
        ... def double(n):
        ...     return {"doubled": 2 * n}
        >>> (record,) = sqs_event(Task("double", {"n": 21}))["Records"]
        >>> rehearse(router, record).returned  # doctest: +SKIP
        {'doubled': 42}
    """
    own = router._batches.worker
    tasks = _Watched(own.tasks)
    # With nothing of failures, whose messages would be moved, and nothing of ledgers.
    options = replace(own.options, failures="batch", once=False)
    clock = Clock()
    error: BaseException | None = None
    with (
        tasks_caught(
            clock, UnwrittenS3(clock, aws_client("s3")), _MuteStepFunctions(clock)
        ) as sent,
        _nobody_told(),
    ):
        batch = Batch(lambda_context(_SECONDS), Worker(tasks, options, own.context))
        try:
            attempts = read_batch(batch, {"Records": [record]})
            fetch(batch, attempts)
            add_constants(batch, attempts)
            run_batch(batch, attempts)
            if batch.is_well:
                store_parts(batch, attempts)
                send_on(batch, attempts, None)
        except SystemExit as end:
            error = end
    (delivery,) = batch.deliveries
    message = delivery.message if isinstance(delivery, Attempt) else None
    if delivery.failure is not None:
        error = delivery.failure.error
    return Rehearsal(
        task_name=message.task_name if message else None,
        task_id=message.task_id if message else None,
        sent=tuple(sent),
        returned=tasks.returned,
        error=error,
    )


class _Watched:
    """The Tasks of a worker, of which it is known what the last one returned."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self.returned: Any = None

    def run(self, event: dict[str, Any], context: TaskContext) -> Any:
        try:
            result = self._tasks.run(event, context)
        except PipelineTermination as end:
            self.returned = end.result
            raise
        if isinstance(result, Coroutine):
            return self._awaited(result)
        self.returned = result
        return result

    async def _awaited(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            self.returned = await coroutine
        except PipelineTermination as end:
            self.returned = end.result
            raise
        return self.returned

    def is_async(self, task_name: str) -> bool:
        return self._tasks.is_async(task_name)

    def as_arguments(self, result: Any) -> Any:
        return self._tasks.as_arguments(result)

    def retry(self, task_name: str) -> Retry | None:
        return self._tasks.retry(task_name)


class _MuteStepFunctions(InMemoryClient):
    """Step Functions whose state machines learn nothing."""

    service = "stepfunctions"

    def send_task_success(self, **_parameters: str) -> dict[str, Any]:
        """Tell nobody of a result."""
        return self._answer()


@contextmanager
def _nobody_told() -> Iterator[None]:
    """Have no observer told of what is done within the block."""
    those = observers[:]
    observers.clear()
    try:
        yield
    finally:
        observers[:] = [*those, *observers]
