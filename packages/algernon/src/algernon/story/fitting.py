"""Which columns of a table have room on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from .feedings import UNKNOWN
from .tables import Column
from .terminal import Line, Terminal

_BETWEEN = 2
# As long a name stays in any case before columns go, and where nothing more can go.
_LONGEST_NAME = 32
_SHORTEST_NAME = 8


def fitting(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Line]],
    dispensable: Sequence[str],
    terminal: Terminal,
) -> tuple[list[Column], list[list[Line]], list[Line]]:
    """Return the columns and the cells that have room, and a line that says which have none.

    The first column, of names, is cut in the middle before all that is dispensable has gone;
    what is known in no row goes first.

    Args:
        columns: The columns, the one of names first.
        rows: The cells of each row.
        dispensable: The headings of the columns that may go, in the order in which they do.
        terminal: What the table is shown on.
    """
    texts = [[row[place].text for row in rows] for place in range(len(columns))]
    widths = [
        max(map(len, [column.heading, *cells])) + _BETWEEN
        for column, cells in zip(columns, texts, strict=True)
    ]
    shown = [*range(len(columns))]
    if terminal.width is None or sum(widths) - _BETWEEN <= terminal.width:
        return [*columns], [[*row] for row in rows], []
    widths[0] = min(widths[0], _LONGEST_NAME + _BETWEEN)
    headings = [column.heading for column in columns]
    going = [headings.index(heading) for heading in dispensable]
    going.sort(key=lambda place: {*texts[place]} != {UNKNOWN})
    gone: list[str] = []
    for place in going:
        if sum(widths[each] for each in shown) - _BETWEEN <= terminal.width:
            break
        shown.remove(place)
        gone.append(headings[place])
    room = terminal.width - sum(widths[each] for each in shown[1:])
    left_out = f"No room for {', '.join(gone)}: make the terminal wider, or use --json."
    return (
        [columns[place] for place in shown],
        [
            [_cut(row[0], max(room, _SHORTEST_NAME)), *(row[place] for place in shown[1:])]
            for row in rows
        ],
        [Line(left_out, "open")] if gone else [],
    )


def _cut(name: Line, longest: int) -> Line:
    """Return a name with what makes it too long taken out of its middle."""
    text = name.text
    if len(text) <= longest:
        return name
    end = longest // 2
    return name._replace(text=f"{text[: longest - end - 1]}…{text[-end:]}")
