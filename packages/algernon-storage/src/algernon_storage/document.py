"""The JSON document that holds stored data in S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from algernon_serialize import MalformedJSONError, NestingError, ajson

from .errors import MalformedObjectError

_BEFORE_DATA = b'{"data_string":'
_AFTER_DATA = b',"full_unpack":true,"safe_mode":false}'


@dataclass(frozen=True, slots=True)
class Document:
    """A value as the text that stores it: what becomes of the value later changes nothing.

    A reader gets the value itself, as of a StoredData with ``full_unpack=True``.

    Attributes:
        text: The document, as UTF-8.

    Example:
        >>> Document.of({"n": 1}).data
        b'{"n":1}'
    """

    text: bytes

    @classmethod
    def of(cls, data: Any) -> Self:
        """Return the document of a value.

        Raises:
            algernon_serialize.UnserializableError: `ajson` can't send the value.
        """
        return cls(write_document(data, full_unpack=True))

    @classmethod
    def around(cls, data: bytes) -> Self:
        """Return the document of a value whose JSON text, as of `ajson.dumpb`, is there already."""
        return cls(_BEFORE_DATA + data + _AFTER_DATA)

    @classmethod
    def found(cls, text: bytes, place: object) -> Self:
        """Return the document that was found somewhere, which others may have written.

        Args:
            text: What was found.
            place: Where, for the error.

        Raises:
            MalformedObjectError: It is no stored data.
        """
        if text.startswith(_BEFORE_DATA) and text.endswith(_AFTER_DATA):
            return cls(text)
        return cls.of(read_document(text, place)["data_string"])

    @property
    def data(self) -> bytes:
        """The value's own JSON text, as `ajson.dumpb` writes it."""
        return self.text[len(_BEFORE_DATA) : -len(_AFTER_DATA)]


def write_document(data: Any, *, full_unpack: bool) -> bytes:
    """Return the document of some data: ``{"data_string": …, "full_unpack": …, "safe_mode": …}``.

    Args:
        data: Anything that `ajson` can send.
        full_unpack: Whether a reader gets the data itself instead of a StoredData.

    Raises:
        algernon_serialize.UnserializableError: `ajson` can't send the data.
    """
    return ajson.dumpb({"data_string": data, "full_unpack": full_unpack, "safe_mode": False})


def read_document(text: bytes, place: object) -> dict[str, Any]:
    """Return a document as plain JSON, tags and all.

    Args:
        text: The document.
        place: Where it was found, for the error.

    Raises:
        MalformedObjectError: The text isn't such a document.
    """
    try:
        document: dict[str, Any] = ajson.loads(text, rebuild=False)
    except (MalformedJSONError, NestingError) as error:
        raise MalformedObjectError(f"the object at {place} isn't stored data: {error}") from error
    match document:
        case {"data_string": _, "full_unpack": bool()}:
            return document
    raise MalformedObjectError(
        f"the object at {place} isn't stored data, which is a JSON object with 'data_string',"
        " 'full_unpack' and 'safe_mode': look for what else writes there"
    )
