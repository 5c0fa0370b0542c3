"""The topics of a system on AWS, which are called by its stack and its Tasks."""

from __future__ import annotations

from ..errors import UnknownTaskError
from .place import Place

# AWS CloudFormation User Guide, "Resource tag": every resource that a stack creates has it.
_STACK_TAG = "aws:cloudformation:stack-name"


def check_topic_is_of_stack(place: Place, task: str, stack: str) -> None:
    """Refuse a topic that a Task of another stack has, since its name would be the same.

    So it is with the Task `a-b` of the stack `shop` and the Task `b` of the stack
    `shop-a`. A topic that no stack made, that isn't there, or whose tags may not be
    read is left to whoever publishes to it.

    Raises:
        UnknownTaskError: The topic's tag names another stack.
    """
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

    topic = f"{place.topic_prefix}{task}"
    try:
        caller = place.client("sts").get_caller_identity()["Arn"]
        _, partition, _, _, account, *_ = caller.split(":")
        sns = place.client("sns")
        arn = f"arn:{partition}:sns:{sns.meta.region_name}:{account}:{topic}"
        tags = sns.list_tags_for_resource(ResourceArn=arn)["Tags"]
    except (ClientError, NoCredentialsError, NoRegionError):
        return
    owner = next((tag["Value"] for tag in tags if tag["Key"] == _STACK_TAG), stack)
    if owner != stack:
        raise UnknownTaskError(
            f"the stack {stack!r} has no Task {task!r}: the topic {topic} belongs to the stack"
            f" {owner!r}, for its Task {topic.removeprefix(f'{owner}-')!r}"
        )
