"""The terminal that lines are shown on, if it is one."""

from __future__ import annotations

import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import Literal, NamedTuple, TextIO

Style = Literal["plain", "bold", "faint", "good", "bad", "open"]

# ECMA-48, "SGR: Select Graphic Rendition".
_CODES: dict[Style, str] = {"bold": "1", "faint": "2", "bad": "31", "good": "32", "open": "33"}


class Line(NamedTuple):
    """A line, and how it is shown."""

    text: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Terminal:
    """What lines are shown on.

    Attributes:
        width: The columns of a line, or None where lines may be of any length.
        has_colours: Whether lines are shown in colours.
    """

    width: int | None = None
    has_colours: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Terminal:
        """Return what a stream is shown on: a file or a pipe has neither width nor colours.

        Nor has a terminal colours where NO_COLOR is set: https://no-color.org.
        """
        if not stream.isatty():
            return cls()
        has_colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(shutil.get_terminal_size().columns, has_colours)

    def fits(self, text: str) -> bool:
        """Tell whether a text fits into a line."""
        return self.width is None or len(text) <= self.width

    def show(self, line: Line) -> str:
        """Return a line as it is shown; what doesn't fit is continued below, further in."""
        text = printable(line.text)
        if self.width is None or len(text) <= self.width:
            return self.paint(text, line.style)
        indent = text[: len(text) - len(text.lstrip())]
        parts = textwrap.wrap(
            text, self.width, subsequent_indent=f"{indent}  ", break_on_hyphens=False
        )
        return "\n".join(self.paint(part, line.style) for part in parts)

    def paint(self, text: str, style: Style) -> str:
        """Return a text in a style."""
        if not self.has_colours or style not in _CODES or not text:
            return text
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def printable(text: str) -> str:
    """Return a text without what a terminal would do instead of showing it."""
    # What a line says may come from anywhere, and a terminal does what it is told.
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
