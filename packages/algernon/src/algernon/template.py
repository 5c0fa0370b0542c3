"""The CloudFormation template of a system: its workers, and what their Tasks travel through."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .errors import TemplateError
from .worker import Worker

# AWS Lambda Developer Guide, "Lambda quotas".
TIMEOUTS = range(1, 900 + 1)
MEMORIES = range(128, 10_240 + 1)
# AWS Lambda Developer Guide, "Lambda runtimes".
RUNTIMES = ((3, 11), (3, 12), (3, 13), (3, 14))

# AWS CloudFormation User Guide, "Understand CloudFormation quotas".
_RESOURCES_A_TEMPLATE = 500
# Amazon SNS API Reference, CreateTopic: a topic's name has 256 characters, of which
# the stack's name may take 128, and the hyphen after it one.
_LONGEST_TASK_NAME = 127
# IAM and STS quotas: a managed policy holds 6,144 characters, of which a Task's three
# ARNs may take 560; a role has ten of them.
_TASKS_A_POLICY = 10

# AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source
# mapping": a visibility timeout of six times the function's, and a maxReceiveCount
# of at least five.
_VISIBILITY_FACTOR = 6
_FEWEST_TRIES = 5
_BATCH_SIZE = 10

# Receives in which no Task is run that may have run: a message whose worker died in its
# last try comes once more, and is moved to the dead-letter queue with the reason.
_EXTRA_RECEIVES = 2
# Amazon SQS Developer Guide, "Amazon SQS dead-letter queues": the largest maxReceiveCount.
_MOST_RECEIVES = 1000
_MOST_RETRIES = _MOST_RECEIVES - _EXTRA_RECEIVES - 1

_DAY = 24 * 60 * 60
# Amazon SQS Developer Guide, "Dead-letter queues": a dead letter's age counts from
# when it was first sent, so its queue has to keep messages longer than the Task's.
_QUEUE_RETENTION = 4 * _DAY
_DEAD_LETTER_RETENTION = 14 * _DAY
# What a message points to has to outlive it: 14 days as a dead letter and, moved
# back to its queue, 14 days more.
_SHORTEST_CACHE_DAYS = 29
_CACHE_DAYS = 30
_LOG_DAYS = 30

CACHE_FOLDER = "cache"


def system_template(
    tasks: Sequence[str],
    *,
    handler: str,
    timeout: int = 30,
    memory: int = 256,
    retries: Mapping[str, int] = MappingProxyType({}),
    others: Sequence[Worker] = (),
) -> dict[str, Any]:
    """Return the CloudFormation (SAM) template of a system of one or more workers.

    Each worker is a Lambda function that is fed by the queues of its own Tasks.
    All share one zip, one bucket, one role and one log group, so that a Task's
    callback may be any worker's.

    The first function is called `Worker` in the template, the others by their
    handlers alone: to add a worker to a deployed system, add it to `others`, in
    any place, and leave the first one first.

    The template has the parameters `CodeBucket` and `CodeKey`, where the zip is;
    `CacheDays`; `Debug`; `LogFormat`, which is JSON or Text; `MetricsNamespace`,
    CloudWatch's of the Tasks' metrics, of which none are written without;
    `RecursiveLoop`, which is Allow or Terminate; `StateMachines`, the ARNs of those
    that wait for Tasks; and `Tracing`, which is xray, otel or off. Its outputs are
    the bucket, the functions, their role and their log group. The log group is
    shared as AWS Lambda Developer Guide, "Configuring CloudWatch log groups",
    describes.

    A queue gives a message out twice more than its Task is tried, which
    `ALGERNON_EXTRA_RECEIVES` tells the workers: so a message whose worker died
    comes back to be moved to the dead-letter queue with the reason.

    Args:
        tasks: The names of the first worker's Tasks.
        handler: Lambda's name of its handler, such as ``"worker.handler"``.
        timeout: How long one batch of ten may take, in seconds (1 to 900), in
            each of the functions.
        memory: Each function's memory, in MB (128 to 10,240), which its share of
            a CPU goes with.
        retries: How often a Task is tried again, for those that say (0 to 997): it is
            tried at least that often, and five times at the least.
        others: The further workers.

    Raises:
        TemplateError: A number is outside Lambda's limits, a Task's name is too
            long for a topic, or it has more retries than its queue receives, two
            workers have the same handler or a Task of the same name, or there are
            more Tasks than one template holds.

    Example:
        >>> mailer = Worker("mailer.handler", ("send_mail",), retries={})
        >>> template = system_template(["resize"], handler="worker.handler", others=[mailer])
        >>> template["Metadata"]
        {'Algernon': {'Tasks': ['resize', 'send_mail']}}
    """
    check_limits(timeout, memory)
    workers = [Worker(handler, tuple(tasks), retries), *others]
    _check_workers(workers)
    all_tasks = [task for worker in workers for task in worker.tasks]
    for task in all_tasks:
        if len(task) > _LONGEST_TASK_NAME:
            raise TemplateError(
                f"the Task {task[:40]}… has a name of {len(task)} characters, but the name of its"
                f" topic, which begins with the stack's, has room for {_LONGEST_TASK_NAME}: give it"
                " a shorter one"
            )
    for task, retries_of_it in _retries_of_each_task(workers):
        if retries_of_it > _MOST_RETRIES:
            raise TemplateError(
                f"the Task {task!r} has {retries_of_it} retries, but its queue has room for"
                f" {_MOST_RETRIES}: SQS gives a message out {_MOST_RECEIVES} times at the most, of"
                f" which {_EXTRA_RECEIVES} are for what a worker that died left behind; give it"
                " fewer"
            )
    resources = {
        **_bucket(),
        **_topics_and_queues(workers, timeout),
        **_role(all_tasks),
        **_logs(),
        **_functions(workers, timeout, memory),
    }
    _check_size(all_tasks, resources)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": f"Algernon: the system of {handler}"
        + (f" and {len(others)} more" if others else ""),
        "Metadata": {"Algernon": {"Tasks": all_tasks}},
        "Parameters": _PARAMETERS,
        "Conditions": _CONDITIONS,
        "Resources": resources,
        "Outputs": {**_OUTPUTS, **_function_outputs(workers)},
    }


def template_of_workers(workers: Sequence[Worker], *, timeout: int, memory: int) -> dict[str, Any]:
    """Return what `system_template` does, of workers of which the first is the first."""
    first, *others = workers
    return system_template(
        first.tasks,
        handler=first.handler,
        timeout=timeout,
        memory=memory,
        retries=first.retries,
        others=others,
    )


def check_limits(timeout: int, memory: int) -> None:
    """Refuse what Lambda doesn't give a function.

    Raises:
        TemplateError: The timeout, in seconds, or the memory, in MB, is out of range.
    """
    for what, value, allowed, unit in (
        ("timeout", timeout, TIMEOUTS, "seconds"),
        ("memory", memory, MEMORIES, "MB"),
    ):
        if value not in allowed:
            raise TemplateError(
                f"a {what} of {value} {unit} is outside Lambda's limits: it takes {allowed[0]} to"
                f" {allowed[-1]} {unit}"
            )


def logical_id(kind: str, task: str) -> str:
    """Return a Task's part of the system by its name in the template.

    The name depends on nothing but the Task's own, so that a Task that is added
    doesn't replace another's queue, and `a-b` isn't `a_b`. So it is with the
    functions of the workers after the first.

    Args:
        kind: ``"Topic"``, ``"Queue"``, ``"DeadLetterQueue"``, ``"QueuePolicy"``
            or ``"Subscription"``; or ``"Worker"``.
        task: The Task's name; of a worker, its handler.

    Example:
        >>> logical_id("Queue", "read_source")
        'QueueReadSource116324E9'
    """
    words = re.findall(r"[A-Za-z0-9]+", task)
    readable = "".join(word[0].upper() + word[1:] for word in words)[:64]
    return f"{kind}{readable}{hashlib.sha256(task.encode()).hexdigest()[:8].upper()}"


_PARAMETERS = {
    "CodeBucket": {"Type": "String", "Description": "The bucket that holds the function's zip"},
    "CodeKey": {
        "Type": "String",
        "Description": "The zip's key, a new one for each version of the code",
    },
    "CacheDays": {
        "Type": "Number",
        "Default": _CACHE_DAYS,
        "MinValue": _SHORTEST_CACHE_DAYS,
        "Description": "Days after which stored results and arguments are deleted",
    },
    "Debug": {
        "Type": "String",
        "AllowedValues": ["true", "false"],
        "Default": "false",
        "Description": "Whether the workers log at level DEBUG",
    },
    "LogFormat": {
        "Type": "String",
        "AllowedValues": ["JSON", "Text"],
        "Default": "JSON",
        "Description": "The format of the log lines, the workers' and Lambda's own",
    },
    "MetricsNamespace": {
        "Type": "String",
        "Default": "",
        "Description": "The CloudWatch namespace of the Tasks' metrics; none are written without",
    },
    "RecursiveLoop": {
        "Type": "String",
        "AllowedValues": ["Allow", "Terminate"],
        "Default": "Allow",
        "Description": "Whether Lambda stops a chain that comes to a worker some 16 times",
    },
    "StateMachines": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": r"(\*|arn:[^,\s]+(,arn:[^,\s]+)*)?",
        "ConstraintDescription": "ARNs, separated by commas without spaces, or *",
        "Description": "ARNs of the state machines that wait for Tasks, or *",
    },
    "Tracing": {
        "Type": "String",
        "AllowedValues": ["xray", "otel", "off"],
        "Default": "xray",
        "Description": "ALGERNON_TRACING of the workers",
    },
}

_CONDITIONS = {
    "LogsAreDebug": {"Fn::Equals": [{"Ref": "Debug"}, "true"]},
    "LogsAreJson": {"Fn::Equals": [{"Ref": "LogFormat"}, "JSON"]},
    "StateMachinesWait": {"Fn::Not": [{"Fn::Equals": [{"Ref": "StateMachines"}, ""]}]},
    "TracingIsOff": {"Fn::Equals": [{"Ref": "Tracing"}, "off"]},
}

# AWS Lambda Developer Guide, "Log-level filtering": Lambda drops JSON lines below this
# level, and takes none with text. INFO is said too, since a function that is updated
# without a level may keep the one it has.
_LOG_LEVEL = {
    "Fn::If": [
        "LogsAreJson",
        {"Fn::If": ["LogsAreDebug", "DEBUG", "INFO"]},
        {"Ref": "AWS::NoValue"},
    ]
}

_OUTPUTS = {
    "Bucket": {"Value": {"Ref": "Bucket"}, "Description": "ALGERNON_BUCKET_NAME of the workers"},
    "WorkerRole": {
        "Value": {"Ref": "WorkerRole"},
        "Description": "The functions' role, to attach a policy for what else the Tasks use",
    },
    "WorkerLogs": {
        "Value": {"Ref": "WorkerLogs"},
        "Description": "The functions' CloudWatch log group",
    },
}


def _bucket() -> dict[str, Any]:
    return {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            # Results may be in it that are somebody's only copy, but none if the stack
            # couldn't be created.
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                    ]
                },
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "ExpireCache",
                            "Status": "Enabled",
                            "Prefix": f"{CACHE_FOLDER}/",
                            "ExpirationInDays": {"Ref": "CacheDays"},
                        },
                        {
                            "Id": "AbortUploads",
                            "Status": "Enabled",
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                        },
                    ]
                },
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": _policy(
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [_arn("Bucket"), {"Fn::Sub": "${Bucket.Arn}/*"}],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ),
            },
        },
    }


def _topics_and_queues(workers: Sequence[Worker], timeout: int) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    for task, retries in _retries_of_each_task(workers):
        topic = logical_id("Topic", task)
        queue = logical_id("Queue", task)
        dead_letter_queue = logical_id("DeadLetterQueue", task)
        # SNS encrypts what it keeps. A KMS key on top would cost a call to KMS, and
        # AWS's own key would shut out other accounts and AWS services as senders.
        resources[topic] = {
            "Type": "AWS::SNS::Topic",
            "Properties": {"TopicName": {"Fn::Sub": f"${{AWS::StackName}}-{task}"}},
        }
        resources[dead_letter_queue] = _queue({"MessageRetentionPeriod": _DEAD_LETTER_RETENTION})
        resources[queue] = _queue(
            {
                "MessageRetentionPeriod": _QUEUE_RETENTION,
                "VisibilityTimeout": _VISIBILITY_FACTOR * timeout,
                "RedrivePolicy": {
                    "deadLetterTargetArn": _arn(dead_letter_queue),
                    "maxReceiveCount": max(_FEWEST_TRIES, 1 + retries) + _EXTRA_RECEIVES,
                },
            }
        )
        resources[logical_id("QueuePolicy", task)] = {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": queue}],
                "PolicyDocument": _policy(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "sns.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": _arn(queue),
                        "Condition": {"ArnEquals": {"aws:SourceArn": {"Ref": topic}}},
                    }
                ),
            },
        }
        resources[logical_id("Subscription", task)] = {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": topic},
                "Protocol": "sqs",
                "Endpoint": _arn(queue),
            },
        }
    return resources


def _retries_of_each_task(workers: Sequence[Worker]) -> Iterator[tuple[str, int]]:
    for worker in workers:
        for task in worker.tasks:
            yield task, worker.retries.get(task, 0)


def _queue(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::Queue",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        # SQS's own keys: SNS may not use the KMS key that AWS manages for SQS.
        "Properties": {**properties, "SqsManagedSseEnabled": True},
    }


def _role(tasks: Sequence[str]) -> dict[str, Any]:
    policies = {
        f"WorkerTasks{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Description": "Take messages from the Tasks' queues and publish to their topics",
                "PolicyDocument": _policy(
                    {
                        "Effect": "Allow",
                        "Action": [
                            "sqs:ChangeMessageVisibility",
                            "sqs:DeleteMessage",
                            "sqs:GetQueueAttributes",
                            "sqs:GetQueueUrl",
                            "sqs:ReceiveMessage",
                        ],
                        "Resource": [_arn(logical_id("Queue", task)) for task in some],
                    },
                    # What won't ever succeed is moved there at once.
                    {
                        "Effect": "Allow",
                        "Action": ["sqs:GetQueueUrl", "sqs:SendMessage"],
                        "Resource": [_arn(logical_id("DeadLetterQueue", task)) for task in some],
                    },
                    {
                        "Effect": "Allow",
                        "Action": "sns:Publish",
                        "Resource": [{"Ref": logical_id("Topic", task)} for task in some],
                    },
                ),
            },
        }
        for number, some in enumerate(_in_groups(tasks, _TASKS_A_POLICY), start=1)
    }
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": _policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ),
            "ManagedPolicyArns": [{"Ref": policy} for policy in policies],
            "Policies": [
                {
                    "PolicyName": "worker",
                    "PolicyDocument": _policy(
                        {
                            "Effect": "Allow",
                            "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                            "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
                        },
                        # Without it, S3 answers 403 instead of 404 for what isn't there.
                        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": _arn("Bucket")},
                        {
                            "Effect": "Allow",
                            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                            "Resource": _arn("WorkerLogs"),
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
                    ),
                }
            ],
        },
    }
    return {**policies, "WorkerRole": role}


def _logs() -> dict[str, Any]:
    return {
        "WorkerLogs": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"RetentionInDays": _LOG_DAYS},
        }
    }


def _functions(workers: Sequence[Worker], timeout: int, memory: int) -> dict[str, Any]:
    return {
        function_id: _function(worker, timeout, memory)
        for function_id, worker in _by_function_id(workers)
    }


def _function_outputs(workers: Sequence[Worker]) -> dict[str, Any]:
    return {
        function_id: {
            "Value": {"Ref": function_id},
            "Description": f"The Lambda function of {worker.handler}",
        }
        for function_id, worker in _by_function_id(workers)
    }


def _by_function_id(workers: Sequence[Worker]) -> Iterator[tuple[str, Worker]]:
    first, *others = workers
    # The name from when a system had one worker, so that a deployed one stays.
    yield "Worker", first
    for worker in others:
        yield logical_id("Worker", worker.handler), worker


def _function(worker: Worker, timeout: int, memory: int) -> dict[str, Any]:
    # A mapping's part of the template is called by the function's name and the event's.
    events = {
        logical_id("Queue", task): {
            "Type": "SQS",
            "Properties": {
                "Queue": _arn(logical_id("Queue", task)),
                "BatchSize": _BATCH_SIZE,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
        }
        for task in worker.tasks
    }
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": {"Bucket": {"Ref": "CodeBucket"}, "Key": {"Ref": "CodeKey"}},
            "Handler": worker.handler,
            "Runtime": _runtime(),
            "Timeout": timeout,
            "MemorySize": memory,
            "Role": _arn("WorkerRole"),
            "Tracing": {"Fn::If": ["TracingIsOff", "PassThrough", "Active"]},
            # A long chain through one worker looks to Lambda like a loop: AWS Lambda
            # Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops".
            "RecursiveLoop": {"Ref": "RecursiveLoop"},
            "LoggingConfig": {
                "LogGroup": {"Ref": "WorkerLogs"},
                "LogFormat": {"Ref": "LogFormat"},
                "ApplicationLogLevel": _LOG_LEVEL,
            },
            "Environment": {
                "Variables": {
                    "ALGERNON_BUCKET_NAME": {"Ref": "Bucket"},
                    "ALGERNON_EXTRA_RECEIVES": str(_EXTRA_RECEIVES),
                    # Belongs with ReportBatchItemFailures: one without the other
                    # loses messages.
                    "ALGERNON_FAILURES": "report",
                    "ALGERNON_METRICS_NAMESPACE": {"Ref": "MetricsNamespace"},
                    "ALGERNON_TOPIC_PREFIX": {"Fn::Sub": "${AWS::StackName}-"},
                    "ALGERNON_TRACING": {"Ref": "Tracing"},
                    "CACHE_FOLDER_NAME": CACHE_FOLDER,
                    "DEBUG": {"Ref": "Debug"},
                }
            },
            "Events": events,
        },
    }


def _runtime() -> str:
    running = sys.version_info[:2]
    if running not in RUNTIMES:
        supported = ", ".join(f"{major}.{minor}" for major, minor in RUNTIMES)
        raise TemplateError(
            f"Lambda has no runtime for Python {running[0]}.{running[1]}, which is running: run"
            f" this under one of {supported}"
        )
    return f"python{running[0]}.{running[1]}"


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _arn(resource: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [resource, "Arn"]}


def _in_groups(tasks: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(tasks), size):
        yield tasks[start : start + size]


def _check_workers(workers: Sequence[Worker]) -> None:
    handlers: set[str] = set()
    handler_of: dict[str, str] = {}
    for worker in workers:
        if worker.handler in handlers:
            raise TemplateError(
                f"two workers have the handler {worker.handler}, which would be the same function"
                " twice: name each module once, and put all its Tasks on one router"
            )
        handlers.add(worker.handler)
        for task in worker.tasks:
            if task in handler_of:
                raise TemplateError(
                    f"the Task {task!r} is in the workers of {handler_of[task]} and"
                    f" {worker.handler}, but its queue can feed only one: take it out of one of"
                    " them, or give it another name there"
                )
            handler_of[task] = worker.handler


def _check_size(tasks: Sequence[str], resources: dict[str, Any]) -> None:
    mappings = len(tasks)
    count = len(resources) + mappings
    if count > _RESOURCES_A_TEMPLATE:
        raise TemplateError(
            f"{len(tasks)} Tasks take {count} resources, but a CloudFormation template holds at"
            f" most {_RESOURCES_A_TEMPLATE}: split them between several systems"
        )
