"""The functions' role: what the workers do, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .bucket import CACHE_FOLDER
from .expressions import arn, policy_document
from .logical_ids import logical_id

# IAM and STS quotas: a managed policy holds 6,144 characters, of which a Task's three
# ARNs may take 560; a role has ten of them.
_TASKS_A_POLICY = 10


def role(tasks: Sequence[str]) -> dict[str, Any]:
    """Return the role, and the managed policies with what it may do to the Tasks' queues."""
    policies = {
        f"WorkerTasks{number}": _policy_of_tasks(some)
        for number, some in enumerate(_in_groups(tasks, _TASKS_A_POLICY), start=1)
    }
    return {**policies, "WorkerRole": _role(list(policies))}


def _in_groups(tasks: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(tasks), size):
        yield tasks[start : start + size]


def _policy_of_tasks(tasks: Sequence[str]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "Description": "Take messages from the Tasks' queues and publish to their topics",
            "PolicyDocument": policy_document(
                {
                    "Effect": "Allow",
                    "Action": [
                        "sqs:ChangeMessageVisibility",
                        "sqs:DeleteMessage",
                        "sqs:GetQueueAttributes",
                        "sqs:GetQueueUrl",
                        "sqs:ReceiveMessage",
                    ],
                    "Resource": [arn(logical_id("Queue", task)) for task in tasks],
                },
                # What won't ever succeed is moved there at once.
                {
                    "Effect": "Allow",
                    "Action": ["sqs:GetQueueUrl", "sqs:SendMessage"],
                    "Resource": [arn(logical_id("DeadLetterQueue", task)) for task in tasks],
                },
                {
                    "Effect": "Allow",
                    "Action": "sns:Publish",
                    "Resource": [{"Ref": logical_id("Topic", task)} for task in tasks],
                },
            ),
        },
    }


def _role(managed_policies: Sequence[str]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": policy_document(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ),
            "ManagedPolicyArns": [{"Ref": policy} for policy in managed_policies],
            "Policies": [{"PolicyName": "worker", "PolicyDocument": _what_all_workers_do()}],
        },
    }


def _what_all_workers_do() -> dict[str, Any]:
    return policy_document(
        {
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
        },
        # A redriven Task's note of its failure goes.
        {
            "Effect": "Allow",
            "Action": "s3:DeleteObject",
            "Resource": {"Fn::Sub": f"${{Bucket.Arn}}/{CACHE_FOLDER}/*"},
        },
        # Without it, S3 answers 403 instead of 404 for what isn't there.
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn("Bucket")},
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": arn("WorkerLogs"),
        },
        # X-Ray's actions can't be limited to a resource.
        {
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            "Resource": "*",
        },
        {
            "Fn::If": [
                "StateMachinesWait",
                {
                    "Effect": "Allow",
                    "Action": ["states:SendTaskFailure", "states:SendTaskSuccess"],
                    "Resource": {"Fn::Split": [",", {"Ref": "StateMachines"}]},
                },
                {"Ref": "AWS::NoValue"},
            ]
        },
    )
