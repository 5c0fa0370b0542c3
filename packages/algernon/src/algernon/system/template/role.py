"""The functions' role: what the workers do, and no more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...worker import Worker
from ..settings.settings import Parameter, Secret, Settings
from .bucket import CACHE_FOLDER, bucket_arn
from .expressions import allow, arn, policy_document, use_of_key
from .logical_ids import logical_id
from .longest import BEFORE_A_NAME, STACK_NAME
from .policy_quotas import LONGEST_POLICY, check_inline_policies

# Amazon SQS Developer Guide, "Amazon SQS message quotas": the name of a queue.
_LONGEST_QUEUE_NAME = 80


def role(
    managed_policies: Iterable[str], workers: Sequence[Worker], settings: Settings
) -> dict[str, Any]:
    """Return the role, which has policies of its own besides.

    Args:
        managed_policies: The logical ids of those that are attached to it.
        workers: Those whose functions have it.
        settings: The system's.

    Raises:
        TemplateError: IAM has no room for its own policies.
    """
    boundary = (
        {}
        if settings.permissions_boundary is None
        else {"PermissionsBoundary": settings.permissions_boundary}
    )
    own = [_as_template(statement) for statement in settings.statements]
    worker = [*what_tasks_do(settings), *_what_functions_do(workers, settings)]
    policies = {
        name: policy_document(*statements)
        for name, statements in (("worker", worker), ("statements", own))
        if statements
    }
    check_inline_policies(policies, settings)
    properties = {
        "AssumeRolePolicyDocument": policy_document(
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ),
        "ManagedPolicyArns": [{"Ref": policy} for policy in managed_policies],
        "Policies": [
            {"PolicyName": name, "PolicyDocument": document} for name, document in policies.items()
        ],
        **boundary,
    }
    return {"WorkerRole": {"Type": "AWS::IAM::Role", "Properties": properties}}


def policies_of_tasks(tasks: Sequence[str]) -> dict[str, Any]:
    """Return the managed policies with what workers may do to the Tasks' queues and topics."""
    return {
        f"WorkerTasks{number}": _managed(some)
        for number, some in enumerate(_in_policies(tasks), start=1)
    }


def _in_policies(tasks: Sequence[str]) -> Iterator[Sequence[str]]:
    """Give as many Tasks at a time as one policy has room for, in order."""
    room = LONGEST_POLICY - len(json.dumps(_of_tasks([])))
    start, taken = 0, 0
    for number, task in enumerate(tasks):
        length = _longest_arns(task)
        if taken + length > room:
            yield tasks[start:number]
            start, taken = number, 0
        taken += length
    yield tasks[start:]


def _longest_arns(task: str) -> int:
    """Return how many characters a Task's three ARNs may take, each in quotes, with a comma."""
    names = (
        _LONGEST_QUEUE_NAME,
        _LONGEST_QUEUE_NAME,
        len(f"{STACK_NAME}-{task}"),
    )
    return sum(len(BEFORE_A_NAME) + name + len('"",') for name in names)


def _managed(tasks: Sequence[str]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        # SNS takes messages for a topic that nothing is subscribed to, and discards them: no
        # worker sends to a new Task before what it sends is kept.
        "DependsOn": [logical_id("Subscription", task) for task in tasks],
        "Properties": {
            "Description": "Take messages from the Tasks' queues and publish to their topics",
            "PolicyDocument": _of_tasks(tasks),
        },
    }


def _of_tasks(tasks: Sequence[str]) -> dict[str, Any]:
    return policy_document(
        allow(
            [
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
            ],
            [arn(logical_id("Queue", task)) for task in tasks],
        ),
        # What won't ever succeed is moved there at once.
        allow(
            ["sqs:GetQueueUrl", "sqs:SendMessage"],
            [arn(logical_id("DeadLetterQueue", task)) for task in tasks],
        ),
        allow("sns:Publish", [{"Ref": logical_id("Topic", task)} for task in tasks]),
    )


