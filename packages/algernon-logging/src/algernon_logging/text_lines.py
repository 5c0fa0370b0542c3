"""A line as tab-separated columns."""

from __future__ import annotations

import logging

from . import fields, invocation
from .times import line_time
from .values import encodable


class TextFormatter(logging.Formatter):
    """Writes a record as tab-separated columns, the first three as Lambda's own text format.

    Args:
        end: What comes after a record, for a handler that adds nothing itself.
    """

    def __init__(self, *, end: str = "") -> None:
        super().__init__()
        self._end = end

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - overrides it
        """Write the columns."""
        where = invocation.current()
        request_id = where.request_id_or(record.__dict__.get("aws_request_id"))
        at = line_time(record.created, record.msecs)
        return (
            f"[{record.levelname}]\t{at}\t{request_id}\t{where.text}\t{record.name}"
            f"\t{record.message}{fields.current().text}"
        )

    def format(self, record: logging.LogRecord) -> str:
        """Write the record, its traceback if it has one, and the end."""
        record.message = record.getMessage()
        text = self.formatMessage(record)
        if record.exc_info or record.exc_text or record.stack_info:
            text = super().format(record)
        return encodable(text) + self._end
