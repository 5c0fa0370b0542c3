"""SQS in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .batches import Entry, Refusal, missing_on_fifo, refusal_of, taken_or_failed
from .client import REGION, InMemoryClient
from .clock import Clock
from .lambda_context import ACCOUNT
from .sqs_message import Attributes, SQSMessage

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# Amazon SQS API Reference, SendMessageBatch and ChangeMessageVisibility.
_MOST_BYTES = 1024 * 1024
_LONGEST_VISIBILITY = 12 * 60 * 60
# Amazon SQS Developer Guide, "Exactly-once processing in Amazon SQS".
_DEDUPLICATION_SECONDS = 5 * 60

_FIRST_SEQUENCE_NUMBER = 18_850_000_000_000_000_000

# The prefix of SQS's errors, which its older protocol gave them.
_PREFIX = "AWS.SimpleQueueService."


class Queue:
    """A queue, and what is in it, in order.

    Args:
        name: Its name; that of a FIFO queue ends with ``.fifo``.
        clock: The system's clock.
        visibility_timeout: For how many seconds it hides what it gave out.
        dead_letters: Its dead-letter queue, or None.
        max_receive_count: How often it gives a message out before it goes there.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        visibility_timeout: int = 30,
        dead_letters: Queue | None = None,
        max_receive_count: int = 0,
    ) -> None:
        self.name = name
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        self.url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
        self.visibility_timeout = visibility_timeout
        self.dead_letters = dead_letters
        self.max_receive_count = max_receive_count
        self.is_fifo = name.endswith(".fifo")
        self.messages: list[SQSMessage] = []
        self._clock = clock
        self._sequence_numbers = count(_FIRST_SEQUENCE_NUMBER)
        self._sent_ids: dict[str, tuple[float, SQSMessage]] = {}

    @property
    def next_visible_at(self) -> float | None:
        """When the first of those that it hides comes back, or None where it hides none."""
        times = [message.visible_at for message in self.messages]
        return min((time for time in times if time > self._clock.now), default=None)

    @property
    def visible(self) -> int:
        """How many messages it doesn't hide."""
        return sum(message.visible_at <= self._clock.now for message in self.messages)

    def send(self, message: SQSMessage) -> SQSMessage:
        """Take a message, or return the one that it is a duplicate of."""
        if not self.is_fifo:
            self.messages.append(message)
            return message
        sent_id = message.deduplication_id or ""
        sent_at, sent = self._sent_ids.get(sent_id, (float("-inf"), message))
        if self._clock.now - sent_at < _DEDUPLICATION_SECONDS:
            return sent
        message.sequence_number = str(next(self._sequence_numbers))
        self._sent_ids[sent_id] = self._clock.now, message
        self.messages.append(message)
        return message

    def receive(self, most: int) -> list[SQSMessage]:
        """Give messages out, in order, and hide them.

        What was given out as often as it may be goes to the dead-letter queue instead.
        On a FIFO queue a message waits for those before it in its group.
        """
        now = self._clock.now
        received: list[SQSMessage] = []
        lost: list[SQSMessage] = []
        blocked: set[str | None] = set()
        for message in self.messages:
            if len(received) == most:
                break
            if message.visible_at > now or (self.is_fifo and message.group in blocked):
                blocked.add(message.group)
            elif self.dead_letters is not None and message.receive_count >= self.max_receive_count:
                lost.append(message)
            else:
                self._give_out(message)
                received.append(message)
        if self.dead_letters is not None:
            self.delete(lost)
            self.dead_letters.messages += [replace(message, visible_at=0) for message in lost]
        return received

    def delete(self, messages: Iterable[SQSMessage]) -> None:
        """Delete messages."""
        for message in messages:
            self.messages.remove(message)

    def _give_out(self, message: SQSMessage) -> None:
        message.receive_count += 1
        message.first_received_at = message.first_received_at or self._clock.millis
        message.received_at = self._clock.now
        message.visible_at = self._clock.now + self.visibility_timeout
        message.receipt_handle = f"{message.message_id}#{message.receive_count}"

    def hide(self, receipt_handle: str, seconds: int) -> Refusal | None:
        """Hide a message for so many seconds from now, or return why it can't be."""
        now = self._clock.now
        message = next(
            (each for each in self.messages if each.receipt_handle == receipt_handle), None
        )
        if message is None or message.visible_at <= now:
            return Refusal(
                "ReceiptHandleIsInvalid",
                f"The input receipt handle {receipt_handle!r} is not a valid receipt handle.",
            )
        if not 0 <= seconds <= message.received_at + _LONGEST_VISIBILITY - now:
            return Refusal(
                "InvalidParameterValue",
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total"
                f" VisibilityTimeout for the message is beyond the limit [{_LONGEST_VISIBILITY}"
                " seconds].",
            )
        message.visible_at = now + seconds
        return None


