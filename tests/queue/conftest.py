"""What the tests of algernon-queue share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import observers
from algernon_queue._aws import queues

from ..batches import as_lambda_has_it
from .events import event, record
from .lambda_clock import LambdaClock
from .watching import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..conftest import LocalAWS


class Listeners:
    """Topics of Tasks that all feed one queue."""

    def __init__(self, aws: LocalAWS) -> None:
        self._aws = aws
        self._sns = aws.client("sns")
        self._sqs = aws.client("sqs")
        self._queue = self._sqs.create_queue(QueueName="listeners")["QueueUrl"]
        self._arn = self._sqs.get_queue_attributes(
            QueueUrl=self._queue, AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]

    def add(self, *names: str, raw: bool = True) -> dict[str, str]:
        """Create topics and subscribe the queue to them, and return their ARNs by name."""
        arns = {}
        for name in names:
            arns[name] = self._sns.create_topic(Name=name)["TopicArn"]
            self._sns.subscribe(
                TopicArn=arns[name],
                Protocol="sqs",
                Endpoint=self._arn,
                Attributes={"RawMessageDelivery": str(raw).lower()},
            )
        return arns

    def take(self) -> list[dict[str, Any]]:
        """Take a batch out of the queue, as the records that Lambda would hand over."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        records = []
        for received in answer.get("Messages", ()):
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=received["ReceiptHandle"])
            attributes = {
                name: as_lambda_has_it(value)
                for name, value in received.get("MessageAttributes", {}).items()
            }
            records.append(
                record(
                    received["Body"],
                    messageId=received["MessageId"],
                    messageAttributes=attributes,
                )
            )
        return records

    def messages(self) -> list[dict[str, Any]]:
        """Take everything out of the queue, as messages in the order of their task_kwargs."""
        taken = []
        while records := self.take():
            taken += [json.loads(record["body"]) for record in records]
        return sorted(taken, key=lambda message: json.dumps(message["task_kwargs"]))

    def drive(self, handler: Callable[[Any, Any], Any], context: Any) -> None:
        """Have a handler work until the queue is empty; a failure ends it."""
        for _ in range(50):
            if not (records := self.take()):
                return
            assert handler(event(*records), context) == {"batchItemFailures": []}
        pytest.fail("the queue never got empty: a chain doesn't end")


@pytest.fixture(autouse=True)
def _nothing_known_of_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each test's worker ask its queues itself, whatever ran before it, and but once."""
    monkeypatch.setattr(queues, "_period", lambda: 0)
    for answers in (
        queues._attributes_of,
        queues._max_receive_count,
        queues._visibility_timeout,
    ):
        answers.cache_clear()


@pytest.fixture
def listeners(aws: LocalAWS) -> Listeners:
    """Topics of Tasks that feed one queue, so far none."""
    return Listeners(aws)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> LambdaClock:
    """Lambda's clock, which goes on when the test says so."""
    return LambdaClock(monkeypatch)


@pytest.fixture
def watch() -> Iterator[Callable[..., Notes]]:
    """Add an observer, for this test."""
    before = list(observers)

    def add(**attributes: Any) -> Notes:
        notes = Notes(**attributes)
        observers.append(notes)
        return notes

    yield add
    observers[:] = before


@pytest.fixture
def notes(watch: Callable[..., Notes]) -> Notes:
    """What an observer of this test is told."""
    return watch()
