"""A decorated handler under AWS's own runtime client, awslambdaric."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from .lines import parsed
from .runtime_api import FUNCTION_ARN, FUNCTION_NAME

if TYPE_CHECKING:
    from .conftest import StartFunction
    from .runtime_api import LambdaFunction, LogEvent

TEXT_INFO = 0xA55A000F  # frame types of awslambdaric: format and level
JSON_INFO = 0xA55A000E

BODY = '{"task_name": "work", "task_id": "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"}'

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


JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}


def objects(function: LambdaFunction) -> list[dict[str, Any]]:
    """Return the objects that the function's log events are."""
    return [parsed(event.text.removesuffix("\n")) for event in function.log_events()]


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


EVERY_LEVEL = """
import logging
from algernon_logging import lambda_logged

@lambda_logged
def handler(event, context):
    for level in (1, 10, 15, 20, 25, 30, 40, 50, 90):
        logging.log(level, "%s", level)
"""


def test_lambda_is_told_the_level_of_each_json_line(start_function: StartFunction) -> None:
    """The frame of each JSON line has its level, by which Lambda filters."""
    function = start_function(EVERY_LEVEL, environment={**JSON, "DEBUG": "true"})
    function.invoke()
    assert [
        (line["message"], event.frame_type)
        for line, event in zip(objects(function), function.log_events(), strict=True)
    ] == [
        ("10", JSON_INFO - 4),
        ("15", JSON_INFO - 4),
        ("20", JSON_INFO),
        ("25", JSON_INFO),
        ("30", JSON_INFO + 4),
        ("40", JSON_INFO + 8),
        ("50", JSON_INFO + 12),
        ("90", JSON_INFO + 12),
    ]


@pytest.mark.parametrize(
    ("debug", "level", "first"),
    [
        (None, "TRACE", 10),
        (None, "DEBUG", 10),
        (None, "INFO", 20),
        (None, "WARN", 30),
        (None, "ERROR", 40),
        (None, "FATAL", 50),
        ("true", "FATAL", 10),
        ("false", "WARN", 30),
        ("false", "DEBUG", 10),
    ],
)
def test_the_level_is_lambdas_where_debug_says_nothing(
    debug: str | None, level: str, first: int, start_function: StartFunction
) -> None:
    """Lambda's own level decides from where on lines appear, unless DEBUG is true."""
    environment = {"AWS_LAMBDA_LOG_LEVEL": level, **({"DEBUG": debug} if debug else {})}
    function = start_function(EVERY_LEVEL, environment=environment)
    function.invoke()
    levels = [int(columns(event)[-1]) for event in function.log_events()]
    assert levels == [each for each in (10, 15, 20, 25, 30, 40, 50, 90) if each >= first]


COLD = """
import logging, threading
from algernon_logging import lambda_logged

@lambda_logged
def plain(text):
    logging.info(text)

plain("before")

@lambda_logged
def task(message, context):
    plain("task")

@lambda_logged
def handler(event, context):
    task({}, {"aws": context, "sqs": {}})
    task({}, {"aws": context, "sqs": {}})
    thread = threading.Thread(target=plain, args=("thread",))
    thread.start()
    thread.join()
    if event == "fail":
        raise ValueError("no")
"""


@pytest.mark.parametrize("invocation_ids", [("r-1", "r-2", "r-3"), ("r-1", "r-1", "r-1")])
def test_a_cold_start_is_in_every_line_until_the_first_invocation_ends(
    invocation_ids: tuple[str, ...], start_function: StartFunction
) -> None:
    """The first invocation of a process is a cold start; the next isn't, even if a retry."""
    function = start_function(COLD, environment=JSON)
    for request_id in invocation_ids:
        function.invoke("fail", request_id=request_id)
    lines = [line for line in objects(function) if "logger" in line]
    assert [(line["message"], line["cold_start"]) for line in lines] == [
        ("before", True),
        *[(text, True) for text in ("task", "task", "thread")],
        *[(text, False) for text in ("task", "task", "thread")] * 2,
    ]