class InMemorySQS(InMemoryClient):
    """SQS in memory: standard and FIFO queues, and their dead-letter queues.

    Source: Amazon SQS API Reference, SendMessageBatch, ChangeMessageVisibilityBatch,
    GetQueueUrl and GetQueueAttributes.
    """

    service = "sqs"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._queues: dict[str, Queue] = {}

    def add(self, queue: Queue) -> None:
        """Have a queue."""
        with self._lock:
            self._queues[queue.url] = queue

    def send(self, queue: Queue, message: SQSMessage) -> SQSMessage:
        """Send a message as another service does, or return the one that it is a duplicate of."""
        with self._lock:
            return queue.send(message)

    def receive(self, queue: Queue, most: int) -> list[SQSMessage]:
        """Give a batch out, of so many messages at most."""
        with self._lock:
            return queue.receive(most)

    def delete(self, queue: Queue, messages: Iterable[SQSMessage]) -> None:
        """Delete messages that were given out."""
        with self._lock:
            queue.delete(messages)

    def redrive(self, queue: Queue) -> int:
        """Move what is in a queue's dead-letter queue back, and return how many messages that are.

        Source: Amazon SQS Developer Guide, "Learn how to configure a dead-letter queue
        redrive in Amazon SQS": what is moved is a new message.
        """
        with self._lock:
            letters = queue.dead_letters.messages if queue.dead_letters else []
            moved, letters[:] = letters[:], []
            for letter in moved:
                queue.send(
                    SQSMessage(
                        message_id := str(uuid4()),
                        letter.body,
                        self._clock.millis,
                        letter.attributes,
                        letter.group,
                        message_id if queue.is_fifo else None,
                        letter.trace_header,
                    )
                )
            return len(moved)

    def get_queue_url(
        self, *, QueueName: str, QueueOwnerAWSAccountId: str = ACCOUNT
    ) -> dict[str, Any]:
        """Return the URL of a queue."""
        for queue in self._queues.values():
            if (queue.name, ACCOUNT) == (QueueName, QueueOwnerAWSAccountId):
                return self._answer(QueueUrl=queue.url)
        raise self._no_such_queue("GetQueueUrl")

    def get_queue_attributes(
        self, *, QueueUrl: str, AttributeNames: Sequence[str]
    ) -> dict[str, Any]:
        """Return what a queue says of itself."""
        queue = self._queue("GetQueueAttributes", QueueUrl)
        attributes = {
            "QueueArn": queue.arn,
            "VisibilityTimeout": str(queue.visibility_timeout),
        }
        if queue.dead_letters is not None:
            attributes["RedrivePolicy"] = json.dumps(
                {
                    "deadLetterTargetArn": queue.dead_letters.arn,
                    "maxReceiveCount": queue.max_receive_count,
                }
            )
        if unknown := {*AttributeNames} - {"QueueArn", "RedrivePolicy", "VisibilityTimeout"}:
            raise self._error(
                "GetQueueAttributes",
                "InvalidAttributeName",
                f"Unknown Attribute {', '.join(sorted(unknown))}.",
            )
        return self._answer(
            Attributes={name: attributes[name] for name in AttributeNames if name in attributes}
        )

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Entry]) -> dict[str, Any]:
        """Send messages, each of which may be refused alone."""
        operation = "SendMessageBatch"
        queue = self._queue(operation, QueueUrl)
        self._check(operation, refusal_of(Entries, "MessageBody", most_bytes=_MOST_BYTES))

        def send(entry: Entry) -> Mapping[str, Any] | Refusal:
            refusal = missing_on_fifo(entry) if queue.is_fifo else None
            return refusal or queue.send(_message(self._clock, **entry)).receipt

        with self._lock:
            return self._answer(**taken_or_failed(Entries, send))

    def change_message_visibility_batch(
        self, *, QueueUrl: str, Entries: Sequence[Entry]
    ) -> dict[str, Any]:
        """Hide messages that were given out, for so many seconds from now."""
        operation = "ChangeMessageVisibilityBatch"
        queue = self._queue(operation, QueueUrl)
        self._check(operation, refusal_of(Entries))

        def hide(entry: Entry) -> Mapping[str, Any] | Refusal:
            return queue.hide(entry["ReceiptHandle"], entry["VisibilityTimeout"]) or {}

        with self._lock:
            return self._answer(**taken_or_failed(Entries, hide))

    def _queue(self, operation: str, url: str) -> Queue:
        if url not in self._queues:
            raise self._no_such_queue(operation)
        return self._queues[url]

    def _no_such_queue(self, operation: str) -> ClientError:
        message = "The specified queue does not exist."
        return self._error(operation, f"{_PREFIX}NonExistentQueue", message)

    def _check(self, operation: str, refusal: Refusal | None) -> None:
        if refusal is not None:
            raise self._error(operation, f"{_PREFIX}{refusal.code}", refusal.message)


def _message(
    clock: Clock,
    *,
    Id: str,
    MessageBody: str,
    MessageAttributes: Attributes | None = None,
    MessageSystemAttributes: Attributes | None = None,
    MessageGroupId: str | None = None,
    MessageDeduplicationId: str | None = None,
) -> SQSMessage:
    del Id
    trace = (MessageSystemAttributes or {}).get("AWSTraceHeader", {}).get("StringValue")
    return SQSMessage(
        str(uuid4()),
        MessageBody,
        clock.millis,
        MessageAttributes or {},
        MessageGroupId,
        MessageDeduplicationId,
        trace,
    )
