"""A decorated handler under AWS's own runtime client, awslambdaric."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .runtime_api import FUNCTION_ARN, FUNCTION_NAME

if TYPE_CHECKING:
    from .conftest import StartFunction
    from .runtime_api import LogEvent

TEXT_INFO = 0xA55A000F  # frame types of awslambdaric: format and level
JSON_INFO = 0xA55A000E

WORKER = """
import logging
from algernon_logging import lambda_logged

logger = logging.getLogger("worker")

@lambda_logged
def handler(event, context):
    logger.debug("debug %s", event)
    logger.info("info %s", event)
    try:
        if event == "fail":
            raise ValueError("broken")
        if event == "log":
            1 / 0
    except ZeroDivisionError:
        logger.exception("went wrong")
        logger.warning("and on")
    if event == "context":
        context.log("from the context")
    return event
"""


def columns(event: LogEvent) -> list[str]:
    """Split the columns of one log event."""
    return event.text.removesuffix("\n").split("\t")


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


def test_json_format_of_lambda_stays_and_gains_fields(start_function: StartFunction) -> None:
    """Where the function's log format is JSON, each line is one object, once."""
    function = start_function(WORKER, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    for number in range(3):
        function.invoke(number, request_id=f"r-{number}")
    events = function.log_events()
    assert {event.frame_type for event in events} == {JSON_INFO}
    objects = [json.loads(event.text) for event in events]
    assert [(o["requestId"], o["message"], o["level"], o["logger"]) for o in objects] == [
        (f"r-{n}", f"info {n}", "INFO", "worker") for n in range(3)
    ]
    assert {(o["function_name"], o["function_arn"]) for o in objects} == {
        (FUNCTION_NAME, FUNCTION_ARN)
    }


def test_json_format_keeps_tracebacks(start_function: StartFunction) -> None:
    """An exception logged in JSON format is in its object's fields."""
    function = start_function(WORKER, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    function.invoke("log")
    wrong = json.loads(function.log_events()[1].text)
    assert (wrong["message"], wrong["errorType"]) == ("went wrong", "ZeroDivisionError")


def test_lambda_is_told_the_level_of_each_line(start_function: StartFunction) -> None:
    """Where Lambda filters by level, each event says its own."""
    function = start_function(WORKER, environment={"AWS_LAMBDA_LOG_LEVEL": "INFO"})
    function.invoke("a")
    assert [event.frame_type for event in function.log_events()] == [TEXT_INFO]


def test_task_inside_and_outside_logs_with_the_request_id(start_function: StartFunction) -> None:
    """Handler, Task with a context dict, plain Task and thread share the request id."""
    function = start_function("""
import logging, threading
from algernon_logging import lambda_logged

@lambda_logged
def plain(name):
    logging.info("plain")

@lambda_logged
def task(message, context):
    logging.info("task")
    plain(message)

@lambda_logged
def handler(event, context):
    task({}, {"aws": context, "sqs": {"message_id": "m"}})
    thread = threading.Thread(target=plain, args=("in thread",))
    thread.start()
    thread.join()
    logging.info("handler")
""")
    for request_id in ("r-1", "r-2"):
        function.invoke(request_id=request_id)
    assert [(columns(e)[2], columns(e)[-1]) for e in function.log_events()] == [
        (request_id, text)
        for request_id in ("r-1", "r-2")
        for text in ("task", "plain", "plain", "handler")
    ]


def test_plain_task_of_an_undecorated_handler_has_the_request_id(
    start_function: StartFunction,
) -> None:
    """Where no decorated function sees the context, Lambda's own handler knows the id."""
    function = start_function("""
import logging
from algernon_logging import lambda_logged

@lambda_logged
def task():
    logging.info("a")

def handler(event, context):
    task()
""")
    for request_id in ("r-1", "r-2"):
        function.invoke(request_id=request_id)
    assert [columns(event)[2:4] for event in function.log_events()] == [
        ["r-1", FUNCTION_NAME],
        ["r-2", FUNCTION_NAME],
    ]


@pytest.mark.parametrize("decorator", ["@lambda_logged", "@lambda_logged(trace=False)"])
def test_async_handler_fails_initialization(decorator: str, start_function: StartFunction) -> None:
    """A handler that can't be logged stops the function from starting, with the reason."""
    function = start_function(f"""
from algernon_logging import lambda_logged

{decorator}
async def handler(event, context):
    pass
""")
    error = function.initialization_error()
    assert error["errorType"] == "DecorationError"
    assert "async function or a generator" in error["errorMessage"]
