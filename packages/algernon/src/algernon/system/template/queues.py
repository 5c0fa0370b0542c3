"""What each Task travels through: its topic, its queue, and its dead-letter queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...worker import Worker
from ..settings.settings import Settings
from .expressions import arn, policy_document
from .logical_ids import logical_id
from .machines import machine_of

# AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source
# mapping": a visibility timeout of six times the function's, and a maxReceiveCount
# of at least five.
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
            resources |= _of_task(task, tries, machine_of(task, worker, settings).timeout)
    return resources


def _of_task(task: str, tries: int, timeout: int) -> dict[str, Any]:
    topic = logical_id("Topic", task)
    queue = logical_id("Queue", task)
    dead_letter_queue = logical_id("DeadLetterQueue", task)
    return {
        # SNS encrypts what it keeps. A KMS key on top would cost a call to KMS, and
        # AWS's own key would shut out other accounts and AWS services as senders.
        topic: {
            "Type": "AWS::SNS::Topic",
            "Properties": {"TopicName": {"Fn::Sub": f"${{AWS::StackName}}-{task}"}},
        },
        dead_letter_queue: _queue({"MessageRetentionPeriod": _DEAD_LETTER_RETENTION}),
        queue: _queue(
            {
                "MessageRetentionPeriod": _QUEUE_RETENTION,
                "VisibilityTimeout": VISIBILITY_FACTOR * timeout,
                "RedrivePolicy": {
                    "deadLetterTargetArn": arn(dead_letter_queue),
                    "maxReceiveCount": tries + EXTRA_RECEIVES,
                },
            }
        ),
        logical_id("QueuePolicy", task): {
            "Type": "AWS::SQS::QueuePolicy",
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
            "Properties": {
                "TopicArn": {"Ref": topic},
                "Protocol": "sqs",
                "Endpoint": arn(queue),
            },
        },
    }


def _queue(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::Queue",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        # SQS's own keys: SNS may not use the KMS key that AWS manages for SQS.
        "Properties": {**properties, "SqsManagedSseEnabled": True},
    }
