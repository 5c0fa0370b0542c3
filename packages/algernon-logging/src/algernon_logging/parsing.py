"""Reading lines again, in either form, for programs that look through logs."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

_COLUMNS = ("level", "timestamp", "requestId", "function_name", "function_arn", "logger")
# A name, and a value as it is or in quotes, or a list or an object of JSON, as a line's last
# column has them.
_NAME = re.compile(r'([^\s="]+)=')
_VALUE = re.compile(r'("(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$)')
_DECODER = json.JSONDecoder()
_LEVEL = re.compile(r"\[([^\]\s]+)\]")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def parse_line(line: str) -> dict[str, Any] | None:
    r"""Return what a line says, by the keys of its JSON form.

    Of a line of text that are its columns, and its fields, which are numbers where
    they look like it. What isn't known, ``-``, is left out. A traceback is too.

    Args:
        line: An event of CloudWatch Logs, or a line.

    Returns:
        The keys and values, or None where `lambda_logged` didn't write the line.

    Example:
        >>> parse_line("[INFO]\t2026-11-24T03:11:07.204Z\tr-1\tshop\t-\torders\tsold\tn=7")["n"]
        7
    """
    return _parse_json(line) if line.startswith("{") else _parse_text(line)


def _parse_json(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict) and {"timestamp", "level", "message", "logger"} <= found.keys():
        return found
    return None


def _parse_text(line: str) -> dict[str, Any] | None:
    first, _, _ = line.partition("\n")
    columns = first.split("\t", len(_COLUMNS))
    level = _LEVEL.fullmatch(columns[0])
    if level is None or len(columns) <= len(_COLUMNS) or not _TIMESTAMP.fullmatch(columns[1]):
        return None
    known = zip(_COLUMNS, (level[1], *columns[1:]), strict=False)
    found: dict[str, Any] = {name: value for name, value in known if value != "-"}
    message, tab, last = columns[-1].rpartition("\t")
    fields = _pairs(last) if tab else None
    found["message"] = columns[-1] if fields is None else message
    return {**(fields or {}), **found}


def _pairs(text: str) -> dict[str, Any] | None:
    pairs: dict[str, Any] = {}
    position = 0
    while position < len(text):
        name = _NAME.match(text, position)
        found = None if name is None else _value_at(text, name.end())
        if name is None or found is None:
            return None
        pairs[name[1]], position = found
    return pairs or None


def _value_at(text: str, start: int) -> tuple[Any, int] | None:
    """Return the value that begins there, and where the next pair does."""
    if text.startswith(("[", "{"), start):
        with suppress(ValueError, RecursionError):
            value, end = _DECODER.raw_decode(text, start)
            if end == len(text) or text[end] == " ":
                return value, end + 1
    found = _VALUE.match(text, start)
    return None if found is None else (_value(found[1]), found.end())


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
