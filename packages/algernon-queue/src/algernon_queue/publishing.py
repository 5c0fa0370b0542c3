"""Publishing messages to their listeners, in as few calls as SNS allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import copy_context
from dataclasses import dataclass
from math import inf
from typing import Any, Self

from algernon_storage import aws_client

from .entries import Entry, send_entries
from .errors import PublishError, QueueError, UnknownListenerError
from .message import OutgoingTask
from .observers import Sending, tell

# Amazon SNS API Reference, PublishBatch: bytes of all messages of a call, and of their
# attributes.
_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Publication:
    """A message on its way to a topic.

    Attributes:
        task: The Task that it is for.
        topic_arn: The ARN of the topic.
        message: Its text.
        sending: What observers are told of it, and want sent with it.
        group: The message group that it belongs to on a FIFO topic, or None for
            one of its own.
    """

    task: OutgoingTask
    topic_arn: str
    message: str
    sending: Sending
    group: str | None = None

    @classmethod
    def write(
        cls,
        task: OutgoingTask,
        topic_arn: str,
        write: Callable[[int], str],
        group: str | None = None,
    ) -> Self:
        """Return a message that is ready to be published.

        Args:
            task: The Task that it is for.
            topic_arn: The ARN of the topic.
            write: Returns its text, given the bytes that there is room for.
            group: The message group that it belongs to on a FIFO topic.
        """
        sending = Sending(task.task_name, task.task_id, task.chain_id, topic_arn)
        try:
            message = write(_MAX_BYTES - sending.size)
        except Exception as error:
            sending.end(error)
            raise
        return cls(task, topic_arn, message, sending, group)

    @property
    def size(self) -> int:
        """The bytes that SNS counts."""
        return len(self.message.encode()) + self.sending.size

    @property
    def entry(self) -> Entry:
        """Its entry in a call of PublishBatch."""
        fields: dict[str, Any] = {"Message": self.message}
        if self.sending.attributes:
            fields["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": value}
                for name, value in self.sending.attributes.items()
            }
        if self.topic_arn.endswith(".fifo"):
            fields["MessageGroupId"] = self.group or self.task.task_id
            fields["MessageDeduplicationId"] = self.task.task_id
        return Entry(self.topic_arn, fields, self.size)

    def withdraw(self) -> None:
        """Note that it won't be sent after all."""
        self.sending.end(PublishError("the message isn't sent, since others with it can't be"))


def publish(publications: Iterable[Publication], *, seconds: float = inf) -> list[Exception | None]:
    """Publish messages and return, in order, None for each that SNS took, else the error.

    Args:
        publications: The messages.
        seconds: The time after which what SNS throttled isn't tried again.
    """
    todo = list(publications)
    if not todo:
        return []
    entries = [publication.entry for publication in todo]
    context = copy_context()
    tell(context, "publishing")
    outcomes = context.run(
        send_entries, entries, _publish_batch, max_bytes=_MAX_BYTES, seconds=seconds
    )
    errors: list[Exception | None] = [
        None if cause is None else _publish_error(publication, cause)
        for publication, cause in zip(todo, outcomes, strict=True)
    ]
    for publication, error in zip(todo, errors, strict=True):
        publication.sending.end(error)
    return errors


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
            f"the listener of the Task {publication.task.task_name!r} would be the topic"
            f" {publication.topic_arn}, which doesn't exist: create it, or check listeners=,"
            " ALGERNON_TOPIC_PREFIX and ALGERNON_TOPIC_PARAMETER_PREFIX"
        )
    else:
        error = PublishError(
            f"the message for the Task {publication.task.task_name!r} couldn't be published to"
            f" {publication.topic_arn}: {cause}"
        )
    error.__cause__ = cause
    return error
