"""What stands around a message: SNS's envelope, a pointer to S3, Step Functions' token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from algernon_serialize import SerializeError, ajson
from algernon_storage import OffloadedPayload

from ..errors import MalformedMessageError, kind_of
from .record import Record
from .task_token import split_token


@dataclass(slots=True, eq=False)
class Envelope:
    """The content of a record, out of all that stood around it.

    Attributes:
        content: The content as plain JSON.
        task_token: The token by which a state machine of Step Functions waits for
            the Task, or None.
        message_id: The id that SNS, or else SQS, gave it first.
        raw_attributes: What its sender sent beside it, as SNS or Lambda writes it.
    """

    content: Any
    task_token: str | None
    message_id: str
    raw_attributes: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, record: Record) -> Self:
        """Open the envelope of a record.

        Raises:
            MalformedMessageError: The body isn't JSON, its token is no text, or its
                messageAttributes are none.
        """
        body = _parse(record.body, "the body of the record")
        # Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON format": what SQS
        # gets too, unless the subscription has raw message delivery.
        if type(body) is dict and "task_name" not in body and "Message" in body:
            content, task_token = split_token(
                _parse(body["Message"], "the Message in SNS's envelope")
            )
            given = body.get("MessageId")
            if given and isinstance(given, str):
                message_id = given
            else:
                message_id = record.kept_task_id or record.message_id
            return cls(content, task_token, message_id, _objects(body.get("MessageAttributes")))
        given = record.raw.get("messageAttributes") or {}
        if not isinstance(given, Mapping):
            raise MalformedMessageError(
                f"the messageAttributes of the record are a {type(given).__name__}, and not an"
                " object, as SQS has it"
            )
        content, task_token = split_token(body)
        message_id = record.kept_task_id or record.message_id
        return cls(content, task_token, message_id, _objects(record.message_attributes))

    @property
    def texts(self) -> dict[str, str]:
        """The texts that its sender sent beside it, by name."""
        return {
            name: text
            for name, attribute in self.raw_attributes.items()
            # As SNS spells it in its envelope, and as SQS does.
            if isinstance(text := attribute.get("Value", attribute.get("stringValue")), str)
        }

    @property
    def attributes(self) -> dict[str, str]:
        """All that its sender sent beside it, by name: texts, and in base64 what is binary."""
        if not self.raw_attributes:
            return {}
        binary = {
            name: text
            for name, attribute in self.raw_attributes.items()
            if isinstance(text := attribute.get("binaryValue"), str)
        }
        return binary | self.texts

    @property
    def offloaded(self) -> OffloadedPayload | None:
        """Where in S3 the content is, if amazon-sqs-extended-client put it there."""
        return None if type(self.content) is dict else OffloadedPayload.found_in(self.content)

    def with_payload(self, text: str) -> Self:
        """Return this envelope with the content that was in S3.

        Raises:
            MalformedMessageError: The text isn't JSON, or its token is no text.
        """
        content = _parse(text, "the payload in S3")
        return type(self)(*split_token(content), self.message_id, self.raw_attributes)


def _objects(attributes: object) -> Mapping[str, Mapping[str, Any]]:
    if not attributes or not isinstance(attributes, Mapping):
        return {}
    return {name: each for name, each in attributes.items() if isinstance(each, Mapping)}


def _parse(text: object, what: str) -> Any:
    if not isinstance(text, str):
        raise MalformedMessageError(f"{what} is {kind_of(text)}, not a text")
    try:
        return ajson.loads(text, rebuild=False)
    except SerializeError as error:
        raise MalformedMessageError(f"{what} can't be read: {error}") from error
