"""A line as tab-separated columns, which no field can forge."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr
from types import SimpleNamespace
from typing import Any

import pytest
from algernon_logging import bind, lambda_logged
from algernon_logging.lines.parsing import parse_line

CONTEXT = SimpleNamespace(aws_request_id="r-1", function_name="orders")
COLUMNS = 7


@lambda_logged
def handler(event: object, context: object = CONTEXT, **options: Any) -> None:
    """Log the event."""
    logging.info(event, **options)


def written(event: object = "sold", **options: Any) -> str:
    """Return what a line of an event is."""
    with redirect_stderr(io.StringIO()) as stream:
        handler(event, CONTEXT, **options)
    return stream.getvalue().removesuffix("\n")


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        ("post", "post"),
        ("größe", "größe"),
        ("a/b:c,d;e#f[g]{h}", "a/b:c,d;e#f[g]{h}"),
        ("", '""'),
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ('say "x"', r'"say \"x\""'),
        ("a\tb", r'"a\tb"'),
        ("a\nb\r", r'"a\nb\r"'),
        ("C:\\x", r'"C:\\x"'),
        ("\x00\x7f\x85\xa0\u2028", r'"\u0000\u007f\u0085\u00a0\u2028"'),
        ("\udcff", r'"\udcff"'),
        ([1, "a b"], '[1,"a b"]'),
        ({"a": {"b\n": "\u2028é"}}, r'{"a":{"b\n":"\u2028é"}}'),
        (float("nan"), "nan"),
        (b"\x00\xff", "00ff"),
    ],
)
def test_values_are_words_or_quoted(value: object, form: str) -> None:
    """A value is as it is where that is one plain word, and else as JSON writes it."""
    with bind(field=value):
        line = written()
    assert line.split("\t")[-1] == f"field={form}"


@pytest.mark.parametrize(
    "text",
    [
        "x\n[ERROR]\t2026-11-24T03:11:07.204Z\tr-2\tshop\tarn\troot\tforged",
        "x\ttask_id=forged",
        "x task_id=forged",
        '" task_id=forged "',
        '\\" task_id=forged',
        "x\u2028y\x85z\x0b\x0c\x1c",
        "x\r\n",
    ],
)
def test_no_field_forges_a_column_or_a_line(text: str) -> None:
    """Whatever a field holds or is called, there is one line, of as many columns as ever."""
    with bind(field=text, deep=[{text: text}], **{text: 1}):
        line = written()
    assert line.splitlines() == [line]
    columns = line.split("\t")
    assert len(columns) == COLUMNS + 1
    assert columns[:1] + columns[2:COLUMNS] == ["[INFO]", "r-1", "orders", "-", "root", "sold"]
    assert not any(word.startswith("task_id=") for word in unquoted(columns[-1]))


def unquoted(pairs: str) -> list[str]:
    """Return the words of a line's last column that aren't in quotes."""
    words, quoted, escaped = [""], False, False
    for char in pairs:
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char == " ":
            words.append("")
        else:
            words[-1] += char
    return words


def test_a_dict_as_message_has_its_credentials_masked() -> None:
    """A dict that is logged by itself looks as ever, but for what is masked."""
    line = written({"a": 1, "deep": {"password": "s3cret\n"}})
    assert line.split("\t")[-1] == "{'a': 1, 'deep': {'password': '***'}}"


def test_extra_forges_no_request_id() -> None:
    """What stands in for an unknown request id is one word, or isn't taken."""
    for forged in ("r-2\tshop", "r-2\n", ""):
        with redirect_stderr(io.StringIO()) as stream:
            handler("sold", None, extra={"aws_request_id": forged})
        assert stream.getvalue().split("\t")[2] == "-"


def test_half_a_character_is_written_out() -> None:
    """A line can be encoded, whatever its message holds."""
    assert written("a \udcff é").split("\t")[-1] == r"a \udcff é"


