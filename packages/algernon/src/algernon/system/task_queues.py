"""What each Task of a system travels through, as it is called there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import Any

from ..errors import NotASystemError, UnknownTaskError
from .at_once import at_once
from .place import Place
from .stack import Stack
from .template.logical_ids import logical_id


@dataclass(frozen=True, slots=True)
class TaskQueues:
    """A Task's topic and queues.

    Attributes:
        task: The Task's name.
        topic_arn: The ARN of the topic that listens.
        queue_url: The URL of the queue that holds.
        dead_letter_queue_url: That of the queue in which what was given up ends, or None
            where there is none, or that is the queue of a Task, whose messages are no letters.
    """

    task: str
    topic_arn: str
    queue_url: str
    dead_letter_queue_url: str | None

    @property
    def is_fifo(self) -> bool:
        """Whether its messages keep their order."""
        return self.queue_url.endswith(".fifo")

    @property
    def queue_name(self) -> str:
        """The queue's name, by which CloudWatch knows it."""
        return self.queue_url.rsplit("/", 1)[-1]

    @property
    def queue_arn(self) -> str:
        """The queue's ARN, by which Lambda and IAM know it."""
        return self._arn_of(self.queue_url)

    @property
    def dead_letter_queue_arn(self) -> str | None:
        """That of the dead-letter queue, or None where there is none."""
        url = self.dead_letter_queue_url
        return None if url is None else self._arn_of(url)

    def _arn_of(self, queue_url: str) -> str:
        _, partition, _, region, *_ = self.topic_arn.split(":")
        # A queue may be another account's than its topic.
        *_, account, name = queue_url.split("/")
        return f"arn:{partition}:sqs:{region}:{account}:{name}"


def find_task_queues(place: Place) -> list[TaskQueues]:
    """Return what the Tasks of a system travel through, by the Tasks' names.

    Of a stack of ``algernon template``, of whatever version, its resources say it. In any other
    system a Task is a topic with the prefix that a queue is subscribed to.

    Args:
        place: The system.

    Raises:
        NotASystemError: There is no such stack, or it isn't Algernon's; or no topic has the
            prefix.
        botocore.exceptions.ClientError: AWS refused a call, such as for the right
            ``cloudformation:ListStackResources`` or, without a stack, one of
            ``sns:ListTopics``, ``sns:ListSubscriptionsByTopic``, ``sqs:GetQueueUrl`` and
            ``sqs:GetQueueAttributes``.

    Example:
        >>> [each.task for each in find_task_queues(place)]  # doctest: +SKIP
        ['bill', 'price']
    """
    if place.stack_name is not None:
        found = _of_stack(place, place.stack_name)
    else:
        found = _of_topics(place)
    # What a Task takes its messages from is at work, whoever else's end there: to look at them as
    # letters would keep them from it, and to discard them would lose them.
    at_work = {queues.queue_url for queues in found}
    found = [
        replace(queues, dead_letter_queue_url=None)
        if queues.dead_letter_queue_url in at_work
        else queues
        for queues in found
    ]
    return sorted(found, key=lambda queues: queues.task)


def choose_task(tasks: Sequence[TaskQueues], name: str) -> TaskQueues:
    """Return the one of a Task.

    Raises:
        UnknownTaskError: There is none; the message says which there are, or are called alike.
    """
    for each in tasks:
        if each.task == name:
            return each
    names = [each.task for each in tasks]
    near = get_close_matches(name, names)
    hint = f"did you mean {' or '.join(near)}?" if near else f"its Tasks are {', '.join(names)}"
    raise UnknownTaskError(f"the system has no Task {name!r}; {hint}")


def _of_stack(place: Place, stack: str) -> list[TaskQueues]:
    from botocore.exceptions import ClientError

    try:
        resources = Stack(place.client("cloudformation"), stack).resources()
    except ClientError as error:
        # AWS CloudFormation API Reference, ListStackResources, has no error of its own for it.
        if not error.response["Error"]["Message"].endswith("does not exist"):
            raise
        region = place.session.region_name
        raise NotASystemError(
            f"there is no stack {stack!r} in the region {region}: look at its name and region, or"
            " name what its topics begin with by --prefix, if it has no stack"
        ) from error
    found = [
        TaskQueues(task, topic, queue, resources.get(logical_id("DeadLetterQueue", task)))
        for name, topic in resources.items()
        if name.startswith("Topic")
        for task in [_task_of(topic, f"{stack}-")]
        if (queue := resources.get(logical_id("Queue", task))) is not None
    ]
    if not found:
        raise NotASystemError(
            f"the stack {stack!r} isn't one of algernon template: it has no Task's topic and queue"
        )
    return found


def _of_topics(place: Place) -> list[TaskQueues]:
    sns, sqs = place.client("sns"), place.client("sqs")
    pages = sns.get_paginator("list_topics").paginate()
    topics = [
        topic["TopicArn"]
        for page in pages
        for topic in page["Topics"]
        if topic["TopicArn"].rsplit(":", 1)[1].startswith(place.topic_prefix)
    ]
    look = partial(_of_topic, sns, sqs, place.topic_prefix)
    found = [each for each in at_once(look, topics) if each is not None]
    if not found:
        raise NotASystemError(
            f"no topic in the region {place.session.region_name} that begins with"
            f" {place.topic_prefix!r} has a queue: look at --prefix and the region"
        )
    return found


def _of_topic(sns: Any, sqs: Any, prefix: str, topic: str) -> TaskQueues | None:
    """Return what is subscribed to a topic, or None where no queue is that is there."""
    task = _task_of(topic, prefix)
    found = [
        TaskQueues(task, topic, url, _dead_letter_queue_url(sqs, url))
        for arn in _subscribed_queues(sns, topic)
        if (url := _queue_url(sqs, arn)) is not None
    ]
    # What only keeps copies of the messages, such as for an audit, gives none of them up.
    first = next((each for each in found if each.dead_letter_queue_url is not None), None)
    return first or next(iter(found), None)


def _subscribed_queues(sns: Any, topic: str) -> Iterator[str]:
    pages: Iterable[Any] = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    for page in pages:
        for subscription in page["Subscriptions"]:
            if subscription["Protocol"] == "sqs":
                yield subscription["Endpoint"]


def _dead_letter_queue_url(sqs: Any, queue_url: str) -> str | None:
    asked = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])
    policy = json.loads(asked.get("Attributes", {}).get("RedrivePolicy", "{}"))
    arn = policy.get("deadLetterTargetArn")
    return None if arn is None else _queue_url(sqs, arn)


def _queue_url(sqs: Any, arn: str) -> str | None:
    """Return the URL of a queue, or None where it is gone: SNS and SQS go on naming it."""
    *_, account, name = arn.split(":")
    try:
        answer = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
    except sqs.exceptions.QueueDoesNotExist:
        return None
    return str(answer["QueueUrl"])


def _task_of(topic: str, prefix: str) -> str:
    return topic.rsplit(":", 1)[1].removeprefix(prefix).removesuffix(".fifo")
