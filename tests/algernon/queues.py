"""Queues made by hand, and what lies in them, for tests of dead letters."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from algernon.system.place import Place
from algernon.system.task_queues import TaskQueues

if TYPE_CHECKING:
    from ..conftest import LocalAWS


def place_on(aws: LocalAWS) -> Place:
    """Return a local AWS as a place, which this process's environment leads to."""
    import boto3

    return Place(boto3.Session(), {**os.environ}, endpoint_url=aws.proxy_url)


def new_queues(sqs: Any, task: str, *, is_fifo: bool = False, receives: int = 3) -> TaskQueues:
    """Make the queues of a Task."""
    suffix = ".fifo" if is_fifo else ""
    attributes = {"FifoQueue": "true"} if is_fifo else {}
    letters = sqs.create_queue(QueueName=f"{task}-letters{suffix}", Attributes=attributes)
    asked = sqs.get_queue_attributes(QueueUrl=letters["QueueUrl"], AttributeNames=["QueueArn"])
    policy = {
        "deadLetterTargetArn": asked["Attributes"]["QueueArn"],
        "maxReceiveCount": receives,
    }
    queue = sqs.create_queue(
        QueueName=f"{task}{suffix}",
        Attributes={**attributes, "VisibilityTimeout": "20", "RedrivePolicy": json.dumps(policy)},
    )
    return TaskQueues(task, "", queue["QueueUrl"], letters["QueueUrl"])


def text(value: str) -> dict[str, str]:
    """Return a message attribute."""
    return {"DataType": "String", "StringValue": value}


def message(task: str, **others: Any) -> str:
    """Return a Task's message, as its body."""
    return json.dumps({"task_name": task, "task_kwargs": {}, "task_id": str(uuid4()), **others})


def reasons(error: str, **others: str) -> dict[str, dict[str, str]]:
    """Return the attributes that a worker gives a letter."""
    noted = {"algernon.error": error, "algernon.reason": "no", **others}
    return {name: text(value) for name, value in noted.items()}


def put(
    sqs: Any,
    url: str,
    body: str,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    group: str | None = None,
    **others: Any,
) -> str:
    """Send a message to a queue, and return SQS's id of it."""
    if group is not None:
        others = {"MessageGroupId": group, "MessageDeduplicationId": str(uuid4()), **others}
    answer = sqs.send_message(
        QueueUrl=url, MessageBody=body, MessageAttributes=attributes or {}, **others
    )
    return str(answer["MessageId"])


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Return all that a queue gives out, which it doesn't give out again for a while."""
    messages: list[dict[str, Any]] = []
    while True:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        if not answer.get("Messages"):
            return messages
        messages += answer["Messages"]


def bodies(sqs: Any, url: str) -> list[str]:
    """Return the bodies of all that a queue gives out, in order."""
    return [found["Body"] for found in received(sqs, url)]


def letters_of(queues: TaskQueues) -> str:
    """Return the URL of a Task's dead-letter queue."""
    assert queues.dead_letter_queue_url is not None
    return queues.dead_letter_queue_url
