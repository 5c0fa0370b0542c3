"""The decorator that gives a function its log lines and traces."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar, overload

from . import invocation, root_logger, tracing
from .errors import DecorationError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

# Bits of co_flags, documented with the inspect module, which would double the import time here.
_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200


@overload
def lambda_logged(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def lambda_logged(*, trace: bool | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def lambda_logged(
    function: Callable[P, R] | None = None, /, *, trace: bool | None = None
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Log what a Lambda function does, with its request id on every line.

    Works bare and with options, on a Lambda handler, on the handler inside or
    outside ``@queued``, and on a plain Task function of any signature. The
    function's arguments, result and exceptions pass through unchanged; its name,
    docstring and signature stay.

    Each call leaves the root logger with one handler, which writes lines of
    tab-separated columns: ``[level]``, time (UTC, ISO 8601, milliseconds),
    request id, function name, function ARN, logger, message. What isn't known is
    ``-``. The level is INFO, or DEBUG where the environment variable ``DEBUG`` is
    ``true`` in any case; ``aws_xray_sdk``, ``boto3``, ``botocore`` and ``urllib3``
    are kept at WARNING or above. Where Lambda's log format is JSON, Lambda's own JSON
    lines stay, and gain ``function_name`` and ``function_arn``.

    The request id is read from Lambda's context object, or from the context dict
    of a ``@queued`` worker, in the second positional argument or in one named
    ``context``. Any other value there is left alone. A decorated function that a
    decorated handler calls, in the same thread or another, logs under the
    handler's request id.

    An exception is not logged here: Lambda itself logs what a handler raises.

    Args:
        function: What to decorate, where there are no options.
        trace: Whether to call the X-Ray SDK's ``patch_all``, once per process,
            so that calls through boto3 and other libraries show up as
            subsegments. None means inside Lambda only, True anywhere, False
            never. See https://docs.aws.amazon.com/lambda/latest/dg/python-tracing.html

    Returns:
        The decorated function, or, where there are only options, its decorator.

    Raises:
        DecorationError: At once, where the target isn't a function, or is an
            async function or a generator, whose body runs only after the call.

    Example:
        >>> @lambda_logged
        ... def handler(event, context):
        ...     logging.getLogger("orders").info("shipping %s", event["order_id"])
    """
    if function is None:
        return functools.partial(_decorate, trace=trace)
    return _decorate(function, trace=trace)


def _decorate(function: Callable[P, R], *, trace: bool | None) -> Callable[P, R]:
    _refuse_what_cannot_be_logged(function)
    if trace or (trace is None and tracing.in_lambda()):
        tracing.start()

    @functools.wraps(function)
    def logged(*args: P.args, **kwargs: P.kwargs) -> R:
        root_logger.configure()
        found = invocation.find(args, kwargs)
        if found is None:
            return function(*args, **kwargs)
        token = invocation.begin(found)
        try:
            return function(*args, **kwargs)
        finally:
            invocation.end(found, token)

    return logged


def _refuse_what_cannot_be_logged(target: object) -> None:
    if not callable(target) or isinstance(target, type):
        raise DecorationError(
            f"@lambda_logged needs a function, not {target!r}: put it on a Lambda handler or a"
            " Task function, beneath any @classmethod or @property."
        )
    if _code_flags(target) & (_GENERATOR | _COROUTINE | _ITERABLE_COROUTINE | _ASYNC_GENERATOR):
        raise DecorationError(
            f"@lambda_logged cannot log {target!r}: it is an async function or a generator, whose"
            " body runs after the call has returned, without its request id. Decorate a plain"
            " function that runs it to the end, for example with asyncio.run()."
        )


def _code_flags(target: object) -> int:
    while isinstance(target, functools.partial):
        target = target.func
    code = getattr(target, "__code__", None) or getattr(type(target).__call__, "__code__", None)
    return code.co_flags if code else 0
