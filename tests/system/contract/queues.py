"""What is the same on every AWS that has real queues."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import boto3
from algernon_queue import Task, send_tasks

from ...batches import receive
from ...waiting import wait_for
from .system import Letter

_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass
class Queues:
    """The topics and queues of a system.

    Attributes:
        environ: The environment variables that lead to its AWS.
        topics: The ARN of each Task's topic.
        queues: The URL of each Task's queue.
        dead_letter_queues: The URL of each Task's dead-letter queue.
    """

    environ: Mapping[str, str]
    topics: dict[str, str] = field(default_factory=dict)
    queues: dict[str, str] = field(default_factory=dict)
    dead_letter_queues: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return a boto3 client that talks to it."""
        return boto3.client(
            service,
            endpoint_url=self.environ["AWS_ENDPOINT_URL"],
            region_name=self.environ["AWS_REGION"],
            aws_access_key_id=self.environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environ["AWS_SECRET_ACCESS_KEY"],
        )

    @cached_property
    def sns(self) -> Any:
        """The client of SNS."""
        return self.client("sns")

    @cached_property
    def sqs(self) -> Any:
        """The client of SQS."""
        return self.client("sqs")

    def create(
        self, task: str, *, prefix: str, visibility_timeout: int, max_receive_count: int, fifo: bool
    ) -> None:
        """Create a Task's topic and queues."""
        suffix, kind = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
        name = f"{prefix}{task}"
        dead = self.sqs.create_queue(QueueName=f"{name}-dead{suffix}", Attributes=kind)["QueueUrl"]
        policy = {"deadLetterTargetArn": self.arn(dead), "maxReceiveCount": max_receive_count}
        attributes = {
            "VisibilityTimeout": str(visibility_timeout),
            "RedrivePolicy": json.dumps(policy),
        }
        created = self.sqs.create_queue(QueueName=f"{name}{suffix}", Attributes=kind | attributes)
        topic = self.sns.create_topic(
            Name=f"{name}{suffix}", Attributes={"FifoTopic": "true"} if fifo else {}
        )["TopicArn"]
        queue = created["QueueUrl"]
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self.arn(queue))
        self.topics[task], self.queues[task], self.dead_letter_queues[task] = topic, queue, dead

    def arn(self, url: str) -> str:
        """Return the ARN of a queue."""
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def left(self) -> dict[str, int]:
        """Return how many messages each Task's queue has, in whatever state, but for none."""
        counts = {}
        for task, url in self.queues.items():
            answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*_COUNTS])
            counts[task] = sum(int(answer["Attributes"][name]) for name in _COUNTS)
        return {task: count for task, count in counts.items() if count}


class QueueSystem:
    """A system whose messages are in real queues, for one scenario.

    Args:
        queues: Its topics and queues.
        run: Returns when nothing is left to do.
    """

    def __init__(self, queues: Queues, run: Callable[[], None]) -> None:
        self._queues = queues
        self._taken: list[tuple[str, dict[str, Any]]] = []
        self.run = run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What a scenario that failed left is no dead letter of the next one.
        self.dead_letters()

    def send(self, *tasks: Task) -> list[str]:
        """Send Tasks, and return their ids."""
        return send_tasks(tasks, listeners=self._queues.topics)

    def send_text(self, task_name: str, text: str) -> None:
        """Publish a text to the listener of a Task."""
        self._queues.sns.publish(TopicArn=self._queues.topics[task_name], Message=text)

    def dead_letters(self) -> list[Letter]:
        """Return what is in the dead-letter queues."""
        self._taken += self._take()
        return [_letter(task, message) for task, message in self._taken]

    def redrive(self) -> int:
        """Move all dead letters back to their queues, as AWS does: with their attributes."""
        letters = [*self._taken, *self._take()]
        self._taken.clear()
        for task, message in letters:
            group = message["Attributes"].get("MessageGroupId")
            self._queues.sqs.send_message(
                QueueUrl=self._queues.queues[task],
                MessageBody=message["Body"],
                MessageAttributes=message.get("MessageAttributes", {}),
                **({} if group is None else _on_fifo(group, message["MessageId"])),
            )
        return len(letters)

    def _take(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for task, url in self._queues.dead_letter_queues.items():
            while messages := receive(self._queues.sqs, url):
                for message in messages:
                    self._queues.sqs.delete_message(
                        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]
                    )
                    yield task, message


def wait_until_quiet(queues: Queues) -> None:
    """Return when the queues are empty."""
    # A message is in its queue before the one that led to it is deleted; but one looks into
    # one queue after the other.
    wait_for(lambda: not (queues.left() or queues.left()), moving=queues.left)


def _on_fifo(group: str, message_id: str) -> dict[str, str]:
    return {"MessageGroupId": group, "MessageDeduplicationId": message_id}


def _letter(task: str, message: Mapping[str, Any]) -> Letter:
    said = {
        name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()
    }
    return Letter(
        said.get("algernon.task_name", task),
        said.get("algernon.error", ""),
        said.get("algernon.reason", ""),
        int(said.get("algernon.receive_count", 0)),
    )
