"""Stacks of a template on a local AWS, and versions of the code that their functions run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from algernon.local.aws import LocalAWS
from algernon.system.code_archive import code_archive
from algernon.template import logical_id

from ..waiting import wait_for

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


class StackError(Exception):
    """A stack couldn't become what it was to become; the message is its status."""


class Stacks:
    """What is the same for all stacks of a test: where they are, and where their code lies."""

    def __init__(self, aws: LocalAWS) -> None:
        self.client = aws.client
        self.environ = aws.environ
        self._codes = 0
        self.client("s3").create_bucket(Bucket=CODE_BUCKET)

    def put_code(self, modules: Mapping[str, Sequence[str]]) -> str:
        """Put a version of the code into the bucket for it, and return its key.

        Each Task notes its module, its name and its text in the system's bucket, and hands the
        text on.

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
            code = code_archive(first, Path(directory), others=others)
        self._codes += 1
        key = f"{self._codes}.zip"
        self.client("s3").put_object(Bucket=CODE_BUCKET, Key=key, Body=code)
        return key


class Stack:
    """One stack, which is created from a template and updated by others."""

    def __init__(self, name: str, stacks: Stacks) -> None:
        self.name = name
        self.client = stacks.client
        self._cloudformation = stacks.client("cloudformation")
        self._parameters: dict[str, str] = {}

    def create(self, template: Mapping[str, Any], code: str) -> None:
        """Make it.

        Args:
            template: The template.
            code: The key of the functions' code.

        Raises:
            StackError: It couldn't be made.
        """
        self._cloudformation.create_stack(**self._request(template, code))
        self._wait_for("CREATE_COMPLETE")

    def update(self, template: Mapping[str, Any], code: str | None = None) -> None:
        """Give it another template, and other code if some is named.

        Raises:
            StackError: It couldn't be updated.
        """
        self._cloudformation.update_stack(**self._request(template, code))
        self._wait_for("UPDATE_COMPLETE")

    def delete(self) -> None:
        """Delete it."""
        stack_id = self._description()["StackId"]
        self._cloudformation.delete_stack(StackName=self.name)
        self.name = stack_id
        self._wait_for("DELETE_COMPLETE")

    def physical_ids(self) -> dict[str, str]:
        """Return what each resource of the template is."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self.name
        )
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
        }

    def template(self) -> Any:
        """Return the template that it has."""
        return self._cloudformation.get_template(StackName=self.name)["TemplateBody"]

    def events(self) -> list[tuple[str, str]]:
        """Return what happened to its resources, by logical id and status, from the first on."""
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(
            StackName=self.name
        )
        events = [
            (event["LogicalResourceId"], event["ResourceStatus"])
            for page in pages
            for event in page["StackEvents"]
        ]
        return events[::-1]

    def publish(self, task: str, text: str, callback: str | None = None) -> None:
        """Send a Task."""
        message = {"task_name": task, "task_kwargs": {"text": text}, "callback": callback}
        topic = self.physical_ids()[logical_id("Topic", task)]
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
        queue = self.physical_ids()[logical_id("Queue", task)]
        (mapping,) = self.client("lambda").list_event_source_mappings(
            EventSourceArn=self.attribute(queue, "QueueArn")
        )["EventSourceMappings"]
        return mapping

    def notes(self, bucket: str | None = None) -> set[str]:
        """Return what the Tasks noted in the system's bucket, or another."""
        found = self.client("s3").list_objects_v2(
            Bucket=bucket or self.physical_ids()["Bucket"], Prefix="notes/"
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

    def _request(self, template: Mapping[str, Any], code: str | None) -> dict[str, Any]:
        if code is not None:
            self._parameters = {"CodeBucket": CODE_BUCKET, "CodeKey": code, "LogFormat": "Text"}
        return {
            "StackName": self.name,
            "TemplateBody": json.dumps(template),
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in self._parameters.items()
            ],
            "Capabilities": ["CAPABILITY_IAM"],
        }

    def _wait_for(self, wanted: str) -> None:
        def status() -> str:
            return str(self._description()["StackStatus"])

        wait_for(lambda: not status().endswith("_IN_PROGRESS"), moving=status)
        if status() != wanted:
            raise StackError(status())

    def _description(self) -> Any:
        (stack,) = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        return stack
