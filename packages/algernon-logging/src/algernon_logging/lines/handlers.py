"""Which handlers stay beside the one that writes our lines."""

from __future__ import annotations

import logging
import os
import sys
from weakref import WeakSet

from ..invocation import in_lambda

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    H = TypeVar("H", bound=logging.Handler)

# Packages of handlers, known by their names, since none is imported for it.
_TEST_TOOLS = ("_pytest", "testfixtures", "unittest")
_TAKING_OVER = ("testfixtures", "unittest")
_OPENTELEMETRY = ("opentelemetry",)

_kept: WeakSet[logging.Handler] = WeakSet()


def keep_handler(handler: H) -> H:
    """Keep a handler where `lambda_logged` would take it off, on Lambda and elsewhere.

    It stays on the logger that it was put on, with its own format, level and filters.

    Args:
        handler: The handler, before or after it is added to a logger.

    Returns:
        The same handler.

    Raises:
        TypeError: It is no ``logging.Handler``.

    Example:
        >>> import logging
        >>> from logging.handlers import MemoryHandler
        >>> kept = keep_handler(MemoryHandler(100))
        >>> logging.getLogger().addHandler(kept)
    """
    if not isinstance(handler, logging.Handler):
        raise TypeError(f"keep_handler needs a logging.Handler, not {handler!r}")
    _kept.add(handler)
    return handler


def stays_on_root(handler: logging.Handler) -> bool:
    """Tell whether a handler stays on the root logger, beside ours."""
    if _is_kept(handler):
        return True
    if in_lambda():
        return _is_of(handler, _OPENTELEMETRY) and os.environ.get("ALGERNON_TRACING") == "otel"
    return not (isinstance(handler, logging.NullHandler) or _writes_to_standard_stream(handler))


def take_off_what_repeats(output: logging.Handler) -> None:
    """Take handlers off loggers whose lines come to the root logger, and so appear anyway."""
    loggers: Any = logging.root.manager.loggerDict.copy().values()
    # Placeholders for loggers that aren't there have none.
    for logger in [one for one in loggers if getattr(one, "handlers", None)]:
        repeating = [one for one in logger.handlers if one is output or _only_repeats(one)]
        if repeating and _reaches_root(logger) and _lets_through(output, logger):
            for handler in repeating:
                logger.removeHandler(handler)


def is_taken_over(logger: logging.Logger) -> bool:
    """Tell whether a test tool has taken a logger's handlers away, until its block ends."""
    return any(_is_of(handler, _TAKING_OVER) for handler in logger.handlers)


def has_level_of_test_tool(logger: logging.Logger) -> bool:
    """Tell whether a test tool has set a logger's level, to that of its handler there."""
    return any(
        handler.level == logger.level and _is_of(handler, _TEST_TOOLS)
        for handler in logger.handlers
    )


def _only_repeats(handler: logging.Handler) -> bool:
    return _writes_to_standard_stream(handler) and not _is_kept(handler)


def _is_kept(handler: logging.Handler) -> bool:
    return any(kept is handler for kept in _kept) or _is_of(handler, _TEST_TOOLS)


def _is_of(handler: logging.Handler, packages: tuple[str, ...]) -> bool:
    return any(kind.__module__.partition(".")[0] in packages for kind in type(handler).__mro__)


def _reaches_root(logger: logging.Logger) -> bool:
    current: logging.Logger | None = logger
    while current is not None and current.propagate:
        current = current.parent
    return current is None or current is logging.root


def _lets_through(output: logging.Handler, logger: logging.Logger) -> bool:
    # A library may have given it a filter, to write its lines by its own handler alone.
    record = logging.LogRecord(logger.name, logging.CRITICAL, __file__, 0, "", None, None)
    try:
        return bool(output.filter(record))
    except Exception:  # noqa: BLE001 - a filter of somebody's, which has another record in mind
        return False


def _writes_to_standard_stream(handler: Any) -> bool:
    try:
        # That of rich writes through what it calls a console.
        stream = getattr(handler, "stream", None) or handler.console.file
        if any(stream is one for one in (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)):
            return True
        return stream.fileno() in (1, 2)
    except Exception:  # noqa: BLE001 - most have no stream, or one without a descriptor
        return False
