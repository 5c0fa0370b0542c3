"""A whole system in one process, without AWS."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from threading import Lock
from types import TracebackType
from typing import Any, Self

from algernon_storage import aws_clients_from

from .._aws.parallel import one_after_the_other
from ..dead_letter import DeadLetter
from ..errors import SettingError, TaskNameError
from ..retry import delays_chosen_by
from ..router import TaskRouter
from ..sending import caught_by
from ..task import check_task_name
from .client import InMemoryClient
from .clock import Clock
from .environment import environment
from .errors import EndlessSystemError, NotEmulatedError
from .function import Function, LambdaHandler
from .s3 import InMemoryS3
from .sns import InMemorySNS, topic_arn
from .sqs import InMemorySQS, Queue
from .ssm import InMemorySSM
from .sts import InMemorySTS

Worker = TaskRouter | Mapping[str, LambdaHandler]

_BUCKET = "in-memory-system"
_PARAMETER_PREFIX = "/in-memory-system/topics/"

# What the template of `algernon template` gives: the queues' visibility timeout, the fewest
# times that a Task is tried, and the receives beyond them.
_VISIBILITY_FACTOR = 6
_FEWEST_TRIES = 5
_EXTRA_RECEIVES = 2

_ENVIRONMENT: Mapping[str, str | None] = {
    "ALGERNON_BUCKET_NAME": _BUCKET,
    "ALGERNON_EXTRA_RECEIVES": str(_EXTRA_RECEIVES),
    "ALGERNON_FAILURES": "report",
    # These would lead elsewhere.
    "ALGERNON_TOPIC_PARAMETER_PREFIX": None,
    "ALGERNON_TOPIC_PREFIX": None,
    "CACHE_FOLDER_NAME": None,
}

# Services that Algernon calls only where a system is larger than this one.
_ABSENT = {"stepfunctions": "Step Functions"}

# Tasks whose senders' threads don't know which Task they belong to have no hops to be counted
# by, and of those that send two of themselves there are too many before any has too many.
_MOST_DELIVERIES = 100_000


@dataclass(frozen=True, slots=True)
class _TaskQueue:
    """A Task's queue, and the function that works it off."""

    queue: Queue
    function: Function


