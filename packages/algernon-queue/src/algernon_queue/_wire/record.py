"""The records of an SQS event, as Lambda hands them over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeGuard

from ..errors import NotAnSQSEventError

#: What the names of the attributes begin with in which a dead letter says why it is one.
REASON_PREFIX = "algernon."
#: The attribute in which it keeps its Task's id, for when it is moved back: SQS knows it by
#: another id then.
TASK_ID_ATTRIBUTE = f"{REASON_PREFIX}task_id"
#: The one attribute that has them all, as JSON, where there is no room for each.
LETTER_ATTRIBUTE = f"{REASON_PREFIX}letter"

# Beyond what Python writes as a time, in milliseconds.
_TOO_LATE = 10**14


class Record:
    """One message of SQS: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS".

    Attributes:
        raw: The record as it came.
        message_id: The messageId by which SQS knows it.
        attributes: What SQS says of the message.
        queue_arn: The ARN of the queue that it came from.
        group: The message group in whose order it is to be done, which a FIFO queue has.
    """

    __slots__ = ("attributes", "group", "message_id", "queue_arn", "raw")

    def __init__(self, raw: Mapping[str, Any], message_id: str) -> None:
        self.raw = raw
        self.message_id = message_id
        self.attributes = _mapping(raw.get("attributes"))
        self.queue_arn = str(raw.get("eventSourceARN") or "")
        self.group = self.message_group if self.queue_arn.endswith(".fifo") else None

    @property
    def body(self) -> object:
        """The body: a text, if SQS made the record."""
        return self.raw.get("body")

    @property
    def receipt_handle(self) -> str | None:
        """What SQS wants to see from whoever deletes or hides the message."""
        return self.raw.get("receiptHandle")

    @property
    def receive_count(self) -> int:
        """How often the message was received, this time included; 1 where SQS doesn't say."""
        return _number(self.attributes.get("ApproximateReceiveCount")) or 1

    @property
    def sent_at(self) -> float | None:
        """When SQS took the message, in seconds since 1970, where it says so."""
        millis = _number(self.attributes.get("SentTimestamp"))
        return None if millis is None or millis >= _TOO_LATE else millis / 1000

    @property
    def message_group(self) -> str | None:
        """The message group that its sender put it in, on a queue of either kind."""
        group = self.attributes.get("MessageGroupId")
        return None if group is None else str(group)

    @property
    def message_attributes(self) -> Mapping[str, Any]:
        """What the sender says of it, as Lambda writes it."""
        return _mapping(self.raw.get("messageAttributes"))

    @property
    def is_redriven(self) -> bool:
        """Whether a worker moved it to a dead-letter queue, from where it came back."""
        return any(name.startswith(REASON_PREFIX) for name in self.message_attributes)

    @property
    def kept_task_id(self) -> str | None:
        """The Task's id, where a worker noted it when it moved the message."""
        noted = self._noted(TASK_ID_ATTRIBUTE)
        if noted is not None or (letter := self._noted(LETTER_ATTRIBUTE)) is None:
            return noted
        with suppress(ValueError, RecursionError):
            task_id = _mapping(json.loads(letter)).get(TASK_ID_ATTRIBUTE)
            return task_id if isinstance(task_id, str) else None
        return None

    def _noted(self, name: str) -> str | None:
        text = _mapping(self.message_attributes.get(name)).get("stringValue")
        return text if isinstance(text, str) else None

    def context_entry(self, message_attributes: Mapping[str, str]) -> dict[str, Any]:
        """Return what a handler may want to know of it: the context's ``sqs``."""
        get = self.raw.get
        return {
            "message_id": self.message_id,
            "receipt_handle": get("receiptHandle"),
            "source_arn": get("eventSourceARN"),
            "aws_region": get("awsRegion"),
            "receive_count": self.receive_count,
            "message_attributes": message_attributes,
            "message_group": self.message_group,
            "sent_at": self.sent_at,
        }


def records_of(event: Any) -> list[Record]:
    """Return the records of an event: ``{"Records": […]}``, or the list alone.

    Raises:
        NotAnSQSEventError: It isn't one of an SQS queue, or a failure of a record
            of it couldn't be reported.
    """
    # Amazon EventBridge User Guide, "Amazon EventBridge Pipes batching and concurrency":
    # a pipe hands over an array of records, and if it is of one.
    records = event.get("Records") if isinstance(event, Mapping) else event or None
    if not isinstance(records, list):
        raise NotAnSQSEventError(
            "the event has no list of Records, and isn't one, so it doesn't come from an SQS"
            " queue: subscribe the function to a queue with an event source mapping, or a pipe of"
            " EventBridge"
        )
    return [_record(raw) for raw in records]


def _record(raw: Any) -> Record:
    # SNS spells the key in its own way.
    source = None
    if _is_mapping(raw):
        source = raw["eventSource"] if "eventSource" in raw else raw.get("EventSource", "aws:sqs")
    if source != "aws:sqs":
        raise NotAnSQSEventError(
            f"a record of the event comes from {source!r}, not from an SQS queue ('aws:sqs')"
        )
    message_id = raw.get("messageId")
    if not (message_id and isinstance(message_id, str)):
        raise NotAnSQSEventError(
            "a record of the event has no messageId, so a failure of it couldn't be reported"
        )
    return Record(raw, message_id)


def _mapping(value: object) -> Mapping[str, Any]:
    # An event that was made by hand may say what SQS never would.
    return value if _is_mapping(value) else {}


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    # Lambda's are dicts, of which asking an abstract class takes five times as long.
    return type(value) is dict or isinstance(value, Mapping)


def _number(value: Any) -> int | None:
    """Return a number of SQS's, which it writes as a text, or None where there is none."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number >= 0 else None
