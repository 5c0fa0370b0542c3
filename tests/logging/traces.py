"""What tests of traces share: where traces are sent, workers, and the queues between them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .runtime_api import LambdaFunction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..conftest import LocalAWS

IN_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "orders", "LAMBDA_TASK_ROOT": "/var/task"}

#: Three Tasks of a worker with a router, of which the last one fails.
THREE = """
@router.task
def weigh(n):
    return {"n": n + 1}

@router.task
def pack(n):
    return {"n": n + 1}

@router.task
def ship(n):
    raise ValueError("no ship")
"""

#: Two Tasks of a tenth of a second and more: plain ones, or coroutines of which the first one
#: ends so much later than the second.
NAPS = {
    "def": """
@router.task
def nap(n):
    time.sleep(0.1)
""",
    "async def": """
second_is_over = asyncio.Event()

@router.task
async def nap(n):
    if n == 1:
        await second_is_over.wait()
    await asyncio.sleep(0.1)
    if n == 2:
        second_is_over.set()
""",
}


class Daemon:
    """The socket that X-Ray's SDK sends to."""

    def __init__(self, udp: socket.socket) -> None:
        self._udp = udp
        self.address = f"127.0.0.1:{udp.getsockname()[1]}"

    def received(self) -> list[dict[str, Any]]:
        """Take the documents sent so far; on the loopback interface, sent is received."""
        documents: list[dict[str, Any]] = []
        while True:
            try:
                header, document = self._udp.recv(65536).split(b"\n", 1)
            except BlockingIOError:
                return documents
            assert json.loads(header) == {"format": "json", "version": 1}
            documents.append(json.loads(document))


@contextmanager
def listening_daemon() -> Iterator[Daemon]:
    """Listen where the X-Ray daemon would."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        yield Daemon(udp)


def address_of_nobody() -> str:
    """Return an address at which nothing listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"


def run_program(code: str, environment: dict[str, str]) -> str:
    """Run code in a new process, which must succeed, and return what it prints anywhere."""
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


def credentials(aws: LocalAWS) -> dict[str, str]:
    """Return the variables by which boto3 finds the local AWS."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": aws.url,
    }


class Workers:
    """Starts Lambda functions, each a process with a folder of its own."""

    def __init__(self, folder: Path, running: ExitStack, environment: dict[str, str]) -> None:
        self._folder = folder
        self._running = running
        self._environment = environment

    def start(self, name: str, source: str, **environment: str) -> LambdaFunction:
        """Start one; it ends with the test."""
        folder = self._folder / name
        folder.mkdir()
        variables = {**self._environment, **environment}
        # As text on standard output, what is logged can be told from what isn't.
        return self._running.enter_context(
            LambdaFunction(folder, source, environment=variables, telemetry=False)
        )


@dataclass(frozen=True)
class Queue:
    """A queue, to which the listeners of some Tasks are subscribed."""

    aws: LocalAWS
    url: str
    arn: str

    @classmethod
    def of(cls, aws: LocalAWS, name: str, *task_names: str, raw: bool = False) -> Queue:
        """Create it, with a dead-letter queue, and the listeners that there aren't yet."""
        sqs, sns = aws.client("sqs"), aws.client("sns")
        ends = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        dead = sqs.get_queue_attributes(QueueUrl=ends, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": dead["Attributes"]["QueueArn"], "maxReceiveCount": 9}
        url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy)})[
            "QueueUrl"
        ]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = answer["Attributes"]["QueueArn"]
        for task_name in task_names:
            topic = sns.create_topic(Name=task_name)["TopicArn"]
            attributes = {"RawMessageDelivery": "true"} if raw else {}
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return cls(aws, url, arn)

    def batch(self) -> dict[str, Any]:
        """Take up to ten messages, and return the event that Lambda would make of them."""
        sqs = self.aws.client("sqs")
        messages = sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return {"Records": [self._record(message) for message in messages]}

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        attributes = message.get("MessageAttributes", {})
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {
                name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
                for name, value in attributes.items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": self.arn,
            "awsRegion": "eu-west-1",
        }


def record(
    message: dict[str, Any],
    attributes: dict[str, str] | None = None,
    system_attributes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a record of an SQS event, as raw delivery makes it, with message attributes."""
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "a handle",
        "body": json.dumps(message),
        "attributes": {"ApproximateReceiveCount": "1", **(system_attributes or {})},
        "messageAttributes": {
            name: {"dataType": "String", "stringValue": value}
            for name, value in (attributes or {}).items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
        "awsRegion": "eu-west-1",
    }


def attributes_of(batch: dict[str, Any]) -> list[dict[str, str]]:
    """Return the message attributes of each record of raw delivery."""
    return [
        {name: value["stringValue"] for name, value in each["messageAttributes"].items()}
        for each in batch["Records"]
    ]
