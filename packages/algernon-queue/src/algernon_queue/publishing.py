"""Publishing messages to their listeners, in as few calls as SNS allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Any

from algernon_storage import aws_client

from .entries import Entry, send_entries
from .errors import PublishError, QueueError, UnknownListenerError

# Amazon SNS API Reference, PublishBatch: bytes of all messages of a call.
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Publication:
    """A message, and the ARN of the topic that it goes to."""

    task_name: str
    topic_arn: str
    message: str


def publish(publications: Iterable[Publication], *, seconds: float = inf) -> list[Exception | None]:
    """Publish messages and return, in order, None for each that SNS took, else the error.

    Args:
        publications: The messages.
        seconds: The time after which what SNS throttled isn't tried again.
    """
    todo = list(publications)
    entries = [
        Entry(one.topic_arn, {"Message": one.message}, len(one.message.encode())) for one in todo
    ]
    outcomes = send_entries(entries, _publish_batch, max_bytes=MAX_BYTES, seconds=seconds)
    return [
        None if cause is None else _publish_error(publication, cause)
        for publication, cause in zip(todo, outcomes, strict=True)
    ]


def _publish_batch(topic_arn: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = aws_client("sns").publish_batch(
        TopicArn=topic_arn, PublishBatchRequestEntries=entries
    )
    return answer


def _publish_error(publication: Publication, cause: Exception) -> QueueError:
    from botocore.exceptions import ClientError

    error: QueueError
    if isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "NotFound":
        error = UnknownListenerError(
            f"the listener of the Task {publication.task_name!r} would be the topic"
            f" {publication.topic_arn}, which doesn't exist: create it, or check listeners=,"
            " ALGERNON_TOPIC_PREFIX and ALGERNON_TOPIC_PARAMETER_PREFIX"
        )
    else:
        error = PublishError(
            f"the message for the Task {publication.task_name!r} couldn't be published to"
            f" {publication.topic_arn}: {cause}"
        )
    error.__cause__ = cause
    return error
