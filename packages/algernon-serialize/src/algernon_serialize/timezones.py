"""Time zones in a text: by their name where they have one, else by their offset.

A zone comes back as the kind of object that it was: `datetime.timezone`,
`zoneinfo.ZoneInfo` or one of `dateutil.tz`.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from dateutil import tz as dateutil_tz

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any

# gettz opens any file that it is given the path of; a zone's name is never such a path.
# And localtime is another zone on another machine.
_ZONE_NAME = re.compile(r"(?!localtime\Z)[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DAY = timedelta(days=1)


def encode_timezone(zone: tzinfo) -> Any:
    """Return the JSON form of a time zone.

    Raises:
        TypeError: The zone has neither a name nor a fixed offset that would mean
            the same on another machine.
    """
    kind = type(zone)
    if zone is UTC or is_pytz_utc(zone):
        return "UTC"
    if kind is timezone:
        return _encode_offset("timezone", zone.utcoffset(None), _given_name(zone))
    if isinstance(zone, ZoneInfo) and kind is ZoneInfo and _ZONE_NAME.fullmatch(zone.key or ""):
        return {"zoneinfo": zone.key}
    if kind is dateutil_tz.tzutc:
        return {"dateutil": "UTC"}
    if kind is dateutil_tz.tzoffset:
        return _encode_offset("dateutil", zone.utcoffset(None), zone.tzname(None))
    if kind is dateutil_tz.tzfile:
        name = _dateutil_name(zone)
        if name is not None:
            return {"dateutil": name}
    raise TypeError(
        f"the time zone {zone!r} can't be named to another machine; convert the datetime to"
        " datetime.timezone.utc or to a zoneinfo.ZoneInfo first"
    )


def decode_timezone(form: Any) -> tzinfo:
    """Return the time zone of a JSON form.

    Raises:
        ValueError: The form is none that `encode_timezone` writes, or this
            machine's time zone database doesn't have the zone.
    """
    if form == "UTC":
        return UTC
    match form:
        case {"zoneinfo": str(key), **rest} if not rest and _ZONE_NAME.fullmatch(key):
            return _zoneinfo(key)
        case {"dateutil": "UTC", **rest} if not rest:
            return dateutil_tz.tzutc()
        case {"dateutil": str(name), **rest} if not rest and _ZONE_NAME.fullmatch(name):
            return _dateutil(name)
        case {
            "timezone": [int(days), int(seconds), int(micros)],
            "name": None | str() as name,
            **rest,
        } if not rest:
            offset = timedelta(days, seconds, micros)
            return timezone(offset) if name is None else timezone(offset, name)
        case {
            "dateutil": [int(days), int(seconds), int(micros)],
            "name": None | str() as name,
            **rest,
        } if not rest:
            offset = timedelta(days, seconds, micros)
            if abs(offset) < _DAY:
                return dateutil_tz.tzoffset(name, offset)
    raise ValueError("its 'tz' is no time zone")


def is_pytz_utc(zone: tzinfo | None) -> bool:
    """Tell whether a zone is pytz's UTC, as moncrief's datetimes have it; pytz isn't imported."""
    return type(zone).__module__ == "pytz" and type(zone).__qualname__ == "UTC"


def _encode_offset(kind: str, offset: timedelta | None, name: str | None) -> dict[str, Any]:
    assert offset is not None  # noqa: S101 - a fixed offset is what both kinds are made of
    if abs(offset) >= _DAY:
        raise TypeError("the time zone's offset is a day or more, which no datetime can have")
    if name is not None and (type(name) is not str or _SURROGATE.search(name)):
        raise TypeError(f"the name of the time zone, {name!r}, is no str that UTF-8 can hold")
    return {kind: [offset.days, offset.seconds, offset.microseconds], "name": name}


def _given_name(zone: tzinfo) -> str | None:
    name = zone.tzname(None)
    return None if name == timezone(zone.utcoffset(None) or timedelta()).tzname(None) else name


def _dateutil_name(zone: tzinfo) -> str | None:
    path = getattr(zone, "_filename", None)
    if not isinstance(path, str):
        return None
    parts = path.replace("\\", "/").split("/")
    for start in range(len(parts)):
        name = "/".join(parts[start:])
        if _ZONE_NAME.fullmatch(name) and dateutil_tz.gettz(name) == zone:
            return name
    return None


def _dateutil(name: str) -> tzinfo:
    try:
        zone = dateutil_tz.gettz(name)
    except OSError:
        zone = None
    if type(zone) is not dateutil_tz.tzfile:
        raise ValueError(f"this machine's time zone database has no zone {name!r}")
    return zone


def _zoneinfo(key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"this machine's time zone database has no zone {key!r}") from error
