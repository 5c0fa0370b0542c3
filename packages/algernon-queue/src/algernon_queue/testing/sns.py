"""SNS in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from .batches import Entry, Refusal, missing_on_fifo, refusal_of, taken_or_failed
from .client import REGION, InMemoryClient
from .clock import Clock
from .lambda_context import ACCOUNT
from .notification import notification
from .sqs import InMemorySQS, Queue
from .sqs_message import Attributes, SQSMessage

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

        def publish(entry: Entry) -> Mapping[str, Any] | Refusal:
            refusal = missing_on_fifo(entry) if TopicArn.endswith(".fifo") else None
            return refusal or self._publish(TopicArn, queue, **entry)

        with self._lock:
            return self._answer(**taken_or_failed(entries, publish))

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
        message_id, millis = str(uuid4()), self._clock.millis
        body = notification(
            topic_arn, Message, MessageAttributes or {}, message_id=message_id, millis=millis
        )
        message = SQSMessage(
            str(uuid4()),
            body,
            millis,
            group=MessageGroupId,
            deduplication_id=MessageDeduplicationId,
        )
        sent = self._sqs.send(queue, message)
        if sent is not message:
            message_id = json.loads(sent.body)["MessageId"]
        number = {} if sent.sequence_number is None else {"SequenceNumber": sent.sequence_number}
        return {"MessageId": message_id, **number}


def topic_arn(name: str) -> str:
    """Return the ARN of a topic of the system."""
    return f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"
