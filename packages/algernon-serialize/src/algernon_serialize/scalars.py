"""Values without parts: how each type is written under its tag, and read again.

A pair of functions a type. The one turns a value into its form, which is plain
JSON of a certain type; the other turns a form of that type into a value, or
raises NotImplementedError, TypeError or ValueError where it isn't what the first one
writes. The errors don't quote the form, which may be what nobody should read in a log.
"""

from __future__ import annotations

import binascii
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module

from .datetimes import decode_datetime, decode_time, encode_datetime, encode_time
from .errors import kind_name
from .surrogates import decode_surrogates, encode_surrogates

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable
    from typing import Any


def expect(kind: type, form: Any) -> Any:
    """Return a form that is of a type, and no subclass of it.

    Raises:
        TypeError: It is of another.
    """
    if type(form) is not kind:
        raise TypeError(f"its value is {kind_name(kind)}, not {kind_name(type(form))}")
    return form


def _encode_name(value: object) -> str:
    name = str(value)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise TypeError(
            f"the {type(value).__name__} has a part that isn't UTF-8: send its bytes (os.fsencode)"
        ) from error
    return name


def _encode_path(value: object) -> str:
    name = _encode_name(value)
    # Python 3.11 writes PureWindowsPath("./c:a") as a path on the drive C.
    if type(value)(name) != value:  # type: ignore[call-arg]
        raise TypeError(f"the {type(value).__name__} is another path when it is made of its text")
    return name


def _encode_bytes(value: bytes | bytearray) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def _decode_bytes(form: str) -> bytes:
    return binascii.a2b_base64(form, strict_mode=True)


def _decode_float(form: str) -> float:
    if form not in ("nan", "inf", "-inf"):
        raise ValueError("it isn't 'nan', 'inf' or '-inf'")
    return float(form)


def _encode_decimal(value: Decimal) -> str:
    # Whether the exponent's E is a capital depends on the context.
    return str(value).replace("e", "E")


def _decode_decimal(form: str) -> Decimal:
    try:
        value = Decimal(form)
    except ArithmeticError:
        raise ValueError("it isn't how a Decimal is written") from None
    # Most are told without a call of Python.
    if str(value) != form and _encode_decimal(value) != form.replace("e", "E"):
        raise ValueError("it isn't how a Decimal is written")
    return value


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
    form = [value.start, value.stop, value.step]
    try:
        # Python refuses to write an int of very many digits (sys.set_int_max_str_digits).
        str(form)
    except ValueError as error:
        raise TypeError("a bound of the range has more digits than Python writes") from error
    return form


def _decode_range(form: list[Any]) -> range:
    start, stop, step = (expect(int, part) for part in form)
    return range(start, stop, step)


#: The tag and the encoder of each type.
ENCODERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    Decimal: ("decimal", _encode_decimal),
    bytearray: ("bytearray", _encode_bytes),
    bytes: ("bytes", _encode_bytes),
    complex: ("complex", _encode_complex),
    date: ("date", date.isoformat),
    datetime: ("datetime", encode_datetime),
    range: ("range", _encode_range),
    time: ("time", encode_time),
    timedelta: ("timedelta", _encode_timedelta),
}


def _strictly(
    kind: type, encode: Callable[[Any], Any], decode: Callable[[Any], Any]
) -> tuple[type, Callable[[Any], Any]]:
    """Return the type of a form, and a decoder that reads what the encoder writes and no more."""

    def read(form: Any) -> Any:
        try:
            value = decode(form)
            written = encode(value)
        except (ArithmeticError, TypeError, ValueError):
            # Its text may quote the value.
            written = None
        if written != form:
            raise ValueError("its form is none that is written for such a value")
        return value

    return kind, read


#: Of each tag, the type that the form has, and the decoder.
DECODERS: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "bytearray": _strictly(str, _encode_bytes, lambda form: bytearray(_decode_bytes(form))),
    "bytes": _strictly(str, _encode_bytes, _decode_bytes),
    "complex": _strictly(list, _encode_complex, _decode_complex),
    "date": _strictly(str, date.isoformat, date.fromisoformat),
    "datetime": (dict, decode_datetime),
    "decimal": (str, _decode_decimal),
    "float": (str, _decode_float),
    "range": _strictly(list, _encode_range, _decode_range),
    "str": _strictly(str, encode_surrogates, decode_surrogates),
    "time": (dict, decode_time),
    "timedelta": _strictly(list, _encode_timedelta, _decode_timedelta),
}

# Of the standard library too, but slow to import. A tag and the class of its values.
_LATE = {
    "posixpath": ("pathlib", "PosixPath"),
    "pureposixpath": ("pathlib", "PurePosixPath"),
    "purewindowspath": ("pathlib", "PureWindowsPath"),
    "uuid": ("uuid", "UUID"),
    "windowspath": ("pathlib", "WindowsPath"),
}


def is_tag(name: object) -> bool:
    """Tell whether a tag of this name has a value without parts."""
    return type(name) is str and (name in DECODERS or name in _LATE)


def late_encoder(kind: type) -> tuple[str, Callable[[Any], Any]] | None:
    """Return the tag and the encoder of a type whose module isn't imported from the start."""
    for tag, (module, name) in _LATE.items():
        loaded = sys.modules.get(module)
        if loaded is not None and getattr(loaded, name) is kind:
            ENCODERS[kind] = (tag, _encode_name if tag == "uuid" else _encode_path)
            return ENCODERS[kind]
    return None


def late_decoder(tag: object) -> tuple[type, Callable[[Any], Any]] | None:
    """Return what `DECODERS` doesn't have, since its module isn't imported from the start."""
    if not isinstance(tag, str) or tag not in _LATE:
        return None
    module, name = _LATE[tag]
    return _strictly(str, _encode_name, getattr(import_module(module), name))
