"""What each Task travels through: its topic, its queue, and its dead-letter queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...worker import Worker
from ..settings.settings import Settings
from .expressions import arn, policy_document
from .function_sizes import size_for
from .logical_ids import logical_id

# AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source
# mapping": a visibility timeout of six times the function's and the time for which a
# batch is waited for, and a maxReceiveCount of at least five.
VISIBILITY_FACTOR = 6
_FEWEST_TRIES = 5

# Receives in which no Task is run that may have run: a message whose worker died in its
# last try comes once more, and is moved to the dead-letter queue with the reason.
EXTRA_RECEIVES = 2

_DAY = 24 * 60 * 60
# Amazon SQS Developer Guide, "Dead-letter queues": a dead letter's age counts from
# when it was first sent, so its queue has to keep messages longer than the Task's.
_QUEUE_RETENTION = 4 * _DAY
_DEAD_LETTER_RETENTION = 14 * _DAY

# A Task that is renamed or removed leaves its queue with what is in it, and its topic feeds
# that until the topic itself goes: without its subscription or the queue's policy, SNS would
# take messages, and discard them. SNS deletes the subscription with the topic (Amazon SNS
# Developer Guide, "Deleting an Amazon SNS topic and subscription"). Of a stack or a Task that
# couldn't be created nothing stays.
_STAYS = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


def topics_and_queues(workers: Sequence[Worker], settings: Settings) -> dict[str, Any]:
    """Return what all Tasks travel through.

    Args:
        workers: Those whose Tasks they are.
        settings: The system's.
    """
    resources: dict[str, Any] = {}
    for worker in workers:
        for task in worker.tasks:
            tries = max(_FEWEST_TRIES, 1 + worker.retries.get(task, 0))
            hidden = _visibility_timeout(task, worker, settings)
            resources |= _of_task(task, tries, hidden, settings.kms_key)
    return resources


def _visibility_timeout(task: str, worker: Worker, settings: Settings) -> int:
    needs = worker.needs.get(task)
    batch_window = (needs and needs.batch_window) or 0
    return VISIBILITY_FACTOR * size_for(task, worker, settings).timeout + batch_window


def _of_task(task: str, tries: int, visibility_timeout: int, key: str | None) -> dict[str, Any]:
    topic = logical_id("Topic", task)
    queue = logical_id("Queue", task)
    dead_letter_queue = logical_id("DeadLetterQueue", task)
    policy = logical_id("QueuePolicy", task)
    return {
        topic: {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "TopicName": {"Fn::Sub": f"${{AWS::StackName}}-{task}"},
                **_topic_encryption(key),
            },
        },
        dead_letter_queue: _queue({"MessageRetentionPeriod": _DEAD_LETTER_RETENTION}, key),
        queue: _queue(
            {
                "MessageRetentionPeriod": _QUEUE_RETENTION,
                "VisibilityTimeout": visibility_timeout,
                "RedrivePolicy": {
                    "deadLetterTargetArn": arn(dead_letter_queue),
                    "maxReceiveCount": tries + EXTRA_RECEIVES,
                },
            },
            key,
        ),
        policy: {
            "Type": "AWS::SQS::QueuePolicy",
            **_STAYS,
            "Properties": {
                "Queues": [{"Ref": queue}],
                "PolicyDocument": policy_document(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "sns.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": arn(queue),
                        "Condition": {"ArnEquals": {"aws:SourceArn": {"Ref": topic}}},
                    }
                ),
            },
        },
        logical_id("Subscription", task): {
            "Type": "AWS::SNS::Subscription",
            **_STAYS,
            # SNS doesn't try again what a queue's policy refuses, but discards it: Amazon
            # SNS Developer Guide, "Amazon SNS dead-letter queues".
            "DependsOn": policy,
            "Properties": {
                "TopicArn": {"Ref": topic},
                "Protocol": "sqs",
                "Endpoint": arn(queue),
            },
        },
    }


def _queue(properties: dict[str, Any], key: str | None) -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::Queue",
        **_STAYS,
        "Properties": {**properties, **_queue_encryption(key)},
    }


def _topic_encryption(key: str | None) -> dict[str, Any]:
    # SNS encrypts what it keeps. A KMS key on top costs calls to KMS, and AWS's own key
    # would shut out other accounts and AWS services as senders.
    return {} if key is None else {"KmsMasterKeyId": key}


def _queue_encryption(key: str | None) -> dict[str, Any]:
    # By default SQS's own keys: SNS may not use the KMS key that AWS manages for SQS.
    return {"SqsManagedSseEnabled": True} if key is None else {"KmsMasterKeyId": key}
