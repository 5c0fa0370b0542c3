"""How each Task of a system is set up: what takes its messages, and how often it is tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .asking import Asking
from .at_once import at_once
from .mappings import Feeding, QueueMapping, feeding_of, find_mappings
from .place import Place
from .queue_facts import QueueFacts, read_queue_facts
from .task_queues import TaskQueues
from .worker_functions import WorkerFunction, read_functions


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

    queues = [*at_once(read, [each.queue_url for each in tasks])]
    arns = [queue.arn for queue in queues if queue is not None]
    found = asking.ask("lambda:ListEventSourceMappings", lambda: find_mappings(client, arns))
    mappings = [None if found is None or queue is None else found[queue.arn] for queue in queues]
    names = [each.function_arn for some in mappings for each in some or ()]
    functions = read_functions(client, names, asking)
    return [
        TaskSetup(
            each,
            queue,
            some,
            [functions[arn] for arn in dict.fromkeys(one.function_arn for one in some or ())],
        )
        for each, queue, some in zip(tasks, queues, mappings, strict=True)
    ]
