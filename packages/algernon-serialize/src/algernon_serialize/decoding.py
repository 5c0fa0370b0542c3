"""From what JSON holds back to Python values.

A tag names one of the types below or a registered AlgObject; nothing else is
ever called. Every decoder raises `MalformedTagError` where a tag's value hasn't
the form that `encoding` gives it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from .alg_object import AlgObject, Attributes, has_parse_json
from .datetimes import decode_datetime
from .encoding import MAX_DEPTH, MODULE, TAG
from .errors import MalformedTagError, NestingError, PathError, UnknownClassError
from .registry import find_class

_TAG_KEYS = frozenset({TAG, "value"})
_OBJECT_KEYS = frozenset({TAG, MODULE, "value"})


def rebuild(tree: Any) -> Any:
    """Return the value of a JSON tree, which is left as it is.

    Anything in the tree that isn't JSON, such as an object that was rebuilt
    before, is returned as it is.

    Raises:
        MalformedTagError: A tag's value hasn't the form that the tag asks for.
        UnknownClassError: A tag names a class that isn't imported.
        NestingError: The tree nests deeper than `MAX_DEPTH`, or than Python's stack.
    """
    try:
        return decode(tree, 0)
    except RecursionError as error:
        raise NestingError(
            f"the text nests too deeply for what is left of Python's stack here (at most"
            f" {MAX_DEPTH} levels are ever read)"
        ) from error


def decode(tree: Any, depth: int) -> Any:
    """Return the value of a tree that stands at a depth."""
    kind = type(tree)
    if kind is not dict and kind is not list:
        return tree
    if depth >= MAX_DEPTH:
        raise NestingError(f"the text nests deeper than {MAX_DEPTH} levels")
    if kind is list:
        return _decode_items(tree, depth + 1)
    if TAG in tree:
        return _decode_tag(tree, depth + 1)
    return _decode_dict(tree, depth + 1)


def _decode_items(items: list[Any], depth: int) -> list[Any]:
    decoded: list[Any] = []
    try:
        for item in items:
            decoded.append(decode(item, depth))  # noqa: PERF401 - the length is the culprit's index
    except PathError as error:
        error.inside(len(decoded))
        raise
    return decoded


def _decode_dict(tree: dict[str, Any], depth: int) -> dict[str, Any]:
    decoded = {}
    key = ""
    try:
        for key, item in tree.items():
            decoded[key] = decode(item, depth)
    except PathError as error:
        error.inside(key)
        raise
    return decoded


def _decode_tag(tree: dict[str, Any], depth: int) -> Any:
    name = tree[TAG]
    if tree.keys() == _OBJECT_KEYS:
        return _decode_object(name, tree[MODULE], tree["value"], depth)
    if tree.keys() != _TAG_KEYS:
        raise MalformedTagError(
            f"a tag has the keys {sorted(_TAG_KEYS)}, and an object's tag {MODULE!r} besides,"
            f" but this one has {sorted(map(str, tree))}"
        )
    decoder = _DECODERS.get(name) if type(name) is str else None
    if decoder is None:
        raise MalformedTagError(
            f"no tag is called {name!r}: whoever wrote the text may have a newer algernon-serialize"
        )
    try:
        return decoder(tree["value"], depth)
    except PathError:
        raise
    except (TypeError, ValueError, InvalidOperation, RecursionError) as error:
        raise MalformedTagError(f"this is no {name}: {error}") from error


def _decode_object(name: Any, module: Any, value: Any, depth: int) -> AlgObject:
    if type(name) is not str or type(module) is not str:
        raise MalformedTagError(
            f"{TAG!r} and {MODULE!r} are names, but here {module!r} and {name!r}"
        )
    cls = find_class((module, name))
    if cls is None:
        raise UnknownClassError(
            f"{module}:{name} is no AlgObject that is imported here: import the module that"
            f" defines it ({module}) before the text is read, or hand the message on unread"
        )
    if not has_parse_json(cls):
        raise UnknownClassError(f"{module}:{name} has no parse_json, so it can't be rebuilt")
    attributes = decode(value, depth)
    if type(attributes) is not dict:
        raise MalformedTagError(
            f"the value of an object's tag is a mapping of attributes, not a"
            f" {type(attributes).__name__}"
        )
    try:
        return cls.parse_json(Attributes(attributes))
    except Exception as error:
        error.add_note(f"while {module}:{name} was rebuilt by its parse_json")
        raise


def _list_of(decoded: Callable[[list[Any]], Any]) -> Callable[[Any, int], Any]:
    def decode_list(value: Any, depth: int) -> Any:
        return decoded(_decode_items(_expect(list, value), depth))

    return decode_list


def _decode_pairs(value: Any, depth: int) -> dict[Any, Any]:
    decoded = {}
    for pair in _decode_items(_expect(list, value), depth):
        key, item = _expect(list, pair)
        decoded[key] = item
    if len(decoded) != len(value):
        raise ValueError("two of its keys are equal")
    return decoded


def _decode_datetime(value: Any, _depth: int) -> datetime:
    return decode_datetime(value)


def _decode_decimal(value: Any, _depth: int) -> Decimal:
    return Decimal(_expect(str, value))


def _decode_float(value: Any, _depth: int) -> float:
    if value not in ("nan", "inf", "-inf"):
        raise ValueError("it isn't 'nan', 'inf' or '-inf'")
    return float(value)


def _decode_str(value: Any, _depth: int) -> str:
    return bytes.fromhex(_expect(str, value)).decode("utf-8", "surrogatepass")


_DECODERS: dict[str, Callable[[Any, int], Any]] = {
    "datetime": _decode_datetime,
    "decimal": _decode_decimal,
    "dict": _decode_pairs,
    "float": _decode_float,
    "frozenset": _list_of(frozenset),
    "set": _list_of(set),
    "str": _decode_str,
    "tuple": _list_of(tuple),
}


def _expect(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"its value is a {kind.__name__}, not a {type(value).__name__}")
    return value
