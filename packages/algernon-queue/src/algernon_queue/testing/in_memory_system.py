"""A whole system in one process, without AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from math import ceil
from random import Random
from threading import Lock
from types import TracebackType
from typing import Self

from algernon_storage import aws_clients_from

from .._aws.clock import Clock, time_told_by
from .._aws.listeners import unknown_listeners_explained_by
from .._aws.parallel import one_after_the_other
from ..dead_letter import DeadLetter
from ..errors import SettingError, TaskNameError
from ..retry import delays_chosen_by
from ..routed_task import RoutedTask
from ..router import TaskRouter
from ..sending import caught_by
from ..task import check_task_name
from ..task_needs import TaskNeeds
from ..waiting import nothing_comes_by_waiting
from .aws import InMemoryAWS
from .environment import environment
from .errors import EndlessSystemError
from .function import Function, LambdaHandler
from .mapping import EventSourceMapping
from .sqs import Queue

Worker = TaskRouter | Mapping[str, LambdaHandler]

# What the template of `algernon template` gives: the functions' memory in MB, the queues'
# visibility timeout, the fewest times that a Task is tried, and the receives beyond them.
_MEMORY = 256
_VISIBILITY_FACTOR = 6
_FEWEST_TRIES = 5
_EXTRA_RECEIVES = 2

_NO_NEEDS = TaskNeeds()

# How the template's functions are set, besides what their AWS is found by.
_SETTINGS = {
    "ALGERNON_CACHE_DAYS": "30",
    "ALGERNON_EXTRA_RECEIVES": str(_EXTRA_RECEIVES),
    "ALGERNON_FAILURES": "report",
}

# Tasks whose senders' threads don't know which Task they belong to have no hops to be counted
# by, and of those that send two of themselves there are too many before any has too many.
_MOST_DELIVERIES = 100_000

_WHY_IN_VAIN = (
    "and in an InMemorySystem nothing is done by waiting: call its run() first, and look whether"
    " its dead_letters say why there is nothing then"
)


class InMemorySystem:
    """A system of workers in this process, on S3, SNS and SQS in memory, for tests.

    Within its block every Task that is sent, from any thread, goes to its workers, through
    the same code as in Lambda: envelopes, batches, retries, ledgers, dead letters. No region,
    credentials or other setting is needed, and none that there is leads anywhere else: the
    environment is that of a worker as `algernon template` describes it, and what it was
    before once the block is left.

    Time doesn't pass by itself: `run` goes on to whatever is due next, so that a backoff of
    an hour takes none, and `advance` lets time pass. Only Python's own clock goes on as
    ever. The same code gives the same deliveries in the same order. So `SentTask.result` waits
    for nothing either: what isn't there after `run` is a ResultTimeoutError at once.

    Of what Tasks ask of their functions (`TaskNeeds`), `timeout`, `memory`, `batch_size` and
    `batch_window` show as in Lambda: in the time that is left, in the context, in batches, and
    by the system's clock. `max_concurrency` means nothing here, where one batch runs at a time.

    What else a test asks of AWS by `algernon_storage.aws_client` goes to AWS itself, or to
    what the environment names as such; but of these services it gets nothing beyond what
    Algernon calls, and of Step Functions nothing at all.

    Args:
        workers: Each a router, with the Tasks that it has by then, or the handlers of Tasks
            by the Tasks' names, such as ``{"price": handler}``.
        fifo: The names of the Tasks that have FIFO topics and queues.
        timeout: How long a batch may take, in seconds, before Lambda would end it; where the
            Task doesn't say.

    Raises:
        TaskNameError: Two workers have a Task of the same name, or a name can't be a Task's.
        SettingError: Something is no worker; or `fifo` names a Task that no worker has, or one
            whose batches a FIFO queue can't give; or the timeout is no number of seconds
            above 0.

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
        self._aws = InMemoryAWS()
        self._workers: list[Worker] = []
        self._tasks: dict[str, EventSourceMapping] = {}
        self._open: ExitStack | None = None
        self._running = Lock()
        self._add(workers, fifo)

    def __enter__(self) -> Self:
        if self._open is not None:
            raise SettingError("this system runs already: make another one for a block within")
        with ExitStack() as stack:
            stack.enter_context(environment({**self._aws.settings, **_SETTINGS}))
            stack.enter_context(caught_by(None))
            stack.enter_context(nothing_comes_by_waiting(_WHY_IN_VAIN))
            stack.enter_context(one_after_the_other())
            stack.enter_context(unknown_listeners_explained_by(self._why_unknown))
            clock = self._aws.clock
            stack.enter_context(time_told_by(Clock(lambda: clock.now, clock.advance)))
            stack.enter_context(delays_chosen_by(Random(0)))  # noqa: S311 - always the same
            stack.enter_context(aws_clients_from(self._aws.client))
            self._open = stack.pop_all()
        self._aws.belongs_to_this_process()
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
        before = self._aws.settings.copy()
        self._add(workers, fifo)
        if self._open is not None:
            changed = dict(self._aws.settings.items() - before.items())
            self._open.enter_context(environment(changed))

    def run(self) -> None:
        """Have the workers work until nothing is left to do.

        Each queue in turn gives out a batch, of at most ten messages where the Task doesn't
        say. Where all that is left is hidden, or waits for its batch to be full, the clock
        goes on to when the first of it comes.

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
        self._aws.clock.advance(seconds)

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
        return sum(self._aws.sqs.redrive(task.queue) for task in self._tasks.values())

    def _run(self) -> None:
        deliveries = 0
        while True:
            delivered = sum(task.deliver(self._aws.sqs) for task in [*self._tasks.values()])
            deliveries += delivered
            if deliveries > _MOST_DELIVERIES:
                raise EndlessSystemError(self._endless())
            if not delivered and not self._go_on():
                return

    def _go_on(self) -> bool:
        """Go on to when the first queue is due, and tell whether there is one."""
        times = [time for task in self._tasks.values() if (time := task.next_due_at) is not None]
        if times:
            self._aws.clock.now = min(times)
        return bool(times)

    def _why_unknown(self, task_name: str) -> str | None:
        if task_name in self._tasks:
            return None
        tasks = ", ".join(map(repr, self._tasks)) or "none"
        return (
            f"no worker of this system has a Task {task_name!r}; its Tasks are {tasks}: check the"
            " name, or give the system the Task's router too, by add(router)"
        )

    def _endless(self) -> str:
        left = {name: len(task.queue.messages) for name, task in self._tasks.items()}
        counts = ", ".join(f"{name}: {number}" for name, number in left.items() if number)
        return (
            f"after {_MOST_DELIVERIES} deliveries these are still to be done: {counts}; look for"
            " Tasks that send one another without end"
        )

    def _add(self, workers: Iterable[Worker], fifo: Iterable[str]) -> None:
        workers, fifo = [*workers], {*fifo}
        added: dict[str, EventSourceMapping] = {}
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
        topics = _topics(self._workers + workers, self._tasks | added)
        self._workers += workers
        self._tasks |= added
        for name, task in added.items():
            self._aws.add_task(name, task.queue)
        self._aws.add_topics(topics)

    def _tasks_of(self, worker: Worker, name: str, fifo: set[str]) -> dict[str, EventSourceMapping]:
        if isinstance(worker, TaskRouter):
            retries, needs = worker.retries, worker.needs
            return {
                task: self._mapping(
                    task,
                    self._function(name, worker.handler, needs.get(task, _NO_NEEDS)),
                    is_fifo=task in fifo,
                    retries=retries.get(task, 0),
                    needs=needs.get(task, _NO_NEEDS),
                )
                for task in worker.tasks
            }
        if isinstance(worker, Mapping) and (task := _routed_task_in(worker)) is not None:
            raise SettingError(
                f"{task!r} is no handler, which Lambda calls with an event and a context: give the"
                " system the Task's router itself, as in InMemorySystem(router)"
            )
        if isinstance(worker, Mapping) and all(map(callable, worker.values())):
            return {
                task: self._mapping(
                    task, self._function(f"{name}-{task}", handler), is_fifo=task in fifo
                )
                for task, handler in worker.items()
            }
        raise SettingError(
            f"{worker!r} is no worker: give the system a TaskRouter, or a dict of the handlers"
            " of Tasks by the Tasks' names"
        )

    def _function(
        self, name: str, handler: LambdaHandler, needs: TaskNeeds = _NO_NEEDS
    ) -> Function:
        """Return the function of a worker's Tasks that have such needs."""
        timeout, memory = needs.timeout or self._timeout, needs.memory or _MEMORY
        if (timeout, memory) != (self._timeout, _MEMORY):
            name = f"{name}-{timeout}s-{memory}MB"
        return Function(name, handler, timeout, memory)

    def _mapping(
        self,
        task_name: str,
        function: Function,
        *,
        is_fifo: bool,
        retries: int = 0,
        needs: TaskNeeds = _NO_NEEDS,
    ) -> EventSourceMapping:
        if is_fifo:
            _check_fifo(task_name, needs)
        suffix = ".fifo" if is_fifo else ""
        clock = self._aws.clock
        queue = Queue(
            f"{task_name}{suffix}",
            clock,
            visibility_timeout=(
                ceil(_VISIBILITY_FACTOR * function.timeout) + (needs.batch_window or 0)
            ),
            dead_letters=Queue(f"{task_name}-dead-letters{suffix}", clock),
            max_receive_count=max(_FEWEST_TRIES, 1 + retries) + _EXTRA_RECEIVES,
        )
        return EventSourceMapping(queue, function, clock, needs)


