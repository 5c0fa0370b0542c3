"""A system of queues made by hand, in whose dead-letter queues a test puts letters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from algernon_queue import send_task

if TYPE_CHECKING:
    import pytest

    from ..conftest import LocalAWS

#: What its topics begin with.
PREFIX = "shop-"


class DeadSystem:
    """Topics and queues of Tasks, which no worker works off.

    Args:
        aws: Where they are.
        monkeypatch: What leads whoever sends to them.
        tasks: The Tasks' names; those that end in ``.fifo`` have FIFO queues.
    """

    def __init__(self, aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, *tasks: str) -> None:
        self.sqs = aws.client("sqs")
        sns = aws.client("sns")
        self._urls: dict[str, str] = {}
        self._dead_urls: dict[str, str] = {}
        for each in tasks:
            task, dot, fifo = each.partition(".")
            suffix = f"{dot}{fifo}"
            kind = {"FifoQueue": "true"} if fifo else {}
            dead, dead_arn = self._queue(f"{PREFIX}{task}-dead{suffix}", kind)
            policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 5})
            url, arn = self._queue(f"{PREFIX}{task}{suffix}", {**kind, "RedrivePolicy": policy})
            attributes = {"FifoTopic": "true"} if fifo else {}
            topic = sns.create_topic(Name=f"{PREFIX}{task}{suffix}", Attributes=attributes)
            sns.subscribe(TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=arn)
            self._urls[task], self._dead_urls[task] = url, dead
        monkeypatch.setenv("ALGERNON_TOPIC_PREFIX", PREFIX)

    def give_up(
        self, task: str, kwargs: Mapping[str, Any], error: str = "CardError", **how: Any
    ) -> str:
        """Send a Task and move it to its dead-letter queue, as a worker does; return its id."""
        task_id = send_task(task, kwargs, **how)
        self.give_up_all(task, error)
        return task_id

    def give_up_all(self, task: str, error: str = "CardError") -> None:
        """Move all of a Task's queue to its dead-letter queue, as a worker does."""
        noted = {"error": error, "reason": "no card", "task_name": task, "receive_count": "5"}
        for message in self._take(self._urls[task]):
            self.put(
                task,
                message["Body"],
                {f"algernon.{name}": text for name, text in noted.items()},
                message.get("Attributes", {}).get("MessageGroupId"),
            )

    def empty(self, task: str) -> None:
        """Delete all of a Task's dead letters."""
        self._take(self.dead(task))

    def put(self, task: str, body: str, texts: Mapping[str, str], group: str | None = None) -> None:
        """Put a message into a dead-letter queue, with texts beside it."""
        fifo = (
            {"MessageDeduplicationId": str(hash(body))} if self.dead(task)[-5:] == ".fifo" else {}
        )
        self.sqs.send_message(
            QueueUrl=self.dead(task),
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": text} for name, text in texts.items()
            },
            **fifo,
            **({} if group is None else {"MessageGroupId": group}),
        )

    def dead(self, task: str) -> str:
        """Return the URL of a Task's dead-letter queue."""
        return self._dead_urls[task]

    def letters(self, task: str) -> list[dict[str, Any]]:
        """Return what a Task's dead-letter queue holds, and leave it there."""
        found = self._take(self.dead(task), delete=False)
        for message in found:
            self.sqs.change_message_visibility(
                QueueUrl=self.dead(task),
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=0,
            )
        return found

    def _queue(self, name: str, attributes: Mapping[str, str]) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        asked = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, asked["Attributes"]["QueueArn"]

    def _take(self, url: str, *, delete: bool = True) -> list[dict[str, Any]]:
        found = []
        while messages := self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            found += messages
            if delete:
                for message in messages:
                    self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found
