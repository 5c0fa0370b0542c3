"""The template's tags: on all that can have some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from algernon.local.aws import LocalAWS
from algernon.settings import Alarms, Settings
from algernon.template import logical_id, system_template
from algernon.worker import Worker
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from .stacks import LocalStack

TAGS = {"team": "shop", "cost center": "42"}
LISTED = [{"Key": "team", "Value": "shop"}, {"Key": "cost center", "Value": "42"}]
WORKERS = [Worker("worker.handler", ("read",), {}), Worker("mailer.handler", ("send",), {})]
ALARMS = Alarms(email="ops@example.com")


def template_with(**settings: Any) -> dict[str, Any]:
    """Return the template of a system that has a resource of each type."""
    return system_template(WORKERS, settings=Settings(alarms=ALARMS, **settings))


def can_have_tags(kind: str) -> bool:
    """Tell whether a type of resource has tags, by its schema in CloudFormation's registry."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return "Tags" in schema["properties"]


def test_all_that_can_have_tags_has_them() -> None:
    """By CloudFormation's own schemas, each resource has all of them, or can't have any."""
    for name, resource in template_with(tags=TAGS)["Resources"].items():
        tags = resource["Properties"].get("Tags")
        assert tags == (LISTED if can_have_tags(resource["Type"]) else None), name


def test_tags_change_nothing_else() -> None:
    """Without their tags, the resources are those of a system that has none."""
    tagged = template_with(tags=TAGS)
    for resource in tagged["Resources"].values():
        resource["Properties"].pop("Tags", None)

    assert tagged == template_with()


@pytest.fixture
def aws() -> Iterator[LocalAWS]:
    """A local AWS."""
    with LocalAWS() as started:
        yield started


@pytest.mark.starts
def test_what_is_deployed_has_the_tags(aws: LocalAWS) -> None:
    """A queue, a topic and a function that CloudFormation made show them."""
    stack = LocalStack(aws, "shop")
    stack.deploy(template_with(tags=TAGS))

    queue = aws.client("sqs").list_queue_tags(
        QueueUrl=stack.physical_id(logical_id("Queue", "read"))
    )
    topic = aws.client("sns").list_tags_for_resource(
        ResourceArn=stack.physical_id(logical_id("Topic", "read"))
    )
    function = aws.client("lambda").get_function(FunctionName=stack.physical_id("Worker"))

    assert TAGS.items() <= queue["Tags"].items()
    assert TAGS.items() <= {each["Key"]: each["Value"] for each in topic["Tags"]}.items()
    assert TAGS.items() <= function["Tags"].items()
