"""What a line says, whatever it was given to say it with."""

from __future__ import annotations

import logging

from .urls import without_credentials
from .values import name_of_class, plain


def message_of(record: logging.LogRecord) -> object:
    """Return a record's message: a text, or of a dict its plain JSON, without credentials.

    Arguments that don't fit raise nothing, since Lambda's own handler would let that
    reach the Task.
    """
    said = record.msg
    if type(said) is str and not record.args:
        return without_credentials(said)
    if isinstance(said, dict) and not record.args:
        return plain(said)
    try:
        return without_credentials(record.getMessage())
    except Exception as error:  # noqa: BLE001 - a line is written, whatever it was given
        form = plain(said)
        return f"{form} <which its arguments don't fit: {name_of_class(type(error))}>"
