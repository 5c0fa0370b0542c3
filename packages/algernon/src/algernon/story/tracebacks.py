"""Tracebacks as people care to see them, of errors here and among the lines of a worker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from traceback import StackSummary, TracebackException
from typing import Any

from ..system.letters.own_code import is_of_algernon
from .terminal import Line

_BEGIN = "Traceback (most recent call last):"
_BEGIN_OF_A_GROUP = f"  + Exception Group {_BEGIN}"
_BETWEEN = ("During handling of the above", "The above exception was", _BEGIN)
# What stands before a file's place in the code, locally, on Lambda and in its layers.
_FRAME = re.compile(r'(\s+File ")(?:[^"]*/code/|/var/task/|/opt/python/)?([^"]*)(", line \d+.*)')
_MARKS = re.compile(r"[\s^~]+")
# These are of the batch around the Task, and the same in each traceback.
_AROUND = re.compile(r"algernon(_\w+)?/")
_FRAME_INDENT = 4
_CAUSE = "The above exception was the direct cause of the following exception:"


class Traceback:
    """The traceback that lines are of, if they are.

    Example:
        >>> traceback = Traceback()
        >>> traceback.takes("3 words"), traceback.takes("Traceback (most recent call last):")
        (False, True)
    """

    def __init__(self) -> None:
        self._is_open = False
        self._may_go_on = False
        self._is_around = False

    def takes(self, text: str) -> bool:
        """Tell whether the next line is of a traceback."""
        begins = text in (_BEGIN, _BEGIN_OF_A_GROUP)
        if self._is_open or begins:
            # Its last line is the first that isn't indented.
            self._is_open = begins or text.startswith((" ", *_BETWEEN)) or not text
            self._may_go_on = not self._is_open
            return True
        # Those of its causes and its own are parted by empty lines.
        goes_on = self._may_go_on and (not text or text.startswith(_BETWEEN))
        self._may_go_on = goes_on and not text
        self._is_open = goes_on and bool(text)
        return goes_on

    def end(self) -> None:
        """Note that a line comes that is of no traceback."""
        self._is_open = self._may_go_on = self._is_around = False

    def shown(self, text: str) -> Iterator[Line]:
        """Give the line, if it is more than a frame of Algernon's, or a mark below one."""
        if (frame := _FRAME.fullmatch(text)) is not None:
            self._is_around = _AROUND.match(frame[2]) is not None
            text = "".join(frame.groups())
        elif not text.startswith(" " * _FRAME_INDENT):
            self._is_around = False
        if not self._is_around and not _MARKS.fullmatch(text):
            yield Line(text, "faint" if text.startswith((" ", *_BETWEEN)) else "bad")


def traceback_lines(exception: object, stack: object = None) -> list[str]:
    """Return the traceback of a JSON line as Python prints it.

    Args:
        exception: What `lambda_logged` wrote of an exception, if it did.
        stack: What Lambda's own handler did: frames as Python prints them.
    """
    if isinstance(exception, Mapping):
        return _of_exception(exception)
    if isinstance(stack, list):
        return [_BEGIN, *(line for frame in stack for line in str(frame).splitlines())]
    return []


def _of_exception(exception: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    cause = exception.get("cause")
    if isinstance(cause, Mapping):
        lines += [*_of_exception(cause), "", _CAUSE, ""]
    if not isinstance(exception.get("frames"), list):
        # All that is left of an exception of another process.
        return [*lines, *str(exception.get("traceback", "")).splitlines()]
    lines.append(_BEGIN)
    for frame in exception["frames"]:
        if isinstance(frame, Mapping):
            place = f'"{frame.get("file")}", line {frame.get("line")}, in {frame.get("function")}'
            lines.append(f"  File {place}")
            if frame.get("code"):
                lines.append(f"    {frame['code']}")
    members = exception.get("exceptions")
    if isinstance(members, list):
        lines += [f"  +-- {_said(member)}" for member in members if isinstance(member, Mapping)]
    return [*lines, *_said(exception).splitlines()]


def _said(exception: Mapping[str, Any]) -> str:
    return f"{exception.get('type')}: {exception.get('message', '')}"


def lines_of_error(error: BaseException) -> Iterator[Line]:
    """Give the traceback of an error, without frames of Algernon's and without marks.

    Example:
        >>> [line.text for line in lines_of_error(ValueError("no card"))]
        ['ValueError: no card']
    """
    told = TracebackException.from_exception(error)
    _leave_out_frames(told)
    for text in "".join(told.format()).splitlines():
        if text and not _MARKS.fullmatch(text):
            yield Line(text, "faint" if text.startswith((" ", *_BETWEEN)) else "bad")


def _leave_out_frames(told: TracebackException) -> None:
    """Leave out Algernon's frames of an error, its causes and its parts."""
    todo: list[TracebackException | None] = [told]
    while todo:
        one = todo.pop()
        if one is None:
            continue
        frames = [frame for frame in one.stack if not is_of_algernon(frame.filename)]
        one.stack = StackSummary.from_list(frames)
        todo += [one.__cause__, one.__context__, *(one.exceptions or ())]
