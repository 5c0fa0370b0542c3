"""A stack of the last released template becomes one of today's, and loses nothing.

Algernon 1.4's template was one of AWS SAM. What `algernon-1.4.0-templates.json` holds is
what AWS's translator of SAM, aws-sam-translator 1.115, made of it, for several systems.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from algernon.local import LocalSystem
from algernon.template import logical_id, system_template
from algernon.worker import Worker
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from ..waiting import wait_for

RELEASED = Path(__file__).with_name("algernon-1.4.0-templates.json")

WORKER = """
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
TASK = """
@router.task(name="{name}")
def {function}(text):
    note(text)
"""


@dataclass(frozen=True)
class Released:
    """A system, and its last released template, translated.

    Attributes:
        name: What is special about the system.
        workers: Its workers.
        limits: The timeout and memory of its functions.
        template: The template.
    """

    name: str
    workers: tuple[Worker, ...]
    limits: dict[str, Any]
    template: dict[str, Any]

    @property
    def tasks(self) -> list[str]:
        """The names of all Tasks."""
        return [task for worker in self.workers for task in worker.tasks]

    def template_of_today(self) -> dict[str, Any]:
        """Return the template that the same system has now."""
        return system_template(self.workers, **self.limits)


def released() -> Iterator[Released]:
    """Read the systems that were recorded."""
    for system in json.loads(RELEASED.read_text(encoding="utf-8")):
        yield Released(
            system["name"],
            tuple(
                Worker(worker["handler"], tuple(worker["tasks"]), worker["retries"])
                for worker in system["workers"]
            ),
            {"timeout": system["timeout"], "memory": system["memory"]},
            system["template"],
        )


SYSTEMS = {system.name: system for system in released()}
each_system = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)


def what_makes_another(resource: dict[str, Any]) -> dict[str, Any]:
    """Return of a resource what can't change without its being replaced.

    Its properties of that kind are those that its type's schema in the CloudFormation
    registry calls createOnlyProperties; AWS's documents say "Update requires: Replacement".
    """
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema
    names = [
        pointer.removeprefix("/properties/").partition("/")[0]
        for kind in ("createOnlyProperties", "conditionalCreateOnlyProperties")
        for pointer in schema.get(kind, ())
    ]
    properties = resource["Properties"]
    return {
        "Type": resource["Type"],
        **{name: properties[name] for name in names if name in properties},
    }


def is_kept(resource: dict[str, Any]) -> bool:
    """Tell whether a resource stays when it goes from the template, or is replaced."""
    return (
        resource.get("DeletionPolicy") == "RetainExceptOnCreate"
        and resource.get("UpdateReplacePolicy") == "Retain"
    )


@each_system
def test_no_resource_is_replaced_or_lost(system: Released) -> None:
    """Each resource has the name and type that it had, and all that isn't to be changed."""
    now = system.template_of_today()["Resources"]

    assert {name: what_makes_another(now[name]) for name in system.template["Resources"]} == {
        name: what_makes_another(resource)
        for name, resource in system.template["Resources"].items()
    }


@each_system
def test_what_holds_something_is_kept(system: Released) -> None:
    """Queues and bucket stay, and topics feed their queues until they go themselves."""
    kept = {
        resource["Type"]
        for resource in system.template_of_today()["Resources"].values()
        if is_kept(resource)
    }
    others = {
        resource["Type"]
        for resource in system.template_of_today()["Resources"].values()
        if not is_kept(resource)
    }

    assert kept == {
        "AWS::S3::Bucket",
        "AWS::SNS::Subscription",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    }
    assert not kept & others


@each_system
def test_parameters_and_outputs_stay(system: Released) -> None:
    """Who deployed with parameters deploys with them again, and whoever reads outputs has them."""
    now = system.template_of_today()

    assert system.template["Parameters"].items() <= now["Parameters"].items()
    assert system.template["Outputs"].items() <= now["Outputs"].items()


@each_system
def test_functions_are_fed_as_they_were(system: Released) -> None:
    """Each mapping leads from its Task's queue to its worker, and reports failures by message."""
    before, now = (
        {
            name: resource["Properties"]
            for name, resource in template["Resources"].items()
            if resource["Type"] == "AWS::Lambda::EventSourceMapping"
        }
        for template in (system.template, system.template_of_today())
    )

    assert len(before) == len(system.tasks)
    assert now == before


