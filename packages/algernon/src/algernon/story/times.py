"""Points in time, as people and as programs read them."""

from __future__ import annotations

from datetime import UTC, datetime


def zone() -> str:
    """Return what the zone of the clock here is called now, such as ``UTC`` or ``CET``."""
    return f"{datetime.now().astimezone():%Z}"


def clock(time: datetime, *, seconds: bool = True) -> str:
    """Return the time of day, as the clock here shows it."""
    return f"{time.astimezone():{'%H:%M:%S' if seconds else '%H:%M'}}"


def instant(time: datetime) -> str:
    """Return a time in UTC as RFC 3339 writes it, such as ``2026-11-24T03:11:07Z``."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def date_and_clock(time: datetime) -> str:
    """Return a date and the time of day by the clock here: ``2026-11-30 14:20:07 CET``."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def day_and_clock(time: datetime) -> str:
    """Return a day and the time of it, as the clock here shows it, such as ``30 Nov 14:20``."""
    return f"{time.astimezone():%d %b %H:%M}"
