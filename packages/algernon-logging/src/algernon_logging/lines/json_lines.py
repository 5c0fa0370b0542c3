"""A line as one JSON object."""

from __future__ import annotations

import logging

from .. import invocation
from . import fields
from .encoding import MOST_BYTES_OF_AN_EXCEPTION, encode, encode_fitting, one_line
from .exceptions import exception_form
from .lambda_handler import GIVEN
from .messages import message_of
from .times import line_time
from .urls import without_credentials
from .values import plain

# What every LogRecord has, and what handlers and formatters add to it.
_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "_frame_type",
    "asctime",
    "message",
    GIVEN,
}
# The frames in which Lambda's runtime hands lines on tell their format and level, by
# which Lambda filters them: two bits for JSON, and the level from the third bit on.
_JSON_FRAME = 0xA55A0002

# The latest invocation, and how its function is written: most lines share theirs with the
# one before.
_latest: tuple[invocation.Invocation | None, str] = (None, "")


class JsonFormatter(logging.Formatter):
    """Writes a record as a JSON object.

    Args:
        end: What comes after a record, for a handler that adds nothing itself.
        not_given: Attributes of a record that its handler sets, and no call gave as `extra`.
    """

    def __init__(self, *, end: str = "", not_given: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._end = end
        self._not_given = not_given
        self._attributes = _ATTRIBUTES | not_given

    def format(self, record: logging.LogRecord) -> str:
        """Write the record, with the fields of where it was written, and the end."""
        attributes = record.__dict__
        attributes["_frame_type"] = _frame_type(record.levelno)
        where = invocation.current()
        here = fields.current()
        given = attributes.get(GIVEN)
        own_fields = here.json
        if given or attributes.keys() - self._attributes:
            extra: dict[object, object] = {
                name: value for name, value in attributes.items() if name not in self._attributes
            }
            own_fields = here.json_with({**extra, **(given or {})})
        if "tenant_id" in self._not_given and attributes.get("tenant_id") is not None:
            # By the name that it has in Lambda's own JSON lines.
            own_fields += f',"tenantId":{encode(plain(attributes["tenant_id"]))}'
        at = line_time(record.created, record.msecs)
        line = (
            f'{{"timestamp":"{at}","level":{encode(record.levelname)},"message":'
            f'{encode_fitting(message_of(record))},"logger":{encode(record.name)}'
            f"{_members_of(where, attributes.get('aws_request_id'))}{own_fields}"
        )
        if record.exc_info and record.exc_info[1] is not None:
            form = exception_form(record.exc_info[1])
            line += f',"exception":{encode_fitting(form, MOST_BYTES_OF_AN_EXCEPTION)}'
        elif record.exc_text and not record.exc_info:
            # All that is left of an exception of another process.
            form = {"traceback": without_credentials(record.exc_text)}
            line += f',"exception":{encode_fitting(form, MOST_BYTES_OF_AN_EXCEPTION)}'
        if record.stack_info:
            line += f',"stack":{encode_fitting(without_credentials(record.stack_info))}'
        return f"{one_line(line)}}}{self._end}"


def _members_of(where: invocation.Invocation, lambda_request_id: object) -> str:
    """Return members of a JSON object, each after a comma, without what isn't known."""
    global _latest  # noqa: PLW0603 - one value is replaced as a whole, which threads may do
    latest, function = _latest
    if where is not latest:
        function = _function_of(where)
        _latest = where, function
    request_id = where.request_id_or(lambda_request_id)
    if request_id == invocation.UNKNOWN:
        return function
    # By the name that it has in Lambda's own JSON lines.
    return f',"requestId":{encode(request_id)}{function}'


def _function_of(where: invocation.Invocation) -> str:
    known = {"function_name": where.function_name, "function_arn": where.function_arn}
    members = "".join(
        f',"{name}":{encode(value)}' for name, value in known.items() if value != invocation.UNKNOWN
    )
    return f'{members},"cold_start":{encode(where.is_cold_start)}'


def _frame_type(level: int) -> bytes:
    tens = min(level // 10, 5)
    return (_JSON_FRAME + (4 * (tens + 1) if tens > 0 else 0)).to_bytes(4, "big")
