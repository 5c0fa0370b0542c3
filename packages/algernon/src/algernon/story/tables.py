"""Tables for people, as wide as their terminal."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TextIO

from ..errors import MissingExtraError
from .terminal import Line, Style, Terminal, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_RICH_STYLES: dict[Style, str] = {
    "plain": "",
    "bold": "bold",
    "faint": "dim",
    "good": "green",
    "bad": "red",
    "open": "yellow",
}
# Where lines may be of any length.
_ANY_WIDTH = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: What stands above it.
        is_number: Whether its cells stand at the right.
        overflow: What becomes of a cell that is too long: it goes on below, or is cut.
    """

    heading: str
    is_number: bool = False
    overflow: Literal["fold", "ellipsis"] = "fold"


def print_table(
    columns: Sequence[Column], rows: Iterable[Sequence[str | Line]], console: Console
) -> None:
    """Print a table.

    Args:
        columns: Its columns.
        rows: The cells of each row, which stand in them as they are: nothing is markup.
        console: What it is printed on, as `console_of` returns it.
    """
    console.print(table_of(columns, rows))


def table_of(columns: Sequence[Column], rows: Iterable[Sequence[str | Line]]) -> Table:
    """Return a table, for whoever prints it together with something else."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            column.heading,
            justify="right" if column.is_number else "left",
            no_wrap=column.is_number,
            overflow=column.overflow,
        )
    for row in rows:
        table.add_row(*(text_of(cell if isinstance(cell, Line) else Line(cell)) for cell in row))
    return table


def text_of(line: Line) -> Text:
    """Return a line as rich prints it: as it stands, without markup."""
    from rich.text import Text

    return Text(printable(line.text), _RICH_STYLES[line.style])


def console_of(terminal: Terminal, stream: TextIO | None = None) -> Console:
    """Return what rich prints on, as wide and as coloured as it is.

    Args:
        terminal: What it is shown on.
        stream: Where it is printed; standard output by default.

    Raises:
        MissingExtraError: rich isn't installed.
    """
    try:
        from rich.console import Console
    except ImportError as error:
        raise MissingExtraError(
            "rich isn't installed, by which tables are printed: install the extra algernon[command]"
        ) from error

    class PipedConsole(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to `printing`, for which it is no error; rich would end with 1."""
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    return PipedConsole(
        file=stream or sys.stdout,
        width=terminal.width or _ANY_WIDTH,
        # What is redrawn in place is so without colours, too.
        force_terminal=terminal.width is not None,
        color_system="standard" if terminal.has_colours else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
