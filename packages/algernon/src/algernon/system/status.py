"""How the Tasks of a system are, in figures, and how old each figure is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .asking import Asking
from .at_once import at_once
from .last_hour import LastHour, hour_of_lines, hour_of_metrics
from .mappings import Feeding, QueueMapping, feeding_of, find_mappings
from .metric_data import Figure, Point, read_figures
from .place import Place
from .queue_facts import QueueFacts, read_queue_facts
from .stack import Stack
from .task_queues import TaskQueues, find_task_queues
from .worker_functions import read_functions

# Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS": each minute, and
# up to fifteen later where a queue wasn't used for long.
_AGE_WINDOW = timedelta(minutes=15)
# CloudWatch's metrics have nothing newer before, and each question costs.
_SLOW_SECONDS = 60
# A local AWS has but lines, which are there at once and cost nothing.
_SLOW_SECONDS_LOCALLY = 5


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """How a Task is, as far as it could be read; None is what couldn't.

    Attributes:
        queues: What it travels through.
        queue: What SQS says of its queue.
        dead: How many messages its dead-letter queue has; None also where it has no such queue.
        feeding: Whether its messages are taken to a worker.
        oldest: When CloudWatch measured the age of its oldest message, and that age in seconds;
            None also where it hasn't lately.
    """

    queues: TaskQueues
    queue: QueueFacts | None
    dead: int | None
    feeding: Feeding | None
    oldest: Point | None

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to look at: no message, and a worker that would take some."""
        messages = 0 if self.queue is None else self.queue.messages
        return not messages and not self.dead and self.feeding in ("active", None)


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """How a system is.

    Attributes:
        at: When SQS and Lambda were asked.
        tasks: Its Tasks, by their names.
        hour: What was read of the last hour, or None where nothing tells of it.
        missing_rights: The actions that whoever asks isn't allowed.
    """

    at: datetime
    tasks: Sequence[TaskStatus]
    hour: LastHour | None
    missing_rights: Sequence[str]


class StatusReader:
    """Reads how the Tasks of a system are, as often as it is asked.

    What CloudWatch tells of AWS is read again after a minute at the earliest.

    Args:
        place: The system.

    Example:
        >>> StatusReader(place).read().tasks[0].dead  # doctest: +SKIP
        3
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._pause = _SLOW_SECONDS if place.endpoint_url is None else _SLOW_SECONDS_LOCALLY
        self._slow: _Slow | None = None

    def read(self) -> SystemStatus:
        """Return how they are.

        It takes two calls of SQS for each Task and one of Lambda for each hundred mappings of
        the account and region, beside those that find the Tasks. A right that is missing leaves
        its figures out; only that of finding the Tasks is needed.

        Raises:
            NotASystemError: As `find_task_queues` says.
            botocore.exceptions.BotoCoreError: AWS isn't reached.
            botocore.exceptions.ClientError: AWS refused a call for something else than a right.
        """
        place, asking = self._place, Asking()
        slow = self._slow
        if slow is not None and time.monotonic() > slow.read_at + self._pause:
            slow = None
        tasks = find_task_queues(place) if slow is None else slow.tasks
        at = datetime.now(UTC)
        queues, dead = _read_queues(place, tasks, asking)
        client = place.client("lambda")
        arns = [queue.arn for queue in queues if queue is not None]
        mappings = asking.ask("lambda:ListEventSourceMappings", lambda: find_mappings(client, arns))
        if slow is None:
            slow = self._slow = _read_slow(place, tasks, mappings or {})
        return SystemStatus(
            at,
            [
                TaskStatus(
                    each,
                    queue,
                    None if letters is None else letters.messages,
                    None if mappings is None or queue is None else feeding_of(mappings[queue.arn]),
                    slow.ages.get(each.queue_name),
                )
                for each, queue, letters in zip(tasks, queues, dead, strict=True)
            ],
            slow.hour,
            sorted({*asking.missing_rights, *slow.missing_rights}),
        )


def _read_queues(
    place: Place, tasks: Sequence[TaskQueues], asking: Asking
) -> tuple[list[QueueFacts | None], list[QueueFacts | None]]:
    """Return what SQS says of the Tasks' queues, and of their dead-letter queues."""
    sqs = place.client("sqs")

    def read(url: str | None) -> QueueFacts | None:
        if url is None:
            return None
        return asking.ask("sqs:GetQueueAttributes", lambda: read_queue_facts(sqs, url))

    queues = [each.queue_url for each in tasks]
    facts = [*at_once(read, [*queues, *(each.dead_letter_queue_url for each in tasks)])]
    return facts[: len(queues)], facts[len(queues) :]


