"""SNS in memory."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from .batches import Attributes, Entry, failed, missing_on_fifo, refusal_of
from .client import ACCOUNT, REGION, InMemoryClient
from .clock import Clock
from .sqs import InMemorySQS, Message, Queue

# Amazon SNS API Reference, PublishBatch: bytes of all messages of a call, and of their
# attributes.
_MOST_BYTES = 256 * 1024


class InMemorySNS(InMemoryClient):
    """SNS in memory: each topic has a queue that is subscribed to it, without raw delivery.

    Source: Amazon SNS API Reference, PublishBatch; Amazon SNS Developer Guide, "Fanout to
    Amazon SQS queues" and "Amazon SNS message deduplication for FIFO topics".

    Args:
        clock: The system's clock.
        sqs: Where the queues are.
    """

    service = "sns"

    def __init__(self, clock: Clock, sqs: InMemorySQS) -> None:
        super().__init__(clock)
        self._sqs = sqs
        self._queues: dict[str, Queue] = {}

    def subscribe_queue(self, topic_arn: str, queue: Queue) -> None:
        """Have a topic that feeds a queue."""
        with self._lock:
            self._queues[topic_arn] = queue

    def publish_batch(
        self, *, TopicArn: str, PublishBatchRequestEntries: Sequence[Entry]
    ) -> dict[str, Any]:
        """Publish messages, each of which may be refused alone."""
        operation = "PublishBatch"
        entries = PublishBatchRequestEntries
        if refusal := refusal_of(entries, "Message", most_bytes=_MOST_BYTES):
            raise self._error(operation, *refusal)
        queue = self._queues.get(TopicArn)
        if queue is None:
            raise self._error(operation, "NotFound", "Topic does not exist", 404)
        successful, refused = [], []
        with self._lock:
            for entry in entries:
                refusal = missing_on_fifo(entry) if TopicArn.endswith(".fifo") else None
                if refusal is None:
                    sent = self._publish(TopicArn, queue, **entry)
                    successful.append({"Id": entry["Id"], **sent})
                else:
                    refused.append(failed(entry, refusal))
        return self._answer(Successful=successful, Failed=refused)

    def _publish(
        self,
        topic_arn: str,
        queue: Queue,
        *,
        Id: str,
        Message: str,
        MessageAttributes: Attributes | None = None,
        MessageGroupId: str | None = None,
        MessageDeduplicationId: str | None = None,
    ) -> dict[str, Any]:
        del Id
        message_id = str(uuid4())
        body = _envelope(topic_arn, message_id, Message, MessageAttributes or {}, self._clock)
        sent = self._sqs.send(
            queue,
            _message(
                body, self._clock, group=MessageGroupId, deduplication_id=MessageDeduplicationId
            ),
        )
        published = {"MessageId": json.loads(sent.body)["MessageId"]}
        if sent.sequence_number is not None:
            published["SequenceNumber"] = sent.sequence_number
        return published


def topic_arn(name: str) -> str:
    """Return the ARN of a topic of the system."""
    return f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"


def _message(
    body: str, clock: Clock, *, group: str | None, deduplication_id: str | None
) -> Message:
    return Message(str(uuid4()), body, clock.millis, group=group, deduplication_id=deduplication_id)


def _envelope(
    topic: str,
    message_id: str,
    message: str,
    attributes: Attributes,
    clock: Clock,
) -> str:
    moment = datetime.fromtimestamp(clock.millis / 1000, UTC)
    envelope: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic,
        "Message": message,
        "Timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{clock.millis % 1000:03d}Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE" + "A" * 335 + "==",
        "SigningCertURL": f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService.pem",
        "UnsubscribeURL": f"https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe"
        f"&SubscriptionArn={topic}:{uuid4()}",
    }
    if attributes:
        envelope["MessageAttributes"] = {
            name: {"Type": value["DataType"], "Value": _text(value)}
            for name, value in attributes.items()
        }
    return json.dumps(envelope, ensure_ascii=False, indent=2, separators=(",", " : "))


def _text(attribute: Mapping[str, Any]) -> str:
    if "StringValue" in attribute:
        return str(attribute["StringValue"])
    return b64encode(attribute["BinaryValue"]).decode()
