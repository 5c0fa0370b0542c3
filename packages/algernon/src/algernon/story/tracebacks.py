"""Tracebacks among the lines of a worker, as people care to see them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .terminal import Line

_BEGIN = "Traceback (most recent call last):"
_BEGIN_OF_A_GROUP = f"  + Exception Group {_BEGIN}"
_BETWEEN = ("During handling of the above", "The above exception was", _BEGIN)
_FRAME = re.compile(r'(\s+File ")(?:[^"]*/code/)?([^"]*)(", line \d+.*)')
_MARKS = re.compile(r"[\s^~]+")
# These are of the batch around the Task, and the same in each traceback.
_AROUND = re.compile(r"algernon(_\w+)?/")
_FRAME_INDENT = 4


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
