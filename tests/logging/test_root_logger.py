"""Where lines go, how they look, and from which level on."""

from __future__ import annotations

import io
import logging
import re
import subprocess
import sys
import time
from contextlib import redirect_stderr
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TextIO

import pytest
from algernon_logging import lambda_logged

logger = logging.getLogger("tests.orders")
CONTEXT = SimpleNamespace(
    aws_request_id="r-1",
    function_name="orders",
    invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:orders",
)


@lambda_logged
def handler(event: object, context: object = None) -> None:
    """Log the event at two levels."""
    logger.debug("debug %s", event)
    logger.info("info %s", event)


def own_handlers() -> list[logging.Handler]:
    """List the root logger's handlers but for those with which pytest watches every test."""
    return [h for h in logging.getLogger().handlers if type(h).__module__ != "_pytest.logging"]


def test_line_has_tab_separated_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """A line has level, time in UTC, request id, function name, ARN, logger and message."""
    before = time.time()
    handler("a", CONTEXT)
    after = time.time()
    level, at, *rest = capsys.readouterr().err.removesuffix("\n").split("\t")
    assert level == "[INFO]"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert before - 0.001 <= datetime.fromisoformat(at).timestamp() <= after
    assert rest == [
        "r-1",
        "orders",
        "arn:aws:lambda:eu-west-1:123456789012:function:orders",
        "tests.orders",
        "info a",
    ]


def test_times_are_utc_in_every_time_zone() -> None:
    """The process's time zone doesn't move the time of a line."""
    code = (
        "import logging, algernon_logging\n"
        "algernon_logging.lambda_logged(lambda: logging.info('now'))()"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={"TZ": "Asia/Kathmandu"},
        capture_output=True,
        text=True,
        check=True,
    )
    logged = datetime.fromisoformat(finished.stderr.split("\t")[1])
    assert abs((datetime.now(UTC) - logged).total_seconds()) < 60


@pytest.mark.parametrize("setting", ["true", "True", "TRUE", "tRuE"])
def test_debug_in_any_case_means_debug(
    setting: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where DEBUG is true, however written, DEBUG lines appear."""
    monkeypatch.setenv("DEBUG", setting)
    handler("a")
    assert [line.split("\t")[0] for line in capsys.readouterr().err.splitlines()] == [
        "[DEBUG]",
        "[INFO]",
    ]


@pytest.mark.parametrize("setting", [None, "", "false", "1", "yes", "true!"])
def test_anything_else_means_info(
    setting: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where DEBUG is anything but true, lines start at INFO."""
    if setting is not None:
        monkeypatch.setenv("DEBUG", setting)
    handler("a")
    assert capsys.readouterr().err.count("\n") == 1
    assert logging.getLogger().level == logging.INFO


def test_debug_is_read_at_every_call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warm worker follows DEBUG when it changes."""
    handler("a")
    monkeypatch.setenv("DEBUG", "true")
    handler("b")
    monkeypatch.setenv("DEBUG", "false")
    handler("c")
    messages = [line.split("\t")[-1] for line in capsys.readouterr().err.splitlines()]
    assert messages == ["info a", "debug b", "info b", "info c"]


@pytest.mark.parametrize("name", ["aws_xray_sdk", "boto3", "botocore", "urllib3"])
def test_aws_libraries_log_warnings_only(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The libraries beneath stay at WARNING, even where DEBUG is true."""
    monkeypatch.setenv("DEBUG", "true")

    @lambda_logged
    def chatty() -> None:
        library = logging.getLogger(f"{name}.inner")
        library.info("chatter")
        library.warning("trouble")

    chatty()
    assert [line.split("\t")[-1] for line in capsys.readouterr().err.splitlines()] == ["trouble"]


@pytest.mark.parametrize("name", ["aws_xray_sdk", "boto3", "botocore", "urllib3"])
def test_libraries_that_are_quieter_stay_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Who has turned a library down further isn't overruled."""
    logging.getLogger(name).setLevel(logging.ERROR)
    lambda_logged(logging.getLogger(name).warning)("trouble")
    assert capsys.readouterr().err == ""


class Foreign(logging.StreamHandler[TextIO]):
    """Somebody else's handler."""

    closed = False

    def close(self) -> None:
        """Note it."""
        self.closed = True
        super().close()


def test_other_handlers_are_cleared_and_left_open(capsys: pytest.CaptureFixture[str]) -> None:
    """Handlers that were on the root logger are taken off, and stay usable elsewhere."""
    stream = io.StringIO()
    foreign = Foreign(stream)
    logging.getLogger().addHandler(foreign)
    handler("a")
    assert len(own_handlers()) == 1
    assert stream.getvalue() == ""
    assert not foreign.closed
    assert capsys.readouterr().err.count("\n") == 1


def test_handlers_added_between_calls_are_cleared_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A library that sets up logging of its own doesn't double a warm worker's lines."""
    handler("a")
    logging.getLogger().addHandler(Foreign(sys.stderr))
    handler("b")
    logging.basicConfig(force=True)
    handler("c")
    messages = [line.split("\t")[-1] for line in capsys.readouterr().err.splitlines()]
    assert messages == ["info a", "info b", "info c"]


def test_thousand_calls_grow_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Handlers and filters are the same after a thousand warm calls."""
    handler("first")
    (output,) = own_handlers()
    filters = list(output.filters)
    for _ in range(1000):
        handler("again")
    assert own_handlers() == [output]
    assert output.filters == filters
    assert capsys.readouterr().err.count("\n") == 1001


def test_lines_go_to_what_standard_error_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    """A replaced or closed sys.stderr doesn't lose lines."""
    for _ in range(2):
        with redirect_stderr(io.StringIO()) as replaced:
            handler("a")
        assert replaced.getvalue().count("\n") == 1
        replaced.close()
    handler("b")
    assert capsys.readouterr().err.count("\n") == 1


def test_traceback_follows_its_line_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception that the function itself logs appears once, under its line."""

    @lambda_logged
    def careful() -> None:
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            logger.exception("went wrong")

    careful()
    first, second, *_, last = capsys.readouterr().err.splitlines()
    assert first.endswith("\twent wrong")
    assert second == "Traceback (most recent call last):"
    assert last == "ZeroDivisionError: division by zero"


def test_callers_extra_fields_stay_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    """A field that the caller set on a record isn't overwritten by one of the same name."""
    seen: list[str] = []

    @lambda_logged
    def task() -> None:
        logging.getLogger().addHandler(keeping)
        logger.info("a", extra={"function_name": "mine"})

    keeping = logging.Handler()
    keeping.emit = lambda record: seen.append(record.__dict__["function_name"])  # type: ignore[method-assign]
    task()
    assert seen == ["mine"]


def test_pytests_caplog_sees_lines(caplog: pytest.LogCaptureFixture) -> None:
    """Tests of workers can read records with pytest's own fixture."""
    handler("a")
    assert caplog.messages == ["info a"]


def test_root_logger_ends_with_exactly_one_handler() -> None:
    """In a process without pytest the root logger has one handler after the call."""
    code = (
        "import logging, algernon_logging\n"
        "logging.basicConfig()\n"
        "logging.getLogger().addHandler(logging.NullHandler())\n"
        "algernon_logging.lambda_logged(lambda: None)()\n"
        "print(len(logging.getLogger().handlers))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert (finished.stdout, finished.stderr) == ("1\n", "")
