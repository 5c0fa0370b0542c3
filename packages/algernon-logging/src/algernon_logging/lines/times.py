"""When a line was written: UTC, as RFC 3339 writes it, with milliseconds."""

from __future__ import annotations

import time

# The latest second, and how it is written: most lines share theirs with the one before.
_latest: tuple[int, str] = (-1, "")


def timestamp(seconds: float | None) -> str | None:
    """Return a time in seconds since 1970 as text, such as ``2026-11-24T03:11:07.204Z``."""
    return None if seconds is None else line_time(seconds, int(seconds * 1000) % 1000)


def line_time(seconds: float, milliseconds: float) -> str:
    """Return the time of a line, whose milliseconds logging has worked out already."""
    global _latest  # noqa: PLW0603 - one value is replaced as a whole, which threads may do
    second = int(seconds)
    latest, text = _latest
    if second != latest:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _latest = second, text
    return f"{text}.{int(milliseconds):03d}Z"
