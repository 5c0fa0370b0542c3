"""The Lambda invocation that the running code belongs to."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextvars import Token

UNKNOWN = "-"


class Invocation:
    """What a line says of the invocation that wrote it; ``-`` is what isn't known.

    The attributes are those of Lambda's context object:
    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    __slots__ = ("function_arn", "function_name", "request_id")

    def __init__(self, *, function_name: str, function_arn: str, request_id: str) -> None:
        self.function_name = function_name
        self.function_arn = function_arn
        self.request_id = request_id


_here: ContextVar[Invocation | None] = ContextVar("algernon_invocation", default=None)

# A new thread starts without its starter's context variables, so it takes the latest of these.
_running: list[Invocation] = []


def current() -> Invocation:
    """The innermost invocation around the caller, or one of which nothing else is known."""
    invocation = _here.get()
    if invocation is not None:
        return invocation
    try:
        return _running[-1]
    except IndexError:
        return Invocation(
            function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", UNKNOWN),
            function_arn=UNKNOWN,
            request_id=UNKNOWN,
        )


def find(args: tuple[object, ...], kwargs: dict[str, object]) -> Invocation | None:
    """The invocation that a call's arguments tell of, if any do.

    What the context doesn't say is taken from the invocation around the call.
    """
    context = args[1] if len(args) > 1 else kwargs.get("context")
    if context is None:
        return None
    try:
        if isinstance(context, dict):
            context = context.get("aws")
        name = _text(context, "function_name")
        arn = _text(context, "invoked_function_arn")
        request_id = _text(context, "aws_request_id")
    except Exception:  # noqa: BLE001 - a Task's own argument may do anything when it is looked at
        return None
    if name and arn and request_id:
        return Invocation(function_name=name, function_arn=arn, request_id=request_id)
    if not (name or arn or request_id):
        return None
    around = current()
    return Invocation(
        function_name=name or around.function_name,
        function_arn=arn or around.function_arn,
        request_id=request_id or around.request_id,
    )


def _text(context: object, attribute: str) -> str:
    value = getattr(context, attribute, "")
    return value if isinstance(value, str) else ""


def begin(invocation: Invocation) -> Token[Invocation | None]:
    """Make it the current invocation, here and in threads that begin from now on."""
    _running.append(invocation)
    return _here.set(invocation)


def end(invocation: Invocation, token: Token[Invocation | None]) -> None:
    """Go back to what was current when `begin` returned this token."""
    _here.reset(token)
    _running.remove(invocation)
