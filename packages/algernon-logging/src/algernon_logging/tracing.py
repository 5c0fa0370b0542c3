"""Tracing: the one seam between Algernon and what records traces."""

from __future__ import annotations

import os

from .errors import SettingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Tracer(Protocol):
        """A back end: an observer of algernon-queue, with one method more."""

        def flush(self) -> None:
            """Hand on what is still kept back, before Lambda freezes the process."""


_VARIABLE = "ALGERNON_TRACING"
_BACK_ENDS = ("xray", "otel")

_tracer: Tracer | None = None


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
    global _tracer  # noqa: PLW0603 - a process has one
    if wanted is not False and setting != "off" and _tracer is None:
        _tracer = _back_end(setting)


def tracer() -> Tracer | None:
    """The back end, if tracing is on."""
    return _tracer


def _back_end(name: str) -> Tracer:
    if name == "otel":
        from .otel import OpenTelemetry

        return OpenTelemetry()
    from .xray import XRay

    return XRay()
