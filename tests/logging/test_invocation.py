"""Which request id, function name and ARN a line carries."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from algernon_logging import lambda_logged

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "orders"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
UNKNOWN = ("-", "-", "-")

logger = logging.getLogger("tests.orders")


def context(request_id: str) -> SimpleNamespace:
    """Make a Lambda context as far as logging is concerned."""
    return SimpleNamespace(aws_request_id=request_id, function_name=NAME, invoked_function_arn=ARN)


def log(message: object) -> None:
    """Log a line from a plain function."""
    logger.info("%s", message)


@lambda_logged
def handler(event: object, context: object) -> None:
    """Log the event."""
    log(event)


@lambda_logged
def task(message: object, *args: object) -> None:
    """Log the message."""
    log(message)


class Lines:
    """The lines on standard error, as (request id, function name, ARN, message)."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def read(self) -> list[tuple[str, ...]]:
        """Take the lines since the last time."""
        columns = [line.split("\t") for line in self._capsys.readouterr().err.splitlines()]
        return [(request, name, arn, text) for _, _, request, name, arn, _, text in columns]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Read the lines that the test has logged."""
    return Lines(capsys)


def test_handler_logs_with_lambdas_context(lines: Lines) -> None:
    """A handler's lines carry request id, function name and ARN of Lambda's context."""
    handler("a", context("r-1"))
    assert lines.read() == [("r-1", NAME, ARN, "a")]


def test_inside_queued_logs_with_the_context_dict(lines: Lines) -> None:
    """In a worker's context dict, the key aws is where Lambda's context is looked for."""
    record = {"message_id": "m", "receipt_handle": "h", "receive_count": 1}
    handler("a", {"aws": context("r-1"), "sqs": record})
    assert lines.read() == [("r-1", NAME, ARN, "a")]


def test_context_is_found_by_name(lines: Lines) -> None:
    """A context given as the keyword argument of that name counts too."""
    handler(event="a", context=context("r-1"))
    assert lines.read() == [("r-1", NAME, ARN, "a")]


class App:
    """Handlers that are methods."""

    @lambda_logged
    def handle(self, event: object, context: object) -> None:
        """Log the event."""
        log(event)

    @classmethod
    @lambda_logged
    def handle_by_class(cls, event: object, context: object) -> None:
        """Log the event."""
        log(event)

    @staticmethod
    @lambda_logged
    def handle_alone(event: object, context: object) -> None:
        """Log the event."""
        log(event)

    def plain(self, event: object, context: object) -> None:
        """Log the event."""
        log(event)


@pytest.mark.parametrize(
    "method",
    [App().handle, App.handle_by_class, App.handle_alone, lambda_logged(App().plain)],
    ids=["method", "class method", "static method", "bound method"],
)
def test_a_method_logs_with_lambdas_context(method: Callable[..., None], lines: Lines) -> None:
    """A method's context is found behind the object that it belongs to, or by its name."""
    method("a", context("r-1"))
    method("b", context=context("r-2"))
    method("c", None)
    assert [line[0] for line in lines.read()] == ["r-1", "r-2", "-"]


class Hostile:
    """Fails when any attribute is looked up."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class HostileDict(dict[str, object]):
    """Fails when it is read."""

    def get(self, *args: object) -> Any:
        """Fail."""
        raise RuntimeError


class Numbers:
    """Has the names of Lambda's context for other things."""

    aws_request_id = 3
    function_name = None
    invoked_function_arn = ("arn",)


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: 0,
        lambda: "text",
        lambda: b"bytes",
        list,
        dict,
        lambda: {"aws": None},
        lambda: {"aws": 7, "sqs": {}},
        lambda: {"aws": {}},
        object,
        Numbers,
        lambda: {"aws": Numbers()},
        Hostile,
        lambda: {"aws": Hostile()},
        HostileDict,
        lambda: SimpleNamespace(aws_request_id=""),
        lambda: Numbers,
        lambda: logging,
    ],
)
def test_any_other_second_argument_is_left_alone(make: Callable[[], object], lines: Lines) -> None:
    """A second argument that isn't a context neither fails the call nor changes it."""
    value = make()
    received: list[object] = []

    @lambda_logged
    def resize(path: str, width: object) -> None:
        received.append(width)
        log(path)

    resize("a.png", value)
    assert received[0] is value
    assert lines.read() == [(*UNKNOWN, "a.png")]


def test_no_second_argument_is_needed(lines: Lines) -> None:
    """A Task without a context logs lines that say so with dashes."""
    task("a")
    assert lines.read() == [(*UNKNOWN, "a")]


