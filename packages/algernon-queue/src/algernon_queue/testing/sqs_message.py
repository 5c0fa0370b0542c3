"""A message in a queue, and the record that Lambda makes of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

# Who sends: the unique id of an IAM user in AWS's own examples.
_SENDER = "AIDAIENQZJOLO23YVJ4VO"

#: What goes beside a message, by name, as SNS and SQS take it.
Attributes = Mapping[str, Mapping[str, Any]]


@dataclass(slots=True, eq=False)
class SQSMessage:
    """A message in a queue.

    Attributes:
        message_id: The id by which SQS knows it.
        body: Its body.
        sent_at: When it was sent, in milliseconds since 1970.
        attributes: What its sender says of it, as SQS takes it.
        group: The message group, or None.
        deduplication_id: What it is known as sent already by, or None.
        trace_header: X-Ray's tracing header, or None.
        sequence_number: Its number, on a FIFO queue.
        receive_count: How often it was received.
        first_received_at: When it first was, in milliseconds since 1970.
        received_at: When it last was, in seconds since 1970.
        visible_at: Until when it is hidden, in seconds since 1970.
        receipt_handle: What whoever received it last knows it by.
    """

    message_id: str
    body: str
    sent_at: int
    attributes: Attributes = field(default_factory=dict)
    group: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None
    sequence_number: str | None = None
    receive_count: int = 0
    first_received_at: int = 0
    received_at: float = 0
    visible_at: float = 0
    receipt_handle: str | None = None

    @property
    def receipt(self) -> dict[str, str]:
        """What its sender is told of it."""
        number = {} if self.sequence_number is None else {"SequenceNumber": self.sequence_number}
        return {"MessageId": self.message_id, "MD5OfMessageBody": self._md5, **number}

    @property
    def _md5(self) -> str:
        return md5(self.body.encode(), usedforsecurity=False).hexdigest()

    def record(self, queue_arn: str) -> dict[str, Any]:
        """Return it as Lambda hands it over: "Using Lambda with Amazon SQS" of its guide."""
        attributes = {
            "ApproximateReceiveCount": str(self.receive_count),
            "SentTimestamp": str(self.sent_at),
            "SenderId": _SENDER,
            "ApproximateFirstReceiveTimestamp": str(self.first_received_at),
        }
        others = {
            "SequenceNumber": self.sequence_number,
            "MessageGroupId": self.group,
            "MessageDeduplicationId": self.deduplication_id,
            "AWSTraceHeader": self.trace_header,
        }
        attributes |= {name: text for name, text in others.items() if text is not None}
        return {
            "messageId": self.message_id,
            "receiptHandle": self.receipt_handle,
            "body": self.body,
            "attributes": attributes,
            "messageAttributes": {
                name: _as_lambda_has_it(value) for name, value in self.attributes.items()
            },
            "md5OfBody": self._md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": queue_arn.split(":")[3],
        }


def _as_lambda_has_it(attribute: Mapping[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    if "StringValue" in attribute:
        value["stringValue"] = attribute["StringValue"]
    else:
        value["binaryValue"] = b64encode(attribute["BinaryValue"]).decode()
    return {**value, "dataType": attribute["DataType"]}
