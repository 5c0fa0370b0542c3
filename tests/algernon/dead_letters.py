"""A system of queues that a test makes by hand, and fills with dead letters."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from algernon.local.aws import LocalAWS as Ministack
from algernon.system.place import Place
from algernon.system.task_queues import TaskQueues

from ..conftest import LocalAWS

#: What the names of its topics begin with.
PREFIX = "shop-"


class DeadLetterOffice:
    """Topics, queues and dead-letter queues of Tasks on a local AWS.

    Args:
        aws: The local AWS.
    """

    def __init__(self, aws: LocalAWS | Ministack) -> None:
        self.sqs = aws.client("sqs")
        self._sns = aws.client("sns")
        self._url = aws.url if isinstance(aws, LocalAWS) else aws.endpoint_url
        self.tasks: dict[str, TaskQueues] = {}

    @property
    def place(self) -> Place:
        """Where it is, as a local AWS, which counts its messages."""
        environ = {**os.environ, "ALGERNON_TOPIC_PREFIX": PREFIX}
        return Place(boto3.Session(), environ, endpoint_url=self._url)

    def add(self, task: str, *, is_fifo: bool = False, **attributes: str) -> TaskQueues:
        """Make what a Task travels through.

        Args:
            task: The Task's name.
            is_fifo: Whether its queues are FIFO queues.
            attributes: Attributes of the dead-letter queue.
        """
        end = ".fifo" if is_fifo else ""
        fifo = {"FifoQueue": "true"} if is_fifo else {}
        letters = self._queue(f"{PREFIX}{task}-letters{end}", {**fifo, **attributes})
        policy = {"deadLetterTargetArn": self.arn(letters), "maxReceiveCount": 5}
        queue = self._queue(f"{PREFIX}{task}{end}", {**fifo, "RedrivePolicy": json.dumps(policy)})
        topic_fifo = {"FifoTopic": "true"} if is_fifo else {}
        topic = self._sns.create_topic(Name=f"{PREFIX}{task}{end}", Attributes=topic_fifo)
        arn = topic["TopicArn"]
        self._sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=self.arn(queue))
        self.tasks[task] = TaskQueues(task, arn, queue, letters)
        return self.tasks[task]

    def send(
        self,
        task: str,
        body: object,
        *,
        error: str | None = None,
        reason: str | None = None,
        group: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """Put a letter into the dead-letter queue of a Task, and return SQS's id of it.

        Args:
            task: The Task.
            body: Its body: a text, or what is written as JSON.
            error: The error that its worker noted, if one did.
            reason: What it noted that the error says.
            group: Its message group.
            attributes: Attributes besides.
        """
        noted = {"algernon.error": error, "algernon.reason": reason}
        url = self.letters(task)
        fields: dict[str, Any] = {} if group is None else {"MessageGroupId": group}
        if url.endswith(".fifo"):
            fields["MessageDeduplicationId"] = os.urandom(8).hex()
        answer = self.sqs.send_message(
            QueueUrl=url,
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={
                **{name: text(value) for name, value in noted.items() if value is not None},
                **(attributes or {}),
            },
            **fields,
        )
        return str(answer["MessageId"])

    def send_all(self, task: str, bodies: Sequence[object], *, error: str) -> None:
        """Put many letters into the dead-letter queue of a Task, ten at once."""
        entries = [
            {
                "Id": str(number),
                "MessageBody": json.dumps(body),
                "MessageAttributes": {"algernon.error": text(error)},
            }
            for number, body in enumerate(bodies)
        ]
        for start in range(0, len(entries), 10):
            self.sqs.send_message_batch(
                QueueUrl=self.letters(task), Entries=entries[start : start + 10]
            )

    def letters(self, task: str) -> str:
        """Return the URL of a Task's dead-letter queue."""
        url = self.tasks[task].dead_letter_queue_url
        assert url is not None
        return url

    def arn(self, url: str) -> str:
        """Return a queue's ARN."""
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def visible(self, task: str) -> int:
        """Return how many letters of a Task can be received."""
        return self._counted(task, "ApproximateNumberOfMessages")

    def hidden(self, task: str) -> int:
        """Return how many letters of a Task somebody has in hand."""
        return self._counted(task, "ApproximateNumberOfMessagesNotVisible")

    def received(self, task: str, *, seconds: int = 30) -> list[dict[str, Any]]:
        """Receive up to ten letters of a Task, and hide them for so many seconds."""
        answer = self.sqs.receive_message(
            QueueUrl=self.letters(task),
            MaxNumberOfMessages=10,
            VisibilityTimeout=seconds,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _counted(self, task: str, name: str) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.letters(task), AttributeNames=[name])
        return int(answer["Attributes"][name])

    def _queue(self, name: str, attributes: Mapping[str, str]) -> str:
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def text(value: str) -> dict[str, str]:
    """Return a message attribute."""
    return {"DataType": "String", "StringValue": value}


def message(task: str, number: int, **more: Any) -> dict[str, Any]:
    """Return the message of a Task, of an id that begins with its number."""
    task_id = f"{number:08x}-0000-4000-8000-000000000000"
    return {"task_name": task, "task_kwargs": {"number": number}, "task_id": task_id, **more}
