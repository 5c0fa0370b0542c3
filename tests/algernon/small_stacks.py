"""Small stacks that pass for Algernon's, on a local AWS: a queue, and what a test adds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.request import Request, urlopen

from algernon.system.deployment.change_set import ChangeSet, create_change_set
from algernon.system.deployment.code_bucket import CodeBucket
from algernon.system.deployment.execution import execute
from algernon.system.place import Place
from algernon.system.stack import Stack, StackFacts
from algernon.system.template.logical_ids import logical_id

from ..waiting import wait_for

#: For how many seconds SQS hides messages at most.
MOST_SECONDS = 43_200


def queue(task: str, seconds: Any = 30, *, stays: bool = False) -> dict[str, Any]:
    """Return the queue of a Task, by its logical id.

    Args:
        task: The Task's name.
        seconds: For how many it hides messages; more than SQS takes make a stack fail.
        stays: Whether it stays when it is no part of the stack any more.
    """
    policy = {"DeletionPolicy": "RetainExceptOnCreate"} if stays else {}
    properties = {"VisibilityTimeout": seconds}
    resource = {"Type": "AWS::SQS::Queue", **policy, "Properties": properties}
    return {logical_id("Queue", task): resource}


def template(*resources: Mapping[str, Any], tasks: tuple[str, ...] = ("pay",)) -> dict[str, Any]:
    """Return the template of these resources, in which `Seconds` and `Others` can be said."""
    return {
        "Metadata": {"Algernon": {"Tasks": [*tasks]}},
        "Parameters": {
            "Seconds": {"Type": "Number", "Default": 30},
            "Others": {"Type": "Number", "Default": 30},
        },
        "Resources": {name: one for each in resources for name, one in each.items()},
    }


class SmallStack(Stack):
    """A stack on a local AWS.

    Args:
        place: Where, with the stack's name.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.cloudformation = place.client("cloudformation")
        super().__init__(self.cloudformation, str(place.stack_name))
        s3 = place.client("s3")
        s3.create_bucket(Bucket="templates")
        self._bucket = CodeBucket("templates", s3)
        self.told: list[str] = []
        self.events: list[tuple[str, str]] = []

    def url(self, body: Mapping[str, Any]) -> str:
        """Put a template where CloudFormation finds it, and return that."""
        text = json.dumps(body).encode()
        key = f"{hashlib.sha256(text).hexdigest()}.json"
        self._bucket.put(key, text)
        return self._bucket.url(key)

    def change_set(
        self, body: Mapping[str, Any] | None = None, **parameters: str | None
    ) -> ChangeSet:
        """Have a change set made, of a template or of the one that is there."""
        return create_change_set(
            self.cloudformation,
            self.name,
            template_url=None if body is None else self.url(body),
            parameters=parameters,
        )

    def execute(self, change_set: ChangeSet) -> None:
        """Execute a change set, and note what is told and what happens."""
        execute(
            change_set,
            tell=self.told.append,
            progress=lambda event: self.events.append((event.logical_id, event.status)),
        )

    def deploy(self, body: Mapping[str, Any] | None = None, **parameters: str | None) -> StackFacts:
        """Deploy a template, and return what the stack says of itself then."""
        self.execute(self.change_set(body, **parameters))
        return self.facts()

    def wait_until(self, status: str) -> None:
        """Wait until it is so, as CloudFormation says it."""
        wait_for(lambda: self.status() == status, moving=self.status)

    def change_sets(self) -> list[str]:
        """Return the names of the change sets that there are of it."""
        answer = self.cloudformation.list_change_sets(StackName=self.name)
        return [summary["ChangeSetName"] for summary in answer["Summaries"]]


def open_gate(stack: SmallStack, status: str = "SUCCESS") -> None:
    """Have a stack go on, or fail, where it waits."""
    wait_for(lambda: "Handle" in stack.resources())
    url = stack.resources()["Handle"]
    body = json.dumps({"Status": status, "UniqueId": "1", "Reason": "the test", "Data": ""})
    # It is signed without a type, which urllib would add.
    urlopen(Request(url, body.encode(), {"Content-Type": ""}, method="PUT")).close()
