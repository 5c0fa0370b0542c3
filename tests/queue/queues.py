"""Queues of the local SQS, and what Lambda would hand over of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..batches import as_lambda_has_it, receive
from ..wire import Answer
from .events import record

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Call, Treatment, Wire


class SourceQueue:
    """A queue that feeds a worker, and its dead-letter queue.

    A worker keeps queues' URLs for good, so each one has another name.

    Args:
        aws: The local AWS.
        is_fifo: Whether it is a FIFO queue.
        has_dead_letters: Whether it has a dead-letter queue.
        max_receive_count: How often it gives a message out.
    """

    def __init__(
        self,
        aws: LocalAWS,
        *,
        is_fifo: bool = False,
        has_dead_letters: bool = True,
        max_receive_count: int = 100,
    ) -> None:
        self._sqs = aws.client("sqs")
        suffix = ".fifo" if is_fifo else ""
        kind = {"FifoQueue": "true"} if is_fifo else {}
        name = f"work-{uuid4()}"
        self._dead_letters = self._create(f"{name}-dead{suffix}", kind)
        redrive = {
            "RedrivePolicy": json.dumps(
                {
                    "deadLetterTargetArn": self._arn_of(self._dead_letters),
                    "maxReceiveCount": max_receive_count,
                }
            )
        }
        self._url = self._create(f"{name}{suffix}", kind | (redrive if has_dead_letters else {}))
        self.arn = self._arn_of(self._url)

    def send(self, *bodies: str, **others: Any) -> None:
        """Send messages, each with the same other parameters of SQS's SendMessage."""
        for body in bodies:
            self._sqs.send_message(QueueUrl=self._url, MessageBody=body, **others)

    def receive(self) -> list[dict[str, Any]]:
        """Receive a batch, as the records that Lambda would hand over, in the order sent."""
        return [self._record(message) for message in receive(self._sqs, self._url)]

    def delete(self, *records: dict[str, Any]) -> None:
        """Delete records, as Lambda does with those that are done."""
        for one in records:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=one["receiptHandle"])

    def dead_letters(self) -> list[dict[str, Any]]:
        """Receive what is in the dead-letter queue, as SQS hands it over."""
        return receive(self._sqs, self._dead_letters)

    def _create(self, name: str, attributes: dict[str, str]) -> str:
        url: str = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def _arn_of(self, url: str) -> str:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn: str = answer["Attributes"]["QueueArn"]
        return arn

    def _record(self, received: dict[str, Any]) -> dict[str, Any]:
        return record(
            received["Body"],
            messageId=received["MessageId"],
            receiptHandle=received["ReceiptHandle"],
            attributes=received["Attributes"],
            messageAttributes={
                name: as_lambda_has_it(value)
                for name, value in received.get("MessageAttributes", {}).items()
            },
            eventSourceARN=self.arn,
        )


def received_times(count: int, record: dict[str, Any]) -> dict[str, Any]:
    """Return a record that says that it was received so often."""
    attributes = {**record["attributes"], "ApproximateReceiveCount": str(count)}
    return {**record, "attributes": attributes}


def entries_of(wire: Wire, operation: str) -> list[list[dict[str, Any]]]:
    """Return the entries of each call of one of SQS's batch operations."""
    return [entries_in(call) for call in wire.calls if call.operation == operation]


def not_allowing(operation: str) -> Treatment:
    """Return a treatment of calls in which SQS doesn't allow one of its operations."""
    denial = b'{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"not allowed"}'
    return lambda call, forward: (
        Answer(403, [], denial) if call.operation == operation else forward()
    )


def entries_in(call: Call) -> list[dict[str, Any]]:
    """Return the entries of a call of one of SQS's batch operations."""
    entries: list[dict[str, Any]] = json.loads(call.body)["Entries"]
    return entries