def test_nobody_waits_for_provisioned_concurrency(start_function: StartFunction) -> None:
    """A process that was started in advance has no cold start."""
    environment = {**JSON, "AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}
    function = start_function(COLD, environment=environment)
    function.invoke()
    assert [line["cold_start"] for line in objects(function)] == [False] * 4


def test_cold_start_where_only_tasks_are_decorated(start_function: StartFunction) -> None:
    """Every Task of the first batch is in the cold start, and none of the second."""
    pytest.importorskip("algernon_queue")
    function = start_function(
        """
import logging
from algernon_logging import lambda_logged
from algernon_queue import queued

@queued
@lambda_logged
def handler(event, context):
    logging.info("work")
""",
        environment=JSON,
    )
    records = [{"messageId": f"m-{n}", "body": BODY} for n in range(2)]
    for _ in range(2):
        assert function.invoke({"Records": records}).result == {"batchItemFailures": []}
    cold = [line["cold_start"] for line in objects(function) if line["message"] == "work"]
    assert cold == [True, True, False, False]


WITHOUT_A_DECORATED_HANDLER = {
    "method": """
class App:
    @lambda_logged
    def handle(self, event, context):
        logging.info("work")
handler = App().handle
""",
    "class method": """
class App:
    @classmethod
    @lambda_logged
    def handle(cls, event, context):
        logging.info("work")
handler = App.handle
""",
    "called instance": """
class App:
    @lambda_logged
    def __call__(self, event, context):
        logging.info("work")
handler = App()
""",
    "helper": """
@lambda_logged
def work():
    logging.info("work")
def handler(event, context):
    work()
""",
    "helper in a thread": """
@lambda_logged
def work(order):
    logging.info("work")
def handler(event, context):
    with ThreadPoolExecutor(1) as pool:
        list(pool.map(work, [1]))
""",
    "helper that is decorated in the first invocation": """
def handler(event, context):
    global work
    if "work" not in globals():
        work = lambda_logged(logging.info)
    work("work")
""",
    "coroutine": """
@lambda_logged
async def work(order, carrier):
    logging.info("work")
def handler(event, context):
    asyncio.run(work(1, "post"))
""",
    "handler with a context of its own making": """
@lambda_logged
def work(event, context):
    logging.info("work")
def handler(event, context):
    work(event, SimpleNamespace(**vars(context)))
""",
    "Task of a router": """
from algernon_queue import TaskRouter
router = TaskRouter()
@router.task
@lambda_logged
def work():
    logging.info("work")
handler = router.handler
""",
}


@pytest.mark.parametrize("invocation_ids", [("r-1", "r-2", "r-3"), ("r-1", "r-1", "r-1")])
@pytest.mark.parametrize("where", WITHOUT_A_DECORATED_HANDLER)
def test_what_is_decorated_without_its_handler_knows_its_invocation(
    where: str, invocation_ids: tuple[str, ...], start_function: StartFunction
) -> None:
    """Request id, ARN and cold start are each invocation's, wherever the decorator stands."""
    if where == "Task of a router":
        pytest.importorskip("algernon_queue")
    function = start_function(
        f"""
import asyncio, logging
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from algernon_logging import lambda_logged
{WITHOUT_A_DECORATED_HANDLER[where]}""",
        environment=JSON,
    )
    records = [{"messageId": "m-1", "body": BODY}]
    for request_id in invocation_ids:
        assert function.invoke({"Records": records}, request_id=request_id).error is None
    lines = [line for line in objects(function) if line["message"] == "work"]
    assert [
        (line["requestId"], line["cold_start"], line["function_name"], line["function_arn"])
        for line in lines
    ] == [
        (request_id, number == 0, FUNCTION_NAME, FUNCTION_ARN)
        for number, request_id in enumerate(invocation_ids)
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


CONSOLE = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"level": "ERROR", "handlers": ["console"]},
}