def _check_fifo(task_name: str, needs: TaskNeeds) -> None:
    if (needs.batch_size or 0) > 10 or needs.batch_window:
        raise SettingError(
            f"the Task {task_name!r} is in fifo=, and has batch_size={needs.batch_size!r} and"
            f" batch_window={needs.batch_window!r}, but Lambda takes no more than 10 messages at a"
            " time out of a FIFO queue, and doesn't wait for them: leave out the batch_window,"
            " and a batch_size above 10"
        )


def _routed_task_in(worker: Mapping[str, object]) -> object:
    return next((each for each in worker.values() if isinstance(each, RoutedTask)), None)


def _topics(workers: Iterable[Worker], tasks: Mapping[str, EventSourceMapping]) -> dict[str, Queue]:
    """Return the queues of Tasks by the topics that routers know them by, whatever their names."""
    topics = {}
    for worker in workers:
        known = worker._options.listeners if isinstance(worker, TaskRouter) else None
        for name, arn in (known or {}).items():
            if name in tasks:
                topics[arn] = _fed_by(arn, name, tasks[name].queue)
    return topics


def _fed_by(arn: str, task_name: str, queue: Queue) -> Queue:
    if arn.endswith(".fifo") != queue.is_fifo:
        what = "in fifo=, but its topic" if queue.is_fifo else "no FIFO Task, but its topic"
        raise SettingError(
            f"the Task {task_name!r} is {what} in a worker's listeners is {arn}: name the Task in"
            " fifo= if, and only if, the ARN of its topic ends with .fifo"
        )
    return queue
