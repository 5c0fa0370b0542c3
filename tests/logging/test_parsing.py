"""Lines that were written are read again."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from algernon_logging import bind
from algernon_logging.json_lines import JsonFormatter
from algernon_logging.parsing import parse_line
from algernon_logging.text_lines import TextFormatter
from hypothesis import given
from hypothesis import strategies as st

FORMATTERS = [TextFormatter(), JsonFormatter()]
# What isn't UTF-8 is written in another way, and a name that looks secret is masked.
texts = st.text(st.characters(exclude_categories=["Cs"]))
names = st.from_regex(r"[xyz][xyz_]{0,8}", fullmatch=True)
values = (
    texts
    | st.sampled_from(["true", "null", "1e5", "NaN", "-1", "[]", "{}", ""])
    | st.integers()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(texts)
    | st.dictionaries(st.from_regex(r"[xyz]{1,3}", fullmatch=True), st.lists(st.integers()))
    | st.sampled_from(["[x", "[] []", "{}x", '["a"'])
)


def line(formatter: logging.Formatter, message: str, fields: dict[str, Any]) -> str:
    """Write a line with some fields."""
    record = logging.LogRecord("shop", logging.INFO, "shop.py", 1, message, None, None)
    with bind(**fields):
        return formatter.format(record)


@pytest.mark.parametrize("formatter", FORMATTERS)
@given(fields=st.dictionaries(names, values, min_size=1, max_size=4))
def test_fields_come_back(formatter: logging.Formatter, fields: dict[str, Any]) -> None:
    """The fields of a line come back from either form, each as what it was."""
    found = parse_line(line(formatter, "sold", fields))
    assert found is not None
    assert (found["level"], found["logger"], found["message"]) == ("INFO", "shop", "sold")
    assert {name: found[name] for name in fields} == fields
    assert [type(found[name]) for name in fields] == [type(value) for value in fields.values()]


@pytest.mark.parametrize("formatter", FORMATTERS)
@given(message=texts)
def test_no_message_forges_a_field(formatter: logging.Formatter, message: str) -> None:
    """Whatever a message holds, the fields that were bound are the ones that are read."""
    first = message.partition("\n")[0].partition("\r")[0]
    found = parse_line(line(formatter, first, {"chain": "mine"}))
    assert found is not None
    assert found["chain"] == "mine"


@given(texts | st.text())
def test_any_other_line_is_none_of_ours(text: str) -> None:
    """What we didn't write is read as nothing, and raises nothing."""
    assert parse_line(text) is None


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "[INFO]\t" * 6, "{}", "[]", "7"]
)
def test_hostile_lines_are_none_of_ours(text: str) -> None:
    """Deep, short and foreign lines are read as nothing."""
    assert parse_line(text) is None