def test_function_name_is_known_without_a_context(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Lambda the function's name is on lines that no context belongs to."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "from-environment")
    lambda_logged(trace=False)(log)("a")
    assert lines.read() == [("-", "from-environment", "-", "a")]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"aws_request_id": "r-1"}, ("r-1", "-", "-")),
        ({"function_name": NAME}, ("-", NAME, "-")),
        ({"invoked_function_arn": ARN}, ("-", "-", ARN)),
        ({"aws_request_id": "r-1", "function_name": 3}, ("r-1", "-", "-")),
    ],
)
def test_context_may_lack_attributes(
    attributes: dict[str, object], expected: tuple[str, ...], lines: Lines
) -> None:
    """What Lambda's context doesn't have is a dash, and the rest is there."""
    handler("a", SimpleNamespace(**attributes))
    assert lines.read() == [(*expected, "a")]


def test_warm_worker_logs_once_with_the_current_request_id(lines: Lines) -> None:
    """Each of many calls in one process logs its line once, with its own request id."""
    for number in range(5):
        handler(number, context(f"r-{number}"))
    assert lines.read() == [(f"r-{n}", NAME, ARN, str(n)) for n in range(5)]


def test_request_id_does_not_outlive_its_call(lines: Lines) -> None:
    """A call without a context doesn't log under the request id of the call before."""
    handler("a", context("r-1"))
    handler("b", None)
    handler("c", SimpleNamespace(function_name=NAME))
    log("d")
    assert [line[0] for line in lines.read()] == ["r-1", "-", "-", "-"]


def test_request_id_does_not_outlive_a_failed_call(lines: Lines) -> None:
    """A call that raises leaves no request id behind."""

    @lambda_logged
    def failing(event: object, context: object) -> None:
        log("a")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        failing({}, context("r-1"))
    log("b")
    assert [line[0] for line in lines.read()] == ["r-1", "-"]


@pytest.mark.parametrize(
    "arguments",
    [(), (None,), (7,), ({"aws": None},), (SimpleNamespace(function_name=NAME),)],
    ids=["none", "null", "number", "dict", "partial"],
)
def test_inner_task_keeps_the_handlers_request_id(
    arguments: tuple[object, ...], lines: Lines
) -> None:
    """A logged Task that a logged handler calls logs under the handler's request id."""

    @lambda_logged
    def outer(event: object, context: object) -> None:
        log("before")
        task("inside", *arguments)
        log("after")

    outer({}, context("r-1"))
    assert lines.read() == [("r-1", NAME, ARN, text) for text in ("before", "inside", "after")]


def test_inner_handlers_own_context_lasts_for_its_call(lines: Lines) -> None:
    """A logged handler that is given another context logs under that, and only then."""

    @lambda_logged
    def outer(event: object, context: object) -> None:
        handler("inside", event)
        log("after")

    outer(context("r-2"), context("r-1"))
    assert [(line[0], line[3]) for line in lines.read()] == [("r-2", "inside"), ("r-1", "after")]


def test_thread_of_an_inner_handler_logs_with_the_inner_request_id(lines: Lines) -> None:
    """A thread takes the request id of the innermost call that was running as it began."""

    @lambda_logged
    def inner(event: object, context: object) -> None:
        thread = Thread(target=log, args=("in thread",))
        thread.start()
        thread.join()

    @lambda_logged
    def outer(event: object, context: object) -> None:
        inner({}, event)

    outer(context("r-2"), context("r-1"))
    assert [line[0] for line in lines.read()] == ["r-2"]


def test_decorated_inside_and_outside_logs_each_line_once(lines: Lines) -> None:
    """A handler decorated on both sides of a batch's decorator logs each line once."""

    def batched(function: Any) -> Any:
        def batch(event: list[str], lambda_context: object) -> None:
            log("batch")
            for message in event:
                function(message, {"aws": lambda_context, "sqs": {"message_id": message}})

        return batch

    lambda_logged(batched(handler))(["a", "b"], context("r-1"))
    assert lines.read() == [("r-1", NAME, ARN, text) for text in ("batch", "a", "b")]


def test_threads_of_the_handler_log_with_its_request_id(lines: Lines) -> None:
    """Threads that the handler starts log under its request id, from Tasks too."""

    @lambda_logged
    def outer(event: object, context: object) -> None:
        for target in (log, task):
            thread = Thread(target=target, args=("in thread",))
            thread.start()
            thread.join()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(task, ["in pool"] * 4))

    outer({}, context("r-1"))
    assert lines.read() == [
        *[("r-1", NAME, ARN, "in thread")] * 2,
        *[("r-1", NAME, ARN, "in pool")] * 4,
    ]


def test_handlers_in_parallel_threads_keep_their_own_request_ids(lines: Lines) -> None:
    """Two handlers that run at once in one process don't mix up their request ids."""
    together = Barrier(2, timeout=300)

    @lambda_logged
    def waiting(event: object, context: object) -> None:
        together.wait()
        log(event)
        together.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(waiting, ["r-1", "r-2"], [context("r-1"), context("r-2")]))
    log("after")
    seen = lines.read()
    assert sorted((line[0], line[3]) for line in seen[:2]) == [("r-1", "r-1"), ("r-2", "r-2")]
    assert seen[2][0] == "-"