def what_tasks_do(settings: Settings) -> list[dict[str, Any]]:
    """Return the statements of what workers do with results, and for whom waits for them."""
    cached = f"/{CACHE_FOLDER}/*"
    return [
        allow(
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            # In a bucket that was there before, others may have objects.
            bucket_arn(settings, "/*" if settings.bucket is None else cached),
        ),
        # A redriven Task's note of its failure goes.
        allow("s3:DeleteObject", bucket_arn(settings, cached)),
        # Without it, S3 answers 403 instead of 404 for what isn't there.
        allow("s3:ListBucket", bucket_arn(settings)),
        _if(
            "BucketsAreTrusted",
            allow(["s3:GetObject", "s3:ListBucket"], _trusted_buckets()),
        ),
        _if(
            "StateMachinesWait",
            allow(
                ["states:SendTaskFailure", "states:SendTaskSuccess"],
                {"Fn::Split": [",", {"Ref": "StateMachines"}]},
            ),
        ),
        *use_of_key(settings.kms_key),
    ]


def _what_functions_do(workers: Sequence[Worker], settings: Settings) -> list[dict[str, Any]]:
    return [
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], arn("WorkerLogs")),
        # X-Ray's actions can't be limited to a resource.
        allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
        *_secrets(workers, settings),
        *_in_vpc(settings),
    ]


def _if(condition: str, statement: dict[str, Any]) -> dict[str, Any]:
    return {"Fn::If": [condition, statement, {"Ref": "AWS::NoValue"}]}


def _trusted_buckets() -> dict[str, Any]:
    """Return the ARNs of the buckets that a parameter names, and of all that is in them.

    What stands between the parts of a joined text can be no expression, and so not the partition.
    """
    by_partition = {
        partition: [
            {
                "Fn::Join": [
                    "",
                    [
                        f"arn:{partition}:s3:::",
                        {
                            "Fn::Join": [
                                f"{objects},arn:{partition}:s3:::",
                                {"Fn::Split": [",", {"Ref": "TrustedBuckets"}]},
                            ]
                        },
                        objects,
                    ],
                ]
            }
            for objects in ("", "/*")
        ]
        for partition in ("aws", "aws-cn", "aws-us-gov")
    }
    texts = {partition: {"Fn::Join": [",", joined]} for partition, joined in by_partition.items()}
    return {
        "Fn::Split": [
            ",",
            {
                "Fn::If": [
                    "InChina",
                    texts["aws-cn"],
                    {"Fn::If": ["InGovCloud", texts["aws-us-gov"], texts["aws"]]},
                ]
            },
        ]
    }


def _secrets(workers: Sequence[Worker], settings: Settings) -> list[dict[str, Any]]:
    """Return the right to read what the workers' environment keeps elsewhere."""
    values = [
        value
        for worker in workers
        for value in settings.of_worker(worker.module).environment.values()
    ]
    arns = sorted({value.arn for value in values if isinstance(value, Secret)})
    names = sorted({value.name for value in values if isinstance(value, Parameter)})
    statements = []
    if arns:
        # Which secrets are read is up to the second: AWS Secrets Manager API Reference,
        # BatchGetSecretValue.
        statements.append(allow("secretsmanager:BatchGetSecretValue", "*"))
        statements.append(allow("secretsmanager:GetSecretValue", arns))
    if names:
        statements.append(allow("ssm:GetParameters", [_parameter_arn(name) for name in names]))
    return statements


def _parameter_arn(name: str) -> dict[str, str]:
    # Neither a version nor a label is a part of it.
    path = name.partition(":")[0].removeprefix("/")
    return {
        "Fn::Sub": (
            f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/{path}"
        )
    }


def _in_vpc(settings: Settings) -> list[dict[str, Any]]:
    """Return what Lambda needs to put a function into a VPC.

    AWS Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC".
    """
    if settings.vpc is None:
        return []
    actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    return [allow(actions, "*")]


def _as_template(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return a statement of the settings as the template has it."""
    made = {"Effect": "Allow", **statement}
    return {
        name: _substituted(value) if name in ("Resource", "NotResource", "Condition") else value
        for name, value in made.items()
    }


def _substituted(value: Any) -> Any:
    """Have CloudFormation put in what it knows, and leave IAM's own variables to IAM."""
    if isinstance(value, str):
        if "${AWS::" not in value:
            return value
        return {"Fn::Sub": re.sub(r"\$\{(?!AWS::)", "${!", value)}
    if isinstance(value, Mapping):
        return {name: _substituted(each) for name, each in value.items()}
    if isinstance(value, Sequence):
        return [_substituted(each) for each in value]
    return value
