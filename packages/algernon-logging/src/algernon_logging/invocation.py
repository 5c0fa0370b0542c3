"""The Lambda invocation that the running code belongs to."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Token
    from types import FrameType

UNKNOWN = "-"


def in_lambda() -> bool:
    """Whether this process is a Lambda function.

    By a variable that Lambda reserves for itself:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return bool(os.environ.get("AWS_LAMBDA_FUNCTION_NAME"))


class Invocation:
    """What a line says of the invocation that wrote it; ``-`` is what isn't known.

    The attributes but the last are those of Lambda's context object:
    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html

    Args:
        function_name: The function's name.
        function_arn: Its ARN.
        request_id: The invocation's id.
        is_cold_start: Whether it is the first of its process, which waited for that to start.
    """

    __slots__ = ("function_arn", "function_name", "is_cold_start", "request_id")

    def __init__(
        self, *, function_name: str, function_arn: str, request_id: str, is_cold_start: bool
    ) -> None:
        self.function_name = function_name
        self.function_arn = function_arn
        self.request_id = request_id
        self.is_cold_start = is_cold_start

    def request_id_or(self, lambda_request_id: object) -> str:
        """Return the request id, or where it isn't known, what Lambda's own handler knows."""
        if (
            self.request_id == UNKNOWN
            and isinstance(lambda_request_id, str)
            and lambda_request_id.isprintable()
        ):
            return lambda_request_id or UNKNOWN
        return self.request_id


_here: ContextVar[Invocation | None] = ContextVar("algernon_invocation", default=None)

# A new thread starts without its starter's context variables, so it takes the latest of these.
_running: list[Invocation] = []

# What Lambda's runtime said of the invocation that it began last.
_runtime_s: list[Invocation] = []

# Lambda's context in the process's first invocation; what is logged before counts to it.
# Not its request id, which an invocation that is tried again has in common with the first.
_first: list[object] = []


def watch_runtime() -> None:
    """Hear of each invocation from Lambda's runtime, for code that is given no context.

    That is known by the class of the context that it makes for each, which is public:
    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """
    if "AWS_LAMBDA_RUNTIME_API" not in os.environ:
        return
    made = getattr(sys.modules.get("awslambdaric.lambda_context"), "LambdaContext", None)
    if made is None or hasattr(made.__init__, "__wrapped__"):
        return
    make = made.__init__

    @functools.wraps(make)
    def noted(context: object, *args: object, **kwargs: object) -> None:
        make(context, *args, **kwargs)
        _note(context)

    made.__init__ = noted
    # What is decorated only when an invocation runs, such as in a module imported then.
    for context in _callers_variables():
        if type(context) is made:
            _note(context)


def _note(lambda_context: object) -> None:
    is_cold_start = _is_first(lambda_context)
    _runtime_s[:] = [
        Invocation(
            function_name=_text(lambda_context, "function_name") or UNKNOWN,
            function_arn=_text(lambda_context, "invoked_function_arn") or UNKNOWN,
            request_id=_text(lambda_context, "aws_request_id") or UNKNOWN,
            is_cold_start=is_cold_start,
        )
    ]


def _callers_variables() -> Iterator[object]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield from tuple(frame.f_locals.values())
        frame = frame.f_back


def current() -> Invocation:
    """The innermost invocation around the caller, or one of which nothing else is known."""
    invocation = _here.get()
    if invocation is not None:
        return invocation
    try:
        return (_running or _runtime_s)[-1]
    except IndexError:
        return Invocation(
            function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", UNKNOWN),
            function_arn=UNKNOWN,
            request_id=UNKNOWN,
            is_cold_start=not _first and _starts_on_demand(),
        )


def find(candidates: tuple[object, ...]) -> Invocation | None:
    """The invocation that the first context among some arguments tells of, if one is there.

    What the context doesn't say is taken from the invocation around the call.
    """
    for candidate in candidates:
        if candidate is not None and (found := _told_by(candidate)) is not None:
            return found
    return None


def _told_by(context: object) -> Invocation | None:
    try:
        # The context of a worker is a dict, or where records run beside others, a mapping like it.
        lambda_context = context.get("aws") if isinstance(context, Mapping) else context
        name = _text(lambda_context, "function_name")
        arn = _text(lambda_context, "invoked_function_arn")
        request_id = _text(lambda_context, "aws_request_id")
    except Exception:  # noqa: BLE001 - a Task's own argument may do anything when it is looked at
        return None
    if not (name or arn or request_id):
        return None
    around = current()
    return Invocation(
        function_name=name or around.function_name,
        function_arn=arn or around.function_arn,
        request_id=request_id or around.request_id,
        # A context that code made of the runtime's is of the same invocation.
        is_cold_start=_runtime_s[-1].is_cold_start if _runtime_s else _is_first(lambda_context),
    )


def _is_first(lambda_context: object) -> bool:
    if not _first:
        _first.append(lambda_context)
    return lambda_context is _first[0] and _starts_on_demand()


def _text(context: object, attribute: str) -> str:
    value = getattr(context, attribute, "")
    return value if isinstance(value, str) else ""


def _starts_on_demand() -> bool:
    # AWS Lambda Developer Guide, "Working with Lambda environment variables": nobody waits
    # for a process of provisioned concurrency to start.
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand") == "on-demand"


def is_running() -> bool:
    """Whether a decorated function of any invocation is running."""
    return bool(_running)


def begin(invocation: Invocation) -> Token[Invocation | None]:
    """Make it the current invocation, here and in threads that begin from now on."""
    _running.append(invocation)
    return _here.set(invocation)


def end(invocation: Invocation, token: Token[Invocation | None]) -> bool:
    """Go back to what was current when `begin` returned this token, and tell if it was nothing."""
    # A coroutine may be closed in another context, which has nothing to go back to.
    with suppress(ValueError):
        _here.reset(token)
    _running.remove(invocation)
    return not _running
