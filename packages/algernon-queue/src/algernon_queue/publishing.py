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
    """A message on its way to a topic.

    Attributes:
        task_name: The Task that it is for.
        task_id: The Task's id.
        topic_arn: The ARN of the topic.
        message: Its text.
        group: The message group that it belongs to on a FIFO topic, or None for
            one of its own.
    """

    task_name: str
    task_id: str
    topic_arn: str
    message: str
    group: str | None = None

    @property
    def entry(self) -> Entry:
        """Its entry in a call of PublishBatch."""
        fields = {"Message": self.message}
        if self.topic_arn.endswith(".fifo"):
            fields["MessageGroupId"] = self.group or self.task_id
            fields["MessageDeduplicationId"] = self.task_id
        return Entry(self.topic_arn, fields, len(self.message.encode()))


def publish(publications: Iterable[Publication], *, seconds: float = inf) -> list[Exception | None]:
    """Publish messages and return, in order, None for each that SNS took, else the error.

    Args:
        publications: The messages.
        seconds: The time after which what SNS throttled isn't tried again.
    """
    todo = list(publications)
    entries = [publication.entry for publication in todo]
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

    # What isn't SNS's own answer, but that of something on the way to it, has no code.
    code = cause.response.get("Error", {}).get("Code") if isinstance(cause, ClientError) else None
    error: QueueError
    if code == "NotFound":
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
