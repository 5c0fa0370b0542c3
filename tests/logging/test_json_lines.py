"""A line as one JSON object: its keys, and that nothing breaks it."""

from __future__ import annotations

import json
import logging
import pickle
import re
import sys
import time
from collections import OrderedDict
from datetime import datetime
from logging.handlers import SocketHandler
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from algernon_logging import bind, lambda_logged

from .lines import parsed

if TYPE_CHECKING:
    from .lines import JsonLines

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
CONTEXT = SimpleNamespace(aws_request_id="r-1", function_name="orders", invoked_function_arn=ARN)

logger = logging.getLogger("tests.orders")


@lambda_logged
def log(message: object, *args: object, **options: Any) -> None:
    """Log a message."""
    logger.info(message, *args, **options)


@lambda_logged
def handler(event: object, context: object) -> None:
    """Log a warning."""
    logger.warning("low on %s", event)


def test_a_line_has_these_keys_in_this_order(json_lines: JsonLines) -> None:
    """A line says when, how important, what, who, and in which request and function."""
    before = time.time()
    handler("tea", CONTEXT)
    after = time.time()
    line = json_lines.one()
    at = line["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert before - 0.001 <= datetime.fromisoformat(at).timestamp() <= after
    assert list(line.items()) == [
        ("timestamp", at),
        ("level", "WARNING"),
        ("message", "low on tea"),
        ("logger", "tests.orders"),
        ("requestId", "r-1"),
        ("function_name", "orders"),
        ("function_arn", ARN),
        ("cold_start", True),
    ]


def test_what_is_not_known_is_left_out(json_lines: JsonLines) -> None:
    """A line outside any invocation has no keys of one, but that nothing was warm yet."""
    log("a")
    assert list(json_lines.one()) == ["timestamp", "level", "message", "logger", "cold_start"]


def test_fields_come_before_exception_and_stack(json_lines: JsonLines) -> None:
    """What was bound and what is extra come after the usual keys, in the order they were given."""
    with bind(b=1, a=2):
        log("x", extra={"d": 3, "c": 4}, exc_info=ValueError("no"), stack_info=True)
    line = json_lines.one()
    assert list(line)[4:] == ["cold_start", "b", "a", "d", "c", "exception", "stack"]
    assert line["stack"].startswith("Stack (most recent call last):\n")


def test_cold_start_ends_with_the_first_invocation(json_lines: JsonLines) -> None:
    """Lines before and in the first invocation are of a cold start; all later ones aren't."""
    log("before")
    handler("a", CONTEXT)
    log("between")
    handler("b", SimpleNamespace(aws_request_id="r-2"))
    assert [line["cold_start"] for line in json_lines.read()] == [True, True, False, False]


def test_cold_start_does_not_need_a_request_id(json_lines: JsonLines) -> None:
    """Invocations of which no request id is known are told apart as well."""
    for _ in range(3):
        handler("a", SimpleNamespace(function_name="orders"))
    assert [line["cold_start"] for line in json_lines.read()] == [True, False, False]


def test_a_dict_as_message_is_an_object(json_lines: JsonLines) -> None:
    """A dict that is logged by itself is written as JSON, its credentials masked."""
    log({"order": {"id": 7, "rows": (1, 2)}, "password": "s3cret", 3: None})
    assert json_lines.one()["message"] == {
        "order": {"id": 7, "rows": [1, 2]},
        "password": "***",
        "3": None,
    }
    log(OrderedDict(a=1))
    assert json_lines.one()["message"] == {"a": 1}


def test_a_dict_with_arguments_is_a_message_as_ever(json_lines: JsonLines) -> None:
    """Arguments are put into the message as logging does it."""
    log("%(a)s %(b)s", {"a": 1, "b": 2})
    log("%s", {"a": 1})
    log("100 %")
    log(["a"])
    assert [line["message"] for line in json_lines.read()] == [
        "1 2",
        "{'a': 1}",
        "100 %",
        "['a']",
    ]


class Hostile:
    """Fails when it is shown."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class NoText:
    """Says what is no text."""

    def __str__(self) -> str:
        return 3  # type: ignore[return-value]  # noqa: PLE0307

    __repr__ = __str__


class Text(str):
    """A text that claims to be another."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("message", "args", "start"),
    [
        ("%d of %d", ("x", 1), "%d of %d <which its arguments don't fit: TypeError>"),
        ("%s", (1, 2), "%s <which its arguments don't fit: TypeError>"),
        ("%(a)s", ({"b": 1},), "%(a)s <which its arguments don't fit: KeyError>"),
        ("%y", (1,), "%y <which its arguments don't fit: ValueError>"),
        ("%s", (Hostile(),), "%s <which its arguments don't fit: RuntimeError>"),
        ("%s", (NoText(),), "%s <which its arguments don't fit: TypeError>"),
        (Hostile(), (), "<a Hostile that can't be shown> <which"),
        (NoText(), (), "<a NoText that can't be shown> <which"),
        ({"a": Hostile()}, (), {"a": "<a Hostile that can't be shown>"}),
        (Text("a"), (), "a <which"),
        (None, (), "None"),
        (b"\xff", (), "b'\\xff'"),
    ],
)
def test_whatever_the_message_a_line_is_written(
    message: object,
    args: tuple[object, ...],
    start: object,
    json_lines: JsonLines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A message that can't be told doesn't cost the line, whose other parts are there."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own would fail
    log(message, *args, extra={"n": 7})
    line = json_lines.one()
    assert line["n"] == 7
    if isinstance(start, str):
        assert line["message"].startswith(start)
    else:
        assert line["message"] == start


@pytest.mark.parametrize(
    "text",
    [
        "a\nb\rc\td",
        '"quoted" \\ and more',
        "\x00\x1f\x7f",
        "\x85 \u2028 \u2029 \x1c \x0b \x0c",
        "größe あ 😀",
        '","level":"FATAL","x":"',
        "\u202e\ufeff\ufffe\uffff",
        "x" * 900,
        "",
    ],
)
def test_texts_come_back(text: str, json_lines: JsonLines) -> None:
    """Whatever characters a text has, the line is one line, and has the text."""
    with bind(bound=text):
        log("%s", text, extra={"extra": text, "deep": [{text: text}]})
    line = json_lines.one()
    assert [line["message"], line["bound"], line["extra"]] == [text] * 3
    assert line["deep"] == [{text: text}]
    assert line["level"] == "INFO"


def test_half_a_character_is_shown_as_text(json_lines: JsonLines) -> None:
    """Half a character, which no encoding takes and many readers refuse, is written out."""
    log("\udcff \\\udcff", extra={"a": "\ud800", "b": {"\udfff": "\ud83d\ude00"}})
    line = json_lines.one()
    assert line["message"] == r"\udcff \\udcff"
    assert line["a"] == r"\ud800"
    assert line["b"] == {r"\udfff": r"\ud83d\ude00"}


def test_extra_of_odd_names(json_lines: JsonLines) -> None:
    """Keys of extra that aren't texts, or are a line's own, take names of their own."""
    extra: Any = {1: "a", None: "b", (2, 3): "c", "level": "d", "timestamp": "e", "a b": "f"}
    log("x", extra=extra)
    line = json_lines.one()
    assert line["level"] == "INFO"
    del line["timestamp"]
    assert list(line.items())[4:] == [
        ("1", "a"),
        ("null", "b"),
        ("[2,3]", "c"),
        ("extra_level", "d"),
        ("extra_timestamp", "e"),
        ("a b", "f"),
    ]


def test_extra_hides_what_was_bound(json_lines: JsonLines) -> None:
    """Where both have a name, the line's own extra is what it says."""
    with bind(a=1, b=1):
        log("x", extra={"a": 2})
    line = json_lines.one()
    assert (line["a"], line["b"]) == (2, 1)


def test_a_line_is_the_same_each_time_it_is_written(json_lines: JsonLines) -> None:
    """A record that several handlers format isn't changed by that."""
    record = logging.LogRecord("a", logging.INFO, "a.py", 1, "x %s", (1,), None)
    record.n = 7
    log("configure")
    (output,) = [h for h in logging.getLogger().handlers if type(h).__module__ != "_pytest.logging"]
    first = output.format(record)
    assert output.format(record) == first
    assert json.loads(first)["n"] == 7


def test_level_names_of_ones_own(json_lines: JsonLines) -> None:
    """A level that has no name, or an odd one, is a text."""
    logging.addLevelName(33, 'NOTICE "x"\n')
    lambda_logged(logger.log)(33, "a")
    lambda_logged(logger.log)(34, "b")
    assert [line["level"] for line in json_lines.read()] == ['NOTICE "x"\n', "Level 34"]


EVENT = 1_048_576


@pytest.mark.parametrize("char", ["x", "\x01", "é", "\u2028", "😀", "\U000e0001", "\udcff", '"'])
def test_no_value_makes_a_line_larger_than_an_event(
    char: str, json_lines: JsonLines, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message, a field and an exception of a megabyte each are cut, and say what is missing."""
    large = char * 1_000_000
    error = ValueError(large)
    error.__cause__ = KeyError(large)
    with bind(bound=large):
        log(large, extra={"extra": [{"deep": large}], large: 1}, exc_info=error)
    text = capsys.readouterr().err
    assert len(text.encode()) < EVENT / 2
    line = parsed(text.removesuffix("\n"))
    for value in (line["message"], line["bound"], line["extra"], line["exception"]["message"]):
        assert re.search(r"… <\d{1,3}(,\d{3})+ more characters>$", value)
    assert line["message"] == line["bound"]
    kept, _, left_out = line["bound"].partition("… <")
    if char == "x":
        assert len(kept) + int(left_out.split()[0].replace(",", "")) == len(large)
        assert 60_000 < len(kept) <= 65_536


def test_what_fits_is_whole(json_lines: JsonLines) -> None:
    """Values and messages of less than 64 KiB are written to their end."""
    text, rows = "x" * 65_000, [{"id": n, "name": f"row {n}"} for n in range(1000)]
    with bind(bound=text):
        log(text, extra={"rows": rows})
    line = json_lines.one()
    assert (line["message"], line["bound"], line["rows"]) == (text, text, rows)


def as_of_another_process(record: logging.LogRecord) -> logging.LogRecord:
    """Return a record as it comes out of a socket or a queue: what was raised is text."""
    wire = SocketHandler("127.0.0.1", 9).makePickle(record)[4:]
    return logging.makeLogRecord(pickle.loads(wire))


def test_an_exception_of_another_process_is_told_as_text(json_lines: JsonLines) -> None:
    """A record that has no more than the text of a traceback keeps it."""
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        record = logging.LogRecord("child", logging.ERROR, "f", 1, "boom", None, sys.exc_info())
    lambda_logged(logging.getLogger("child").handle)(as_of_another_process(record))
    line = json_lines.one()
    assert line["message"] == "boom"
    assert line["exception"]["traceback"].startswith("Traceback (most recent call last):")
    assert line["exception"]["traceback"].endswith("ZeroDivisionError: division by zero")


def test_an_exception_that_is_there_is_told_in_frames(json_lines: JsonLines) -> None:
    """The text that another formatter left behind doesn't stand in for the exception."""
    error = ValueError("no")
    record = logging.LogRecord("a", logging.ERROR, "f", 1, "boom", None, (ValueError, error, None))
    record.exc_text = "another's"
    lambda_logged(logging.getLogger("a").handle)(record)
    assert json_lines.one()["exception"]["message"] == "no"


@pytest.mark.parametrize("name", ["tenant_id", "aws_request_id"])
def test_extra_may_be_called_as_what_lambda_sets(name: str, json_lines: JsonLines) -> None:
    """Nothing of a call's `extra` is lost by its name."""
    log("x", extra={name: "acme", "customer": "c"})
    line = json_lines.one()
    assert (line[name], line["customer"]) == ("acme", "c")
    assert "tenantId" not in line
