"""A template's system on moto, of which Lambda's part is played here, with the role's rights."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache, partial
from importlib import import_module
from typing import Any, NamedTuple
from uuid import uuid4

import boto3
from algernon import secrets
from algernon.errors import CommandError
from algernon.settings import Settings
from algernon.system.template.logical_ids import logical_id
from algernon.system.template.queues import EXTRA_RECEIVES
from algernon.template import system_template
from algernon.worker import Worker
from algernon_queue.testing import lambda_context
from algernon_storage import aws_client
from botocore.exceptions import ClientError

from ..batches import receive, work_off
from ..conftest import LocalAWS
from .gate import Gate
from .moto_stack import make_stack, queue_arn
from .resolved import StackOfTemplate
from .role_worker import WORKERS, purse, ran
from .statements import Statement

WORKERS_ROLE = "WorkerRole"
SENDERS_POLICY = "SenderPolicy"


@lru_cache
def _client(service: str, url: str) -> Any:
    return boto3.client(service, endpoint_url=url)


class RoleSystem:
    """The system.

    Args:
        aws: The local AWS.
        gate: What judges the calls on the way to it.
        tasks: Those that it has, of `role_worker`.
        settings: Its settings.

    Attributes:
        stack: Its stack.
        statements: Those of its workers' role, and of its policy for senders.
    """

    def __init__(self, aws: LocalAWS, gate: Gate, tasks: Sequence[str], settings: Settings) -> None:
        self._aws = aws
        self._gate = gate
        self._tasks = tasks
        template = system_template(workers_with(tasks), settings=settings)
        self.stack = StackOfTemplate(template, make_stack(aws, template))
        self.statements: dict[str, Sequence[Statement]] = {
            WORKERS_ROLE: self.stack.statements_of_role(WORKERS_ROLE),
            SENDERS_POLICY: self.stack.statements_of_policy(SENDERS_POLICY),
        }
        self.bucket = settings.bucket or self.stack.physical_ids["Bucket"]
        self._instances: dict[str, _Instance] = {}
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
        with self._gate.judging(self.statements[WORKERS_ROLE]):
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
        # What it may not do now it tries again later.
        with suppress(ClientError):
            return work_off(aws_client("sqs"), url, queue_arn(url), partial(self._invoke, task))
        return 0

    def _invoke(self, task: str, event: Any) -> Any:
        """Invoke the function of a Task, and log and trace that."""
        name, function = self._function_of(task)
        try:
            instance = self._instances.get(name) or _started(function)
        except CommandError:
            return None
        self._instances[name] = instance
        with _environment(instance.environ):
            answer = instance.handler(event, lambda_context())
        with suppress(ClientError):
            self._log(function["LoggingConfig"]["LogGroup"], "END RequestId: 1")
        with suppress(ClientError):
            self._trace()
        return answer

    def _function_of(self, task: str) -> tuple[str, Any]:
        queue = {"Fn::GetAtt": [logical_id("Queue", task), "Arn"]}
        (name,) = (
            each["Properties"]["FunctionName"]["Ref"]
            for each in self.stack.template["Resources"].values()
            if each["Type"] == "AWS::Lambda::EventSourceMapping"
            and each["Properties"]["EventSourceArn"] == queue
        )
        return name, self.stack.properties(name)

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

    def try_once(self, task: str) -> None:
        """Have a Task given up after one try."""
        policy = self.stack.properties(logical_id("Queue", task))["RedrivePolicy"]
        once = json.dumps({**policy, "maxReceiveCount": 1 + EXTRA_RECEIVES})
        self.client("sqs").set_queue_attributes(
            QueueUrl=self.url("Queue", task), Attributes={"RedrivePolicy": once}
        )

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


def workers_with(tasks: Sequence[str]) -> list[Worker]:
    """Return the workers with no Tasks but these."""
    workers = [
        replace(worker, tasks=tuple(task for task in worker.tasks if task in tasks))
        for worker in WORKERS
    ]
    return [worker for worker in workers if worker.tasks]


class _Instance(NamedTuple):
    """A function that was started.

    Attributes:
        handler: Its handler.
        environ: Its environment.
    """

    handler: Callable[[Any, Any], Any]
    environ: Mapping[str, str]


def _started(function: Any) -> _Instance:
    """Start a function as Lambda does, which asks the module that its handler is in for it.

    Raises:
        CommandError: It can't be started.
    """
    vars(secrets).pop("handler", None)
    variables = function["Environment"]["Variables"]
    with _environment({name: str(value) for name, value in variables.items()}):
        module, _, name = function["Handler"].rpartition(".")
        return _Instance(getattr(import_module(module), name), dict(os.environ))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have environment variables, and whatever is set within the block, for the block alone."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
