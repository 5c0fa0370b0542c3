"""How each Task of a system is set up: what takes its messages, and how often it is tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from .asking import Asking
from .mappings import Feeding, QueueMapping, feeding_of, find_mappings
from .place import Place
from .queue_facts import QueueFacts, read_queue_facts
from .task_queues import TaskQueues

# No more than a boto3 client has connections for.
_THREADS = 10


@dataclass(frozen=True, slots=True)
class WorkerFunction:
    """A function that takes a Task's messages.

    Attributes:
        name: Its name.
        handler: Its handler, such as ``shop.handler``, or None where it couldn't be read or, as
            that of an image, isn't known to Lambda.
        extra_receives: In how many receives of a message it runs no Task that may have run
            (``ALGERNON_EXTRA_RECEIVES``); None where that couldn't be read.
    """

    name: str
    handler: str | None
    extra_receives: int | None


@dataclass(frozen=True, slots=True)
class TaskSetup:
    """How a Task is set up, as far as it could be read; None is what couldn't.

    Attributes:
        queues: What it travels through.
        queue: What SQS says of its queue.
        mappings: The event source mappings that take its messages to functions.
        functions: Those functions.
    """

    queues: TaskQueues
    queue: QueueFacts | None
    mappings: Sequence[QueueMapping] | None
    functions: Sequence[WorkerFunction]

    @property
    def feeding(self) -> Feeding | None:
        """Whether its messages are taken to a worker."""
        return None if self.mappings is None else feeding_of(self.mappings)

    @property
    def tries(self) -> int | None:
        """How often it is tried before its message is given up; None also where that is never."""
        if self.queue is None or self.queue.most_receives is None or not self.functions:
            return None
        extras = [function.extra_receives for function in self.functions]
        if None in extras:
            return None
        return self.queue.most_receives - max(extra for extra in extras if extra is not None)


def read_task_setups(place: Place, tasks: Sequence[TaskQueues], asking: Asking) -> list[TaskSetup]:
    """Return how Tasks are set up.

    It takes a call of SQS for each, one of Lambda for each function, and one for each hundred
    mappings of the account and region. A right that is missing leaves out what it would tell.

    Args:
        place: The system.
        tasks: The Tasks.
        asking: What notes the rights that are missing.

    Raises:
        botocore.exceptions.ClientError: AWS refused a call for something else than a right.
    """
    sqs, client = place.client("sqs"), place.client("lambda")

    def read(url: str) -> QueueFacts | None:
        return asking.ask("sqs:GetQueueAttributes", lambda: read_queue_facts(sqs, url))

    with ThreadPoolExecutor(_THREADS) as pool:
        queues = [*pool.map(read, [each.queue_url for each in tasks])]
        arns = [queue.arn for queue in queues if queue is not None]
        found = asking.ask("lambda:ListEventSourceMappings", lambda: find_mappings(client, arns))
        by_queue = found or {}
        names = {one.function_arn for some in by_queue.values() for one in some}
        functions = dict(
            zip(names, pool.map(partial(_function, client, asking), names), strict=True)
        )
    return [
        TaskSetup(
            each,
            queue,
            None if found is None or queue is None else found[queue.arn],
            _of_mappings(by_queue.get(queue.arn, ()) if queue is not None else (), functions),
        )
        for each, queue in zip(tasks, queues, strict=True)
    ]


def _of_mappings(
    mappings: Iterable[QueueMapping], functions: dict[str, WorkerFunction]
) -> list[WorkerFunction]:
    return [functions[arn] for arn in dict.fromkeys(each.function_arn for each in mappings)]


def _function(client: Any, asking: Asking, arn: str) -> WorkerFunction:
    name = arn.split(":")[6]
    found = asking.ask(
        "lambda:GetFunctionConfiguration",
        lambda: client.get_function_configuration(FunctionName=arn),
    )
    if found is None:
        return WorkerFunction(name, None, None)
    variables = found.get("Environment", {}).get("Variables", {})
    extra = variables.get("ALGERNON_EXTRA_RECEIVES") or "0"
    return WorkerFunction(name, found.get("Handler"), int(extra) if extra.isdecimal() else None)
