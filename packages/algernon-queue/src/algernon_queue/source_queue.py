"""The queue that records came from: hiding them for a while, and moving them away."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import monotonic
from typing import Any

from algernon_storage import aws_client

from .entries import Entry, send_entries
from .errors import NoDeadLetterQueueError
from .record import LETTER_ATTRIBUTE, REASON_PREFIX, Record

logger = logging.getLogger("algernon_queue")

# Amazon SQS API Reference, SendMessageBatch: bytes of all messages of a call.
_MAX_BYTES = 1024 * 1024
# Amazon SQS Developer Guide, "Amazon SQS message metadata": attributes a message.
_MAX_ATTRIBUTES = 10
# For how long what a queue says of itself is taken to be so.
_PERIOD_SECONDS = 300
# What a client told of its queues is kept as long as it is that client which is asked.
_MOST_QUEUES = 100
# Amazon SQS API Reference, SendMessage: which characters a message may not hold. It is
# compiled when it is needed, which takes as long as importing three modules.
_UNSENDABLE = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


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


def max_receive_count(queue_arn: str) -> int | None:
    """Return how often a queue gives a message out, or None where that can't be told.

    It can't of a queue without a redrive policy, or one that this role may not ask.
    """
    try:
        return _max_receive_count(aws_client("sqs"), queue_arn, _period()) if queue_arn else None
    except Exception as error:  # noqa: BLE001 - what can't be asked is left to SQS
        _note_unknown(queue_arn, error)
        return None


@lru_cache(_MOST_QUEUES)
def _max_receive_count(sqs: Any, queue_arn: str, period: int) -> int | None:
    try:
        policy = _redrive_policy(sqs, queue_arn, period)
    except Exception as error:  # noqa: BLE001 - it isn't asked again for each record
        _note_unknown(queue_arn, error)
        return None
    return None if policy is None else int(policy["maxReceiveCount"])


def visibility_timeout(queue_arn: str) -> int | None:
    """Return for how many seconds a queue hides what it gave out, or None where it can't be told.

    It is told from what `max_receive_count` has asked for.
    """
    try:
        return _visibility_timeout(aws_client("sqs"), queue_arn, _period()) if queue_arn else None
    except Exception as error:  # noqa: BLE001 - it is only told to observers
        _note_unknown(queue_arn, error)
        return None


@lru_cache(_MOST_QUEUES)
def _visibility_timeout(sqs: Any, queue_arn: str, period: int) -> int | None:
    try:
        timeout = _attributes_of(sqs, queue_arn, period).get("VisibilityTimeout")
    except Exception as error:  # noqa: BLE001 - it isn't asked again for each record
        _note_unknown(queue_arn, error)
        return None
    return None if timeout is None else int(timeout)


def _note_unknown(queue_arn: str, error: Exception) -> None:
    logger.debug(
        "%s can't be asked for its redrive policy and visibility timeout: %s", queue_arn, error
    )


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


def _dead_letter_queue_url(sqs: Any, queue_arn: str) -> str:
    policy = _redrive_policy(sqs, queue_arn, _period())
    if policy is None:
        raise NoDeadLetterQueueError(
            f"the queue {queue_arn} has no redrive policy, so it has no dead-letter queue that a"
            " message could be moved to: give it one"
        )
    return _queue_url(sqs, policy["deadLetterTargetArn"])


def _redrive_policy(sqs: Any, queue_arn: str, period: int) -> dict[str, Any] | None:
    policy = _attributes_of(sqs, queue_arn, period).get("RedrivePolicy")
    return None if policy is None else json.loads(policy)


@lru_cache(_MOST_QUEUES)
def _attributes_of(sqs: Any, queue_arn: str, _period: int) -> Mapping[str, str]:
    answer = sqs.get_queue_attributes(
        QueueUrl=_queue_url(sqs, queue_arn), AttributeNames=["RedrivePolicy", "VisibilityTimeout"]
    )
    attributes: Mapping[str, str] = answer.get("Attributes", {})
    return attributes


def _period() -> int:
    """Return a number for the time in which a queue isn't asked for its attributes again."""
    return int(monotonic() // _PERIOD_SECONDS)


def _dead_letter(record: Record, reasons: Mapping[str, str]) -> Entry:
    entry = _letter(record, _attributes(record, reasons))
    # What leaves no room for a reason goes without: the log has it.
    return entry if entry.size <= _MAX_BYTES else _letter(record, _attributes(record, {}))


def _letter(record: Record, attributes: Mapping[str, Mapping[str, Any]]) -> Entry:
    fields: dict[str, Any] = {"MessageBody": record.body}
    if attributes:
        fields["MessageAttributes"] = attributes
    if trace := record.attributes.get("AWSTraceHeader"):
        fields["MessageSystemAttributes"] = {
            "AWSTraceHeader": {"DataType": "String", "StringValue": trace}
        }
    # On a standard queue it is the tenant of a fair queue.
    if record.message_group is not None:
        fields["MessageGroupId"] = record.message_group
    if record.group is not None:
        fields["MessageDeduplicationId"] = record.message_id
    return Entry(record.queue_arn, fields, _size(record, attributes), record.group)


def _size(record: Record, attributes: Mapping[str, Mapping[str, Any]]) -> int:
    parts = [record.body, *attributes]
    for value in attributes.values():
        parts += value.values()
    return sum(
        len(part if isinstance(part, bytes) else str(part).encode(errors="replace"))
        for part in parts
    )


def _attributes(record: Record, reasons: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the sender's attributes, all of them, and the reasons as far as there is room."""
    attributes = {
        name: as_sent
        for name, value in record.message_attributes.items()
        # Those of an earlier time that it was a dead letter aren't its sender's.
        if not name.startswith(REASON_PREFIX) and (as_sent := _to_send(value))
    }
    room = _MAX_ATTRIBUTES - len(attributes)
    if len(reasons) <= room:
        ours = reasons
    elif room > 0:
        ours = {LETTER_ATTRIBUTE: json.dumps(reasons, ensure_ascii=False)}
    else:
        ours = {}
    for name, value in ours.items():
        text = re.sub(_UNSENDABLE, "\ufffd", value)
        attributes[name] = {"DataType": "String", "StringValue": text}
    return attributes


def _to_send(attribute: object) -> dict[str, Any] | None:
    """Return a message attribute as SQS takes it, of one as Lambda hands it over."""
    match attribute:
        case {"dataType": str(kind), "binaryValue": str(value)}:
            return {"DataType": kind, "BinaryValue": b64decode(value)}
        case {"dataType": str(kind), "stringValue": str(value)}:
            return {"DataType": kind, "StringValue": value}
    # An event that was made by hand may have what SQS never would.
    return None
