"""The rights that each verb of the command needs on AWS to operate a system, and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

#: What a right is for: some parts of a system or, of actions that IAM can't limit, everything.
Part: TypeAlias = Literal[
    "topics",
    "queues",
    "dead-letter queues",
    "objects",
    "bucket",
    "stack",
    "log group",
    "functions",
    "mappings",
    "everything",
    # Those that only deploying has to do with. Its queues are both kinds, its stacks and buckets
    # the system's own and those of the code.
    "alarms",
    "all queues",
    "buckets",
    "code",
    "key of functions",
    "managed policies",
    "role of functions",
    "roles",
    "stacks",
    "tags of mappings",
]


class Right(NamedTuple):
    """An action of IAM, and the part of a system that it is for."""

    action: str
    part: Part


_PART_OF_STACK = (Right("cloudformation:DescribeStackResource", "stack"),)
_FIND_BUCKET = (
    *_PART_OF_STACK,
    # Of a bucket that is no part of the stack.
    Right("cloudformation:DescribeStacks", "stack"),
)
_READ_OBJECTS = (
    Right("s3:GetObject", "objects"),
    # Without it, S3 answers 403 instead of 404 for what isn't there.
    Right("s3:ListBucket", "bucket"),
)
_WRITE_OBJECTS = (
    Right("s3:AbortMultipartUpload", "objects"),
    Right("s3:PutObject", "objects"),
)
# Of a system without a stack.
_FIND_BY_TOPICS = (
    Right("sns:ListSubscriptionsByTopic", "topics"),
    Right("sns:ListTopics", "everything"),
    Right("sqs:GetQueueAttributes", "queues"),
    Right("sqs:GetQueueUrl", "dead-letter queues"),
    Right("sqs:GetQueueUrl", "queues"),
)
_LIST_STACK = Right("cloudformation:ListStackResources", "stack")
_FIND_QUEUES = (_LIST_STACK, *_FIND_BY_TOPICS)
_READ_LETTERS = (
    *_FIND_QUEUES,
    Right("sqs:ChangeMessageVisibility", "dead-letter queues"),
    Right("sqs:GetQueueAttributes", "dead-letter queues"),
    Right("sqs:ReceiveMessage", "dead-letter queues"),
)
_READ_LINES = Right("logs:FilterLogEvents", "log group")
_READ_METRICS = Right("cloudwatch:GetMetricData", "everything")
_FIND_MAPPINGS = Right("lambda:ListEventSourceMappings", "everything")
_FIND_FUNCTIONS = (_FIND_MAPPINGS, Right("lambda:GetFunctionConfiguration", "functions"))
_LINES = (
    *_PART_OF_STACK,
    _READ_LINES,
    # The log groups of a system without a stack are those of its functions.
    *_FIND_BY_TOPICS,
    *_FIND_FUNCTIONS,
)
_SWITCH = (
    *_FIND_QUEUES,
    _READ_METRICS,
    _FIND_MAPPINGS,
    Right("lambda:UpdateEventSourceMapping", "mappings"),
)

#: To send Tasks.
SENDING = (
    # Without it the command trusts that a topic is of the stack whose name it begins with.
    Right("sns:ListTagsForResource", "topics"),
    Right("sns:Publish", "topics"),
    *_WRITE_OBJECTS,
)
#: To get what came of them.
RESULTS = (*_FIND_BUCKET, *_READ_OBJECTS)

#: The rights of each verb but those that deploy; one that isn't here asks AWS for nothing.
RIGHTS: Mapping[str, Sequence[Right]] = {
    "send": (*SENDING, *RESULTS),
    "result": RESULTS,
    # The program that they lead to a system needs its own: those of send and result.
    "exec": _FIND_BUCKET,
    "env": _FIND_BUCKET,
    "cancel": (*RESULTS, *_WRITE_OBJECTS, Right("sns:Publish", "topics")),
    "group": (*RESULTS, *_READ_LETTERS),
    # The letters and objects are of trace --kwargs and of status --groups.
    "trace": (*_LINES, *RESULTS, *_READ_LETTERS),
    # Without it no Task is called unknown.
    "logs": (*_LINES, _LIST_STACK),
    "dead list": _READ_LETTERS,
    "dead show": (*_READ_LETTERS, *_LINES, *RESULTS),
    "dead export": _READ_LETTERS,
    "dead import": (*_READ_LETTERS, Right("sqs:SendMessage", "dead-letter queues")),
    "dead discard": (*_READ_LETTERS, Right("sqs:DeleteMessage", "dead-letter queues")),
    "dead run": (
        *_READ_LETTERS,
        *RESULTS,
        *_FIND_FUNCTIONS,
    ),
    "dead redrive": (
        *_READ_LETTERS,
        *RESULTS,
        *_WRITE_OBJECTS,
        # The note of a failure goes before its letter does.
        Right("s3:DeleteObject", "objects"),
        Right("sqs:DeleteMessage", "dead-letter queues"),
        Right("sqs:SendMessage", "queues"),
    ),
    "status": (
        *_FIND_QUEUES,
        *_FIND_FUNCTIONS,
        _READ_METRICS,
        _READ_LINES,
        *_READ_LETTERS,
        *RESULTS,
    ),
    "tasks": (
        *_FIND_QUEUES,
        *_FIND_FUNCTIONS,
    ),
    "pause": _SWITCH,
    "resume": _SWITCH,
    "policy": (*_FIND_QUEUES, *_FIND_BUCKET, *_FIND_FUNCTIONS),
}
