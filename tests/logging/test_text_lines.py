"""A line as tab-separated columns, which no field can forge."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr
from types import SimpleNamespace
from typing import Any

import pytest
from algernon_logging import bind, lambda_logged

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