class InMemorySystem:
    """A system of workers in this process, on S3, SNS and SQS in memory, for tests.

    Within its block every Task that is sent, from any thread, goes to its workers, through
    the same code as in Lambda: envelopes, batches, retries, ledgers, dead letters. No region,
    credentials or other setting is needed, and none that there is leads anywhere else: the
    environment is that of a worker as `algernon template` describes it, and what it was
    before once the block is left.

    Time doesn't pass by itself: `run` goes on to whatever is due next, so that a backoff of
    an hour takes none, and `advance` lets time pass. Only Python's own clock goes on as
    ever. The same code gives the same deliveries in the same order.

    What else a test asks of AWS by `algernon_storage.aws_client` goes to AWS itself, or to
    what the environment names as such; but of these services it gets nothing beyond what
    Algernon calls, and of Step Functions nothing at all.

    Args:
        workers: Each a router, or the handlers of Tasks by the Tasks' names, such as
            ``{"price": handler}``.
        fifo: The names of the Tasks that have FIFO topics and queues.
        timeout: How long a batch may take, in seconds, before Lambda would end it.

    Raises:
        TaskNameError: Two workers have a Task of the same name, or a name can't be a Task's.
        SettingError: Something is no worker; or `fifo` names a Task that no worker has; or
            the timeout is no number of seconds above 0.

    Example:
        >>> from algernon_queue import TaskRouter, send_task
        >>> router = TaskRouter()
        >>> @router.task
        ... def price(items):
        ...     return {"total": 9 * len(items)}
        >>> @router.task
        ... def bill(total):
        ...     print("that makes", total)
        >>> with InMemorySystem(router) as system:
        ...     task_id = send_task("price", {"items": ["a", "b"]}, callback="bill")
        ...     system.run()
        ...     assert system.dead_letters == []
        that makes 18
    """

    def __init__(self, *workers: Worker, fifo: Iterable[str] = (), timeout: float = 30) -> None:
        if not (isinstance(timeout, (int, float)) and 0 < timeout <= 900):
            raise SettingError(
                f"the timeout is {timeout!r}, but it is a number of seconds above 0, up to Lambda's"
                " 900"
            )
        self._timeout = timeout
        self._clock = Clock()
        self._sqs = InMemorySQS(self._clock)
        self._sns = InMemorySNS(self._clock, self._sqs)
        self._ssm = InMemorySSM(self._clock)
        self._clients: dict[str, InMemoryClient] = {
            client.service: client
            for client in (
                InMemoryS3(self._clock, _BUCKET),
                self._sns,
                self._sqs,
                self._ssm,
                InMemorySTS(self._clock),
            )
        }
        self._workers: list[Worker] = []
        self._tasks: dict[str, _TaskQueue] = {}
        self._has_fifo = False
        self._open: ExitStack | None = None
        self._process = os.getpid()
        self._running = Lock()
        self._add(workers, fifo)

    def __enter__(self) -> Self:
        if self._open is not None:
            raise SettingError("this system runs already: make another one for a block within")
        with ExitStack() as stack:
            stack.enter_context(environment(_ENVIRONMENT))
            stack.enter_context(caught_by(None))
            stack.enter_context(one_after_the_other())
            stack.enter_context(delays_chosen_by(Random(0)))  # noqa: S311 - always the same
            stack.enter_context(aws_clients_from(self._client))
            self._open = stack.pop_all()
        self._process = os.getpid()
        self._have_topics_found()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stack, self._open = self._open, None
        if stack is not None:
            stack.close()

    def add(self, *workers: Worker, fifo: Iterable[str] = ()) -> None:
        """Have more workers.

        Args:
            workers: As in the constructor.
            fifo: As in the constructor, of these workers' Tasks.

        Raises:
            TaskNameError: As in the constructor.
            SettingError: As in the constructor.
        """
        self._add(workers, fifo)
        self._have_topics_found()

    def run(self) -> None:
        """Have the workers work until nothing is left to do.

        Each queue in turn gives out a batch of at most ten messages. Where all that is left
        is hidden, the clock goes on to when the first of it comes back.

        Raises:
            SettingError: The system isn't running, or it is in the middle of this already.
            EndlessSystemError: There is still something to do after 100,000 deliveries.
            BaseException: What a Task raises that is no Exception, such as KeyboardInterrupt.
                Its batch is hidden then, as one whose worker died.
        """
        if self._open is None:
            raise SettingError("the system isn't running: write `with system:` around this")
        if not self._running.acquire(blocking=False):
            raise SettingError("the system is working already: a Task can't have it work")
        try:
            self._run()
        finally:
            self._running.release()

    def advance(self, seconds: float) -> None:
        """Let time pass on the system's clock; the next `run` does what is due by then.

        Raises:
            SettingError: It is no number of seconds from 0 on.
        """
        self._clock.advance(seconds)

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """What is in the dead-letter queues, in the order of the Tasks and of its coming there."""
        return [
            DeadLetter.of(message.record(task.queue.arn), name)
            for name, task in self._tasks.items()
            if task.queue.dead_letters is not None
            for message in task.queue.dead_letters.messages
        ]

    def redrive(self) -> int:
        """Move all dead letters back to their queues, and return how many that were."""
        return sum(self._sqs.redrive(task.queue) for task in self._tasks.values())

    def _run(self) -> None:
        deliveries = 0
        while True:
            delivered = sum(
                task.function.work_off(self._sqs, task.queue) for task in [*self._tasks.values()]
            )
            deliveries += delivered
            if deliveries > _MOST_DELIVERIES:
                raise EndlessSystemError(self._endless())
            if not delivered and not self._go_on():
                return

    def _go_on(self) -> bool:
        """Go on to when the first hidden message comes back, and tell whether there is one."""
        times = [
            time
            for task in self._tasks.values()
            if (time := task.queue.next_visible_at) is not None
        ]
        if times:
            self._clock.now = min(times)
        return bool(times)

    def _endless(self) -> str:
        left = {name: len(task.queue.messages) for name, task in self._tasks.items()}
        counts = ", ".join(f"{name}: {number}" for name, number in left.items() if number)
        return (
            f"after {_MOST_DELIVERIES} deliveries these are still to be done: {counts}; look for"
            " Tasks that send one another without end"
        )

    def _client(self, service: str) -> Any:
        if os.getpid() != self._process:
            raise NotEmulatedError(
                f"{service} was asked for in a process of its own, which the InMemorySystem of its"
                " parent can't be reached from: send and store in the Task's own process, or have"
                " a local AWS for this test"
            )
        if service in _ABSENT:
            raise NotEmulatedError(
                f"{_ABSENT[service]} was asked for within an InMemorySystem, which has none: have"
                " a local AWS for this test"
            )
        return self._clients.get(service)

    def _add(self, workers: Iterable[Worker], fifo: Iterable[str]) -> None:
        workers, fifo = [*workers], {*fifo}
        added: dict[str, _TaskQueue] = {}
        for number, worker in enumerate(workers, len(self._workers) + 1):
            tasks = self._tasks_of(worker, f"worker-{number}", fifo)
            for name in tasks:
                check_task_name(name)
                if name in added or name in self._tasks:
                    raise TaskNameError(
                        f"two workers of the system have a Task {name!r}: a Task has one queue, and"
                        " that has one worker"
                    )
            added |= tasks
        if unknown := fifo - added.keys():
            raise SettingError(f"fifo names {sorted(unknown)}, which no worker has")
        self._workers += workers
        self._tasks |= added
        for name, task in added.items():
            arn = topic_arn(f"{name}.fifo" if task.queue.is_fifo else name)
            self._has_fifo |= task.queue.is_fifo
            self._sqs.add(task.queue)
            if task.queue.dead_letters is not None:
                self._sqs.add(task.queue.dead_letters)
            self._sns.subscribe_queue(arn, task.queue)
            self._ssm.parameters[f"{_PARAMETER_PREFIX}{name}"] = arn
        self._add_topics_of_listeners()

    def _tasks_of(self, worker: Worker, name: str, fifo: set[str]) -> dict[str, _TaskQueue]:
        retries: Mapping[str, int] = {}
        if isinstance(worker, TaskRouter):
            function = Function(name, worker.handler, self._timeout)
            functions = dict.fromkeys(worker.tasks, function)
            retries = worker.retries
        elif isinstance(worker, Mapping) and all(map(callable, worker.values())):
            functions = {
                task: Function(f"{name}-{task}", handler, self._timeout)
                for task, handler in worker.items()
            }
        else:
            raise SettingError(
                f"{worker!r} is no worker: give the system a TaskRouter, or a dict of the handlers"
                " of Tasks by the Tasks' names"
            )
        return {
            task: _TaskQueue(self._queue(task, retries.get(task, 0), task in fifo), function)
            for task, function in functions.items()
        }

    def _queue(self, task_name: str, retries: int, is_fifo: bool) -> Queue:  # noqa: FBT001
        suffix = ".fifo" if is_fifo else ""
        return Queue(
            f"{task_name}{suffix}",
            self._clock,
            visibility_timeout=int(_VISIBILITY_FACTOR * self._timeout),
            dead_letters=Queue(f"{task_name}-dead-letters{suffix}", self._clock),
            max_receive_count=max(_FEWEST_TRIES, 1 + retries) + _EXTRA_RECEIVES,
        )

    def _add_topics_of_listeners(self) -> None:
        """Have the topics by which routers know the system's Tasks, whatever they are called."""
        for worker in self._workers:
            if isinstance(worker, TaskRouter):
                for name, arn in (worker._options.listeners or {}).items():
                    if name in self._tasks:
                        self._add_topic(name, arn)

    def _add_topic(self, name: str, arn: str) -> None:
        queue = self._tasks[name].queue
        if arn.endswith(".fifo") != queue.is_fifo:
            what = "in fifo=, but its topic" if queue.is_fifo else "no FIFO Task, but its topic"
            raise SettingError(
                f"the Task {name!r} is {what} in a worker's listeners is {arn}: name the Task in"
                " fifo= if, and only if, the ARN of its topic ends with .fifo"
            )
        self._sns.subscribe_queue(arn, queue)

    def _have_topics_found(self) -> None:
        # By convention a topic is called as its Task is, which that of a FIFO Task can't be.
        if self._open is not None and self._has_fifo:
            os.environ["ALGERNON_TOPIC_PARAMETER_PREFIX"] = _PARAMETER_PREFIX
