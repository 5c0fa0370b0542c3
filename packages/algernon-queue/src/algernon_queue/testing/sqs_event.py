"""What Lambda hands to a function that is subscribed to a queue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

from ..sending import outgoing_task, written
from ..task import Task
from .lambda_context import ACCOUNT, region

_sequence_numbers = count(1)


def sqs_event(
    *tasks: Task, receive_count: int = 1, message_attributes: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the event in which Lambda hands a batch of Tasks to a worker.

    The messages are written as those that are sent, and in the envelope in which SNS
    brings them to the queue. That is a FIFO queue if a Task has a message group.

    Args:
        tasks: The Tasks. One that has no `task_id` gets a new one.
        receive_count: How often each message was received, this time included.
        message_attributes: Texts that go beside each message, by name.

    Raises:
        algernon_serialize.UnserializableError: `ajson` can't send an argument.
        algernon_storage.StorageError: One that is a StoredData can't be stored.

    Example:
        >>> from algernon_queue import Task, TaskRouter
        >>> from algernon_queue.testing import lambda_context, sqs_event
        >>> router = TaskRouter(failures="report")
        >>> @router.task
        ... def price(items):
        ...     print(len(items), "items")
        >>> router.handler(sqs_event(Task("price", {"items": [1, 2]})), lambda_context())
        2 items
        {'batchItemFailures': []}
    """
    is_fifo = any(task.message_group is not None for task in tasks)
    attributes = message_attributes or {}
    return {
        "Records": [_record(task, receive_count, attributes, is_fifo=is_fifo) for task in tasks]
    }


def _record(
    task: Task, receive_count: int, attributes: Mapping[str, str], *, is_fifo: bool
) -> dict[str, Any]:
    """Return a record: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS"."""
    kwargs = dict(task.task_kwargs)
    outgoing, (task_id, *_) = outgoing_task(task, kwargs)
    message = outgoing.message(written(kwargs).decode())
    now = datetime.now(UTC)
    suffix = ".fifo" if is_fifo else ""
    body = _in_envelope(message, f"{task.task_name}{suffix}", now, attributes)
    sent_at = str(int(now.timestamp() * 1000))
    system_attributes = {
        "ApproximateReceiveCount": str(receive_count),
        "SentTimestamp": sent_at,
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": sent_at,
    }
    if is_fifo:
        system_attributes |= {
            "SequenceNumber": f"{next(_sequence_numbers):020}",
            "MessageGroupId": task.message_group or task_id,
            "MessageDeduplicationId": task_id,
        }
    return {
        "messageId": str(uuid4()),
        "receiptHandle": uuid4().hex,
        "body": body,
        "attributes": system_attributes,
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{region()}:{ACCOUNT}:worker{suffix}",
        "awsRegion": region(),
    }


def _in_envelope(message: str, topic: str, sent_at: datetime, attributes: Mapping[str, str]) -> str:
    """Return what SNS makes of a message.

    Source: Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON format".
    """
    envelope: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": str(uuid4()),
        "TopicArn": f"arn:aws:sns:{region()}:{ACCOUNT}:{topic}",
        "Message": message,
        "Timestamp": sent_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if attributes:
        envelope["MessageAttributes"] = {
            name: {"Type": "String", "Value": text} for name, text in attributes.items()
        }
    return json.dumps(envelope)
