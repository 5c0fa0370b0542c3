"""JSON as it is shown to people, and to programs that read it."""

from __future__ import annotations

import json

_LONGEST_LINE = 80


def shown_json(text: str) -> str:
    """Return a JSON text as people read it: in one line, or indented where that would be long.

    Example:
        >>> shown_json('{"total":3}')
        '{"total": 3}'
    """
    try:
        value = json.loads(text)
        line = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if len(line) > _LONGEST_LINE:
            line = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    except (ValueError, RecursionError):
        line = text  # such as of a number that Python's floats have no room for
    return printable_json(line)


def printable_json(text: str) -> str:
    """Return a JSON text with all escaped that a terminal might do instead of showing it.

    It says the same: what isn't printable can stand in strings alone.
    """
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text
    )
