"""A template's system on moto, of which Lambda's part is played here, with the role's rights."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any
from uuid import uuid4

import boto3
import pytest
from algernon.system.template.logical_ids import logical_id
from algernon.template import system_template
from algernon.worker import Worker
from algernon_queue import TaskRouter
from algernon_queue.testing import lambda_context
from algernon_storage import aws_client
from botocore.exceptions import ClientError

from ..batches import receive, work_off
from ..conftest import LocalAWS
from .gate import Gate
from .moto_stack import make_stack, queue_arn
from .resolved import StackOfTemplate
from .role_worker import ROUTERS, purse, ran
from .statements import Statement

#: A state machine that waits for Tasks. A token of it is its ARN, by which the gate knows it.
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders"
#: The stack's parameters that aren't what the template says.
_PARAMETERS = {"StateMachines": MACHINE}


@lru_cache
def _client(service: str, url: str) -> Any:
    return boto3.client(service, endpoint_url=url)


class RoleSystem:
    """The system.

    Args:
        aws: The local AWS.
        gate: What judges the calls on the way to it.
        tasks: Those that it has, of `role_worker`.

    Attributes:
        stack: Its stack.
        statements: Those of its role.
    """

    def __init__(self, aws: LocalAWS, gate: Gate, tasks: Sequence[str]) -> None:
        self._aws = aws
        self._gate = gate
        self._tasks = tasks
        template = template_of(tasks)
        self.stack = StackOfTemplate(template, make_stack(aws, template), _PARAMETERS)
        self.statements: Sequence[Statement] = self.stack.statements_of_role("WorkerRole")
        self.bucket = self.stack.physical_ids["Bucket"]
        self._stream = f"instance-{uuid4()}"
        ran.clear()
        purse.clear()

    def client(self, service: str) -> Any:
        """Return a client that goes past the gate."""
        return _client(service, self._aws.url)

    def url(self, kind: str, task: str) -> str:
        """Return the URL of a Task's ``Queue`` or ``DeadLetterQueue``."""
        return self.stack.physical_ids[logical_id(kind, task)]

    def publish(self, task: str, message: Any) -> None:
        """Publish a message of one's own to a Task's topic."""
        topic = self.stack.physical_ids[logical_id("Topic", task)]
        self.client("sns").publish(TopicArn=topic, Message=json.dumps(message))

    def work(self) -> None:
        """Work off what can be received, until nothing can be any more."""
        with self._gate.judging(self.statements):
            sources = [*self._sources()]
            while sum(self._work_off(task) for task in sources):
                pass

    def _sources(self) -> Iterator[str]:
        """Give the Tasks of whose queues Lambda can make event source mappings."""
        for task in self._tasks:
            # AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source
            # mapping", "Execution role permissions": without it Lambda doesn't take the role.
            with suppress(ClientError):
                aws_client("sqs").get_queue_attributes(
                    QueueUrl=self.url("Queue", task), AttributeNames=["All"]
                )
                yield task

    def _work_off(self, task: str) -> int:
        url = self.url("Queue", task)

        def invoke(event: Any) -> Any:
            with self._instance(task):
                return ROUTERS[task].handler(event, lambda_context())

        # It tries again later.
        with suppress(ClientError):
            return work_off(aws_client("sqs"), url, queue_arn(url), invoke)
        return 0

    @contextmanager
    def _instance(self, task: str) -> Iterator[None]:
        """Have the environment of a Task's function, and Lambda log and trace the invocation."""
        function = self._function_of(task)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in function["Environment"]["Variables"].items():
                patch.setenv(name, str(value))
            yield
        with suppress(ClientError):
            self._log(function["LoggingConfig"]["LogGroup"], "END RequestId: 1")
        with suppress(ClientError):
            self._trace()

    def _function_of(self, task: str) -> Any:
        target = self.stack.template["Resources"]
        (mapping,) = (
            each["Properties"]
            for each in target.values()
            if each["Type"] == "AWS::Lambda::EventSourceMapping"
            and each["Properties"]["EventSourceArn"]
            == {"Fn::GetAtt": [logical_id("Queue", task), "Arn"]}
        )
        return self.stack.properties(mapping["FunctionName"]["Ref"])

    def _log(self, log_group: str, line: str) -> None:
        """Write a line, as Lambda does for a function, with its role."""
        logs = aws_client("logs")
        place = {"logGroupName": log_group, "logStreamName": self._stream}
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(**place)
        now = int(time.time() * 1000)
        logs.put_log_events(**place, logEvents=[{"timestamp": now, "message": line}])

    def _trace(self) -> None:
        """Send the segment of an invocation, as Lambda does for a function, with its role."""
        xray, now = aws_client("xray"), time.time()
        segment = {
            "name": "worker",
            "id": uuid4().hex[:16],
            "trace_id": f"1-{int(now):08x}-{uuid4().hex[:24]}",
            "start_time": now,
            "end_time": now,
        }
        xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(segment)])
        xray.put_telemetry_records(TelemetryRecords=[{"Timestamp": now}])

    def left(self, task: str) -> int:
        """Return how many messages a Task's queue has, in whatever state."""
        counts = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        )
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.url("Queue", task), AttributeNames=[*counts]
        )["Attributes"]
        return sum(int(attributes[count]) for count in counts)

    def letters(self, task: str) -> list[dict[str, Any]]:
        """Take what is in a Task's dead-letter queue."""
        return receive(self.client("sqs"), self.url("DeadLetterQueue", task))

    def redrive(self, task: str, letter: Mapping[str, Any]) -> None:
        """Put a letter back into its queue, as AWS's own redrive does: with its attributes."""
        self.client("sqs").send_message(
            QueueUrl=self.url("Queue", task),
            MessageBody=letter["Body"],
            MessageAttributes=letter["MessageAttributes"],
        )

    def objects(self) -> list[str]:
        """Return the keys of the objects in the bucket."""
        found = self.client("s3").list_objects_v2(Bucket=self.bucket)
        return [each["Key"] for each in found.get("Contents", [])]


def template_of(tasks: Sequence[str]) -> dict[str, Any]:
    """Return the template of workers with some of the Tasks of `role_worker`."""
    by_router: dict[TaskRouter, list[str]] = {}
    for task in tasks:
        by_router.setdefault(ROUTERS[task], []).append(task)
    workers = [
        Worker(f"worker_{number}.handler", tuple(names), router.retries)
        for number, (router, names) in enumerate(by_router.items(), start=1)
    ]
    return system_template(workers)
