"""JSON that brings Python objects back as they were.

Example:
    >>> from decimal import Decimal
    >>> from algernon_serialize import ajson
    >>> text = ajson.dumps({"total": Decimal("9.90"), "tags": {"paid"}, "pair": (1, 2)})
    >>> ajson.loads(text)
    {'total': Decimal('9.90'), 'tags': {'paid'}, 'pair': (1, 2)}
"""

from __future__ import annotations

import json
from typing import Any

from .decoding import rebuild as rebuild_tree
from .encoding import MAX_DEPTH, encode
from .errors import MalformedJSONError, NestingError, UnserializableError

__all__ = ["dumps", "loads"]


def dumps(value: Any) -> str:
    """Return the JSON text of a value, as strict JSON (RFC 8259) without white space.

    Args:
        value: None, bool, int, float, str, list, dict, tuple, set, frozenset,
            Decimal, datetime, AlgObject, and any of these in one another. NaN and
            the infinities travel tagged, as does a dict whose keys aren't all
            str or that has the key ``"_alg_class"``.

    Raises:
        UnserializableError: Some part of the value couldn't come back equal and
            of the same type; the error gives the path to it.
        NestingError: The value nests deeper than 500 levels, or contains itself.

    Example:
        >>> dumps({"pair": (1, 2)})
        '{"pair":{"_alg_class":"tuple","value":[1,2]}}'
    """
    try:
        tree = encode(value)
        return json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError as error:
        raise NestingError(
            f"the value nests too deeply for what is left of Python's stack here (at most"
            f" {MAX_DEPTH} levels are ever sent), or it contains itself"
        ) from error
    except ValueError as error:
        if isinstance(error, NestingError):
            raise
        # What is left is an int of more digits than Python writes (sys.set_int_max_str_digits).
        raise UnserializableError(str(error)) from error


def loads(text: str | bytes | bytearray | memoryview, *, rebuild: bool = True) -> Any:
    """Return the value of a JSON text, with its tagged values and objects rebuilt.

    Reading a text imports nothing, and calls nothing but the `parse_json` of
    AlgObject classes that are already imported.

    Args:
        text: The text, or its UTF-8 bytes. The numbers ``NaN``, ``Infinity`` and
            ``-Infinity``, which moncrief writes, are read too.
        rebuild: False gives the plain JSON, tags and all.

    Raises:
        MalformedJSONError: The text isn't JSON.
        MalformedTagError: A tagged value hasn't the form that its tag asks for.
        UnknownClassError: It holds an object of a class that isn't imported.
        NestingError: It nests deeper than 500 levels.

    Example:
        >>> loads('{"_alg_class":"tuple","value":[1,2]}')
        (1, 2)
    """
    tree = _parse(text)
    return rebuild_tree(tree) if rebuild else tree


def _parse(text: str | bytes | bytearray | memoryview) -> Any:
    try:
        if not isinstance(text, str):
            text = str(text, "utf-8")
        return json.loads(text)
    except ValueError as error:
        raise MalformedJSONError(f"the text isn't JSON: {error}") from error
    except RecursionError as error:
        raise NestingError("the text nests too deeply to be parsed") from error
