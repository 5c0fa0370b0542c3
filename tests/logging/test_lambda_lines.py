"""Lines of a decorated handler under AWS's own runtime client, awslambdaric."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from .lines import parsed
from .runtime_api import (
    BODY,
    FUNCTION_ARN,
    FUNCTION_NAME,
    JSON,
    JSON_INFO,
    WORKER,
    columns,
    objects,
)

if TYPE_CHECKING:
    from .conftest import StartFunction


def test_warm_function_logs_each_line_once_with_its_request_id(
    start_function: StartFunction,
) -> None:
    """Over warm invocations each line is one event and has the current request id."""
    function = start_function(WORKER)
    for number in range(4):
        assert function.invoke(number, request_id=f"r-{number}").result == number
    assert [(e[0], *e[2:]) for e in map(columns, function.log_events())] == [
        ("[INFO]", f"r-{n}", FUNCTION_NAME, FUNCTION_ARN, "worker", f"info {n}") for n in range(4)
    ]
    assert function.printed() == ""


def test_debug_lines_appear_where_debug_is_true(start_function: StartFunction) -> None:
    """DEBUG=True in the function's environment brings DEBUG lines through Lambda's sink."""
    function = start_function(WORKER, environment={"DEBUG": "True"})
    function.invoke("a")
    assert [columns(event)[0] for event in function.log_events()] == ["[DEBUG]", "[INFO]"]


def test_traceback_stays_one_event(start_function: StartFunction) -> None:
    """A logged exception is one event in CloudWatch, with all of its lines."""
    function = start_function(WORKER)
    function.invoke("log")
    _, wrong, on = function.log_events()
    assert wrong.text.splitlines()[0].endswith("\twent wrong")
    assert wrong.text.splitlines()[1] == "Traceback (most recent call last):"
    assert wrong.text.endswith("ZeroDivisionError: division by zero\n")
    assert columns(on)[-1] == "and on"


def test_without_telemetry_lines_are_text_on_standard_output(
    start_function: StartFunction,
) -> None:
    """Where Lambda's sink is standard output, every line and traceback ends its line."""
    function = start_function(WORKER, telemetry=False)
    function.invoke("log")
    lines = function.printed().splitlines()
    assert [line.split("\t")[-1] for line in (lines[0], lines[1], lines[-1])] == [
        "info log",
        "went wrong",
        "and on",
    ]
    assert lines[-2] == "ZeroDivisionError: division by zero"
    assert function.log_events() == []


def test_lambda_reports_and_logs_what_the_handler_raises(start_function: StartFunction) -> None:
    """An exception reaches Lambda as it is, which logs it once, and the worker goes on."""
    function = start_function(WORKER)
    error = function.invoke("fail", request_id="r-1").error
    assert error is not None
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "broken")
    assert function.invoke("next", request_id="r-2").result == "next"
    first, failure, second = function.log_events()
    assert columns(first)[-1] == "info fail"
    assert failure.text.startswith("[ERROR] ValueError: broken\nTraceback")
    assert columns(second)[2] == "r-2"


def test_context_log_still_works(start_function: StartFunction) -> None:
    """The log method of Lambda's context finds its way out as before."""
    function = start_function(WORKER)
    function.invoke("context")
    assert [event.text for event in function.log_events()][1:] == ["from the context"]


def test_in_json_format_each_line_is_one_object(start_function: StartFunction) -> None:
    """Where the function's log format is JSON, each line is one event, and says it all."""
    function = start_function(WORKER, environment=JSON)
    before = time.time()
    for number in range(3):
        function.invoke(number, request_id=f"r-{number}")
    assert {event.frame_type for event in function.log_events()} == {JSON_INFO}
    lines = objects(function)
    for line in lines:
        at = line.pop("timestamp")
        assert before - 0.001 <= datetime.fromisoformat(at).timestamp() <= time.time()
    assert lines == [
        {
            "level": "INFO",
            "message": f"info {n}",
            "logger": "worker",
            "requestId": f"r-{n}",
            "function_name": FUNCTION_NAME,
            "function_arn": FUNCTION_ARN,
            "cold_start": n == 0,
        }
        for n in range(3)
    ]
    assert function.printed() == ""


def test_in_json_format_an_exception_is_told_in_frames(start_function: StartFunction) -> None:
    """An exception that was logged in JSON format is one event, with its frames."""
    function = start_function(WORKER, environment=JSON)
    function.invoke("log")
    wrong = objects(function)[1]
    assert wrong["message"] == "went wrong"
    exception = wrong["exception"]
    assert (exception["type"], exception["message"]) == ("ZeroDivisionError", "division by zero")
    (frame,) = exception["frames"]
    assert frame["file"].endswith("/worker.py")
    assert (frame["function"], frame["code"]) == ("handler", "1 / 0")


