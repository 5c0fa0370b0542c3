"""Catching what code sends, in place of sending it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from algernon_storage import aws_clients_from

from .._aws.parallel import one_after_the_other
from ..current_task import RunningTask, SentId
from ..sending import caught_by, outgoing_task
from ..task import Task
from ..waiting import nothing_comes_by_waiting
from .caught_task import CaughtTask
from .client import InMemoryClient
from .clock import Clock
from .environment import environment
from .s3 import InMemoryS3
from .sqs import InMemorySQS
from .sts import InMemorySTS

_BUCKET = "sent-tasks"

_WHY_IN_VAIN = (
    "and within sent_tasks() nothing that is sent is run: have an InMemorySystem for a test in"
    " which results come"
)


@contextmanager
def sent_tasks() -> Iterator[list[Task]]:
    """Catch what is sent while the block lasts, by whatever thread of the process.

    Nothing that is sent leaves the process, no setting of AWS is needed, and no listener is
    looked up. Of blocks in one another the innermost catches; an InMemorySystem is one that has
    Tasks run.

    What was caught is compared with Tasks that the test makes. A Task's keyword arguments are
    as its worker would get them: written as JSON and read again, so that what can't be sent
    raises as it would in production, and what the sender does to them afterwards changes
    nothing. An id that nobody gave is ignored, so that ``Task("price", {"items": [1]})`` equals
    what ``send_task("price", {"items": [1]})`` sends; the id that the sender got is the
    `task_id` of what was caught.

    A worker's handler may be called within the block: what its Tasks send is caught, and so
    are the messages to their callbacks. S3 and SQS are then in memory and empty, for StoredData
    and ledgers too. Of other services, Step Functions among them, `algernon_storage.aws_client`
    gives the clients that it gives without the block.

    Returns:
        The Tasks in the order in which they were sent, as a list that grows.

    Raises:
        algernon_serialize.UnserializableError: By what sends: `ajson` can't send an argument.

    Example:
        >>> from algernon_queue import Task, send_task
        >>> from algernon_queue.testing import sent_tasks
        >>> with sent_tasks() as sent:
        ...     task_id = send_task("price", {"items": [1]}, callback="bill")
        >>> sent
        [Task('price', {'items': [1]}, callback='bill')]
        >>> sent == [Task("price", {"items": [1]}, callback="bill")]
        True
        >>> sent[0].task_id == task_id
        True
    """
    bucket = os.environ.get("ALGERNON_BUCKET_NAME") or _BUCKET
    clock = Clock()
    with (
        environment({"ALGERNON_BUCKET_NAME": bucket}),
        tasks_caught(clock, InMemoryS3(clock, bucket), InMemorySQS(clock)) as sent,
    ):
        yield sent


@contextmanager
def tasks_caught(clock: Clock, *clients: InMemoryClient) -> Iterator[list[Task]]:
    """Catch what is sent as `sent_tasks` does, with these clients of other services.

    Args:
        clock: The clock of what is in memory.
        clients: What takes the place of AWS's services besides SNS and STS.

    Returns:
        The Tasks in the order in which they were sent, as a list that grows.
    """
    sent: list[Task] = []

    def catch(tasks: Sequence[Task], sender: RunningTask) -> list[str]:
        caught = _caught(tasks, sender)
        sent.extend(caught)
        return [task.task_id for task in caught]

    given = (*clients, InMemorySTS(clock), _CatchingSNS(clock, sent))
    by_service = {client.service: client for client in given}
    with (
        # A topic is then found by its name, without asking.
        environment({"ALGERNON_TOPIC_PARAMETER_PREFIX": None}),
        aws_clients_from(by_service.get),
        nothing_comes_by_waiting(_WHY_IN_VAIN),
        caught_by(catch),
        one_after_the_other(),
    ):
        yield sent


class _CatchingSNS(InMemoryClient):
    """SNS with any topic, which catches what workers publish to callbacks."""

    service = "sns"

    def __init__(self, clock: Clock, caught: list[Task]) -> None:
        super().__init__(clock)
        self._caught = caught

    def publish_batch(
        self, *, TopicArn: str, PublishBatchRequestEntries: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """Catch messages."""
        del TopicArn
        self._caught += [
            CaughtTask.as_published(entry["Message"], entry.get("MessageGroupId"))
            for entry in PublishBatchRequestEntries
        ]
        taken = [{"Id": entry["Id"]} for entry in PublishBatchRequestEntries]
        return self._answer(Successful=taken, Failed=[])


def _caught(tasks: Sequence[Task], sender: RunningTask) -> list[CaughtTask]:
    """Return all Tasks as they are sent; if one can't be, none is."""
    caught: list[CaughtTask] = []
    taken: list[SentId] = []
    try:
        for task in tasks:
            kwargs = dict(task.task_kwargs)
            _, sent_id = outgoing_task(task, kwargs, sender)
            taken.append(sent_id)
            caught.append(CaughtTask.as_sent(task, kwargs, sent_id.task_id))
    except Exception:
        for sent_id in taken:
            sender.give_back(sent_id)
        raise
    return caught
