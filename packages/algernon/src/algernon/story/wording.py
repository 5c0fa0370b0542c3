"""How counts, durations, sizes and tables are written for people."""

from __future__ import annotations

from collections.abc import Sequence


def count(number: int, noun: str) -> str:
    """Return a number of things, such as ``1 Task`` or ``5,000 Tasks``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(milliseconds: float | None) -> str:
    """Return a duration, such as ``12.3 ms`` or ``1.23 s``, or ``-`` where there is none."""
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def span(seconds: float) -> str:
    """Return a long duration by its two largest units, such as ``45 s`` or ``2 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    parts = [f"{number} {unit}" if number else "" for number, unit in units]
    first = next((place for place, part in enumerate(parts) if part), len(parts) - 1)
    return " ".join(filter(None, parts[first : first + 2])) or "0 s"


def age(seconds: float) -> str:
    """Return how old something is, in one unit: ``95 s``, ``80 min``, ``31 h`` or ``3 d``."""
    for unit, length, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < most * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def size(number: float) -> str:
    """Return a number of bytes, such as ``723 B`` or ``1.2 kB``."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def table(rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> list[str]:
    """Return the lines of a table.

    Args:
        rows: The cells of each row, the headings first.
        numbers: The headings of those columns whose cells stand at the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if heading in numbers else cell.ljust(width)
            for heading, cell, width in zip(rows[0], row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
