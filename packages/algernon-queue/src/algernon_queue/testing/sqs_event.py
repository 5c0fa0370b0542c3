"""What Lambda hands to a function that is subscribed to a queue."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from time import time
from typing import Any
from uuid import uuid4

from ..errors import SettingError
from ..sending import outgoing_task, written
from ..task import Task, check_task
from .lambda_context import ACCOUNT, region
from .notification import notification
from .sqs_message import SQSMessage

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
        SettingError: Something is no Task, or the receive_count is no number from 1 on.
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
    for task in tasks:
        check_task(task, "sqs_event")
    if type(receive_count) is not int or receive_count < 1:
        raise SettingError(
            f"the receive_count is {receive_count!r}, but Lambda hands over what was received once"
            " or more: give a whole number from 1 on"
        )
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
    suffix = ".fifo" if is_fifo else ""
    millis = int(time() * 1000)
    sent = SQSMessage(
        str(uuid4()),
        notification(
            f"arn:aws:sns:{region()}:{ACCOUNT}:{task.task_name}{suffix}",
            message,
            {
                name: {"DataType": "String", "StringValue": text}
                for name, text in attributes.items()
            },
            message_id=str(uuid4()),
            millis=millis,
        ),
        millis,
        receive_count=receive_count,
        first_received_at=millis,
        receipt_handle=uuid4().hex,
    )
    if is_fifo:
        sent.group = task.message_group or task_id
        sent.deduplication_id = task_id
        sent.sequence_number = f"{next(_sequence_numbers):020}"
    return sent.record(f"arn:aws:sqs:{region()}:{ACCOUNT}:worker{suffix}")
