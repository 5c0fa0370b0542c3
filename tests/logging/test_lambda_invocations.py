"""The invocation that a line is of, under AWS's own runtime client, awslambdaric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .runtime_api import BODY, FUNCTION_ARN, FUNCTION_NAME, JSON, columns, objects

if TYPE_CHECKING:
    from .conftest import StartFunction

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
