"""Moving records to the dead-letter queues of their queues, with the reason."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from algernon_storage import aws_client

from .._wire.record import LETTER_ATTRIBUTE, REASON_PREFIX, Record
from ..errors import NoDeadLetterQueueError
from .entries import Entry, send_entries
from .queues import dead_letter_queue_arn, queue_url

# Amazon SQS API Reference, SendMessageBatch: bytes of all messages of a call.
_MAX_BYTES = 1024 * 1024
# Amazon SQS Developer Guide, "Amazon SQS message metadata": attributes a message.
_MAX_ATTRIBUTES = 10
# Amazon SQS API Reference, SendMessage: which characters a message may not hold. It is
# compiled when it is needed, which takes as long as importing three modules.
_UNSENDABLE = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


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


def _send_to_dead_letter_queue(queue_arn: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    sqs = aws_client("sqs")
    answer: dict[str, Any] = sqs.send_message_batch(
        QueueUrl=_dead_letter_queue_url(sqs, queue_arn), Entries=entries
    )
    return answer


def _dead_letter_queue_url(sqs: Any, queue_arn: str) -> str:
    arn = dead_letter_queue_arn(sqs, queue_arn)
    if arn is None:
        raise NoDeadLetterQueueError(
            f"the queue {queue_arn} has no redrive policy, so it has no dead-letter queue that a"
            " message could be moved to: give it one"
        )
    return queue_url(sqs, arn)


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
