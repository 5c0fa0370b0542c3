"""The parts of a system that one has rights to: by patterns of their names, or as AWS has them."""

from __future__ import annotations

from collections.abc import Sequence

from .deployment.code_bucket import STACK_NAME as CODE_STACK
from .log_groups import find_log_groups
from .mappings import find_mappings
from .place import Place
from .policy import Parts
from .rights import Part
from .stack import Stack
from .task_queues import find_task_queues
from .template.bucket import CACHE_FOLDER


def parts_by_name(stack: str) -> Parts:
    """Return patterns of the parts of a stack, by what CloudFormation calls them.

    They hold in every account and region. A name that CloudFormation shortened, since it would
    be longer than its service allows, doesn't match.
    """

    def arn(service: str, name: str) -> tuple[str]:
        return (f"arn:aws:{service}:*:*:{name}",)

    queues = arn("sqs", f"{stack}-Queue*")
    dead_letter_queues = arn("sqs", f"{stack}-DeadLetterQueue*")
    of_stack = arn("cloudformation", f"stack/{stack}/*")
    bucket = f"arn:aws:s3:::{stack.lower()}-bucket-*"
    # Where none is given, deploy makes one, in a stack of its own.
    code = f"arn:aws:s3:::{CODE_STACK}-bucket-*"
    roles = (f"arn:aws:iam::*:role/{stack}-WorkerRole*",)
    return {
        "topics": arn("sns", f"{stack}-*"),
        "queues": queues,
        "dead-letter queues": dead_letter_queues,
        "objects": (f"{bucket}/{CACHE_FOLDER}/*",),
        "bucket": (bucket,),
        "stack": of_stack,
        "log group": arn("logs", f"log-group:{stack}-WorkerLogs*"),
        "functions": arn("lambda", f"function:{stack}-Worker*"),
        "mappings": arn("lambda", f"function:{stack}-Worker*"),
        "everything": ("*",),
        "alarms": arn("cloudwatch", f"alarm:{stack}-*"),
        "all queues": (*queues, *dead_letter_queues),
        "buckets": (bucket, code),
        "code": (f"{code}/*",),
        "key of functions": arn("kms", "key/*"),
        "managed policies": (f"arn:aws:iam::*:policy/{stack}-*",),
        "role of functions": roles,
        "roles": roles,
        "stacks": (*of_stack, *arn("cloudformation", f"stack/{CODE_STACK}/*")),
        "tags of mappings": arn("lambda", "event-source-mapping:*"),
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