@dataclass(frozen=True, slots=True)
class _Slow:
    """What doesn't change within a minute.

    Attributes:
        read_at: When it was read, in seconds of the monotonic clock.
        tasks: The Tasks.
        ages: The age of the oldest message, by the queues' names.
        hour: What came of the Tasks.
        missing_rights: The actions that whoever asked isn't allowed.
    """

    read_at: float
    tasks: Sequence[TaskQueues]
    ages: Mapping[str, Point]
    hour: LastHour | None
    missing_rights: set[str]


def _read_slow(
    place: Place, tasks: Sequence[TaskQueues], mappings: Mapping[str, Sequence[QueueMapping]]
) -> _Slow:
    asking, begin, now = Asking(), time.monotonic(), datetime.now(UTC)
    names = [each.queue_name for each in tasks]
    cloudwatch = place.client("cloudwatch")
    ages = asking.ask("cloudwatch:GetMetricData", lambda: oldest_ages(cloudwatch, names, now))
    namespace, groups = _sources(place, mappings, asking)
    hour = None
    if namespace is not None:
        names = [each.task for each in tasks]
        hour = asking.ask(
            "cloudwatch:GetMetricData", lambda: hour_of_metrics(cloudwatch, namespace, names, now)
        )
    if hour is None and groups:
        logs = place.client("logs")
        hour = asking.ask("logs:FilterLogEvents", lambda: hour_of_lines(logs, groups, now))
    return _Slow(begin, tasks, ages or {}, hour, asking.missing_rights)


def oldest_ages(client: Any, queue_names: Sequence[str], now: datetime) -> dict[str, Point]:
    """Return how old the oldest message of queues is, in seconds, and when it was so.

    CloudWatch alone knows it, a minute or more late; of some queues it may know nothing.

    Args:
        client: A boto3 client for CloudWatch.
        queue_names: The queues.
        now: The time.

    Raises:
        botocore.exceptions.ClientError: CloudWatch refused it, such as for the right
            ``cloudwatch:GetMetricData``.
    """
    figures = {
        name: Figure("AWS/SQS", "ApproximateAgeOfOldestMessage", ("QueueName", name), "Maximum")
        for name in queue_names
    }
    start = now.replace(second=0, microsecond=0) - _AGE_WINDOW
    found = read_figures(client, [*figures.values()], start, now)
    return {name: found[figure][-1] for name, figure in figures.items() if found[figure]}


def _sources(
    place: Place, mappings: Mapping[str, Sequence[QueueMapping]], asking: Asking
) -> tuple[str | None, Sequence[str]]:
    """Return the namespace of the Tasks' metrics, if they have one, and the workers' log groups."""
    if place.stack_name is not None:
        stack = Stack(place.client("cloudformation"), place.stack_name)
        facts = asking.ask("cloudformation:DescribeStacks", stack.facts)
        if facts is None:
            return None, place.log_groups
        group = facts.outputs.get("WorkerLogs")
        namespace = facts.parameters.get("MetricsNamespace") or None
        return namespace, place.log_groups or ([group] if group else [])
    arns = [each.function_arn for some in mappings.values() for each in some]
    functions = read_functions(place.client("lambda"), arns, asking).values()
    namespaces = {function.metrics_namespace for function in functions}
    groups = {function.log_group: None for function in functions if function.log_group}
    return namespaces.pop() if len(namespaces) == 1 else None, [*groups]