@pytest.mark.parametrize("environment", [{}, JSON], ids=["text", "json"])
@pytest.mark.parametrize(
    "line",
    [
        "logging.basicConfig(level=logging.INFO, force=True)",
        "from logging import config; config.dictConfig({'version': 1})",
        "from logging import config; config.dictConfig(CONSOLE)",
        "logging.getLogger().handlers.clear()",
        "logging.getLogger().removeHandler(logging.getLogger().handlers[0])",
        "logging.getLogger().handlers = [logging.StreamHandler()]",
    ],
    ids=["basicConfig", "dictConfig", "dictConfig console", "clear", "remove", "assign"],
)
@pytest.mark.parametrize("at", ["before", "after", "in"])
def test_lines_go_through_lambda_whatever_a_module_does_to_logging(
    at: str, line: str, environment: dict[str, str], start_function: StartFunction
) -> None:
    """A module that configures logging at import, or in a call, doesn't cost the way out."""
    places = {"before": "pass", "after": "pass", "in": "pass", at: line}
    function = start_function(
        f"""
import logging
CONSOLE = {CONSOLE}
{places["before"]}
from algernon_logging import lambda_logged

@lambda_logged
def handler(event, context):
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("boom")
    {places["in"]}
    context.log("from the context")

{places["after"]}
""",
        environment=environment,
    )
    function.invoke(request_id="r-1")
    function.invoke(request_id="r-2")
    first, *events = function.log_events()
    (second,) = (event for event in events if "boom" in event.text)
    for request_id, event in (("r-1", first), ("r-2", second)):
        assert request_id in event.text
        assert "division by zero" in event.text
        assert event.frame_type == (JSON_INFO + 8 if environment else events[0].frame_type)
    assert "boom" not in function.printed()


def test_without_telemetry_lines_survive_a_cleared_root_logger(
    start_function: StartFunction,
) -> None:
    """Where Lambda's sink is standard output, it is found again too."""
    function = start_function(
        "import logging\nlogging.basicConfig(force=True)\n" + WORKER, telemetry=False
    )
    function.invoke("a", request_id="r-1")
    (line,) = function.printed().splitlines()
    assert line.split("\t")[2] == "r-1"


def test_lines_at_import_appear_after_the_decoration(start_function: StartFunction) -> None:
    """What a module logs at import is there at once, not only from the first call on."""
    function = start_function(
        """
import logging
from algernon_logging import lambda_logged

logging.basicConfig(force=True)

@lambda_logged
def handler(event, context):
    logging.info("called")

logging.info("loaded")
logging.debug("in detail")
""",
        environment=JSON,
    )
    function.invoke()
    lines = [(line["message"], line["cold_start"]) for line in objects(function)]
    assert lines == [("loaded", True), ("called", True)]
    assert function.printed() == ""


FIRST = """
from algernon_logging import lambda_logged
IMPORT_BEFORE

@lambda_logged
def work(order):
    pass

IMPORT_AFTER
router = TaskRouter(failures=FAILURES)
router.task(work)
handler = router.handler
"""


@pytest.mark.parametrize("failures", ["batch", "report"])
@pytest.mark.parametrize("imported", ["BEFORE", "AFTER"])
def test_the_first_failure_of_a_process_has_its_fields(
    imported: str, failures: str, start_function: StartFunction
) -> None:
    """A record that fails before any decorated function was called is told of like others."""
    pytest.importorskip("algernon_queue")
    source = (
        FIRST.replace(f"IMPORT_{imported}", "from algernon_queue import TaskRouter")
        .replace("IMPORT_BEFORE", "")
        .replace("IMPORT_AFTER", "")
        .replace("FAILURES", repr(failures))
    )
    function = start_function(source, environment={**JSON, "ALGERNON_TRACING": "off"})
    function.invoke({"Records": [{"messageId": "m-1", "body": BODY}]})
    told = [line for line in objects(function) if line.get("message_id") == "m-1"]
    assert {line["task_name"] for line in told} == {"work"}
    assert any(line["message"].startswith("Task work: failed") for line in told)


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


KEPT = """
import io, logging
from algernon_logging import keep_handler, lambda_logged
ADD

@lambda_logged
def handler(event, context):
    logging.info("sold %s", event)
    return stream.getvalue()
"""


@pytest.mark.parametrize(("keep", "seen"), [("keep_handler", "sold 0\nsold 1\n"), ("", "")])
def test_a_handler_stays_where_it_is_to_be_kept(
    keep: str, seen: str, start_function: StartFunction
) -> None:
    """On Lambda a handler that sends elsewhere is taken off, unless it is kept."""
    add = f"""
stream = io.StringIO()
logging.getLogger().addHandler({keep}(logging.StreamHandler(stream)))
"""
    function = start_function(KEPT.replace("ADD", add))
    function.invoke(0)
    assert function.invoke(1).result == seen
    assert [columns(event)[-1] for event in function.log_events()] == ["sold 0", "sold 1"]


