"""Dead letters in their queues, wherever these are: read, and moved back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from algernon.system.dead_letters import read_dead_letters, redrive
from algernon.system.place import Place
from algernon.system.task_queues import TaskQueues
from algernon_queue.dead_letter import DeadLetter
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from ..conftest import LocalAWS


@pytest.fixture
def sqs(aws: LocalAWS) -> Any:
    """A client for SQS."""
    return aws.client("sqs")


@pytest.fixture
def place(aws: LocalAWS) -> Place:
    """Where the queues are."""
    return Place(boto3.Session(), {**os.environ}, endpoint_url=aws.url)


def charge(letters: str, queue: str = "") -> list[TaskQueues]:
    """Return what the Task `charge` travels through."""
    return [TaskQueues("charge", "", queue, letters)]


def new_queue(sqs: Any, name: str) -> str:
    """Make a queue, and return its URL."""
    attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Return what a queue gives out."""
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def text(value: str) -> dict[str, str]:
    """Return a message attribute."""
    return {"DataType": "String", "StringValue": value}


def test_letters_are_read_and_left(place: Place, sqs: Any) -> None:
    """What a look gives, the next one and SQS itself give too."""
    letters = new_queue(sqs, "letters")
    for number in range(12):
        sqs.send_message(
            QueueUrl=letters,
            MessageBody=f"{number}",
            MessageAttributes={"algernon.reason": text(f"no {number}")},
        )

    found: list[list[DeadLetter]] = [read_dead_letters(place, charge(letters)) for _ in range(2)]

    assert {letter.task for letter in found[0]} == {"charge"}
    reasons = [sorted(str(letter.reason) for letter in letters) for letters in found]
    assert reasons == [sorted(f"no {number}" for number in range(12))] * 2
    assert len(received(sqs, letters)) == 10


def test_a_letter_goes_back_as_it_was(place: Place, sqs: Any) -> None:
    """Its body, all of its attributes, its tenant and its trace go with it."""
    letters, queue = new_queue(sqs, "letters"), new_queue(sqs, "queue")
    attributes = {
        "algernon.task_id": text("4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"),
        "picture": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG"},
    }
    sqs.send_message(
        QueueUrl=letters,
        MessageBody="grüße",
        MessageAttributes=attributes,
        MessageSystemAttributes={"AWSTraceHeader": text("Root=1-5f84c7a4-4e1b2c3d4e5f607182")},
    )

    assert redrive(place, charge(letters, queue)) == 1

    (message,) = received(sqs, queue)
    assert (message["Body"], message["MessageAttributes"]) == ("grüße", attributes)
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1-5f84c7a4-4e1b2c3d4e5f607182"
    assert received(sqs, letters) == []


def test_a_fifo_letter_stays_in_its_message_group(place: Place, sqs: Any) -> None:
    """Letters of a FIFO queue go back in order, though SQS may remember that they were sent."""
    letters, queue = new_queue(sqs, "letters.fifo"), new_queue(sqs, "queue.fifo")
    for url in (queue, letters):
        for number in range(3):
            sqs.send_message(
                QueueUrl=url,
                MessageBody=f"{number}",
                MessageGroupId="orders",
                MessageDeduplicationId=f"{number}",
            )
        if url == queue:
            for message in received(sqs, queue):
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    assert redrive(place, charge(letters, queue)) == 3

    moved = received(sqs, queue)
    assert [message["Body"] for message in moved] == ["0", "1", "2"]
    assert {message["Attributes"]["MessageGroupId"] for message in moved} == {"orders"}


def test_what_cannot_be_moved_stays(place: Place, sqs: Any) -> None:
    """Where the queue takes nothing, the letter can be read again at once."""
    letters, queue = new_queue(sqs, "letters"), new_queue(sqs, "queue")
    sqs.send_message(QueueUrl=letters, MessageBody="one")
    sqs.delete_queue(QueueUrl=queue)

    with pytest.raises(ClientError, match="NonExistentQueue"):
        redrive(place, charge(letters, queue))

    assert len(read_dead_letters(place, charge(letters))) == 1
