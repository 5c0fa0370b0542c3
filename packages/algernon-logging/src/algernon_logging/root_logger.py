"""The root logger as Lambda functions want it: one handler, one format, one level."""

from __future__ import annotations

import functools
import logging
import os
import sys
import time
from typing import TextIO

from . import invocation

# The first three columns are those of Lambda's own text format.
_COLUMNS = (
    "[%(levelname)s]",
    "%(asctime)s.%(msecs)03dZ",
    "%(aws_request_id)s",
    "%(function_name)s",
    "%(function_arn)s",
    "%(name)s",
    "%(message)s",
)
_QUIET = tuple(map(logging.getLogger, ("aws_xray_sdk", "boto3", "botocore", "urllib3")))


def configure() -> None:
    """Bring the root logger into shape, at next to no cost where it already is."""
    root = logging.getLogger()
    level = logging.DEBUG if os.environ.get("DEBUG", "").lower() == "true" else logging.INFO
    if root.level != level:
        root.setLevel(level)
    for library in _QUIET:
        if library.level < logging.WARNING:
            library.setLevel(logging.WARNING)
    if root.handlers != [_output()]:
        _replace_handlers(root)


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
            if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() != "JSON":
                handler.setFormatter(TextFormatter(end="\n"))
            break
    else:
        handler = StandardErrorHandler()
        handler.setFormatter(TextFormatter())
    handler.addFilter(_add_invocation)
    return handler


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is at the time, since runtimes and tests replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one piece of text."""
        self.stream = sys.stderr
        super().emit(record)


class TextFormatter(logging.Formatter):
    """Writes a record as tab-separated columns, with times in UTC.

    Args:
        end: What comes after a record, for a handler that adds nothing itself.
    """

    def __init__(self, *, end: str = "") -> None:
        super().__init__("\t".join(_COLUMNS), "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime
        self._end = end

    def format(self, record: logging.LogRecord) -> str:
        """Write the record, its traceback if it has one, and the end."""
        return super().format(record) + self._end


def _add_invocation(record: logging.LogRecord) -> bool:
    current = invocation.current()
    fields = record.__dict__
    fields.setdefault("function_name", current.function_name)
    fields.setdefault("function_arn", current.function_arn)
    if current.request_id == invocation.UNKNOWN:
        # Lambda's own handler knows it even where no decorated call was given the context.
        fields.setdefault("aws_request_id", invocation.UNKNOWN)
    else:
        fields["aws_request_id"] = current.request_id
    return True
