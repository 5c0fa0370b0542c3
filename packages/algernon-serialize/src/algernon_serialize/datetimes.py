"""Datetimes in a text: UTC as moncrief writes it, others as their wall clock and zone."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any

from .timezones import decode_timezone, encode_timezone, is_pytz_utc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_datetime(moment: datetime) -> dict[str, Any]:
    """Return the JSON form of a datetime.

    Raises:
        TypeError: Its time zone can't be named to another machine.
    """
    zone = moment.tzinfo
    if zone is UTC or is_pytz_utc(zone):
        # A float of seconds is what moncrief reads. It holds the microsecond up
        # to about the year 2242; from then on the text form takes over.
        seconds = moment.timestamp()
        exact = moment.year < MAXYEAR and _from_timestamp(seconds) == moment
        if exact and not moment.fold:
            return {"tz": "UTC", "timestamp": seconds}
    form: dict[str, Any] = {
        "tz": None if zone is None else encode_timezone(zone),
        "iso": moment.replace(tzinfo=None).isoformat(),
    }
    if moment.fold:
        form["fold"] = 1
    return form


def decode_datetime(form: Any) -> datetime:
    """Return the datetime of a JSON form.

    Raises:
        ValueError: The form is none that `encode_datetime` or moncrief writes.
    """
    match form:
        case {"tz": "UTC", "timestamp": int() | float() as seconds, **rest} if not rest:
            try:
                return _from_timestamp(seconds)
            except OverflowError as error:
                raise ValueError("its timestamp is outside the years 1 to 9999") from error
        case {"tz": zone, "iso": str(iso), **rest} if rest in ({}, {"fold": 1}):
            moment = _parse_iso(iso)
            tzinfo = None if zone is None else decode_timezone(zone)
            return moment.replace(tzinfo=tzinfo, fold=1 if rest else 0)
    raise ValueError("it has neither 'tz' and 'timestamp' nor 'tz' and 'iso'")


def _parse_iso(iso: str) -> datetime:
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        # Its text quotes the value, which may be what nobody should read in a log.
        raise ValueError("its 'iso' isn't a date and time as ISO 8601 writes them") from None
    if moment.tzinfo is not None:
        raise ValueError("its 'iso' has an offset, which belongs in 'tz'")
    return moment


def _from_timestamp(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
