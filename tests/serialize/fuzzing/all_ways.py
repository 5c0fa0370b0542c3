"""One call, with and without orjson and ormsgpack, and whether all ways end alike."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from algernon_serialize import (
    NestingError,
    SerializeError,
    ajson,
    json_text,
    packing,
    rebuild_event,
)

from .. import values

#: How long an error may be: a path of twenty steps, and what is wrong.
LONGEST_MESSAGE = 4_000

_with_orjson = json_text._orjson
_with_ormsgpack = packing._packer

if _with_orjson() is None or _with_ormsgpack() is None:
    raise ImportError("there is too little to compare: orjson or ormsgpack isn't installed")


class ContractError(AssertionError):
    """Raised when something isn't as it should be."""


def in_all_ways(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return what a call gives, or the error it raises.

    Raises:
        ContractError: Without ormsgpack, or without orjson too, it gives something else, or
            raises another error, or one that isn't a short line.
    """
    one = _outcome(call, *arguments, **options)
    others = {}
    try:
        packing._packer = lambda: None  # type: ignore[assignment]
        others["without ormsgpack"] = _outcome(call, *arguments, **options)
        json_text._orjson = lambda: None  # type: ignore[assignment]
        others["without orjson too"] = _outcome(call, *arguments, **options)
    finally:
        packing._packer = _with_ormsgpack
        json_text._orjson = _with_orjson
    for how, other in others.items():
        if not _are_alike(one, other):
            raise ContractError(f"with orjson and ormsgpack {one!r}\n{how} {other!r}")
    if isinstance(one, SerializeError) and not _is_a_short_line(str(one)):
        raise ContractError(f"no short line: {one!r}")
    return one


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, however deep they nest."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        return values.same(one, other)
    finally:
        sys.setrecursionlimit(limit)


def check_value(value: Any) -> None:
    """Check that a value is refused, or becomes a text that brings it back, also handed on.

    Raises:
        ContractError: It isn't so, or not the same without one of the libraries.
    """
    text = in_all_ways(ajson.dumpb, value)
    if isinstance(text, Exception):
        if not isinstance(text, SerializeError):
            raise ContractError("dumpb raises an error that isn't of this package") from text
        return
    back = in_all_ways(ajson.loads, text)
    if not same(back, value):
        raise ContractError(f"{value!r} comes back as {back!r}")
    if in_all_ways(ajson.dumpb, ajson.loads(text, rebuild=False)) != text:
        raise ContractError(f"{text!r} is handed on as something else")
    if isinstance(in_all_ways(ajson.dumpb, {"value": value}), NestingError):
        return
    if not same(rebuild_event({"value": back})["value"], value):
        raise ContractError(f"{value!r} is rebuilt a second time")


def _outcome(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    try:
        return call(*arguments, **options)
    except Exception as error:  # noqa: BLE001 - also what a parse_json raises
        return error


def _are_alike(one: Any, other: Any) -> bool:
    if isinstance(one, Exception):
        # A parser that goes less deep gives no path.
        is_too_deep = isinstance(one, NestingError)
        return type(one) is type(other) and (is_too_deep or _path(one) == _path(other))
    return same(one, other)


def _is_a_short_line(message: str) -> bool:
    return message.isprintable() and len(message) <= LONGEST_MESSAGE


def _path(error: Exception) -> str | None:
    return getattr(error, "path", None)
