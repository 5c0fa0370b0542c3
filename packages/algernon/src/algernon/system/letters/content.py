"""What a dead letter holds, as plain JSON: nothing that it names is imported, rebuilt or called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from ..place import leading_to
from .body import LetterBody
from .letter import record_of

if TYPE_CHECKING:
    from ..place import Place

# Of arguments that are stored, what is fetched to be shown.
_MOST_BYTES = 10 * 1024 * 1024
_OURS = "algernon."


@dataclass(frozen=True, slots=True)
class LetterContent:
    """What a letter holds.

    Attributes:
        message: The message in its body, or None where that holds none.
        body: The body as JSON or, where it is none, as text.
        attributes: What its sender sent beside it, by name: texts, and in base64 what is binary.
    """

    message: Mapping[str, Any] | None
    body: Any
    attributes: Mapping[str, str]

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        """Return what a message of SQS holds, as ReceiveMessage gave it."""
        text = message["Body"]
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = text
        given = record_of(message)["messageAttributes"]
        if isinstance(body, dict) and "Message" in body and "task_name" not in body:
            given = {**_objects(body.get("MessageAttributes")), **given}
        return cls(LetterBody(text).message, body, _texts(given))

    @property
    def kwargs(self) -> Any:
        """The message's keyword arguments, or what stands for them, in plain JSON."""
        return None if self.message is None else self.message.get("task_kwargs")

    @property
    def kwargs_pointer(self) -> str | None:
        """Where in S3 the keyword arguments are, if they are stored there."""
        from algernon_storage import StoredData

        return StoredData.pointer_in(self.kwargs)

    @property
    def callback(self) -> Mapping[str, Any]:
        """Who gets the result, and what else is done with it."""
        callback = None if self.message is None else self.message.get("callback")
        if isinstance(callback, str):
            return {"chain": callback}
        return callback if isinstance(callback, dict) else {}

    @property
    def next_tasks(self) -> list[str]:
        """The names of the Tasks that follow in its chain."""
        chain = self.callback.get("chain")
        if self.message is None or not isinstance(chain, str):
            return []
        names = chain.split("#")
        if len(names) == 1 and isinstance(self.message.get("callback"), str):
            return names
        position = self.message.get("callback_position")
        if not isinstance(position, int):
            task = self.message.get("task_name")
            # Messages of moncrief's tell their place by the name.
            position = names.index(task) if task in names else -1
        return names[position + 1 :]

    @property
    def membership(self) -> tuple[str, int] | None:
        """The id of the group that it is a member of, and its number in it; or None."""
        match self.callback.get("group"):
            case {"id": str(group_id), "index": int(index)}:
                return group_id, index
        return None


def fetch_kwargs(pointer: str, place: Place) -> Any:
    """Return keyword arguments that are stored in S3, as plain JSON.

    They are read from the system's own bucket and folder, and from what
    `ALGERNON_TRUSTED_BUCKETS` names here; a letter may lead anywhere.

    Args:
        pointer: Where they are.
        place: The system, whose bucket its environment names.

    Raises:
        algernon_storage.StorageError: They aren't there any more, lie elsewhere, can't be
            read, or are larger than 10 MiB.
        botocore.exceptions.ClientError: S3 refuses, such as for the right ``s3:GetObject``.
    """
    from algernon_storage import StoredData

    limited = {**place.environ, "ALGERNON_MAX_READ_BYTES": str(_MOST_BYTES)}
    with leading_to(replace(place, environ=limited)):
        return StoredData.retrieve(pointer, rebuild=False).data


def _objects(attributes: object) -> dict[str, Any]:
    return attributes if isinstance(attributes, dict) else {}


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of attributes, as SNS spells them in its envelope, and as Lambda does."""
    texts = {}
    for name, attribute in attributes.items():
        if isinstance(attribute, dict) and not name.startswith(_OURS):
            values = (attribute.get(key) for key in ("stringValue", "binaryValue", "Value"))
            texts[name] = next((value for value in values if isinstance(value, str)), "")
    return texts