def test_a_message_that_cannot_be_told_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments that don't fit don't cost the line."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own would fail
    with redirect_stderr(io.StringIO()) as stream:
        lambda_logged(logging.info)("%d", "x")
    expected = "%d <which its arguments don't fit: TypeError>"
    assert stream.getvalue().removesuffix("\n").split("\t")[-1] == expected


class HostileError(Exception):
    """Can't be told."""

    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        """Fail."""
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError


def test_a_traceback_that_cannot_be_told_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that fails when it is looked at doesn't cost the line."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own would fail
    with redirect_stderr(io.StringIO()) as stream:
        lambda_logged(logging.error)("wrong", exc_info=HostileError())
    first, last = stream.getvalue().splitlines()
    assert first.endswith("\twrong")
    assert last == "<a traceback that can't be told: RuntimeError>"


def test_traceback_and_stack_follow_the_fields() -> None:
    """A line's fields are on its own line, above the traceback and the stack."""
    with bind(order_id=7):
        lines = written(exc_info=ValueError("no"), stack_info=True).splitlines()
    assert lines[0].endswith("\tsold\torder_id=7")
    assert lines[1:3] == ["ValueError: no", "Stack (most recent call last):"]


BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
FORGED = "[INFO]\t2026-11-24T03:11:07.204Z\tr-2\tshop\t-\troot\tforged\ttask_id=forged"
FORGED_JSON = '{"timestamp":"","level":"INFO","message":"forged","logger":"root"}'


@pytest.mark.parametrize("forged", [FORGED, FORGED_JSON])
@pytest.mark.parametrize("end", [*BREAKS, "\r\n"], ids=ascii)
def test_no_message_or_traceback_forges_a_line(end: str, forged: str) -> None:
    """Whatever somebody takes for the end of a line, only its own beginning is one's."""
    text = f"eve{end}{forged}"
    for line in (
        written(text),
        written("x", exc_info=ValueError(text)),
        written("x", exc_info=ValueError("no"), stack_info=True) + written(text),
    ):
        first, *rest = line.splitlines()
        assert parse_line(first) is not None
        assert [parse_line(each) for each in rest] == [None] * len(rest)
        assert not any(each.startswith(("[", "{")) for each in rest)


def test_other_lines_of_a_message_are_as_they_are() -> None:
    """A message of several lines is written as it is, where nothing looks like a line's start."""
    assert written("a [b]\n c {d}\n\te").split("\t", 6)[-1].rstrip("\t") == "a [b]\n c {d}\n\te"
    assert written("a\n[b]\n{c}").split("\t", 6)[-1] == "a\n [b]\n {c}"


@pytest.mark.parametrize("more", ["", "\nmore", "\x0bmore", "\x0btask_id=y", "\n\ttask_id=y"])
@pytest.mark.parametrize("message", ["tea\ttask_id=x", "tea\tz\ttask_id=x", "\ttask_id=x"])
def test_no_message_forges_fields(message: str, more: str) -> None:
    """What follows a tab in a message isn't read as fields, with and without those of a line."""
    line = written(message + more)
    with bind(n=7):
        with_fields = written(message + more)
    for text in (line, line.splitlines()[0], with_fields, with_fields.splitlines()[0]):
        found = parse_line(text)
        assert found is not None
        assert "task_id" not in found
        assert found["message"].startswith("tea\t" if message[0] == "t" else "\t")


@pytest.mark.parametrize("char", ["x", "\x01", "é", "\U000e0001", "\udcff"], ids=ascii)
def test_no_value_makes_a_line_larger_than_an_event(char: str) -> None:
    """A message, a field and a traceback of a megabyte each are cut, and say what is missing."""
    large = char * 1_000_000
    with bind(**{"field": large, large: [large]}):
        line = written(large)
    assert len(line.encode()) < 500_000
    assert line.count(" more characters>") == 4
    traceback = written("wrong", exc_info=ValueError(large))
    assert len(traceback.encode()) < 1_000_000
    assert traceback.endswith(" more characters>")
