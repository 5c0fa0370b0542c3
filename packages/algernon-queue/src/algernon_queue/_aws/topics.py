"""Publishing messages to their listeners, in as few calls as SNS allows."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf
from typing import Any, NamedTuple, Self

from algernon_storage import aws_client

from .._wire.message import OutgoingTask
from ..errors import PublishError, SettingError, UnknownListenerError
from ..observers import MessageFacts, Observer, answers, observers, tell
from .entries import Entry, send_entries
from .listeners import HOW_TO_GET_CREDENTIALS, HOW_TO_NAME_A_REGION, unknown_listener

logger = logging.getLogger("algernon_queue")

# Amazon SNS API Reference, PublishBatch: bytes of all messages of a call, and of their
# attributes.
_MAX_BYTES = 256 * 1024
# Amazon SNS Developer Guide, "Amazon SNS message attributes": their names, and how many
# raw message delivery brings; a message that has more it drops.
_NAME = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_MOST_ATTRIBUTES = 10

# Amazon SNS API Reference, "Common errors" and PublishBatch.
_NOT_ALLOWED = ("AuthorizationError", "AuthorizationErrorException", "AccessDenied")
_WHAT_TO_CHECK = (
    "create it, or check listeners=, ALGERNON_TOPIC_PREFIX and ALGERNON_TOPIC_PARAMETER_PREFIX"
)


class MessageText(NamedTuple):
    """The text of a message.

    Attributes:
        text: The text.
        stored_bytes: What was stored in S3 for it, where something was.
    """

    text: str
    stored_bytes: int | None = None


_UNWRITTEN = MessageText("")


@dataclass(frozen=True, slots=True)
class Publication:
    """A message on its way to a topic.

    Attributes:
        task: The Task that it is for.
        topic_arn: The ARN of the topic.
        group: The message group that it belongs to on a FIFO topic, or None for
            one of its own.
        is_callback: Whether it carries a Task's result.
        message: Its text, once it is written.
        attributes: The texts that go beside it.
        context: The context variables in which observers hear of it, or None if they don't.
    """

    task: OutgoingTask
    topic_arn: str
    group: str | None = None
    is_callback: bool = False
    message: MessageText = _UNWRITTEN
    attributes: Mapping[str, str] = field(default_factory=dict)
    context: Context | None = None

    def written(self, write: Callable[[int], MessageText]) -> Self:
        """Return it as it is ready to be published.

        Args:
            write: Returns its text, given the bytes that there is room for.
        """
        if not observers:
            return replace(self, message=write(_MAX_BYTES))
        context = copy_context()
        attributes: dict[str, str] = {}
        for wanted in answers(context, Observer.sending, self.facts):
            attributes |= _sendable(wanted)
        attributes = dict(islice(attributes.items(), _MOST_ATTRIBUTES))
        unwritten = replace(self, attributes=attributes, context=context)
        try:
            return replace(unwritten, message=write(_MAX_BYTES - unwritten.size))
        except Exception as error:
            unwritten.tell_end(error)
            raise

    @property
    def size(self) -> int:
        """The bytes that SNS counts."""
        return len(self.message.text.encode()) + _size(self.attributes)

    @property
    def entry(self) -> Entry:
        """Its entry in a call of PublishBatch."""
        fields: dict[str, Any] = {"Message": self.message.text}
        group = None
        if self.attributes:
            fields["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": value}
                for name, value in self.attributes.items()
            }
        if self.topic_arn.endswith(".fifo"):
            group = fields["MessageGroupId"] = self.group or self.task.task_id
            fields["MessageDeduplicationId"] = self.task.task_id
        return Entry(self.topic_arn, fields, self.size, group)

    @property
    def facts(self) -> MessageFacts:
        """What observers are told of it."""
        facts: MessageFacts = {
            "task_name": self.task.task_name,
            "task_id": self.task.task_id,
            "chain_id": self.task.chain_id,
            "topic_arn": self.topic_arn,
            "is_callback": self.is_callback,
        }
        callback = self.task.callback
        if isinstance(callback, dict) and (group := callback.get("group")):
            facts["group_id"], facts["group_index"] = group["id"], group["index"]
        return facts

    def tell_end(self, error: Exception | None) -> None:
        """Tell observers that it was sent, or why it wasn't."""
        if self.context is not None:
            tell(self.context, Observer.sent, self.facts, error)

    def withdraw(self) -> None:
        """Note that it won't be sent after all."""
        self.tell_end(PublishError("the message isn't sent, since others with it can't be"))


