"""The root logger as Lambda functions want it: one handler, one format, one level."""

from __future__ import annotations

import functools
import logging
import os
import sys

# logging.config disables what it doesn't name, and these tell of each Task.
_OURS = tuple(map(logging.getLogger, ("algernon_logging", "algernon_queue")))
_QUIET = tuple(map(logging.getLogger, ("aws_xray_sdk", "boto3", "botocore", "urllib3")))
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


def configure() -> None:
    """Bring the root logger into shape, at next to no cost where it already is."""
    root = logging.getLogger()
    level = _level()
    if root.level != level:
        root.setLevel(level)
    for own in _OURS:
        own.disabled = False
    for library in _QUIET:
        if library.level < logging.WARNING:
            library.setLevel(logging.WARNING)
    if root.handlers != [_output()]:
        _replace_handlers(root)


def _level() -> int:
    setting = os.environ.get("DEBUG")
    if setting is not None and setting.lower() == "true":
        return logging.DEBUG
    lambda_level = os.environ.get("AWS_LAMBDA_LOG_LEVEL")
    return logging.INFO if lambda_level is None else _LEVELS.get(lambda_level.upper(), logging.INFO)


def _replace_handlers(root: logging.Logger) -> None:
    root.addHandler(_output())
    for handler in list(root.handlers):
        # pytest puts its handlers back for each test, and tests of workers read them (caplog).
        if handler is not _output() and type(handler).__module__ != "_pytest.logging":
            root.removeHandler(handler)


@functools.cache
def _output() -> logging.Handler:
    """The one handler: Lambda's own where there is one, else standard error.

    Only Lambda's handler knows the way to CloudWatch on which a line with
    newlines, such as a traceback, stays one event. It is known by the attribute
    by which Lambda's runtime itself finds it.
    """
    for handler in logging.getLogger().handlers:
        if hasattr(handler, "log_sink"):
            handler.setFormatter(_formatter(end="\n"))
            return handler
    handler = StandardErrorHandler()
    handler.setFormatter(_formatter(end=""))
    return handler


def _formatter(*, end: str) -> logging.Formatter:
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        from .json_lines import JsonFormatter

        return JsonFormatter(end=end)
    from .text_lines import TextFormatter

    return TextFormatter(end=end)


class StandardErrorHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what ``sys.stderr`` is at the time, since runtimes and tests replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one piece of text."""
        self.stream = sys.stderr
        super().emit(record)
