"""The lines of an invocation, and which record each was written for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from algernon_logging import parse_line

from .platform_lines import PlatformLine, platform_line
from .terminal import Line
from .tracebacks import Traceback, traceback_lines

#: What is known of a line, by the keys of its JSON form.
Parsed: TypeAlias = Mapping[str, Any]
#: The id of a record's message, and how often that was received.
RecordKey: TypeAlias = tuple[str | int, int]


@dataclass(frozen=True, slots=True)
class InvocationLine:
    """A line of an invocation, or several that were written at once.

    Attributes:
        number: Its place among the lines, from 0.
        text: What was written.
        parsed: What it says, or None where no logger wrote it.
        record: The record that it was written for, or None where that isn't known or was none.
        below: How what it says is shown, where no logger wrote it, or else the traceback below.
        platform: What Lambda itself says by it, or None where the function wrote it.
        is_of_traceback: Whether it goes on with the line before it, by a traceback.
    """

    number: int
    text: str
    parsed: Parsed | None = None
    record: RecordKey | None = None
    below: tuple[Line, ...] = ()
    platform: PlatformLine | None = None
    is_of_traceback: bool = False

    @property
    def traceback(self) -> str:
        """The traceback as it was written, if the line has one as text."""
        if self.is_of_traceback:
            return self.text
        if self.parsed is None or self.text.startswith("{"):
            return ""
        return "\n".join(_below_message(self.text, self.parsed))


def read_lines(texts: Iterable[str]) -> Iterator[InvocationLine]:
    """Read the lines of an invocation.

    What was printed is of the record that the invocation had, where that was one alone.
    """
    found = [(text, parse_logged(text)) for text in texts]
    records = {key for _, line in found if line is not None and (key := _key(line)) is not None}
    only = next(iter(records)) if len(records) == 1 else None
    traceback, writer = Traceback(), only
    for number, (text, line) in enumerate(found):
        if line is not None:
            traceback.end()
            writer = _key(line)
            yield InvocationLine(number, text, line, writer, tuple(_traceback_of(text, line)))
        elif (platform := platform_line(text)) is not None:
            yield InvocationLine(number, text, platform=platform)
        else:
            parts = text.removesuffix("\n").replace("\N{NO-BREAK SPACE}", " ").split("\n")
            is_of_traceback = True
            below: list[Line] = []
            for part in parts:
                if traceback.takes(part):
                    below += traceback.shown(part)
                else:
                    is_of_traceback = False
                    below.append(Line(part))
            yield InvocationLine(
                number,
                text,
                record=writer if is_of_traceback else only,
                below=tuple(below),
                is_of_traceback=is_of_traceback,
            )


def parse_logged(text: str) -> Parsed | None:
    """Return what a line says that a logger wrote, `lambda_logged`'s or Lambda's own."""
    return parse_line(text) or _of_lambda_s_logger(text)


def _key(line: Parsed) -> RecordKey | None:
    message_id, count = line.get("message_id"), line.get("receive_count")
    # A line may say anything; and an id that looks like a number is one, in text.
    if isinstance(message_id, str | int) and isinstance(count, int):
        return message_id, count
    return None


def _of_lambda_s_logger(text: str) -> Parsed | None:
    """Return what a line says that Lambda's own handler wrote as JSON."""
    if not text.startswith('{"timestamp"'):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not (isinstance(found, dict) and "level" in found):
        return None
    if "message" not in found and "errorMessage" in found:
        found["message"] = f"{found.get('errorType', 'Error')}: {found['errorMessage']}"
    return {"logger": "-", **found} if "message" in found else None


def _traceback_of(text: str, line: Parsed) -> Iterator[Line]:
    if text.startswith("{"):
        below = traceback_lines(line.get("exception"), line.get("stackTrace"))
    else:
        below = _below_message(text, line)
    traceback = Traceback()
    for part in below:
        yield from traceback.shown(part) if traceback.takes(part) else (Line(part),)


def _below_message(text: str, line: Parsed) -> list[str]:
    # The message has as many lines as it is read with, and what follows it is no part of it.
    return text.removesuffix("\n").split("\n")[str(line["message"]).count("\n") + 1 :]
