"""IAM policies that give people and programs the rights that they need, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, TypeAlias

from .log_groups import find_log_groups
from .mappings import find_mappings
from .place import Place
from .rights import RESULTS, RIGHTS, SENDING, Part, Right
from .stack import Stack
from .task_queues import find_task_queues
from .template.bucket import CACHE_FOLDER
from .template.expressions import policy_document

#: What a policy is for: sending Tasks and getting their results, or all that the command does.
Role: TypeAlias = Literal["operate", "send"]

#: The ARNs of a system's parts, or patterns of them; of mappings, those of their functions.
Parts: TypeAlias = Mapping[Part, Sequence[str]]

#: IAM and STS quotas: the characters of a managed policy, without white space.
MOST_CHARACTERS = 6144

# What a role does, and the rights to it.
_ROLES: Mapping[Role, Mapping[str, Iterable[Right]]] = {
    "send": {"Send": SENDING, "Result": RESULTS},
    "operate": {"Operate": [*chain.from_iterable(RIGHTS.values())]},
}


def policy(role: Role, parts: Parts) -> dict[str, Any]:
    """Return IAM's document of the rights of a role.

    Those for getting results are statements of their own, so that whoever only sends
    can leave them out.

    Args:
        role: Whose rights.
        parts: What they are for; rights for parts that aren't there are left out.

    Example:
        >>> policy("send", parts_by_name("shop"))["Statement"][0]["Action"]
        ['sns:ListTagsForResource', 'sns:Publish']
    """
    return policy_document(*_statements(role, parts))


def _statements(role: Role, parts: Parts) -> Iterator[dict[str, Any]]:
    for does, rights in _ROLES[role].items():
        for part, arns in parts.items():
            actions = sorted({action for action, of in rights if of == part})
            if actions and arns:
                yield {
                    "Sid": f"{does}{part.title().replace(' ', '').replace('-', '')}",
                    "Effect": "Allow",
                    "Action": actions,
                    **_resource(part, arns),
                }


def _resource(part: Part, arns: Sequence[str]) -> dict[str, Any]:
    if part != "mappings":
        return {"Resource": list(arns)}
    # Service Authorization Reference, "AWS Lambda": a mapping is known by a UUID, which is
    # another after each time that it was replaced, and by its function.
    return {"Resource": "*", "Condition": {"ArnLike": {"lambda:FunctionArn": list(arns)}}}


def parts_by_name(stack: str) -> Parts:
    """Return patterns of the parts of a stack, by what CloudFormation calls them.

    They hold in every account and region. A name that CloudFormation shortened, since it would
    be longer than its service allows, doesn't match.
    """

    def arn(service: str, name: str) -> tuple[str]:
        return (f"arn:aws:{service}:*:*:{name}",)

    bucket = f"arn:aws:s3:::{stack.lower()}-bucket-*"
    return {
        "topics": arn("sns", f"{stack}-*"),
        "queues": arn("sqs", f"{stack}-Queue*"),
        "dead-letter queues": arn("sqs", f"{stack}-DeadLetterQueue*"),
        "objects": (f"{bucket}/{CACHE_FOLDER}/*",),
        "bucket": (bucket,),
        "stack": arn("cloudformation", f"stack/{stack}/*"),
        "log group": arn("logs", f"log-group:{stack}-WorkerLogs*"),
        "functions": arn("lambda", f"function:{stack}-Worker*"),
        "mappings": arn("lambda", f"function:{stack}-Worker*"),
        "everything": ("*",),
    }


def parts_of(place: Place) -> Parts:
    """Return the ARNs of the parts of a system.

    Raises:
        NotASystemError: There is no such system.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights of
            `find_task_queues` and `find_log_groups`.
    """
    tasks = find_task_queues(place)
    _, partition, _, region, account, _ = tasks[0].topic_arn.split(":")

    def arn(service: str, name: str) -> str:
        return f"arn:{partition}:{service}:{region}:{account}:{name}"

    dead_letter_queues = (each.dead_letter_queue_arn for each in tasks)
    parts: dict[Part, Sequence[str]] = {
        "topics": tuple(each.topic_arn for each in tasks),
        "queues": tuple(each.queue_arn for each in tasks),
        "dead-letter queues": tuple(each for each in dead_letter_queues if each is not None),
    }
    if place.stack_name is None:
        bucket = place.environ.get("ALGERNON_BUCKET_NAME")
        buckets = [bucket] if bucket else []
        found = find_mappings(place.client("lambda"), parts["queues"]).values()
        functions = sorted({each.function_arn for mappings in found for each in mappings})
    else:
        stack = Stack(place.client("cloudformation"), place.stack_name)
        buckets = [stack.bucket()]
        names = stack.resources("AWS::Lambda::Function").values()
        functions = [arn("lambda", f"function:{name}") for name in names]
        parts["stack"] = (arn("cloudformation", f"stack/{place.stack_name}/*"),)
    folder = place.environ.get("CACHE_FOLDER_NAME", CACHE_FOLDER)
    # Amazon CloudWatch Logs User Guide, "Overview of managing access permissions": all actions but
    # those for tags are checked against the ARN that ends with :*.
    log_groups = (arn("logs", f"log-group:{name}:*") for name in find_log_groups(place))
    return {
        **parts,
        "log group": tuple(log_groups),
        "functions": functions,
        "mappings": functions,
        "objects": tuple(f"arn:{partition}:s3:::{name}/{folder}/*" for name in buckets),
        "bucket": tuple(f"arn:{partition}:s3:::{name}" for name in buckets),
        "everything": ("*",),
    }
