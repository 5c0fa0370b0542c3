"""Dead letters in their queues, wherever these are, read where they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from algernon.system.dead_letters import read_dead_letters
from algernon.system.place import Place
from algernon.system.task_queues import TaskQueues
from algernon_queue.dead_letter import DeadLetter

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


def charge(letters: str) -> list[TaskQueues]:
    """Return what the Task `charge` travels through."""
    return [TaskQueues("charge", "", "", letters)]


def new_queue(sqs: Any, name: str) -> str:
    """Make a queue, and return its URL."""
    return str(sqs.create_queue(QueueName=name)["QueueUrl"])


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
