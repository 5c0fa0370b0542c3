"""Time zones in a text: by their name where they have one, else by their offset.

A zone comes back as the kind of object that it was: `datetime.timezone`,
`zoneinfo.ZoneInfo`, one of `dateutil.tz`, or that which pydantic makes of an offset in a text.
"""

from __future__ import annotations

import re
import sys
import zoneinfo
from datetime import UTC, timedelta, timezone, tzinfo
from functools import cache
from os import path
from zoneinfo import ZoneInfo

from dateutil import tz as dateutil_tz

from .errors import shown
from .surrogates import is_utf8

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any

# gettz opens any file that it is given the path of; a zone's name is never such a path.
# And localtime is another zone on another machine.
_ZONE_NAME = re.compile(r"(?!localtime\Z)[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_DAY = timedelta(days=1)
_UNKNOWN = "this machine's time zone database has no zone of this name"
# Which keys of ZoneInfo there are files of; as many at most as there are files.
_known: set[str] = set()


def encode_timezone(zone: tzinfo) -> Any:
    """Return the JSON form of a time zone.

    Raises:
        TypeError: The zone has neither a name nor a fixed offset that would mean
            the same on another machine.
    """
    kind = type(zone)
    if zone is UTC:
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
    if kind is _pydantic_kind():
        offset = zone.utcoffset(None) or timedelta()
        return {"pydantic": [offset.days, offset.seconds, offset.microseconds]}
    raise TypeError(
        f"the time zone {shown(repr(zone))} can't be named to another machine; convert the"
        " datetime to datetime.timezone.utc or to a zoneinfo.ZoneInfo first"
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
        case {"timezone": list(parts), "name": None | str() as name, **rest} if not rest:
            offset = _decode_offset(parts)
            return timezone(offset) if name is None else timezone(offset, name)
        case {"dateutil": list(parts), "name": None | str() as name, **rest} if not rest:
            return dateutil_tz.tzoffset(name, _decode_offset(parts))
        case {"pydantic": list(parts), **rest} if not rest:
            return _of_pydantic(_decode_offset(parts))
    raise ValueError("its 'tz' is no time zone")


def _encode_offset(kind: str, offset: timedelta | None, name: str | None) -> dict[str, Any]:
    assert offset is not None  # noqa: S101 - a fixed offset is what both kinds are made of
    if abs(offset) >= _DAY:
        raise TypeError("the time zone's offset is a day or more, which no datetime can have")
    if name is not None and (type(name) is not str or not is_utf8(name)):
        raise TypeError(
            f"the name of the time zone, {shown(repr(name))}, is no str that UTF-8 can hold"
        )
    return {kind: [offset.days, offset.seconds, offset.microseconds], "name": name}


def _decode_offset(parts: list[Any]) -> timedelta:
    if len(parts) == 3 and {*map(type, parts)} == {int} and abs(parts[0]) <= 1:
        offset = timedelta(*parts)
        if [offset.days, offset.seconds, offset.microseconds] == parts and abs(offset) < _DAY:
            return offset
    raise ValueError("the offset of its 'tz' is none that is written")


def _pydantic_kind() -> Any:
    """Return the class of time zones of pydantic, in a program that uses it."""
    return getattr(sys.modules.get("pydantic_core"), "TzInfo", None)


def _of_pydantic(offset: timedelta) -> tzinfo:
    kind = _pydantic_kind()
    if kind is None:
        raise ValueError("its time zone is one of pydantic, which isn't imported here")
    if offset.microseconds:
        raise ValueError("the offset of its 'tz' is none that is written")
    zone: tzinfo = kind(offset.days * 86_400 + offset.seconds)
    return zone


def _given_name(zone: tzinfo) -> str | None:
    name = zone.tzname(None)
    return None if name == timezone(zone.utcoffset(None) or timedelta()).tzname(None) else name


def _dateutil_name(zone: tzinfo) -> str | None:
    file = getattr(zone, "_filename", None)
    if not isinstance(file, str):
        return None
    parts = file.replace("\\", "/").split("/")
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
        raise ValueError(_UNKNOWN)
    return zone


def _zoneinfo(key: str) -> ZoneInfo:
    try:
        if _is_known(key):
            return ZoneInfo(key)
    except (OSError, ValueError, KeyError):
        # Its text quotes the name, which is whatever the sender wrote.
        raise ValueError(_UNKNOWN) from None
    raise ValueError(_UNKNOWN)


def _is_known(key: str) -> bool:
    # Where there is no file of it, ZoneInfo imports a module that is named as the zone is.
    if key not in _known and any(map(path.isfile, _places(key))):
        _known.add(key)
    return key in _known or key in _names_of_tzdata()


def _places(key: str) -> list[str]:
    return [f"{folder}/{key}" for folder in zoneinfo.TZPATH]


@cache
def _names_of_tzdata() -> frozenset[str]:
    """Return the zones of the package tzdata, which stands in where a system has none."""
    from importlib.resources import files

    try:
        return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())
    except (ImportError, OSError):
        return frozenset()
