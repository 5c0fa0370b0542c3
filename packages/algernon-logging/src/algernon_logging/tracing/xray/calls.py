"""Calls of libraries that X-Ray records, and that never notice it."""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.exceptions.exceptions import SegmentNotFoundException
from aws_xray_sdk.core.models import http
from aws_xray_sdk.ext.util import inject_trace_header

from .context import name_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from aws_xray_sdk.core.models.subsegment import Subsegment

_LONGEST_REASON = 4_000
# The SDK's, where there is no trace.
_NO_TRACE = "1-00000000-"


class RecordedCall:
    """Records what happens in a `with` block, whose exceptions pass, as a subsegment.

    Whatever fails in recording, the block is as it would be without; only what
    AWS_XRAY_CONTEXT_MISSING asks for by RUNTIME_ERROR is raised, before it begins.

    Args:
        name: Gives the subsegment's name.
        namespace: ``"aws"`` or ``"remote"``.
    """

    def __init__(self, name: Callable[[], str], namespace: str) -> None:
        self._name = name
        self._namespace = namespace
        self._subsegment: Subsegment | None = None

    def __enter__(self) -> Self:
        try:
            self._subsegment = xray_recorder.begin_subsegment(
                name_of(self._name()), self._namespace
            )
        except SegmentNotFoundException:
            raise
        except Exception:  # noqa: BLE001, S110 - whatever it is, the call isn't to know
            pass
        return self

    def note(self, describe: Callable[..., object], *args: Any) -> None:
        """Have a function note something on the subsegment, its first argument, if sampled."""
        if self._subsegment is not None and self._subsegment.sampled:
            with suppress(Exception):
                describe(self._subsegment, *args)

    def trace_headers(self) -> dict[str, str]:
        """Return the HTTP headers that bring the trace to whoever is called."""
        headers: dict[str, str] = {}
        subsegment = self._subsegment
        if subsegment is not None and not subsegment.trace_id.startswith(_NO_TRACE):
            with suppress(Exception):
                inject_trace_header(headers, subsegment)
        return headers

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            self.note(_note_error, error)
        if self._subsegment is not None:
            with suppress(Exception):
                _end(self._subsegment)


def note_request(subsegment: Subsegment, method: str, url: str) -> None:
    """Note an HTTP request, without what in its URL may be secret."""
    parts = urlsplit(url)
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
    subsegment.put_http_meta(http.METHOD, method)
    subsegment.put_http_meta(http.URL, place.geturl())


def note_status(subsegment: Subsegment, status: int) -> None:
    """Note the status of an HTTP response."""
    subsegment.put_http_meta(http.STATUS, status)


def record_error(subsegment: Subsegment, error: BaseException) -> None:
    """Note why what the subsegment stands for failed."""
    frames = traceback.extract_tb(error.__traceback__, limit=-xray_recorder.max_trace_back)
    with suppress(Exception):  # an error may refuse the mark that the SDK puts on it
        subsegment.add_exception(error, frames)
    if isinstance(subsegment.cause, dict):
        for cause in subsegment.cause.get("exceptions", ()):
            cause.message = getattr(cause, "message", "")[:_LONGEST_REASON]


def _note_error(subsegment: Subsegment, error: Exception) -> None:
    if not subsegment.cause:
        record_error(subsegment, error)


def _end(subsegment: Subsegment) -> None:
    if xray_recorder.current_subsegment() is subsegment:
        xray_recorder.end_subsegment()
    elif subsegment.sampled and subsegment.in_progress:
        # Begun in another context, or in another invocation.
        subsegment.close()