def test_in_json_format_without_telemetry_lines_are_on_standard_output(
    start_function: StartFunction,
) -> None:
    """Where Lambda's sink is standard output, every line there is an object."""
    function = start_function(WORKER, environment=JSON, telemetry=False)
    function.invoke("log")
    assert [parsed(line)["message"] for line in function.printed().split("\n")[:-1]] == [
        "info log",
        "went wrong",
        "and on",
    ]


def test_a_line_names_the_tenant_as_lambda_does(start_function: StartFunction) -> None:
    """What Lambda's own handler knows of a tenant stays in the line."""
    function = start_function(
        """
import logging
from algernon_logging import lambda_logged

@lambda_logged
def handler(event, context):
    logging.getLogger().handlers[0].filters[0].filter = of_a_tenant
    logging.info("a")

def of_a_tenant(record):
    record.tenant_id = "acme"
    return True
""",
        environment=JSON,
    )
    function.invoke()
    (line,) = objects(function)
    assert line["tenantId"] == "acme"


@pytest.mark.parametrize("name", ["tenant_id", "aws_request_id"])
def test_extra_by_a_name_that_lambda_sets_is_kept(name: str, start_function: StartFunction) -> None:
    """Lambda's handler overwrites these attributes, and a line has what a call gave too."""
    function = start_function(
        f"""
import logging
from algernon_logging import bind, lambda_logged

@lambda_logged
def handler(event, context):
    logging.info("extra", extra={{"{name}": "acme", "customer": "c"}})
    with bind({name}="acme"):
        logging.info("bound", extra={{"customer": "c"}})
    logging.info("neither", extra={{"customer": "c"}})
""",
        environment=JSON,
    )
    function.invoke(request_id="r-1")
    lines = objects(function)
    assert [(line.get(name), line["customer"]) for line in lines] == [
        ("acme", "c"),
        ("acme", "c"),
        (None, "c"),
    ]
    assert {line["requestId"] for line in lines} == {"r-1"}


HTTPX = """
import http.server, threading
import httpx
from algernon_logging import lambda_logged

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()

@lambda_logged
def handler(event, context):
    httpx.get(f"http://ada:3wTq@127.0.0.1:{server.server_port}/?api_key=3wTq&page=2")
"""


@pytest.mark.parametrize("environment", [{}, JSON], ids=["text", "json"])
@pytest.mark.parametrize("debug", ["false", "true"])
def test_no_url_of_an_http_client_shows_a_credential(
    debug: str, environment: dict[str, str], start_function: StartFunction
) -> None:
    """The URLs that httpx calls are logged under DEBUG only, and then without credentials."""
    pytest.importorskip("httpx")
    function = start_function(HTTPX, environment={"DEBUG": debug, **environment})
    assert function.invoke().error is None
    texts = "".join(event.text for event in function.log_events())
    assert "3wTq" not in texts + function.printed()
    assert ("api_key=***&page=2" in texts) is (debug == "true")


HOSTILE = """
import logging
from algernon_logging import lambda_logged

class Hostile:
    def __repr__(self):
        raise ValueError("no")

@lambda_logged
def handler(event, context):
    logging.info("%d", "x")
    logging.info("%s", Hostile())
    logging.info(Hostile(), extra={"a": Hostile()})
    logging.info("\\udc80 and \\u2028", extra={"a": float("nan"), "b": 10 ** 9999})
    return "done"
"""


@pytest.mark.parametrize("environment", [{}, JSON], ids=["text", "json"])
def test_no_line_fails_the_function(
    environment: dict[str, str], start_function: StartFunction
) -> None:
    """Whatever is logged, Lambda's handler, which lets errors through, meets none."""
    function = start_function(HOSTILE, environment=environment)
    assert function.invoke().result == "done"
    assert len(function.log_events()) == 4
    assert function.printed() == ""


def test_metrics_are_lines_of_their_own(start_function: StartFunction) -> None:
    """Metrics are written to standard output, where Lambda takes each line for an event."""
    pytest.importorskip("algernon_queue")
    function = start_function(
        """
from algernon_logging import lambda_logged
from algernon_queue import queued

@lambda_logged
@queued
def handler(event, context):
    pass
""",
        environment={**JSON, "ALGERNON_METRICS_NAMESPACE": "shop"},
    )
    function.invoke({"Records": [{"messageId": "m", "body": BODY}]})
    (line,) = function.printed().split("\n")[:-1]
    metrics = parsed(line)
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "shop"
    assert (metrics["function_name"], metrics["Done"]) == (FUNCTION_NAME, 1)
