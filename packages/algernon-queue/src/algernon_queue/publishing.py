"""Publishing messages to their listeners, as few calls as SNS allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from algernon_storage import aws_client

from .errors import PublishError, QueueError, UnknownListenerError
from .parallel import in_parallel

# Amazon SNS API Reference, PublishBatch: entries a call, and bytes of all messages of a call.
_MAX_ENTRIES = 10
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Publication:
    """A message, and the ARN of the topic that it goes to."""

    task_name: str
    topic_arn: str
    message: str


def publish(publications: Iterable[Publication]) -> list[Exception | None]:
    """Publish messages and return, in order, None for each that SNS took, else the error.

    Messages to one topic share a call; calls run in parallel.
    """
    todo = list(publications)
    outcomes: list[Exception | None] = [None] * len(todo)
    calls = list(_calls(todo))
    answers = in_parallel(lambda call: _publish_batch([todo[index] for index in call]), calls)
    for call, answer in zip(calls, answers, strict=True):
        for position, index in enumerate(call):
            if isinstance(answer, Exception):
                outcomes[index] = _publish_error(todo[index], answer)
            else:
                outcomes[index] = answer.get(position)
    return outcomes


def _calls(publications: list[Publication]) -> Iterator[list[int]]:
    by_topic: dict[str, list[int]] = {}
    for index, publication in enumerate(publications):
        by_topic.setdefault(publication.topic_arn, []).append(index)
    for indexes in by_topic.values():
        call: list[int] = []
        size = 0
        for index in indexes:
            message_size = len(publications[index].message.encode())
            if call and (len(call) == _MAX_ENTRIES or size + message_size > MAX_BYTES):
                yield call
                call, size = [], 0
            call.append(index)
            size += message_size
        yield call


def _publish_batch(publications: list[Publication]) -> dict[int, Exception]:
    answer = aws_client("sns").publish_batch(
        TopicArn=publications[0].topic_arn,
        PublishBatchRequestEntries=[
            {"Id": str(position), "Message": publication.message}
            for position, publication in enumerate(publications)
        ],
    )
    taken = {int(entry["Id"]) for entry in answer.get("Successful", ())}
    reasons = {int(entry["Id"]): entry for entry in answer.get("Failed", ())}
    return {
        position: _refused(publication, reasons.get(position, {}))
        for position, publication in enumerate(publications)
        if position not in taken
    }


def _refused(publication: Publication, reason: dict[str, str]) -> PublishError:
    return PublishError(
        f"SNS didn't take the message for the Task {publication.task_name!r} at"
        f" {publication.topic_arn}: {reason.get('Code', 'no reason given')}"
        f" {reason.get('Message', '')}".rstrip()
    )


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
