"""Values without parts: how each type is written under its tag, and read again.

A pair of functions a type. The one turns a value into its form, which is plain
JSON of a certain type; the other turns a form of that type into a value, or
raises ArithmeticError, NotImplementedError, TypeError or ValueError where it
isn't what the first one writes.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID

from .datetimes import decode_datetime, decode_time, encode_datetime, encode_time


def expect(kind: type, form: Any) -> Any:
    """Return a form that is of a type, and no subclass of it.

    Raises:
        TypeError: It is of another.
    """
    if type(form) is not kind:
        raise TypeError(f"its value is a {kind.__name__}, not a {type(form).__name__}")
    return form


def encode_surrogates(value: str) -> str:
    """Return the form of a str that UTF-8 can't hold."""
    # In JSON's own escapes, two surrogates in a row would come back as one character.
    return value.encode("utf-8", "surrogatepass").hex()


def _decode_surrogates(form: str) -> str:
    return bytes.fromhex(form).decode("utf-8", "surrogatepass")


def _encode_bytes(value: bytes | bytearray) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def _decode_bytes(form: str) -> bytes:
    return binascii.a2b_base64(form, strict_mode=True)


def _decode_float(form: str) -> float:
    if form not in ("nan", "inf", "-inf"):
        raise ValueError("it isn't 'nan', 'inf' or '-inf'")
    return float(form)


def _decode_date(form: str) -> date:
    try:
        return date.fromisoformat(form)
    except ValueError:
        # Its text quotes the value, which may be what nobody should read in a log.
        raise ValueError("it isn't as ISO 8601 writes a date") from None


def _encode_complex(value: complex) -> list[str]:
    return [repr(value.real), repr(value.imag)]


def _decode_complex(form: list[Any]) -> complex:
    real, imag = (float(expect(str, part)) for part in form)
    return complex(real, imag)


def _encode_timedelta(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _decode_timedelta(form: list[Any]) -> timedelta:
    days, seconds, microseconds = (expect(int, part) for part in form)
    return timedelta(days, seconds, microseconds)


def _encode_range(value: range) -> list[int]:
    return [value.start, value.stop, value.step]


def _decode_range(form: list[Any]) -> range:
    start, stop, step = (expect(int, part) for part in form)
    return range(start, stop, step)


#: The tag and the encoder of each type.
ENCODERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    Decimal: ("decimal", str),
    UUID: ("uuid", str),
    bytearray: ("bytearray", _encode_bytes),
    bytes: ("bytes", _encode_bytes),
    complex: ("complex", _encode_complex),
    date: ("date", date.isoformat),
    datetime: ("datetime", encode_datetime),
    range: ("range", _encode_range),
    time: ("time", encode_time),
    timedelta: ("timedelta", _encode_timedelta),
    PosixPath: ("posixpath", str),
    PurePosixPath: ("pureposixpath", str),
    PureWindowsPath: ("purewindowspath", str),
    WindowsPath: ("windowspath", str),
}

#: Of each tag, the type that the form has, and the decoder.
DECODERS: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "bytearray": (str, lambda form: bytearray(_decode_bytes(form))),
    "bytes": (str, _decode_bytes),
    "complex": (list, _decode_complex),
    "date": (str, _decode_date),
    "datetime": (dict, decode_datetime),
    "decimal": (str, Decimal),
    "float": (str, _decode_float),
    "posixpath": (str, PosixPath),
    "pureposixpath": (str, PurePosixPath),
    "purewindowspath": (str, PureWindowsPath),
    "range": (list, _decode_range),
    "str": (str, _decode_surrogates),
    "time": (dict, decode_time),
    "timedelta": (list, _decode_timedelta),
    "uuid": (str, UUID),
    "windowspath": (str, WindowsPath),
}
