"""Where in a text of TOML a key stands."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

# Brackets, and what may hold some that are none. Three quotes that end a text may follow its own.
_BRACKETS = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"""(?!")|\\?\Z)'
    r"|'''.*?(?:'''(?!')|\Z)"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|([\[\]{}])",
    re.DOTALL,
)
_CLOSING = {"[": "]", "{": "}"}
_QUOTES = ('"""', "'''")


def line_of(text: str, document: Mapping[str, Any], key: Sequence[str | int]) -> int:
    r"""Return the number of the line in which a key stands, or the nearest one that it is within.

    What is parsed doesn't say. But the lines from the first on are TOML themselves, once their
    brackets and long texts are closed. So a key stands in the line that first makes it appear.

    Args:
        text: Valid TOML.
        document: What is parsed of it.
        key: The parts of a key, from the whole document on.

    Example:
        >>> text = "[shop]\nitems = [\n  1,\n  2,\n]\n"
        >>> line_of(text, {"shop": {"items": [1, 2]}}, ("shop", "items", 1))
        4
    """
    lines = text.split("\n")

    def known_after(number: int) -> tuple[int, int]:
        """Return how many of so many lines are TOML, and how many parts of the key they have."""
        for used in range(number, 0, -1):
            if (beginning := _beginning("\n".join(lines[:used]))) is not None:
                return used, _depth(beginning, key)
        return 0, 0

    # A key that has appeared is there to the end.
    number = bisect_left(
        range(len(lines)), _depth(document, key), key=lambda number: known_after(number)[1]
    )
    return known_after(max(number - 1, 0))[0] + 1


def _beginning(text: str) -> dict[str, Any] | None:
    """Return what the beginning of a text of TOML says, or None if that is no TOML."""
    closing: list[str] = []
    quotes = ""
    for token in _BRACKETS.finditer(text):
        bracket = token[1]
        if bracket in _CLOSING:
            closing.append(_CLOSING[bracket])
        elif bracket and closing:
            closing.pop()
        elif (start := token[0][:3]) in _QUOTES and not token[0][3:].endswith(start):
            quotes = start
    try:
        # Of a comment the brackets would be a part.
        return tomllib.loads(f"{text}\n{quotes}{''.join(reversed(closing))}")
    except (ValueError, RecursionError):
        return None


def _depth(value: Any, key: Sequence[str | int]) -> int:
    """Return how many parts of a key lead to something."""
    for depth, part in enumerate(key):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(key)
