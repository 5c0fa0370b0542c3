"""Tracing: the one seam between Algernon and what records traces."""

from __future__ import annotations

import functools
import logging
import os

from .errors import SettingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol, TypeVar

    R = TypeVar("R")

    class Tracer(Protocol):
        """A back end. Each call is made in the context of the record or message it is about."""

        def receive(self, record: Mapping[str, Any]) -> None:
            """Go to the place in the trace of whoever sent the record's message."""

        def begin_task(self, record: Mapping[str, Any]) -> str | None:
            """Open the record's span, make it the current one, and return its trace's id."""

        def end_task(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
            """Close the record's span, or record one for what failed before it began."""

        def begin_sending(self, message: Mapping[str, Any], /) -> Mapping[str, str]:
            """Return the attributes that bring the current span to who receives a message."""

        def begin_publishing(self) -> None:
            """Prepare the context in which SNS is called for many messages at once."""

        def end_sending(self, error: Exception | None) -> None:
            """Note that the message was sent, or why it wasn't."""

        def flush(self) -> None:
            """Hand on what is still kept back, before Lambda freezes the process."""


logger = logging.getLogger("algernon_logging")

_VARIABLE = "ALGERNON_TRACING"
_BACK_ENDS = ("xray", "otel")

_started: list[Tracer] = []


def in_lambda() -> bool:
    """Whether this process is a Lambda function.

    By a variable that Lambda reserves for itself:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return bool(os.environ.get("AWS_LAMBDA_FUNCTION_NAME"))


def start(*, wanted: bool | None) -> None:
    """Turn tracing on, once per process, unless it is off.

    Args:
        wanted: What the code says: None leaves it to the setting, and that to
            whether this is Lambda.

    Raises:
        SettingError: `ALGERNON_TRACING` has a value that means nothing.
        MissingExtraError: It says ``otel``, and OpenTelemetry isn't installed.
    """
    setting = os.environ.get(_VARIABLE) or ("xray" if wanted or in_lambda() else "off")
    if setting not in (*_BACK_ENDS, "off"):
        raise SettingError(
            f"the environment variable {_VARIABLE} is {setting!r}, but it is 'xray', 'otel' or"
            " 'off'"
        )
    if wanted is not False and setting != "off":
        _start(setting)


def tracer() -> Tracer | None:
    """The back end, if tracing is on."""
    return _started[0] if _started else None


@functools.cache
def _start(name: str) -> None:
    back_end: Tracer
    if name == "otel":
        from .otel import OpenTelemetry

        back_end = OpenTelemetry()
    else:
        from .xray import XRay

        back_end = XRay()
    _started[:] = [_Harmless(back_end)]


class _Harmless:
    """A back end of which no failure harms the Task that is traced."""

    def __init__(self, back_end: Tracer) -> None:
        self._back_end = back_end

    def receive(self, record: Mapping[str, Any]) -> None:
        _attempt(None, self._back_end.receive, record)

    def begin_task(self, record: Mapping[str, Any]) -> str | None:
        return _attempt(None, self._back_end.begin_task, record)

    def end_task(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        _attempt(None, self._back_end.end_task, record, end)

    def begin_sending(self, message: Mapping[str, Any], /) -> Mapping[str, str]:
        return _attempt({}, self._back_end.begin_sending, message)

    def begin_publishing(self) -> None:
        _attempt(None, self._back_end.begin_publishing)

    def end_sending(self, error: Exception | None) -> None:
        _attempt(None, self._back_end.end_sending, error)

    def flush(self) -> None:
        _attempt(None, self._back_end.flush)


def _attempt(otherwise: R, call: Callable[..., R], *facts: object) -> R:
    try:
        return call(*facts)
    except Exception:
        # Whatever goes wrong with a trace is nothing to the Task.
        logger.debug("a trace is incomplete", exc_info=True)
        return otherwise
