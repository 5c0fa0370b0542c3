"""Keyword arguments of Tasks, as short as people read them in passing."""

from __future__ import annotations

import json
from typing import Any

from algernon_logging.lines.values import plain

from .json_text import printable_json

_CLASS, _VALUE = "_alg_class", "value"
_LONGEST = 300


def short_kwargs(text: str) -> str:
    """Return keyword arguments in one line, with credentials masked as in lines of logs.

    Values of types that JSON doesn't have are shown as they travel, without their tags.

    Args:
        text: The JSON text of the arguments, as their message has it.

    Example:
        >>> short_kwargs('{"password":"secret","total":{"_alg_class":"decimal","value":"1.50"}}')
        '{"password": "***", "total": "1.50"}'
    """
    try:
        shown = json.dumps(masked(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return "arguments that can't be read"
    line = printable_json(shown)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def masked(text: str) -> object:
    """Return keyword arguments as plain JSON without tags, with credentials masked.

    Raises:
        ValueError: The text is no JSON.
        RecursionError: Too much is in one another.
    """
    return plain(_without_tags(json.loads(text)))


def _without_tags(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_tags(each) for each in value]
    if not isinstance(value, dict):
        return value
    if _CLASS in value and _VALUE in value:
        return _without_tags(value[_VALUE])
    return {name: _without_tags(each) for name, each in value.items()}
