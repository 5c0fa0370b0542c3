"""The process in which the local AWS runs a Lambda function, as Lambda's runtime does on AWS.

ministack starts Python on the text of this module, and speaks with it through standard
input and output: a line of JSON for the function, then one for each invocation, and an
answer to each. That is the business of these two alone, so the first thing is to put
both out of reach of the function and of whatever it starts. Standard error is what
becomes log lines.

It runs beside the function's code, which may have modules of any name. So it imports
little, and nothing of Algernon's.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import sys
import termios
import time
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress
from io import TextIOWrapper
from threading import Timer
from typing import IO, Any

# What the local AWS sets for the function, as Lambda does.
_LAMBDAS_OWN = ("AWS_", "LAMBDA_TASK_ROOT")
# ministack takes for an invocation's lines what it has read some milliseconds after the answer, and
# what it reads later for the next one's.
UNREAD_SECONDS = 0.5


class Context:
    """What the handler gets as its second argument."""

    def __init__(self, function: dict[str, Any], invocation: dict[str, Any]) -> None:
        self._deadline = time.time() + invocation["timeout_ms"] / 1000
        self.function_name = function["function_name"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = function["memory"]
        self.invoked_function_arn = invocation["invoked_function_arn"]
        self.aws_request_id = invocation["request_id"]
        self.log_group_name = os.environ.get(
            "AWS_LAMBDA_LOG_GROUP_NAME", f"/aws/lambda/{self.function_name}"
        )
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None

    def get_remaining_time_in_millis(self) -> int:
        """Return how much of the function's timeout is left."""
        return max(0, int((self._deadline - time.time()) * 1000))


def serve(inherited: Collection[str], import_seconds: float = 120) -> None:
    """Answer invocations until there are no more.

    Args:
        inherited: The names of the environment variables that the function may have of
            those that ministack has.
        import_seconds: How long the function's module may take to be imported.
    """
    requests, answers = _take_channel()
    function = json.loads(requests.readline())
    for name in [*os.environ]:
        if name not in inherited and not name.startswith(_LAMBDAS_OWN):
            del os.environ[name]
    os.environ.update(function["env"])
    sys.path[0] = function["code_dir"]

    def give_up() -> None:
        reason = f"{function['module']} wasn't imported within {import_seconds} s"
        _answer(answers, {"status": "error", "error": reason})
        os._exit(1)

    # ministack would wait for ever.
    patience = Timer(import_seconds, give_up)
    patience.daemon = True
    patience.start()
    try:
        module = importlib.import_module(function["module"])
        handler = getattr(module, function["handler"])
    except BaseException as error:  # noqa: BLE001 - without an answer nobody would know
        _answer(answers, {"status": "error", "error": f"{error} ({_where(error)})"})
        return
    finally:
        patience.cancel()
    _answer(answers, {"status": "ready", "cold": True})
    for request in requests:
        _answer(answers, _invoke(handler, function, json.loads(request)))


def _take_channel() -> tuple[IO[str], IO[str]]:
    """Move standard input and output to descriptors that nobody else has or inherits."""
    request_descriptor, answer_descriptor = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, TextIOWrapper):
            output.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)

    channel = [request_descriptor, answer_descriptor]

    # Once, since a child's child may have others of these numbers.
    def close() -> None:
        while channel:
            os.close(channel.pop())

    # A child that has the answers' descriptor would keep the end of this process from being
    # seen, and one that comes back from the handler would answer too.
    os.register_at_fork(after_in_child=close)
    return (
        open(request_descriptor, encoding="utf-8", closefd=False),
        open(answer_descriptor, "w", encoding="utf-8", closefd=False),
    )


def _invoke(
    handler: Callable[[Any, Context], Any], function: dict[str, Any], request: dict[str, Any]
) -> dict[str, Any]:
    invocation = request["ctx"]
    if invocation.get("trace_id"):
        os.environ["_X_AMZN_TRACE_ID"] = invocation["trace_id"]
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        result = handler(request["event"], Context(function, invocation))
        json.dumps(result)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the invocation's failure
        trace = traceback.format_exc()
        return {"status": "error", "error": f"{type(error).__name__}: {error}", "trace": trace}
    return {"status": "ok", "result": result}


def _answer(answers: IO[str], answer: dict[str, Any]) -> None:
    # What was logged comes before the answer that ends the invocation.
    for output in (sys.stdout, sys.stderr):
        # A Task may have put anything in its place, or closed it.
        with suppress(AttributeError, OSError, ValueError):
            output.flush()
    _wait_until_read(2)
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _wait_until_read(pipe: int) -> None:
    """Wait until all log lines in it are read, but not for long, should nobody read them."""
    patient_until = time.monotonic() + UNREAD_SECONDS
    unread = bytearray(4)
    with suppress(OSError):  # a Task may have closed it, or have put anything in its place
        while time.monotonic() < patient_until:
            fcntl.ioctl(pipe, termios.FIONREAD, unread)
            if not any(unread):
                return
            time.sleep(0.001)


def _where(error: BaseException) -> str:
    *_, last = traceback.walk_tb(error.__traceback__)
    frame, line = last
    return f"{type(error).__name__} in {frame.f_code.co_filename}, line {line}"
