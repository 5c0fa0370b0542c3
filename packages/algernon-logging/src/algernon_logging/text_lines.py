"""A line as tab-separated columns."""

from __future__ import annotations

import logging

from . import fields, invocation
from .encoding import encodable
from .messages import message_of
from .times import line_time
from .values import name_of_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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
        record.message = str(message_of(record))
        text = self.formatMessage(record)
        if record.exc_info and not record.exc_text:
            # As every formatter does, for those that come after it.
            record.exc_text = self._traceback(record.exc_info)
        for more in (record.exc_text, record.stack_info):
            if more:
                text += f"\n{more}"
        return encodable(text) + self._end

    def _traceback(self, exc_info: Any) -> str:
        try:
            return self.formatException(exc_info)
        except Exception as error:  # noqa: BLE001 - an exception may do anything when it is told
            return f"<a traceback that can't be told: {name_of_class(type(error))}>"
