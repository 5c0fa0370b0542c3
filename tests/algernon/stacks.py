"""Stacks on a local AWS, of whatever template, and code for their functions."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from algernon.local.aws import LocalAWS
from algernon.system.code_archive import code_archive
from algernon.system.stack import Stack, StackFacts
from algernon.template import logical_id

from ..waiting import PATIENCE, wait_for

#: Where the code and the templates are.
CODE_BUCKET = "code"

_WORKER = """
import os

import boto3
from algernon import TaskRouter

router = TaskRouter()


def note(text):
    boto3.client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=f"notes/{text}", Body=b""
    )


handler = router.handler
"""
_TASK = """
@router.task(name="{name}")
def {function}(text):
    note(f"{{__name__}} {name} {{text}}")
    return {{"text": text}}
"""
_IDLE_WORKER = "def handler(event, context):\n    return {'batchItemFailures': []}\n"


def code_that_notes(modules: Mapping[str, Sequence[str]]) -> bytes:
    """Return the zip of workers whose Tasks tell that they ran.

    Each notes its module, its name and its text in the system's bucket, and hands the text on.

    Args:
        modules: The names of each module's Tasks, by its full name.
    """
    first, *others = modules
    with TemporaryDirectory() as directory:
        for module, tasks in modules.items():
            path = Path(directory, *module.split(".")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            functions = (
                _TASK.format(name=task, function=f"task_{number}")
                for number, task in enumerate(tasks)
            )
            path.write_text("".join([_WORKER, *functions]), encoding="utf-8")
        return code_archive(first, Path(directory), others=others)


class LocalStack(Stack):
    """A stack on a local AWS, whose template and code are there too.

    Args:
        aws: Where.
        name: The stack's name.
    """

    def __init__(self, aws: LocalAWS, name: str) -> None:
        super().__init__(aws.client("cloudformation"), name)
        self.client = aws.client
        self._folder_url = f"{aws.endpoint_url}/{CODE_BUCKET}"
        self._versions = 0
        self._code_key = ""

    def deploy(self, template: Mapping[str, Any], code: bytes | None = None) -> StackFacts:
        """Create the stack, or update it if it is there, and return what it says of itself.

        Args:
            template: Its template.
            code: The zip with its functions' code; by default what they have, and of a new
                stack one that does nothing.

        Raises:
            DeploymentError: It couldn't become what it was to become.
        """
        self._versions += 1
        begin = self.update if self._code_key else self.create
        if code is not None or not self._code_key:
            self._code_key = self._put("zip", _no_code() if code is None else code)
        url = f"{self._folder_url}/{self._put('json', json.dumps(template).encode())}"
        # The local Lambda's own lines are text.
        given = {"CodeBucket": CODE_BUCKET, "CodeKey": self._code_key, "LogFormat": "Text"}
        known = template.get("Parameters", {})
        begin(url, {name: value for name, value in given.items() if name in known})
        self.wait(PATIENCE)
        return self.facts()

    def delete(self) -> None:
        """Delete it, after which it is known by its id alone."""
        cloudformation = self.client("cloudformation")
        (stack,) = cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        cloudformation.delete_stack(StackName=self.name)
        self.name = stack["StackId"]
        wait_for(lambda: self.status() == "DELETE_COMPLETE", moving=self.status)

    def template(self) -> Any:
        """Return the template that it has."""
        return self.client("cloudformation").get_template(StackName=self.name)["TemplateBody"]

    def events(self) -> list[tuple[str, str]]:
        """Return what happened to its resources, by logical id and status, from the first on."""
        pages = self.client("cloudformation").get_paginator("describe_stack_events")
        events = [
            (event["LogicalResourceId"], event["ResourceStatus"])
            for page in pages.paginate(StackName=self.name)
            for event in page["StackEvents"]
        ]
        return events[::-1]

    def publish(self, task: str, text: str, callback: str | None = None) -> None:
        """Send a Task."""
        message = {"task_name": task, "task_kwargs": {"text": text}, "callback": callback}
        topic = self.physical_id(logical_id("Topic", task))
        self.client("sns").publish(TopicArn=topic, Message=json.dumps(message))

    def feed(self, task: str, *, is_on: bool) -> None:
        """Begin or stop to take a Task's messages to its function."""
        client = self.client("lambda")
        mapping = self.mapping(task)["UUID"]
        client.update_event_source_mapping(UUID=mapping, Enabled=is_on)
        wanted = "Enabled" if is_on else "Disabled"
        wait_for(lambda: self.mapping(task)["State"] == wanted)

    def mapping(self, task: str) -> Any:
        """Return what takes a Task's messages to its function."""
        queue = self.physical_id(logical_id("Queue", task))
        (mapping,) = self.client("lambda").list_event_source_mappings(
            EventSourceArn=self.attribute(queue, "QueueArn")
        )["EventSourceMappings"]
        return mapping

    def notes(self, bucket: str | None = None) -> set[str]:
        """Return what the Tasks noted in the system's bucket, or another."""
        found = self.client("s3").list_objects_v2(
            Bucket=bucket or self.physical_id("Bucket"), Prefix="notes/"
        )
        return {each["Key"].removeprefix("notes/") for each in found.get("Contents", [])}

    def wait_for_notes(self, *texts: str) -> None:
        """Wait until the Tasks have noted this and nothing else."""
        wait_for(lambda: self.notes() == set(texts), moving=self.notes)

    def waiting(self, queue_url: str) -> int:
        """Return how many messages wait in a queue."""
        return int(self.attribute(queue_url, "ApproximateNumberOfMessages"))

    def attribute(self, queue_url: str, name: str) -> str:
        """Return what a queue has as one of its attributes."""
        asked = self.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
        return str(asked["Attributes"][name])

    def _put(self, kind: str, body: bytes) -> str:
        """Put something of this version into the bucket for it, and return its key."""
        key = f"{self.name}-{self._versions}.{kind}"
        s3 = self.client("s3")
        s3.create_bucket(Bucket=CODE_BUCKET)
        s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=body)
        return key


def _no_code() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("worker.py", _IDLE_WORKER)
    return file.getvalue()
