"""Pausing Tasks and resuming them: whether Lambda takes their messages to their workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from ..errors import MappingError
from .asking import Asking
from .at_once import at_once
from .mappings import Feeding, QueueMapping, feeding_of, find_mappings, switch_mappings
from .metric_data import Point
from .place import Place
from .queue_facts import QueueFacts, read_queue_facts
from .status import oldest_ages
from .task_queues import TaskQueues


@dataclass(frozen=True, slots=True)
class MappedTask:
    """A Task and what takes its messages to its worker.

    Attributes:
        queues: What it travels through.
        queue: What SQS says of its queue.
        mappings: The event source mappings, of which there may be none.
        oldest: When CloudWatch measured the age of its oldest message, and that age in seconds;
            None where it is unknown.
    """

    queues: TaskQueues
    queue: QueueFacts
    mappings: Sequence[QueueMapping]
    oldest: Point | None = None

    @property
    def feeding(self) -> Feeding:
        """Whether its messages are taken to a worker."""
        return feeding_of(self.mappings)

    def lost_from(self, now: datetime) -> datetime | None:
        """Return when SQS begins to delete messages that nobody has taken, or None if unknown.

        Args:
            now: The time: what is sent from now on stays for as long as the queue keeps it.
        """
        kept = timedelta(seconds=self.queue.retention_seconds)
        if self.oldest is not None:
            return min(self.oldest.at - timedelta(seconds=self.oldest.value), now) + kept
        return None if self.queue.messages else now + kept


def read_mapped_tasks(place: Place, tasks: Sequence[TaskQueues]) -> list[MappedTask]:
    """Return Tasks with what takes their messages to their workers.

    Args:
        place: The system.
        tasks: The Tasks.

    Raises:
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
            ``lambda:ListEventSourceMappings`` and ``sqs:GetQueueAttributes``.
    """
    read = partial(read_queue_facts, place.client("sqs"))
    queues = [*at_once(read, [each.queue_url for each in tasks])]
    mappings = find_mappings(place.client("lambda"), [queue.arn for queue in queues])
    return [
        MappedTask(each, queue, mappings[queue.arn])
        for each, queue in zip(tasks, queues, strict=True)
    ]


def check_all_are_mapped(tasks: Sequence[MappedTask]) -> None:
    """Refuse Tasks that have no worker.

    Raises:
        MappingError: One has none.
    """
    for task in tasks:
        if not task.mappings:
            raise MappingError(
                f"the Task {task.queues.task!r} has no worker that could be paused or resumed: no"
                f" event source mapping takes messages from its queue {task.queue.name}, so they"
                " stay there; look with algernon tasks"
            )


def switch_tasks(
    place: Place, tasks: Sequence[MappedTask], *, is_enabled: bool, timeout: float, asking: Asking
) -> list[MappedTask]:
    """Let messages of Tasks be taken to their workers, or not, and wait until it holds.

    Batches that a worker has in hand run to their end.

    Args:
        place: The system.
        tasks: The Tasks.
        is_enabled: Whether their messages are taken.
        timeout: For how many seconds to wait.
        asking: What notes if the right ``cloudwatch:GetMetricData`` is missing, without which
            the age of the oldest messages stays unknown.

    Returns:
        The Tasks as they are then.

    Raises:
        MappingError: As `switch_mappings` says.
        botocore.exceptions.ClientError: The same, and what `read_mapped_tasks` says.
    """
    mappings = [mapping for task in tasks for mapping in task.mappings]
    client = place.client("lambda")
    switch_mappings(client, mappings, is_enabled=is_enabled, timeout=timeout)
    switched = read_mapped_tasks(place, [task.queues for task in tasks])
    names = [task.queues.queue_name for task in tasks]
    cloudwatch, now = place.client("cloudwatch"), datetime.now(UTC)
    ages = asking.ask("cloudwatch:GetMetricData", lambda: oldest_ages(cloudwatch, names, now))
    return [replace(task, oldest=(ages or {}).get(task.queues.queue_name)) for task in switched]
