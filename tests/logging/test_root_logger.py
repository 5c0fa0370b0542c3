"""Where lines go, how they look, and from which level on."""

from __future__ import annotations

import io
import json
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

from .lines import parsed

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


@pytest.mark.starts
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


LEVELS = {
    "TRACE": logging.DEBUG,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "CRITICAL": logging.CRITICAL,
    "warn": logging.WARNING,
    "Error": logging.ERROR,
    "": logging.INFO,
    " ": logging.INFO,
    "NOTSET": logging.INFO,
    "10": logging.INFO,
    "verbose": logging.INFO,
    None: logging.INFO,
}


@pytest.mark.parametrize("lambda_s", LEVELS)
@pytest.mark.parametrize("debug", ["true", "TRUE", "false", "", "1", None])
def test_level_is_debugs_else_lambdas(
    debug: str | None, lambda_s: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DEBUG lines appear where DEBUG is true; else Lambda's level decides, and else INFO."""
    for name, value in (("DEBUG", debug), ("AWS_LAMBDA_LOG_LEVEL", lambda_s)):
        if value is not None:
            monkeypatch.setenv(name, value)
    is_debug = debug is not None and debug.lower() == "true"
    expected = logging.DEBUG if is_debug else LEVELS[lambda_s]
    lambda_logged(lambda: None)()
    assert logging.getLogger().level == expected
    with redirect_stderr(io.StringIO()) as stream:
        for level in (10, 20, 30, 40, 50):
            logger.log(level, "%s", level)
    levels = [int(line.split("\t")[-1]) for line in stream.getvalue().splitlines()]
    assert levels == list(range(expected, 51, 10))


@pytest.mark.parametrize("log_format", ["JSON", "json", "Json"])
def test_json_is_taken_where_lambdas_format_is_json(
    log_format: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable that Lambda sets for its own format decides for ours."""
    monkeypatch.setenv("AWS_LAMBDA_LOG_FORMAT", log_format)
    handler("a", CONTEXT)
    assert parsed(capsys.readouterr().err.removesuffix("\n"))["message"] == "info a"


@pytest.mark.parametrize("log_format", ["Text", "", "XML"])
def test_text_is_taken_elsewhere(
    log_format: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anything else than JSON is text."""
    monkeypatch.setenv("AWS_LAMBDA_LOG_FORMAT", log_format)
    handler("a", CONTEXT)
    assert capsys.readouterr().err.startswith("[INFO]\t")


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


def test_libraries_keep_a_level_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Who has chosen a level for a library has its lines from there on."""
    for name in ("botocore", "httpx"):
        logging.getLogger(name).setLevel(logging.INFO)
        lambda_logged(logging.getLogger(name).info)("retrying")
    assert capsys.readouterr().err.count("\tretrying\n") == 2


HTTP_CLIENTS = ["aiohttp.client", "elastic_transport", "httpcore.connection", "httpx", "requests"]


@pytest.mark.parametrize("name", HTTP_CLIENTS)
def test_http_clients_log_warnings_only(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What logs each URL that it calls is as quiet as the libraries of AWS."""
    client = logging.getLogger(name)
    lambda_logged(client.info)("GET https://example.com/")
    lambda_logged(client.warning)("trouble")
    assert [line.split("\t")[-1] for line in capsys.readouterr().err.splitlines()] == ["trouble"]


@pytest.mark.parametrize("name", HTTP_CLIENTS)
def test_http_clients_log_everything_under_debug(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where DEBUG is true they are heard, until it isn't any more."""
    client = logging.getLogger(name)
    for number, debug in enumerate(["false", "true", "false", "true"]):
        monkeypatch.setenv("DEBUG", debug)
        lambda_logged(client.debug)("call %s", number)
    messages = [line.split("\t")[-1] for line in capsys.readouterr().err.splitlines()]
    assert messages == ["call 1", "call 3"]


def test_an_http_client_that_was_turned_down_stays_so_under_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A level that somebody chose isn't taken back."""
    monkeypatch.setenv("DEBUG", "true")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    lambda_logged(logging.getLogger("httpx").info)("GET https://example.com/")
    assert capsys.readouterr().err == ""


class Foreign(logging.StreamHandler[TextIO]):
    """Somebody else's handler."""

    closed = False

    def close(self) -> None:
        """Note it."""
        self.closed = True
        super().close()


@pytest.mark.usefixtures("on_lambda")
def test_on_lambda_other_handlers_are_cleared_and_left_open(
    capsys: pytest.CaptureFixture[str],
) -> None:
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


WARM = """
import gc, io, json, logging, sys, tracemalloc
from types import SimpleNamespace
from algernon_logging import bind, lambda_logged

class Nowhere(io.TextIOBase):
    lines = 0
    def write(self, text):
        Nowhere.lines += text.count("\\n")
        return len(text)

stdout, sys.stdout, sys.stderr = sys.stdout, Nowhere(), Nowhere()

@lambda_logged
def handler(event, context):
    with bind(number=event, password=event):
        logging.info("order %s", event, extra={"rows": [event]})
    try:
        raise ValueError(event)
    except ValueError:
        logging.exception("wrong")

HANDLER

def call(times):
    for number in range(times):
        handler(EVENT, SimpleNamespace(aws_request_id=f"r-{number}", function_name="orders"))

def state():
    root = logging.getLogger()
    return [[repr(each), len(each.filters)] for each in (root, *root.handlers)]

call(200)
before, lines = state(), Nowhere.lines
tracemalloc.start()
call(200)
gc.collect()
start, _ = tracemalloc.get_traced_memory()
call(1000)
gc.collect()
end, _ = tracemalloc.get_traced_memory()
tracemalloc.stop()
grown = end - start
print(json.dumps([before, state(), Nowhere.lines - lines, grown]), file=stdout)
"""
WORKER = """
from algernon_queue import queued

inner = handler
handler = lambda_logged(queued(lambda event, context: inner(event["task_kwargs"]["n"], context)))
"""
BATCH = [
    {"messageId": f"m-{n}", "body": json.dumps({"task_name": f"work-{n}", "task_kwargs": {"n": n}})}
    for n in range(3)
]
BATCH[2]["body"] = "not even JSON"


@pytest.mark.starts
@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("kind", ["handler", "worker"])
def test_thousand_warm_invocations_grow_nothing(kind: str, log_format: str) -> None:
    """Handlers, filters and memory are the same after a thousand warm invocations."""
    source = WARM.replace("HANDLER", "").replace("EVENT", "number")
    if kind == "worker":
        pytest.importorskip("algernon_queue")
        event = json.dumps({"Records": BATCH})
        source = WARM.replace("HANDLER", WORKER).replace("EVENT", event)
    finished = subprocess.run(
        [sys.executable, "-c", source],
        env={
            "AWS_LAMBDA_LOG_FORMAT": log_format,
            "ALGERNON_FAILURES": "report",
            "ALGERNON_METRICS_NAMESPACE": "shop",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    before, after, lines, grown = json.loads(finished.stdout)
    assert after == before
    assert len(after) == 2  # the root logger and its one handler
    assert lines >= 1200 * 2
    assert grown < 10_000  # not ten bytes an invocation


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


@pytest.mark.starts
def test_lines_of_tasks_survive_what_a_task_does_to_logging() -> None:
    """A Task that configures logging anew, which disables loggers, is told of all the same."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    code = """
import logging.config
from algernon_logging import lambda_logged
from algernon_queue import queued

@lambda_logged
@queued(failures="report")
def handler(event, context):
    logging.config.dictConfig({"version": 1})

handler({"Records": [{"messageId": "m-1", "body": '{"task_name": "ship", "task_id":'
    ' "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"}'}]}, None)
"""
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    (line,) = finished.stderr.splitlines()
    assert "\tTask ship: done after " in line


@pytest.mark.starts
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
