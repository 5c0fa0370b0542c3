"""Why CloudFormation couldn't do something, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..template.logical_ids import logical_id
from .stack_events import StackEvent

# What failed only since something else did, by AWS CloudFormation User Guide, "Troubleshooting
# CloudFormation": the rest is cancelled, and the stack names what failed.
_FOLLOWS = re.compile(
    r"Resource (creation|update|deletion|import) cancelled|The following resource\(s\) failed to",
    re.IGNORECASE,
)

_PARTS_OF_TASKS = {
    "Topic": "the topic",
    "Queue": "the queue",
    "DeadLetterQueue": "the dead-letter queue",
    "QueuePolicy": "the policy of the queue",
    "Subscription": "the subscription",
    "DeadLetterAlarm": "the alarm of the dead letters",
    "OldestMessageAlarm": "the alarm of the oldest message",
}

# By what the services say, and by the codes of resources' handlers that CloudFormation adds:
# CloudFormation CLI User Guide, "Handler error codes". The first that fits is told.
_ADVICE = {
    "InsufficientCapabilities|CAPABILITY_": (
        "algernon acknowledges CAPABILITY_IAM alone: leave out macros, and the names of roles and"
        " policies, or deploy this template by yourself"
    ),
    r"is in \w+_IN_PROGRESS stat": "somebody else changes it: run this again when that is done",
    "stack policy": (
        "the stack has a policy that forbids it: change that by aws cloudformation set-stack-policy"
    ),
    "TerminationProtection": (
        "if it is to go, take its protection away by aws cloudformation"
        " update-termination-protection --no-enable-termination-protection"
    ),
    "NoSuchKey|specified key does not exist": (
        "the zip isn't in the code bucket any more: deploy without --code-only, which puts it there"
    ),
    "NoSuchBucket|PermanentRedirect|bucket.{0,80}same region|bucket is in this region": (
        "the code bucket has to be there, and in the stack's region: look at its name, or name none"
    ),
    "Unzipped size must be smaller|RequestEntityTooLarge|CodeStorageExceeded": (
        "Lambda takes no more: have fewer or smaller requirements, or delete functions that nobody"
        " needs"
    ),
    "UnreservedConcurrentExecution": (
        "the account has no more executions to reserve: reserve fewer, or ask for a higher quota in"
        " the console of Service Quotas"
    ),
    "LimitExceeded|quota|exceed.{0,40}(limit|maximum)|maximum number of": (
        "it is a quota: ask for a higher one in the console of Service Quotas, or delete what"
        " nobody needs"
    ),
    "Throttling|Rate exceeded|TooManyRequests": "AWS throttles: run it again",
    "Access ?Denied|not authorized|UnauthorizedOperation|UnauthorizedTagging": (
        "whoever deploys lacks that right: algernon policy --for deploy --stack NAME prints what"
        " gives it"
    ),
    # IAM User Guide, "Changes that I make are not always immediately visible".
    "cannot be assumed by Lambda|role does not have permissions to call": (
        "IAM may not yet know of what was just made: run it again"
    ),
    "Internal ?(Error|Failure)|NetworkFailure|NotStabilized": "that may pass: run it again",
    "AlreadyExists|already exists|already owned by you": (
        "something of that name is there, and no part of the stack: delete it if nobody needs it,"
        " or choose another --stack"
    ),
}


def with_advice(reason: str) -> str:
    """Return a reason of CloudFormation's in one line, with what to do if that is known.

    Example:
        >>> with_advice("Rate exceeded")
        'Rate exceeded; AWS throttles: run it again'
    """
    line = " ".join(reason.split()).rstrip(".")
    for pattern, advice in _ADVICE.items():
        if re.search(pattern, line, re.IGNORECASE):
            return f"{line}; {advice}"
    return line


def first_failure(events: Iterable[StackEvent]) -> StackEvent | None:
    """Return what failed first, and not only since something else did.

    Args:
        events: Those of one change of the stack, in order.
    """
    failed = [
        event
        for event in events
        if event.status.endswith("_FAILED") and event.reason and not _FOLLOWS.match(event.reason)
    ]
    # The stack's own say less.
    return next((event for event in failed if not event.is_of_stack), None) or next(
        iter(failed), None
    )


def in_words(event: StackEvent, tasks: Iterable[str]) -> str:
    """Return what something happened to is called by who uses it.

    Args:
        event: What happened.
        tasks: The names of the system's Tasks, as far as they are known.
    """
    return "the stack" if event.is_of_stack else part_in_words(event.logical_id, event.kind, tasks)


def part_in_words(name: str, kind: str, tasks: Iterable[str]) -> str:
    """Return what a resource is called by who uses it.

    Args:
        name: Its logical id.
        kind: Its type.
        tasks: The names of the system's Tasks, as far as they are known.

    Example:
        >>> part_in_words("QueuePay9350872D", "AWS::SQS::Queue", ["bill", "pay"])
        "the queue of the Task 'pay' (QueuePay9350872D)"
    """
    for task in tasks:
        for part, words in _PARTS_OF_TASKS.items():
            if name == logical_id(part, task):
                return f"{words} of the Task {task!r} ({name})"
        if name.endswith(logical_id("Queue", task)):
            return f"what feeds the worker of the Task {task!r} ({name})"
    return f"{name} ({kind})"


def validation_errors(cloudformation: Any, **which: str) -> Iterator[str]:
    """Give what CloudFormation found wrong with a template before it did anything, one by one.

    AWS CloudFormation API Reference, DescribeEvents, which older versions of boto3 don't know,
    and which is called in vain without its right: the error is told all the same.

    Args:
        cloudformation: A boto3 client for CloudFormation.
        which: The change set, or the stack.
    """
    from botocore.exceptions import ClientError

    if not hasattr(cloudformation, "describe_events"):
        return
    try:
        found = cloudformation.describe_events(**which, Filters={"FailedEvents": True})
    except ClientError:
        return
    errors = [
        event
        for event in found.get("OperationEvents", ())
        if event.get("EventType") == "VALIDATION_ERROR"
    ]
    for event in errors:
        # Of a stack, those of all that was ever done with it are told, the last ones first.
        if event.get("OperationId") == errors[0].get("OperationId"):
            yield _validation_error(event)


def _validation_error(event: Mapping[str, Any]) -> str:
    where = event.get("ValidationPath") or event.get("LogicalResourceId", "")
    return f"{where}: {event.get('ValidationStatusReason', 'no reason is given')}"
