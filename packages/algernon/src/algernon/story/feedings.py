"""How it is shown whether a worker takes a Task's messages, and what isn't known."""

from __future__ import annotations

from ..system.mappings import Feeding
from .terminal import Line, Style

#: What stands where something isn't known.
UNKNOWN = "\N{EN DASH}"

_STYLES: dict[str, Style] = {"active": "plain", "no worker": "bad"}


def feeding_line(feeding: Feeding | None) -> Line:
    """Return it as a table's cell."""
    if feeding is None:
        return Line(UNKNOWN, "faint")
    return Line(feeding, _STYLES.get(feeding, "open"))


def missing_line(action: str) -> Line:
    """Say that a right is missing, so that something isn't known."""
    return Line(f"You lack the right {action}: what it would tell is {UNKNOWN}.", "bad")
