"""Tracing: the one seam between Algernon and what records traces."""

from __future__ import annotations

import os

from ..errors import LoggingSettingError
from ..invocation import in_lambda

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from .otel import OpenTelemetry
    from .xray.tracer import XRay

    Tracer: TypeAlias = OpenTelemetry | XRay


_VARIABLE = "ALGERNON_TRACING"
_BACK_ENDS = ("xray", "otel")

_tracer: Tracer | None = None


def start(*, wanted: bool | None) -> None:
    """Turn tracing on, once per process, unless it is off.

    Args:
        wanted: What the code says: None leaves it to the setting, and that to
            whether this is Lambda.

    Raises:
        LoggingSettingError: `ALGERNON_TRACING` has a value that means nothing.
        MissingExtraError: It says ``otel``, and OpenTelemetry isn't installed.
    """
    setting = os.environ.get(_VARIABLE) or ("xray" if wanted or in_lambda() else "off")
    if setting not in (*_BACK_ENDS, "off"):
        raise LoggingSettingError(
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
    from .xray.tracer import XRay

    return XRay()
