"""What stands around a message: SNS's envelope, a pointer to S3, Step Functions' token."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from algernon_serialize import SerializeError, ajson
from algernon_storage import OffloadedPayload

from .errors import MalformedMessageError, kind_of
from .record import Record


@dataclass(slots=True, eq=False)
class Envelope:
    """The content of a record, out of all that stood around it.

    Attributes:
        content: The content as plain JSON.
        message_id: The id that SNS, or else SQS, gave it first.
        raw_attributes: What its sender sent beside it, as SNS or SQS writes it.
        task_token: The token by which a state machine of Step Functions waits for
            the Task, or None.
    """

    content: Any
    message_id: str
    raw_attributes: object
    task_token: str | None = None

    @classmethod
    def of(cls, record: Record) -> Self:
        """Open the envelope of a record.

        Raises:
            MalformedMessageError: The body isn't JSON.
        """
        body = _parse(record.body, "the body of the record")
        # Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON format": what SQS
        # gets too, unless the subscription has raw message delivery.
        if isinstance(body, dict) and "task_name" not in body and "Message" in body:
            content = _parse(body["Message"], "the Message in SNS's envelope")
            message_id = body.get("MessageId") or record.message_id
            envelope = cls(content, message_id, body.get("MessageAttributes"))
        else:
            message_id = record.kept_task_id or record.message_id
            envelope = cls(body, message_id, record.message_attributes)
        return envelope._without_token()

    @property
    def attributes(self) -> dict[str, str]:
        """The texts that its sender sent beside it, by their names."""
        raw = self.raw_attributes
        if not isinstance(raw, Mapping):
            return {}
        return {
            name: text
            for name, attribute in raw.items()
            if isinstance(attribute, Mapping)
            # As SNS spells it in its envelope, and as SQS does.
            and isinstance(text := attribute.get("Value", attribute.get("stringValue")), str)
        }

    @property
    def offloaded(self) -> OffloadedPayload | None:
        """Where in S3 the content is, if amazon-sqs-extended-client put it there."""
        return OffloadedPayload.found_in(self.content)

    def with_payload(self, text: str) -> Self:
        """Return this envelope with the content that was in S3.

        Raises:
            MalformedMessageError: The text isn't JSON.
        """
        content = _parse(text, "the payload in S3")
        return type(self)(content, self.message_id, self.raw_attributes)._without_token()

    def _without_token(self) -> Self:
        match self.content:
            # AWS Step Functions Developer Guide, "Wait for a Callback with the Task Token".
            case {"TaskToken": str(token), "Input": content} if "task_name" not in self.content:
                if isinstance(content, str):
                    # A text that can't be read is no message either, which the state
                    # machine is to be told, by its token.
                    with suppress(MalformedMessageError):
                        content = _parse(content, "the Input of Step Functions")
                return type(self)(content, self.message_id, self.raw_attributes, token)
        return self


def _parse(text: object, what: str) -> Any:
    if not isinstance(text, str):
        raise MalformedMessageError(f"{what} is {kind_of(text)}, not a text")
    try:
        return ajson.loads(text, rebuild=False)
    except SerializeError as error:
        raise MalformedMessageError(f"{what} can't be read: {error}") from error
