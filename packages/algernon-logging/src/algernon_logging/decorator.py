"""The decorator that gives a function its log lines and traces."""

from __future__ import annotations

import functools

from . import invocation, metrics, tasks, tracing
from .errors import DecorationError
from .lines import fields, root_logger
from .lines.task_lines import TaskLines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextvars import Token
    from types import CodeType
    from typing import Any, ParamSpec, TypeVar, overload

    P = ParamSpec("P")
    R = TypeVar("R")

# Bits of co_flags, documented with the inspect module, which would double the import time here.
_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200

# Where among the positional arguments Lambda's context is: the second, or where a method
# is called by its class, the third.
_PLACES = slice(1, 2)
_METHOD_PLACES = slice(1, 3)

_task_lines = TaskLines()


if TYPE_CHECKING:

    @overload
    def lambda_logged(function: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def lambda_logged(
        *, trace: bool | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def lambda_logged(
    function: Callable[P, R] | None = None, /, *, trace: bool | None = None
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Log what a Lambda function does, with its request id and its record on every line.

    Works bare and with options, on a Lambda handler, on the handler inside or
    outside ``@queued``, and on a plain or ``async def`` Task function of any
    signature. The function's arguments, result and exceptions pass through
    unchanged; its name, docstring and signature stay.

    Each call leaves one handler that writes to the log, on the root logger, in lines of
    tab-separated columns: ``[level]``, time (UTC, RFC 3339, milliseconds),
    request id, function name, function ARN, logger, message; and after those of a
    record of algernon-queue, pairs such as ``chain_id=…``. What isn't known is
    ``-``. Where Lambda's log format is JSON, each line is a JSON object instead.

    The level is DEBUG where the environment variable ``DEBUG`` is ``true`` in any
    case, else that of ``AWS_LAMBDA_LOG_LEVEL``, else INFO; ``aws_xray_sdk``,
    ``boto3``, ``botocore`` and ``urllib3`` log from WARNING on, and HTTP clients too,
    except at DEBUG. Handlers and levels that a test tool has set stay, and outside
    Lambda what sends lines elsewhere does.

    The request id is read from Lambda's context object, or from the context dict
    of a ``@queued`` worker, in the second positional argument (the third, where
    ``self`` is the first) or in one named ``context``. Any other value there is left
    alone. A decorated function that a decorated handler calls, in the same thread or
    another, logs under the handler's request id; on Lambda, one without any decorated
    handler around it under that of the invocation that Lambda's runtime began last.

    An exception is not logged here: Lambda itself logs what a handler raises.

    Args:
        function: What to decorate, where there are no options.
        trace: Whether to trace, with the back end that ``ALGERNON_TRACING`` names
            (``xray``, ``otel`` or ``off``; X-Ray by default). None means inside
            Lambda, and elsewhere where the variable is set; True anywhere, unless
            the variable is ``off``; False turns nothing on. See
            https://docs.aws.amazon.com/lambda/latest/dg/python-tracing.html

    Returns:
        The decorated function, or, where there are only options, its decorator.

    Raises:
        DecorationError: At once, where the target isn't a function, or is a
            generator, whose body runs only after the call.
        LoggingSettingError: At once, where an environment variable has a value that
            means nothing.
        MissingExtraError: At once, where ``ALGERNON_TRACING`` is ``otel``, and
            OpenTelemetry isn't installed.

    Example:
        >>> @lambda_logged
        ... def handler(event, context):
        ...     logging.getLogger("orders").info("shipping %s", event["order_id"])
    """
    if function is None:
        return functools.partial(_decorate, trace=trace)
    return _decorate(function, trace=trace)


def _decorate(function: Callable[P, R], *, trace: bool | None) -> Callable[P, R]:
    code = _check(function)
    tracing.start(wanted=trace)
    metrics.start()
    tasks.watch(_watchers)
    invocation.watch_runtime()
    if invocation.in_lambda():
        # For lines at import, and for failures before a decorated function is called.
        root_logger.configure()
    places = _METHOD_PLACES if _is_method(code) else _PLACES
    if code is not None and code.co_flags & _COROUTINE:
        return _awaiting(function, places)
    return _calling(function, places)


def _calling(function: Callable[P, R], places: slice) -> Callable[P, R]:
    @functools.wraps(function)
    def logged(*args: P.args, **kwargs: P.kwargs) -> R:
        found = _enter(args[places], kwargs)
        if found is None:
            return function(*args, **kwargs)
        token = invocation.begin(found)
        try:
            return function(*args, **kwargs)
        finally:
            _leave(found, token)

    return logged


def _awaiting(function: Callable[P, Any], places: slice) -> Callable[P, Any]:
    @functools.wraps(function)
    async def logged(*args: P.args, **kwargs: P.kwargs) -> Any:
        found = _enter(args[places], kwargs)
        if found is None:
            return await function(*args, **kwargs)
        token = invocation.begin(found)
        try:
            return await function(*args, **kwargs)
        finally:
            _leave(found, token)

    return logged


def _enter(
    candidates: tuple[object, ...], kwargs: dict[str, object]
) -> invocation.Invocation | None:
    """Make ready for a call, and return the invocation that its arguments tell of, if any do."""
    root_logger.configure()
    tasks.watch(_watchers)
    return invocation.find((*candidates, kwargs.get("context")))


def _watchers() -> Iterable[tasks.Observer]:
    """Return who hears of Tasks: a trace's id is to be known before lines are made."""
    watchers = (tracing.tracer(), metrics.metrics(), _task_lines)
    return [watcher for watcher in watchers if watcher is not None]


def _leave(found: invocation.Invocation, token: Token[invocation.Invocation | None]) -> None:
    is_over = invocation.end(found, token)
    # The spans of a batch end after its records.
    if is_over and (tracer := tracing.tracer()) and not fields.is_in_record():
        tracer.flush()


def _check(target: object) -> CodeType | None:
    """Refuse what can't be logged, and return its code, if that is Python's."""
    if not callable(target) or isinstance(target, type):
        raise DecorationError(
            f"@lambda_logged needs a function, not {target!r}: put it on a Lambda handler or a"
            " Task function, beneath any @classmethod or @property."
        )
    code = _code_of(target)
    if code is not None and code.co_flags & (_GENERATOR | _ITERABLE_COROUTINE | _ASYNC_GENERATOR):
        raise DecorationError(
            f"@lambda_logged cannot log {target!r}: it is a generator, whose body runs after the"
            " call has returned, without its request id. Decorate a function that runs it to the"
            " end."
        )
    return code


def _code_of(target: object) -> CodeType | None:
    while isinstance(target, (functools.partial, staticmethod)):
        target = target.func if isinstance(target, functools.partial) else target.__func__
    return getattr(target, "__code__", None) or getattr(type(target).__call__, "__code__", None)


def _is_method(code: CodeType | None) -> bool:
    return code is not None and code.co_varnames[: code.co_argcount][:1] in {("self",), ("cls",)}
