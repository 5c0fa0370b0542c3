"""A line as tab-separated columns."""

from __future__ import annotations

import logging
import re

from .. import invocation
from . import fields
from .encoding import MOST_BYTES_OF_AN_EXCEPTION, encodable, fitting_text
from .messages import message_of
from .times import line_time
from .urls import without_credentials
from .values import name_of_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# What begins a line, after whatever somebody takes for the end of the one before it.
_LIKE_A_LINE = r"([\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029])([\[{])"


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
        pairs = fields.current().text
        message = fitting_text(record.message)
        if not message.isprintable():
            message = _harmless(message, has_pairs=bool(pairs))
        return (
            f"[{record.levelname}]\t{at}\t{request_id}\t{where.function_name}"
            f"\t{where.function_arn}\t{record.name}\t{message}{pairs}"
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
                more = without_credentials(more)  # noqa: PLW2901
                text += _harmless(f"\n{fitting_text(more, MOST_BYTES_OF_AN_EXCEPTION)}")
        return encodable(text) + self._end

    def _traceback(self, exc_info: Any) -> str:
        try:
            return self.formatException(exc_info)
        except Exception as error:  # noqa: BLE001 - an exception may do anything when it is told
            return f"<a traceback that can't be told: {name_of_class(type(error))}>"


def _harmless(text: str, *, has_pairs: bool = False) -> str:
    """Return a text that nobody takes for several lines, or for a line's fields."""
    if "\t" in text:
        # An empty column after what would be read as the last one.
        *lines, last = text.splitlines(keepends=True)
        text = "".join([*map(_closed, lines), last if has_pairs else _closed(last)])
    if "[" in text or "{" in text:
        return re.sub(_LIKE_A_LINE, r"\1 \2", text)
    return text


def _closed(line: str) -> str:
    if "\t" not in line:
        return line
    content = line.splitlines()[0]
    return f"{content}\t{line[len(content) :]}"