def _sendable(attributes: Any) -> dict[str, str]:
    """Return what an observer wants sent, or nothing if not all of it can be attributes."""
    are_sendable = isinstance(attributes, Mapping) and all(
        _is_name(name) and isinstance(text, str) and text.isprintable()
        for name, text in attributes.items()
    )
    if not are_sendable:
        logger.error(
            "an observer of Tasks wants sent what can't be attributes of a message: they are"
            " printable texts, under names of letters, digits and -_. that don't begin as AWS's own"
        )
        return {}
    return {name: text for name, text in attributes.items() if text}


def _is_name(name: object) -> bool:
    """Tell whether a message attribute can have this name."""
    return (
        isinstance(name, str)
        and _NAME.fullmatch(name) is not None
        and not name.lower().startswith(("aws.", "amazon."))
    )


def _size(attributes: Mapping[str, str]) -> int:
    return sum(
        len(name.encode()) + len("String") + len(text.encode()) for name, text in attributes.items()
    )


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
    tell(context, Observer.publishing)
    outcomes = context.run(
        send_entries, entries, _publish_batch, max_bytes=_MAX_BYTES, seconds=seconds
    )
    errors: list[Exception | None] = [
        None if cause is None else _publish_error(publication, cause)
        for publication, cause in zip(todo, outcomes, strict=True)
    ]
    for publication, error in zip(todo, errors, strict=True):
        publication.tell_end(error)
    return errors


def check_message_group(task_name: str, message_group: str | None, topic: str) -> None:
    """Refuse a message group that was given for a Task whose topic has none.

    Raises:
        SettingError: It has none.
    """
    if message_group is not None and not topic.endswith(".fifo"):
        raise SettingError(
            f"the Task {task_name!r} is to be sent in the message group {message_group!r}, but"
            f" {topic} is no FIFO topic, and has no groups: leave message_group out"
        )


def _publish_batch(topic_arn: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = aws_client("sns").publish_batch(
        TopicArn=topic_arn, PublishBatchRequestEntries=entries
    )
    return answer


def _publish_error(publication: Publication, cause: Exception) -> PublishError:
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

    task_name, topic = publication.task.task_name, publication.topic_arn
    # What isn't SNS's own answer, but that of something on the way to it, has no code.
    code = cause.response.get("Error", {}).get("Code") if isinstance(cause, ClientError) else None
    error: PublishError
    if code == "NotFound":
        error = unknown_listener(
            task_name,
            f"the listener of the Task {task_name!r} would be the topic {topic}, which doesn't"
            f" exist: {_WHAT_TO_CHECK}",
        )
    elif code in _NOT_ALLOWED:
        error = UnknownListenerError(
            f"the listener of the Task {task_name!r} would be the topic {topic}, which doesn't"
            " exist, or which this role has no right to publish to (AWS says the same of both):"
            f" {_WHAT_TO_CHECK}, or give the role sns:Publish on it: {cause}"
        )
    elif isinstance(cause, NoCredentialsError):
        error = PublishError(
            f"the message for the Task {task_name!r} wasn't sent, since there are no AWS"
            f" credentials: {HOW_TO_GET_CREDENTIALS}"
        )
    elif isinstance(cause, NoRegionError):
        error = PublishError(
            f"the message for the Task {task_name!r} wasn't sent, since {HOW_TO_NAME_A_REGION}"
        )
    else:
        error = PublishError(
            f"the message for the Task {task_name!r} couldn't be published to {topic}: {cause}"
        )
    error.__cause__ = cause
    return error
