"""Queues: hiding what they gave out, and what they say of themselves."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import monotonic
from typing import Any

from algernon_storage import aws_client

from .._wire.record import Record
from .entries import Entry, send_entries

logger = logging.getLogger("algernon_queue")

# For how long what a queue says of itself is taken to be so.
_PERIOD_SECONDS = 300
# What a client told of its queues is kept as long as it is that client which is asked.
_MOST_QUEUES = 100


def hide(records: Sequence[tuple[Record, int]], *, seconds: float) -> list[Exception | None]:
    """Set for how many seconds from now SQS gives records to nobody.

    Args:
        records: Each with the seconds for which it is hidden.
        seconds: The time after which what SQS throttled isn't tried again.

    Returns:
        In order, None for each that is hidden, else the error.
    """
    entries = [
        Entry(
            record.queue_arn,
            {"ReceiptHandle": record.receipt_handle, "VisibilityTimeout": delay},
        )
        for record, delay in records
    ]
    return send_entries(entries, _change_visibility, seconds=seconds)


def max_receive_count(queue_arn: str) -> int | None:
    """Return how often a queue gives a message out, or None where that can't be told.

    It can't of a queue without a redrive policy, or one that this role may not ask.
    """
    try:
        return _max_receive_count(aws_client("sqs"), queue_arn, _period()) if queue_arn else None
    except Exception as error:  # noqa: BLE001 - what can't be asked is left to SQS
        _note_unknown(queue_arn, error)
        return None


@lru_cache(_MOST_QUEUES)
def _max_receive_count(sqs: Any, queue_arn: str, period: int) -> int | None:
    try:
        policy = _redrive_policy(sqs, queue_arn, period)
    except Exception as error:  # noqa: BLE001 - it isn't asked again for each record
        _note_unknown(queue_arn, error)
        return None
    return None if policy is None else int(policy["maxReceiveCount"])


def visibility_timeout(queue_arn: str) -> int | None:
    """Return for how many seconds a queue hides what it gave out, or None where it can't be told.

    It is told from what `max_receive_count` has asked for.
    """
    try:
        return _visibility_timeout(aws_client("sqs"), queue_arn, _period()) if queue_arn else None
    except Exception as error:  # noqa: BLE001 - it is only told to observers
        _note_unknown(queue_arn, error)
        return None


@lru_cache(_MOST_QUEUES)
def _visibility_timeout(sqs: Any, queue_arn: str, period: int) -> int | None:
    try:
        timeout = _attributes_of(sqs, queue_arn, period).get("VisibilityTimeout")
    except Exception as error:  # noqa: BLE001 - it isn't asked again for each record
        _note_unknown(queue_arn, error)
        return None
    return None if timeout is None else int(timeout)


def _note_unknown(queue_arn: str, error: Exception) -> None:
    logger.debug(
        "%s can't be asked for its redrive policy and visibility timeout: %s", queue_arn, error
    )


def _change_visibility(queue_arn: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    sqs = aws_client("sqs")
    answer: dict[str, Any] = sqs.change_message_visibility_batch(
        QueueUrl=queue_url(sqs, queue_arn), Entries=entries
    )
    return answer


@lru_cache(_MOST_QUEUES)
def queue_url(sqs: Any, queue_arn: str) -> str:
    """Return the URL of a queue."""
    # arn:PARTITION:sqs:REGION:ACCOUNT:NAME
    *_, account, name = queue_arn.split(":")
    answer = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
    return str(answer["QueueUrl"])


def dead_letter_queue_arn(sqs: Any, queue_arn: str) -> str | None:
    """Return the ARN of a queue's dead-letter queue, or None where it has none."""
    policy = _redrive_policy(sqs, queue_arn, _period())
    return None if policy is None else str(policy["deadLetterTargetArn"])


def _redrive_policy(sqs: Any, queue_arn: str, period: int) -> dict[str, Any] | None:
    policy = _attributes_of(sqs, queue_arn, period).get("RedrivePolicy")
    return None if policy is None else json.loads(policy)


@lru_cache(_MOST_QUEUES)
def _attributes_of(sqs: Any, queue_arn: str, _period: int) -> Mapping[str, str]:
    answer = sqs.get_queue_attributes(
        QueueUrl=queue_url(sqs, queue_arn), AttributeNames=["RedrivePolicy", "VisibilityTimeout"]
    )
    attributes: Mapping[str, str] = answer.get("Attributes", {})
    return attributes


def _period() -> int:
    """Return a number for the time in which a queue isn't asked for its attributes again."""
    return int(monotonic() // _PERIOD_SECONDS)