@pytest.mark.parametrize(("tracing", "seen"), [("otel", ["sold 0", "sold 1"]), ("off", [])])
def test_opentelemetrys_handler_stays_where_it_traces(
    tracing: str, seen: list[str], start_function: StartFunction
) -> None:
    """Logs go on to OpenTelemetry under ``otel``, beside the lines in CloudWatch."""
    pytest.importorskip("opentelemetry.sdk._logs")
    function = start_function(
        """
import logging
from algernon_logging import lambda_logged
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs import export

exporter = getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter
exporter = exporter()
provider = LoggerProvider()
provider.add_log_record_processor(export.SimpleLogRecordProcessor(exporter))
logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))

@lambda_logged
def handler(event, context):
    logging.info("sold %s", event)
    return [str(each.log_record.body) for each in exporter.get_finished_logs()]
""",
        environment={"ALGERNON_TRACING": tracing},
    )
    function.invoke(0)
    assert function.invoke(1).result == seen
    texts = [columns(event)[-1] for event in function.log_events()]
    assert [text for text in texts if text.startswith("sold")] == ["sold 0", "sold 1"]


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


def test_lambda_says_that_it_awaits_no_handler(start_function: StartFunction) -> None:
    """Lambda doesn't await an async handler, decorated or not, and says what it got instead."""
    for decorator in ("", "@lambda_logged"):
        function = start_function(f"""
from algernon_logging import lambda_logged

{decorator}
async def handler(event, context):
    raise AssertionError("it never runs")
""")
        error = function.invoke().error
        assert error is not None
        assert error["errorType"] == "Runtime.MarshalError"
        assert "coroutine" in error["errorMessage"]


@pytest.mark.parametrize("decorator", ["@lambda_logged", "@lambda_logged(trace=False)"])
def test_generator_fails_initialization(decorator: str, start_function: StartFunction) -> None:
    """A handler that can't be logged stops the function from starting, with the reason."""
    function = start_function(f"""
from algernon_logging import lambda_logged

{decorator}
def handler(event, context):
    yield event
""")
    error = function.initialization_error()
    assert error["errorType"] == "DecorationError"
    assert "is a generator" in error["errorMessage"]


ASYNC = """
import asyncio, logging
from algernon_logging import lambda_logged
from algernon_queue import TaskRouter, queued

router = TaskRouter()
{decorators}
async def {name}:
    await asyncio.sleep(0.01)
    await asyncio.to_thread(logging.info, "work")
"""


@pytest.mark.parametrize(
    ("decorators", "name", "more"),
    [
        ("@queued\n@lambda_logged", "handler(event, context)", ""),
        ("@lambda_logged\n@queued", "handler(event, context)", ""),
        ("@lambda_logged\n@queued\n@lambda_logged", "handler(event, context)", ""),
        ("@router.task\n@lambda_logged", "work(context)", "handler = router.handler"),
        ("@router.task\n@lambda_logged", "work()", "handler = lambda_logged(router.handler)"),
    ],
)
def test_async_tasks_log_with_their_request_and_record(
    decorators: str, name: str, more: str, start_function: StartFunction
) -> None:
    """Async handlers and Tasks log once a record, with its id, wherever the decorator is."""
    pytest.importorskip("algernon_queue")
    source = ASYNC.format(decorators=decorators, name=name) + more
    function = start_function(source, environment=JSON)
    records = [{"messageId": f"m-{n}", "body": BODY} for n in range(3)]
    for request_id in ("r-1", "r-2"):
        answer = function.invoke({"Records": records}, request_id=request_id)
        assert answer.result == {"batchItemFailures": []}
    work = [line for line in objects(function) if line["message"] == "work"]
    assert sorted((line["requestId"], line["message_id"]) for line in work) == [
        (request_id, f"m-{n}") for request_id in ("r-1", "r-2") for n in range(3)
    ]
    assert {line["function_arn"] for line in work} == {FUNCTION_ARN}
