"""Texts by which values are recognised as equal, in whatever order and place their parts are."""

from __future__ import annotations

from contextvars import ContextVar
from hashlib import sha256
from typing import Any

from algernon_serialize import NestingError, ajson

# Sorting takes a multiple of writing, so what is longer than this, in bytes, is left as it is.
_MAX_SORTED_BYTES = 1024 * 1024

#: Whether stored data is written by its content, and stored nowhere.
by_content: ContextVar[bool] = ContextVar("algernon_by_content", default=False)


def content_sha256(value: Any) -> str:
    """Return the SHA-256 of a value's JSON text, in hexadecimal, that equal values share.

    Keys and the items of sets are sorted in it, and a StoredData stands there by
    its content, wherever it is kept; nothing is stored. A text of more than 1 MiB
    is taken as it is written, unsorted.

    Raises:
        algernon_serialize.UnserializableError: `ajson` can't send the value.

    Example:
        >>> content_sha256({"a": 1, "b": 2}) == content_sha256({"b": 2, "a": 1})
        True
    """
    before = by_content.set(True)
    try:
        return sha256(_text(value)).hexdigest()
    finally:
        by_content.reset(before)


def _text(value: Any) -> bytes:
    text = ajson.dumpb(value)
    if len(text) > _MAX_SORTED_BYTES:
        return text
    try:
        return ajson.dumps(value, sort_keys=True).encode()
    except (NestingError, RecursionError):
        # Sorting takes more of Python's stack than writing does.
        return text
