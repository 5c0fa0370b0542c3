"""JSON that the command prints."""

from __future__ import annotations

import json
import sys

import pytest
from algernon.story.json_text import printable_json, shown_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"total":3}', '{"total": 3}'),
        ("null", "null"),
        ('"é"', '"é"'),
        ('{"_alg_class":"decimal","value":"1.50"}', '{"_alg_class": "decimal", "value": "1.50"}'),
        ("1e999", "1e999"),
    ],
)
def test_what_is_short_is_one_line(text: str, shown: str) -> None:
    """What Python has no value for stays as it is."""
    assert shown_json(text) == shown


def test_what_is_nested_too_deeply_stays_as_it_is() -> None:
    """A text that Python can't take apart is shown all the same."""
    # Deeper than the limit that newer Pythons have for C code, whatever they are told.
    text = "[" * 200_000 + "]" * 200_000
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # which whatever else is loaded may have raised
    try:
        assert shown_json(text) == text
    finally:
        sys.setrecursionlimit(limit)


def test_what_is_long_is_indented() -> None:
    """Each item has a line of its own, and the value is the same."""
    value = {"items": ["tea" * 10] * 5}
    shown = shown_json(json.dumps(value))

    assert len(shown.splitlines()) == 9
    assert json.loads(shown) == value


@pytest.mark.parametrize("text", ["\x9b1m", "\u202eevil", "a\U000e0001b", "\ud800", "\u2028"])
def test_what_a_terminal_might_do_is_escaped(text: str) -> None:
    """It is the same JSON, of which nothing steers a terminal."""
    for printed in (
        shown_json(json.dumps([text], ensure_ascii=False)),
        printable_json(json.dumps([text], ensure_ascii=False)),
    ):
        assert printed.isprintable()
        assert json.loads(printed) == [text]
