"""The queue that records came from: hiding them for a while, and moving them away."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from algernon_storage import aws_client

from .entries import Entry, send_entries
from .errors import NoDeadLetterQueueError
from .record import Record

# Amazon SQS API Reference, SendMessageBatch: bytes of all messages of a call.
_MAX_BYTES = 1024 * 1024
# Amazon SQS Developer Guide, "Amazon SQS message metadata": attributes a message.
_MAX_ATTRIBUTES = 10
# What a client told of its queues is kept as long as it is that client which is asked.
_MOST_QUEUES = 100
# Amazon SQS API Reference, SendMessage: the characters that a message may hold. It is
# compiled when it is needed, which takes as long as importing three modules.
_NOT_ALLOWED = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def hide(records: Sequence[tuple[Record, int]], *, seconds: float) -> list[Exception | None]:
    """Set for how many seconds from now SQS gives records to nobody.

    Args:
        records: Each with the seconds for which it is hidden.
        seconds: The time after which what SQS throttled isn't tried again.

    Returns:
        In order, None for each that is hidden, else the error.
    """
    entries = [
        Entry(
            record.queue_arn,
            {"ReceiptHandle": record.receipt_handle, "VisibilityTimeout": delay},
        )
        for record, delay in records
    ]
    return send_entries(entries, _change_visibility, seconds=seconds)


def move_to_dead_letter_queue(
    records: Sequence[tuple[Record, Mapping[str, str]]], *, seconds: float
) -> list[Exception | None]:
    """Send records to the dead-letter queues of their queues.

    Args:
        records: Each with the attributes that say why.
        seconds: The time after which what SQS throttled isn't tried again.

    Returns:
        In order, None for each that is there, else the error; a queue without a
        redrive policy has no dead-letter queue, and that is an error too.
    """
    entries = [_dead_letter(record, reasons) for record, reasons in records]
    return send_entries(entries, _send_to_dead_letter_queue, max_bytes=_MAX_BYTES, seconds=seconds)


def _change_visibility(queue_arn: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    sqs = aws_client("sqs")
    answer: dict[str, Any] = sqs.change_message_visibility_batch(
        QueueUrl=_queue_url(sqs, queue_arn), Entries=entries
    )
    return answer


def _send_to_dead_letter_queue(queue_arn: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    sqs = aws_client("sqs")
    answer: dict[str, Any] = sqs.send_message_batch(
        QueueUrl=_dead_letter_queue_url(sqs, queue_arn), Entries=entries
    )
    return answer


@lru_cache(_MOST_QUEUES)
def _queue_url(sqs: Any, queue_arn: str) -> str:
    # arn:PARTITION:sqs:REGION:ACCOUNT:NAME
    *_, account, name = queue_arn.split(":")
    answer = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
    return str(answer["QueueUrl"])


@lru_cache(_MOST_QUEUES)
def _dead_letter_queue_url(sqs: Any, queue_arn: str) -> str:
    answer = sqs.get_queue_attributes(
        QueueUrl=_queue_url(sqs, queue_arn), AttributeNames=["RedrivePolicy"]
    )
    policy = answer.get("Attributes", {}).get("RedrivePolicy")
    if policy is None:
        raise NoDeadLetterQueueError(
            f"the queue {queue_arn} has no redrive policy, so it has no dead-letter queue that a"
            " message could be moved to: give it one"
        )
    return _queue_url(sqs, json.loads(policy)["deadLetterTargetArn"])


def _dead_letter(record: Record, reasons: Mapping[str, str]) -> Entry:
    attributes = _attributes(record, reasons)
    fields: dict[str, Any] = {"MessageBody": record.body, "MessageAttributes": attributes}
    if trace := record.attributes.get("AWSTraceHeader"):
        fields["MessageSystemAttributes"] = {
            "AWSTraceHeader": {"DataType": "String", "StringValue": trace}
        }
    if record.group is not None:
        fields["MessageGroupId"] = record.group
        fields["MessageDeduplicationId"] = record.message_id
    return Entry(record.queue_arn, fields, _size(record, attributes))


def _size(record: Record, attributes: Mapping[str, Mapping[str, Any]]) -> int:
    parts = [record.body, *attributes]
    for value in attributes.values():
        parts += value.values()
    return sum(
        len(part if isinstance(part, bytes) else str(part).encode(errors="replace"))
        for part in parts
    )


def _attributes(record: Record, reasons: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    attributes = {
        name: {"DataType": "String", "StringValue": re.sub(_NOT_ALLOWED, "\ufffd", value)}
        for name, value in reasons.items()
    }
    for name, value in record.message_attributes.items():
        if len(attributes) < _MAX_ATTRIBUTES and name not in attributes:
            attributes[name] = _to_send(value)
    return attributes


def _to_send(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message attribute as SQS takes it, of one as Lambda hands it over."""
    if (binary := attribute.get("binaryValue")) is not None:
        return {"DataType": attribute["dataType"], "BinaryValue": b64decode(binary)}
    return {"DataType": attribute["dataType"], "StringValue": attribute["stringValue"]}