class Stack:
    """A stack on a local AWS, beside the one of a LocalSystem, and with that one's code."""

    def __init__(self, name: str, system: LocalSystem) -> None:
        self._name = name
        self._system = system
        self._cloudformation = self.client("cloudformation")

    def client(self, service: str) -> Any:
        """Return a boto3 client that talks to the local AWS."""
        environ = self._system.environ
        return boto3.client(
            service,
            endpoint_url=environ["AWS_ENDPOINT_URL"],
            region_name=environ["AWS_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )

    def create(self, template: dict[str, Any]) -> None:
        """Make it from a template, with the code of the system."""
        parameters = self._cloudformation.describe_stacks(StackName=self._system.stack_name)[
            "Stacks"
        ][0]["Parameters"]
        self._cloudformation.create_stack(
            StackName=self._name,
            TemplateBody=json.dumps(template),
            Parameters=[
                {key: each[key] for key in ("ParameterKey", "ParameterValue")}
                for each in parameters
            ],
            Capabilities=["CAPABILITY_IAM"],
        )
        self._wait_for("CREATE_COMPLETE")

    def update(self, template: dict[str, Any]) -> None:
        """Give it another template, with the parameters that it has."""
        self._cloudformation.update_stack(
            StackName=self._name,
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": name, "UsePreviousValue": True} for name in template["Parameters"]
            ],
            Capabilities=["CAPABILITY_IAM"],
        )
        self._wait_for("UPDATE_COMPLETE")

    def template(self) -> Any:
        """Return the template that it has."""
        return self._cloudformation.get_template(StackName=self._name)["TemplateBody"]

    def physical_ids(self) -> dict[str, str]:
        """Return what each resource of the template is."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self._name
        )
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
        }

    def _wait_for(self, status: str) -> None:
        def now() -> str:
            (stack,) = self._cloudformation.describe_stacks(StackName=self._name)["Stacks"]
            return str(stack["StackStatus"])

        wait_for(lambda: not now().endswith("_IN_PROGRESS"), moving=now)
        assert now() == status


def feed(stack: Stack, mappings: list[str], is_on: bool) -> None:
    """Begin or stop to feed a stack's functions, by the mappings' physical ids."""
    client = stack.client("lambda")

    def states() -> set[str]:
        return {client.get_event_source_mapping(UUID=each)["State"] for each in mappings}

    for mapping in mappings:
        client.update_event_source_mapping(UUID=mapping, Enabled=is_on)
    wait_for(lambda: states() == {"Enabled" if is_on else "Disabled"}, moving=states)


def waiting_messages(stack: Stack, kind: str, tasks: list[str]) -> dict[str, int]:
    """Return how many messages wait in each Task's queue."""
    sqs, ids = stack.client("sqs"), stack.physical_ids()
    return {
        task: int(
            sqs.get_queue_attributes(
                QueueUrl=ids[logical_id(kind, task)],
                AttributeNames=["ApproximateNumberOfMessages"],
            )["Attributes"]["ApproximateNumberOfMessages"]
        )
        for task in tasks
    }


@pytest.fixture
def local_system(tmp_path: Path) -> Iterator[LocalSystem]:
    """A local AWS, with the code of the three recorded workers."""
    workers = SYSTEMS["three workers"].workers
    for worker in workers:
        path = tmp_path / f"{worker.handler.removesuffix('.handler').replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        functions = (
            TASK.format(name=name, function=name.replace("-", "_")) for name in worker.tasks
        )
        path.write_text("".join([WORKER, *functions]), encoding="utf-8")
    targets = [f"{worker.handler.removesuffix('.handler')}:router" for worker in workers]
    with LocalSystem(*targets, directory=tmp_path, stack_name="beside") as system:
        yield system


@pytest.mark.starts
def test_a_stack_is_updated_in_place_with_messages_in_its_queues(
    local_system: LocalSystem,
) -> None:
    """All resources are the same ones after the update, and the messages are there and are run."""
    system = SYSTEMS["three workers"]
    stack = Stack("shop", local_system)
    stack.create(system.template)
    before = stack.physical_ids()
    mappings = [
        before[name]
        for name, resource in system.template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
    ]
    feed(stack, mappings, is_on=False)
    sns, sqs, s3 = (stack.client(service) for service in ("sns", "sqs", "s3"))
    for task in system.tasks:
        message = {"task_name": task, "task_kwargs": {"text": task}, "callback": None}
        sns.publish(TopicArn=before[logical_id("Topic", task)], Message=json.dumps(message))
        sqs.send_message(
            QueueUrl=before[logical_id("DeadLetterQueue", task)], MessageBody="a dead letter"
        )
    one_each = dict.fromkeys(system.tasks, 1)
    wait_for(lambda: waiting_messages(stack, "Queue", system.tasks) == one_each)

    stack.update(system.template_of_today())

    assert stack.template() == system.template_of_today()
    assert before.items() <= stack.physical_ids().items()
    assert waiting_messages(stack, "Queue", system.tasks) == one_each
    assert waiting_messages(stack, "DeadLetterQueue", system.tasks) == one_each
    feed(stack, mappings, is_on=True)

    def notes() -> set[str]:
        found = s3.list_objects_v2(Bucket=before["Bucket"]).get("Contents", [])
        return {each["Key"].removeprefix("notes/") for each in found}

    wait_for(lambda: notes() == set(system.tasks), moving=notes)
