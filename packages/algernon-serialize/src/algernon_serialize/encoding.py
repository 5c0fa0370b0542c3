"""From Python values to what JSON can hold: plain values as they are, the others tagged.

Each encoder takes a value and the depth it stands at, and returns a tree of
dicts with str keys, lists and plain leaves. A container that holds nothing but
plain leaves is returned itself, which `set(map(type, …))` finds out at the
speed of C.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from math import isfinite
from types import NoneType
from typing import Any

from .alg_object import AlgObject, has_parse_json
from .datetimes import encode_datetime
from .errors import NestingError, PathError, UnserializableError
from .registry import is_current, wire_name_of

TAG = "_alg_class"
MODULE = "_alg_module"

#: How many containers may stand one inside the other, in a value and in a text.
MAX_DEPTH = 500

#: Types whose every value JSON itself holds. A float may be NaN, a str may have lone surrogates.
_LEAVES = frozenset({str, int, bool, NoneType})
_STR_ONLY = frozenset({str})


def encode(value: Any, depth: int = 0) -> Any:
    """Return the JSON tree of a value.

    Raises:
        UnserializableError: The value couldn't come back as it is.
        NestingError: It nests deeper than `MAX_DEPTH`, or contains itself.
    """
    kind = type(value)
    if kind in _LEAVES and (kind is not str or value.isascii()):
        return value
    encoder = _ENCODERS.get(kind)
    if encoder is None:
        if not issubclass(kind, AlgObject):
            raise UnserializableError(_unsupported(kind))
        encoder = _encode_object
    if depth >= MAX_DEPTH:
        raise NestingError(f"the value nests deeper than {MAX_DEPTH} levels")
    return encoder(value, depth + 1)


def tagged(name: str, value: Any) -> dict[str, Any]:
    """Return a value under its tag."""
    return {TAG: name, "value": value}


def _encode_str(value: str, _depth: int) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        # UTF-8 has no room for surrogates, and JSON would join two of them into one character.
        return tagged("str", value.encode("utf-8", "surrogatepass").hex())
    return value


def _encode_float(value: float, _depth: int) -> Any:
    return value if isfinite(value) else tagged("float", repr(value))


def _encode_items(items: Iterable[Any], depth: int) -> list[Any]:
    encoded: list[Any] = []
    try:
        for item in items:
            encoded.append(encode(item, depth))  # noqa: PERF401 - the length is the culprit's index
    except PathError as error:
        error.inside(len(encoded))
        raise
    return encoded


def _encode_dict(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    if TAG in value or not _STR_ONLY.issuperset(map(type, value)) or not _is_utf8(value):
        pairs = [
            [_encode_key(key, depth), _encode_at(key, item, depth)] for key, item in value.items()
        ]
        return tagged("dict", pairs)
    return {key: _encode_at(key, item, depth) for key, item in value.items()}


def _encode_key(key: Any, depth: int) -> Any:
    try:
        return encode(key, depth)
    except PathError as error:
        error.inside(f"key {key!r}")
        raise


def _encode_at(key: Any, value: Any, depth: int) -> Any:
    try:
        return encode(value, depth)
    except PathError as error:
        error.inside(key)
        raise


def _encode_object(value: AlgObject, depth: int) -> dict[str, Any]:
    cls = type(value)
    if not has_parse_json(cls):
        raise UnserializableError(
            f"{cls.__qualname__} has no parse_json, so nobody could rebuild it: define parse_json"
            " as a class method that makes an object from a mapping of attributes"
        )
    module, name = wire_name_of(cls)
    if not is_current(cls):
        raise UnserializableError(
            f"another class has since been defined as {module}:{name}, so this"
            f" {cls.__qualname__} would come back as that one: give either a wire_name of its own"
        )
    attributes = encode(dict(value.to_json()), depth)
    return {TAG: name, MODULE: module, "value": attributes}


def _encode_datetime(value: datetime, _depth: int) -> dict[str, Any]:
    try:
        return tagged("datetime", encode_datetime(value))
    except TypeError as error:
        raise UnserializableError(str(error)) from error


_ENCODERS: dict[type, Callable[[Any, int], Any]] = {
    str: _encode_str,
    float: _encode_float,
    list: _encode_items,
    dict: _encode_dict,
    tuple: lambda value, depth: tagged("tuple", _encode_items(value, depth)),
    set: lambda value, depth: tagged("set", _encode_items(value, depth)),
    frozenset: lambda value, depth: tagged("frozenset", _encode_items(value, depth)),
    datetime: _encode_datetime,
    Decimal: lambda value, _depth: tagged("decimal", str(value)),
}


def _is_utf8(keys: Iterable[str]) -> bool:
    try:
        "".join(keys).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unsupported(kind: type) -> str:
    for base in kind.__mro__[1:-1]:
        if base in _ENCODERS or base in _LEAVES:
            return (
                f"{kind.__qualname__} is a subclass of {base.__name__} and would come back as a"
                f" plain {base.__name__}: convert it to {base.__name__} first, or put it into an"
                " AlgObject"
            )
    return (
        f"ajson can't send a {kind.__module__}.{kind.__qualname__}: make its class an AlgObject,"
        " or convert it to a type that ajson knows"
    )
