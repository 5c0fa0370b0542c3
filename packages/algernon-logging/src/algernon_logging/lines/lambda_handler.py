"""Lambda's own handler, the one way on which a line with newlines stays one event."""

from __future__ import annotations

import logging
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What Lambda's handler sets on each record, whatever a call gave as `extra`.
SET_BY_LAMBDA = frozenset({"aws_request_id", "tenant_id"})
#: The attribute of a record with what a call gave by these names.
GIVEN = "_algernon_given"

_RUNTIME = "awslambdaric.bootstrap"


def lambda_handler() -> logging.Handler | None:
    """Return Lambda's handler, from the root logger or made again, or None elsewhere.

    It is known by the attribute by which Lambda's runtime itself finds it.
    """
    handler = _on_root() or _made_again()
    if handler is not None:
        handler.filters = [
            one if isinstance(one, GivenKept) else GivenKept(one) for one in handler.filters
        ]
    return handler


class GivenKept(logging.Filter):
    """Lambda's filter, which overwrites attributes of a record, and what they were before."""

    def __init__(self, lambdas: Any) -> None:
        super().__init__()
        self._lambdas = lambdas

    def filter(self, record: logging.LogRecord) -> Any:
        """Let Lambda's filter do its work, and note what a call had given."""
        attributes = record.__dict__
        given = {name: attributes[name] for name in SET_BY_LAMBDA if name in attributes}
        if given:
            attributes.setdefault(GIVEN, given)
        return self._lambdas.filter(record)


def _on_root() -> logging.Handler | None:
    for handler in logging.getLogger().handlers:
        if hasattr(handler, "log_sink"):
            return handler
    return None


def _made_again() -> logging.Handler | None:
    """Have Lambda's runtime set up its handler anew, which a module took off at its import.

    Nothing but the runtime's running function then knows the sink of lines.
    """
    runtime: Any = sys.modules.get(_RUNTIME)
    if runtime is None:
        return None
    sink = _sink()
    if sink is None:
        return None
    try:
        runtime._setup_logging(runtime._AWS_LAMBDA_LOG_FORMAT, runtime._AWS_LAMBDA_LOG_LEVEL, sink)
    except Exception:  # noqa: BLE001 - another version of the runtime, where lines go to standard error
        return None
    return _on_root()


def _sink() -> Any:
    """Return what Lambda's runtime writes lines to, out of its function in the main thread."""
    frame: Any = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_globals.get("__name__") == _RUNTIME and "log_sink" in frame.f_locals:
            return frame.f_locals["log_sink"]
        frame = frame.f_back
    return None
