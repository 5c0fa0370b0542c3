"""Values as a line shows them: plain JSON, readable, without credentials."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from math import isfinite

from .credentials import MASK, is_hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_MOST_DEPTH = 20
# Parts of one value: a few lists in lists can stand for more than there are atoms.
_MOST_PARTS = 10_000
# Python refuses to write an int of more than some hundreds of digits in decimal, if told so.
_LARGE = 1 << 1024

_PLAIN = frozenset({str, bool, type(None)})
_looks_like_a_credential: dict[str, bool] = {}
_MOST_NAMES = 1000

#: The name of a class, whatever its metaclass says.
name_of_class: Callable[[type], str] = type.__dict__["__name__"].__get__


def plain(value: object) -> object:
    """Return what stands for a value in a line: plain JSON of a readable form.

    Times, numbers and identifiers are written as text in their usual notation,
    collections as lists, bytes in hexadecimal, AlgObjects, dataclasses and named
    tuples as their attributes, and what is none of these by its `repr`. Nothing is
    raised, whatever the value does.
    """
    return value if _is_plain(value) else _Plainer().plain(value)


def name_of(key: object) -> str:
    """Return what a key is called in a JSON object."""
    return _Plainer().name_of(key)


def _is_plain(value: Any) -> bool:
    kind = type(value)
    return kind in _PLAIN or (kind is int and -_LARGE < value < _LARGE)


class _Plainer:
    """Makes one value plain, in an end that comes, however large it is."""

    __slots__ = ("_around", "_left")

    def __init__(self) -> None:
        self._left = _MOST_PARTS
        self._around: list[int] = []

    def plain(self, value: object) -> object:
        """Return what stands for the value, or for a part of it."""
        self._left -= 1
        if _is_plain(value):
            return value
        if id(value) in self._around:
            return f"<a {name_of_class(type(value))} that contains itself>"
        if len(self._around) == _MOST_DEPTH:
            return f"<a {name_of_class(type(value))} that is nested too deep>"
        self._around.append(id(value))
        try:
            return self._form(value, type(value))
        except Exception:  # noqa: BLE001 - a line is written, whatever a value does when it is looked at
            return f"<a {name_of_class(type(value))} that can't be shown>"
        finally:
            self._around.pop()

    def name_of(self, key: object) -> str:
        """Return what a key is called."""
        form = self.plain(key)
        if isinstance(form, str):
            return str.__str__(form)
        return json.dumps(form, ensure_ascii=False, separators=(",", ":"))

    def _form(self, value: Any, kind: type) -> object:
        # By their types' own methods, whatever a subclass makes of them.
        if issubclass(kind, int):
            number = int.__int__(value)
            return number if _is_plain(number) else hex(number)
        if issubclass(kind, str):
            return str.__str__(value)
        if issubclass(kind, float):
            real = float.__float__(value)
            return real if isfinite(real) else repr(real)
        if issubclass(kind, dict):
            return self._members(value.items())
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return self._members(zip(kind._fields, value, strict=False))
        if issubclass(kind, (list, tuple, set, frozenset)):
            return self._items(value)
        if issubclass(kind, (bytes, bytearray, memoryview)):
            return memoryview(value).hex()
        return self._form_by_name(value, kind)

    def _form_by_name(self, value: Any, kind: type) -> object:
        # By names, since importing the modules that these are in takes longer than this package.
        kinds = {f"{each.__module__}.{each.__qualname__}" for each in kind.__mro__}
        if "enum.Enum" in kinds:
            return self.plain(value.value)
        if kinds & _ISO_8601:
            return str(value.isoformat())
        if kinds & _BY_STR:
            return str(value)
        if "collections.deque" in kinds:
            return self._items(value)
        # What is written of stored data would store it.
        if any(name.startswith("algernon_storage.") for name in kinds):
            return repr(value)
        if "algernon_serialize.alg_object.AlgObject" in kinds:
            return self._members(dict(value.to_json()).items())
        if hasattr(kind, "__dataclass_fields__") and kind.__dataclass_params__.repr:  # type: ignore[attr-defined]
            fields = sys.modules["dataclasses"].fields(value)
            return self._members((f.name, getattr(value, f.name)) for f in fields if f.repr)
        if issubclass(kind, Mapping):
            return self._members(value.items())
        return repr(value)

    def _members(self, pairs: Iterable[tuple[object, object]]) -> dict[str, object]:
        members: dict[str, object] = {}
        for key, value in pairs:
            if self._left <= 0:
                members["…"] = "<and more>"
                break
            name = key if type(key) is str else self.name_of(key)
            hidden = is_hidden(name, value)
            while name in members:  # as 1 and "1" are the same name
                name += f"_{len(members)}"
            members[name] = MASK if hidden else self.plain(value)
        return members

    def _items(self, values: Iterable[object]) -> list[object]:
        items: list[object] = []
        for value in values:
            if self._left <= 0:
                items.append("<and more>")
                break
            items.append(self.plain(value))
        return items


_ISO_8601 = frozenset({"datetime.date", "datetime.datetime", "datetime.time"})
_BY_STR = frozenset(
    {
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "ipaddress._IPAddressBase",
        "pathlib.PurePath",
        "pathlib._local.PurePath",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
    }
)
