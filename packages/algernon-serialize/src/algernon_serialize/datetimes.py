"""Datetimes and times in a text: UTC as moncrief writes it, others as wall clock and zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from .timezones import decode_timezone, encode_timezone

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any, TypeVar

    Clock = TypeVar("Clock", datetime, time)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A float of seconds, which moncrief reads, holds the microsecond for so long: from
# 1833 to 2106. Further away, a datetime is written as text, and so it is within 0.1 ms
# of the epoch, whose seconds not all writers of JSON spell the same.
_EXACT_SECONDS = 2**32
_ORDINARY_SECONDS = 1e-4
_NUMBERS = frozenset({float, int})


def encode_datetime(moment: datetime) -> dict[str, Any]:
    """Return the JSON form of a datetime.

    Raises:
        TypeError: Its time zone can't be named to another machine.
    """
    if moment.tzinfo is UTC and not moment.fold:
        seconds = moment.timestamp()
        if (
            _ORDINARY_SECONDS <= seconds < _EXACT_SECONDS
            or -_EXACT_SECONDS < seconds <= -_ORDINARY_SECONDS
            or not seconds
        ):
            return {"tz": "UTC", "timestamp": seconds}
    return _encode_wall_clock(moment)


def decode_datetime(form: dict[str, Any]) -> datetime:
    """Return the datetime of a JSON form.

    Raises:
        ValueError: The form is none that `encode_datetime` or moncrief writes.
    """
    seconds: Any = form.get("timestamp")
    if len(form) == 2 and form.get("tz") == "UTC" and type(seconds) in _NUMBERS:
        return _from_timestamp(seconds)
    return _decode_wall_clock(datetime, form)


def _from_timestamp(seconds: float) -> datetime:
    try:
        moment = _EPOCH + timedelta(0, seconds)
    except (OverflowError, ValueError):
        raise ValueError("its timestamp is outside the years 1 to 9999") from None
    if moment.timestamp() != seconds:
        raise ValueError("its timestamp is none that a datetime has")
    return moment


def encode_time(clock: time) -> dict[str, Any]:
    """Return the JSON form of a time of day.

    Raises:
        TypeError: Its time zone can't be named to another machine.
    """
    return _encode_wall_clock(clock)


def decode_time(form: dict[str, Any]) -> time:
    """Return the time of day of a JSON form.

    Raises:
        ValueError: The form is none that `encode_time` writes.
    """
    return _decode_wall_clock(time, form)


def _encode_wall_clock(clock: datetime | time) -> dict[str, Any]:
    form: dict[str, Any] = {
        "tz": None if clock.tzinfo is None else encode_timezone(clock.tzinfo),
        "iso": clock.replace(tzinfo=None).isoformat(),
    }
    if clock.fold:
        form["fold"] = 1
    return form


def _decode_wall_clock(kind: type[Clock], form: dict[str, Any]) -> Clock:
    match form:
        case {"tz": zone, "iso": str(iso), **rest} if not rest or _is_fold(rest):
            clock = _parse_iso(kind, iso)
            tzinfo = None if zone is None else decode_timezone(zone)
            return clock.replace(tzinfo=tzinfo, fold=1 if rest else 0)
    raise ValueError("its form has other parts than 'tz' and 'iso'")


def _is_fold(rest: dict[str, Any]) -> bool:
    return rest == {"fold": 1} and type(rest["fold"]) is int


def _parse_iso(kind: type[Clock], iso: str) -> Clock:
    try:
        clock = kind.fromisoformat(iso)
    except ValueError:
        # Its text quotes the value, which may be what nobody should read in a log.
        raise ValueError("its 'iso' isn't as ISO 8601 writes it") from None
    if clock.tzinfo is not None:
        raise ValueError("its 'iso' has an offset, which belongs in 'tz'")
    if clock.isoformat() != iso:
        raise ValueError("its 'iso' is another of the forms of ISO 8601 than is written")
    return clock
