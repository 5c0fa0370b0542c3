"""The template that a stack has, if the stack is Algernon's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import NotASystemError
from ..place import Place
from ..resource_rights import RESOURCE_RIGHTS
from ..stack import Stack
from ..template.logical_ids import logical_id
from .change_set import UNDER_REVIEW

_QUEUES = ("Queue", "DeadLetterQueue")
_HOLD_SOMETHING = ("AWS::SQS::Queue", "AWS::S3::Bucket")
_TOPIC_NAME = "${AWS::StackName}-"


def deployed_template(place: Place) -> dict[str, Any] | None:
    """Return the template of the place's stack, or None where nothing is deployed yet.

    It is the one without macros: that of Algernon 1.4 and older, which was one of AWS SAM,
    is told as AWS SAM made it plain.

    Args:
        place: Where, with the name of the stack.

    Raises:
        NotASystemError: The stack isn't one of ``algernon template``.
        botocore.exceptions.ClientError: AWS refused it, such as for the rights
            ``cloudformation:DescribeStacks`` or ``cloudformation:GetTemplate``.

    Example:
        >>> deployed_template(place)["Metadata"]  # doctest: +SKIP
        {'Algernon': {'Tasks': ['order', 'pay']}}
    """
    cloudformation = place.client("cloudformation")
    name = str(place.stack_name)
    facts = Stack(cloudformation, name).find()
    if facts is None or facts.status == UNDER_REVIEW:
        return None
    template = read_template(cloudformation, facts.stack_id)
    if template is None or not tasks_of(template):
        raise NotASystemError(
            f"the stack {name!r} isn't one of algernon template, and is left as it is: choose"
            " another --stack, or look at the region"
        )
    return template


def read_template(
    cloudformation: Any, stack: str, *, change_set: str | None = None
) -> dict[str, Any] | None:
    """Return the template that a stack has or, if it was deleted, had; None if it isn't JSON.

    Args:
        cloudformation: A boto3 client for CloudFormation.
        stack: The stack's name, or its id, by which it is known for 90 days after its end.
        change_set: The id of a change set, whose template is read instead.

    Raises:
        botocore.exceptions.ClientError: There is no such stack, or AWS refused it, such as for
            the right ``cloudformation:GetTemplate``.
    """
    which = {"StackName": stack} | ({} if change_set is None else {"ChangeSetName": change_set})
    # As it was written: what CloudFormation writes itself has other characters than those of ASCII
    # replaced, which in the template stand as JSON's escapes.
    template = _read(cloudformation, which, "Original")
    if template is not None and "Transform" in template:
        return _read(cloudformation, which, "Processed")
    return template


def _read(cloudformation: Any, which: Mapping[str, str], stage: str) -> dict[str, Any] | None:
    body = cloudformation.get_template(**which, TemplateStage=stage)["TemplateBody"]
    # boto3 reads JSON, as mappings that are equal only in the same order, and leaves YAML as text.
    return json.loads(json.dumps(body)) if isinstance(body, Mapping) else None


def tasks_of(template: Mapping[str, Any]) -> list[str]:
    """Return the names of the Tasks that a template has; none if it isn't one of Algernon's.

    Versions before 1.4 didn't name them, but each topic is called by its Task.

    Example:
        >>> tasks_of({"Metadata": {"Algernon": {"Tasks": ["order", "pay"]}}})
        ['order', 'pay']
    """
    match template.get("Metadata"):
        case {"Algernon": {"Tasks": [_, *_] as named}}:
            return [str(task) for task in named]
    found = []
    for name, resource in template.get("Resources", {}).items():
        task = _task_of_topic(resource)
        if task and name == logical_id("Topic", task):
            found.append(task)
    return found


def others_in(template: Mapping[str, Any]) -> dict[str, str]:
    """Return which resources no template of Algernon has, by their logical ids, with their types.

    Somebody may have added them, by the template's hook or because Tasks are part of another
    system's template. Queues and buckets are told by their names, since they hold something.

    Example:
        >>> table = {"Type": "AWS::DynamoDB::Table"}
        >>> others_in({"Resources": {"Orders": table, "Bucket": {"Type": "AWS::S3::Bucket"}}})
        {'Orders': 'AWS::DynamoDB::Table'}
    """
    own = {logical_id(kind, task) for task in tasks_of(template) for kind in _QUEUES} | {"Bucket"}
    return {
        name: resource["Type"]
        for name, resource in template["Resources"].items()
        if resource["Type"] not in RESOURCE_RIGHTS
        or (resource["Type"] in _HOLD_SOMETHING and name not in own)
    }


def is_of_algernon(template: Mapping[str, Any]) -> bool:
    """Tell whether a template is Algernon's: a system's, or the code bucket's."""
    return "Algernon" in template.get("Metadata", {}) or bool(tasks_of(template))


def _task_of_topic(resource: Mapping[str, Any]) -> str | None:
    if resource.get("Type") != "AWS::SNS::Topic":
        return None
    match resource.get("Properties", {}).get("TopicName"):
        case {"Fn::Sub": str(name)} if name.startswith(_TOPIC_NAME):
            return name.removeprefix(_TOPIC_NAME)
    return None
