"""The rights that deploying a system, and removing it, needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from .resource_rights import RESOURCE_RIGHTS
from .rights import Right

_OF_STACKS = (
    "ContinueUpdateRollback",
    "CreateChangeSet",
    "CreateStack",
    "DeleteChangeSet",
    "DeleteStack",
    "DescribeChangeSet",
    "DescribeEvents",
    "DescribeStackEvents",
    "DescribeStackResource",
    "DescribeStacks",
    "ExecuteChangeSet",
    "GetTemplate",
    "ListChangeSets",
    "ListStackResources",
)

#: The rights of ``deploy`` and ``destroy``: what they call themselves, and what CloudFormation
#: does for them, in the name of whoever calls.
DEPLOYING: Sequence[Right] = (
    *(Right(f"cloudformation:{name}", "stacks") for name in _OF_STACKS),
    # Of one that is deleted, and has left queues.
    Right("cloudformation:ListStacks", "everything"),
    # CloudFormation and Lambda read templates and code so, too.
    Right("s3:GetObject", "code"),
    Right("s3:PutObject", "code"),
    # Of Tasks that are drained, and whether their functions take messages.
    Right("lambda:ListEventSourceMappings", "everything"),
    # Whether a queue is as empty as its numbers say, before it is deleted.
    Right("sqs:ReceiveMessage", "all queues"),
    *chain.from_iterable(RESOURCE_RIGHTS.values()),
)
