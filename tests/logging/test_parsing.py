"""Lines that were written are read again."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from algernon_logging import bind
from algernon_logging.lines.json_lines import JsonFormatter
from algernon_logging.lines.parsing import parse_line
from algernon_logging.lines.text_lines import TextFormatter
from hypothesis import given
from hypothesis import strategies as st

FORMATTERS = [TextFormatter(), JsonFormatter()]
# What isn't UTF-8 is written in another way, and what is named like a credential, be it in a
# pair or a URL, is masked: hypothesis finds such names in the source. So there are few letters.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Ll", "Lu"], exclude_characters="@")
    | st.sampled_from("xyzXYZ")
)
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
@pytest.mark.parametrize("fields", [{}, {"x": 7, "y": "a b"}], ids=["bare", "with fields"])
@pytest.mark.parametrize(
    "message",
    ["two\nlines", "a\n\nb", "\nb", "a\tb", "a\tz=1", "a\tz=1\nb\tz=2\n\tz=3", "a\t\nb\t",
     "a\r\nb\tz=1\r\nc", "z=1\nz=2", ""],
)  # fmt: skip
def test_messages_of_several_lines_come_back(
    message: str, fields: dict[str, Any], formatter: logging.Formatter
) -> None:
    """A message with its newlines and tabs, and what stands behind it, come back."""
    for end in ("", "\n"):
        found = parse_line(line(formatter, message, fields) + end)
        assert found is not None
        assert found["message"] == message
        assert {name: found.get(name) for name in ("x", "y", "z")} == {
            "x": fields.get("x"),
            "y": fields.get("y"),
            "z": None,
        }


@pytest.mark.parametrize("fields", [{}, {"x": 7}], ids=["bare", "with fields"])
@pytest.mark.parametrize("message", ["a", "a\nb"])
def test_a_traceback_is_no_part_of_the_message(message: str, fields: dict[str, Any]) -> None:
    """What an exception says is neither the message nor a field, whatever it looks like."""
    group = ExceptionGroup("no", [ValueError("forged\tx=1\n\tx=2")])
    with pytest.raises(ExceptionGroup) as caught:
        raise group
    for told in (group, group.exceptions[0]):
        how = (type(told), told, caught.tb if told is group else None)
        record = logging.LogRecord("shop", logging.ERROR, "shop.py", 1, message, None, how)
        with bind(**fields):
            found = parse_line(TextFormatter().format(record))
        assert found is not None
        assert found.get("x") == fields.get("x")
        assert found["message"].startswith(message)
        if told is group or fields:
            assert found["message"] == message


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


OWN = {"timestamp": "2026-11-25T15:28:19Z", "level": "WARNING", "message": "m", "logger": "app"}
AT = "2026-11-25T15:28:19.204Z"
LAMBDAS_OWN = [
    json.dumps(OWN | {"requestId": ""}),
    json.dumps(OWN | {"requestId": "r-1", "cold_start": True}),
    json.dumps(OWN | {"timestamp": 1, "cold_start": True}),
    json.dumps({"time": AT, "type": "platform.start", "record": {}}),
    f"[WARNING]\t{AT}\tr-1\tone message",
    f"[WARNING]\t{AT}\tr-1\ta\tmessage\twith\ttabs",
    "[ERROR] ValueError: no\nTraceback (most recent call last):",
    "REPORT RequestId: r-1\tDuration: 1.00 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t",
]


@pytest.mark.parametrize("text", LAMBDAS_OWN)
def test_lambdas_own_lines_are_none_of_ours(text: str) -> None:
    """What Lambda's runtime and platform write themselves isn't taken for a line of ours."""
    assert parse_line(text) is None


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "[INFO]\t" * 6, "{}", "[]", "7"]
)
def test_hostile_lines_are_none_of_ours(text: str) -> None:
    """Deep, short and foreign lines are read as nothing."""
    assert parse_line(text) is None
