"""The root logger as Lambda functions want it: one handler, one format, one level."""

from __future__ import annotations

import functools
import logging
import os
import sys

from .. import invocation
from . import handlers
from .lambda_handler import SET_BY_LAMBDA, lambda_handler

# logging.config disables what it doesn't name, and these tell of each Task.
_OURS = tuple(map(logging.getLogger, ("algernon_logging", "algernon_queue")))
_QUIET = tuple(map(logging.getLogger, ("aws_xray_sdk", "boto3", "botocore", "urllib3")))
# What logs the URLs that it calls, at INFO or below.
_HTTP_CLIENTS = tuple(
    map(
        logging.getLogger,
        (
            "aiohttp",
            "azure.core.pipeline.policies.http_logging_policy",
            "elastic_transport",
            "googleapiclient",
            "httpcore",
            "httpx",
            "opensearch",
            "requests",
            "urllib3_future",
        ),
    )
)
# AWS Lambda Developer Guide, "Log-level filtering"; and Python's own names.
_LEVELS = {
    "TRACE": logging.DEBUG,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "CRITICAL": logging.CRITICAL,
}
# The level that the root logger has from us.
_level_set: int | None = None
# The loggers that have theirs from us.
_quieted: set[logging.Logger] = set()


def configure() -> None:
    """Bring the root logger into shape, at next to no cost where it already is."""
    root = logging.getLogger()
    level = _level()
    for own in _OURS:
        own.disabled = False
    for library in _QUIET:
        if library.level == logging.NOTSET:
            library.setLevel(logging.WARNING)
    for client in _HTTP_CLIENTS:
        _quieten(client, is_debug=level == logging.DEBUG)
    if root.handlers != [_output()]:
        if handlers.is_taken_over(root):
            return
        _replace_handlers(root)
    if not invocation.is_running():
        handlers.take_off_what_repeats(_output())
    if root.level != level:
        _set_level(root, level)


def _level() -> int:
    setting = os.environ.get("DEBUG")
    if setting is not None and setting.lower() == "true":
        return logging.DEBUG
    lambda_level = os.environ.get("AWS_LAMBDA_LOG_LEVEL")
    return logging.INFO if lambda_level is None else _LEVELS.get(lambda_level.upper(), logging.INFO)


def _quieten(client: logging.Logger, *, is_debug: bool) -> None:
    if is_debug:
        if client in _quieted and client.level == logging.WARNING:
            client.setLevel(logging.NOTSET)
            _quieted.discard(client)
    elif client.level == logging.NOTSET:
        client.setLevel(logging.WARNING)
        _quieted.add(client)


def _set_level(root: logging.Logger, level: int) -> None:
    """Set the level, unless a test tool, or outside Lambda anybody else, has chosen another."""
    global _level_set  # noqa: PLW0603 - a process has one root logger
    if handlers.has_level_of_test_tool(root):
        return
    # Python's own level, WARNING, is nobody's choice.
    if invocation.in_lambda() or root.level in (logging.WARNING, _level_set):
        root.setLevel(level)
        _level_set = level


def _replace_handlers(root: logging.Logger) -> None:
    root.addHandler(_output())
    for handler in list(root.handlers):
        if handler is not _output() and not handlers.stays_on_root(handler):
            root.removeHandler(handler)


@functools.cache
def _output() -> logging.Handler:
    """The one handler: Lambda's own where there is one, else standard error."""
    handler = lambda_handler()
    if handler is None:
        handler = StandardErrorHandler()
        handler.setFormatter(_formatter(end=""))
    else:
        handler.setFormatter(_formatter(end="\n", not_given=SET_BY_LAMBDA))
    return handler


def _formatter(*, end: str, not_given: frozenset[str] = frozenset()) -> logging.Formatter:
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        from .json_lines import JsonFormatter

        return JsonFormatter(end=end, not_given=not_given)
    from .text_lines import TextFormatter

    return TextFormatter(end=end)


class StandardErrorHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what ``sys.stderr`` is at the time, since runtimes and tests replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one piece of text."""
        self.stream = sys.stderr
        super().emit(record)
