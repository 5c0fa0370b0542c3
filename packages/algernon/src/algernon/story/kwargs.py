"""Keyword arguments of Tasks, as short as people read them in passing."""

from __future__ import annotations

import json
from typing import Any

from .json_text import printable_json
from .letters import masked

_CLASS, _VALUE = "_alg_class", "value"


def short_kwargs(kwargs: Any, most: int) -> str:
    """Return keyword arguments in one line, with credentials masked as in lines of logs.

    Values of types that JSON doesn't have are shown as they travel, without their tags.

    Args:
        kwargs: The arguments as plain JSON, as their message has them.
        most: How many characters the line may have.

    Example:
        >>> short_kwargs({"pin": "1234", "at": {"_alg_class": "decimal", "value": "1.50"}}, 30)
        '{"pin": "***", "at": "1.50"}'
    """
    try:
        shown = json.dumps(masked(_without_tags(kwargs)), ensure_ascii=False)
    except RecursionError:
        return "arguments that are nested too deeply"
    line = printable_json(shown)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _without_tags(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_tags(each) for each in value]
    if not isinstance(value, dict):
        return value
    if _CLASS in value and _VALUE in value:
        return _without_tags(value[_VALUE])
    return {name: _without_tags(each) for name, each in value.items()}
