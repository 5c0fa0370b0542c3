"""Values as a line shows them: plain JSON, readable, without credentials."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from math import isfinite

from .credentials import MASK, is_hidden, is_text_hidden
from .urls import without_credentials

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
# A parameter, tag or header, as an object: what it is called, and what it holds.
_CALLED = ("name", "Name", "NAME", "key", "Key", "KEY", "ParameterKey")
_HOLDS = ("value", "Value", "VALUE", "ParameterValue")

#: The name of a class, whatever its metaclass says.
name_of_class: Callable[[type], str] = type.__dict__["__name__"].__get__


def plain(value: object) -> object:
    """Return what stands for a value in a line: plain JSON of a readable form.

    Times, numbers and identifiers are written as text in their usual notation,
    collections as lists, bytes in hexadecimal, AlgObjects, dataclasses, named tuples
    and namespaces, and objects of attrs and pydantic as their attributes, and what is
    none of these by its `repr`. What looks like a credential is masked: by its key or
    attribute, by the first of two items, by the ``name`` beside a ``value``, and where it
    stands in a URL. Nothing is raised, whatever the value does.
    """
    if type(value) is str:
        return without_credentials(value)
    return value if _is_plain(value) else _Plainer().plain(value)


def name_of(key: object) -> str:
    """Return what a key is called in a JSON object."""
    return _Plainer().name_of(key)


def shortened(text: str, most: int) -> str:
    """Return a text, or the beginning of it, with how many characters follow."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… <{len(text) - most:,} more characters>"


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
        if type(value) is str:
            return without_credentials(value)
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
        if issubclass(type(key), bytes):
            return _text_of(key)
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
            return without_credentials(str.__str__(value))
        if issubclass(kind, float):
            real = float.__float__(value)
            return real if isfinite(real) else repr(real)
        if issubclass(kind, dict):
            return self._members(value.items())
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            if kind.__module__ == "urllib.parse":
                return self.plain(value.geturl())
            return self._members(zip(kind._fields, value, strict=False))
        if issubclass(kind, (list, tuple)):
            return self._pair_or_items(value)
        if issubclass(kind, (set, frozenset)):
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
        if kinds & _COLLECTIONS:
            return self._items(value)
        if kinds & _NAMESPACES:
            return self._members(vars(value).items())
        # What is written of stored data would store it.
        if any(name.startswith("algernon_storage.") for name in kinds):
            return repr(value)
        if "algernon_serialize.alg_object.AlgObject" in kinds:
            return self._members(dict(value.to_json()).items())
        if hasattr(kind, "__dataclass_fields__") and kind.__dataclass_params__.repr:  # type: ignore[attr-defined]
            fields = sys.modules["dataclasses"].fields(value)
            return self._members((f.name, getattr(value, f.name)) for f in fields if f.repr)
        if hasattr(kind, "__attrs_attrs__"):
            return self._members(_attrs_of(value, kind))
        if kinds & _PYDANTIC:
            return self._members(value.__repr_args__())
        if issubclass(kind, Mapping):
            return self._members(value.items())
        return _without_attributes(without_credentials(repr(value)))

    def _members(self, pairs: Iterable[tuple[object, object]]) -> dict[str, object]:
        members: dict[str, object] = {}
        for key, value in pairs:
            if self._left <= 0:
                members["…"] = "<and more>"
                break
            name = key if type(key) is str else self.name_of(key)
            form = self.plain(value)
            if is_hidden(name, form):
                form = MASK
            name = without_credentials(name)
            while name in members:  # as 1 and "1" are the same name
                name += f"_{len(members)}"
            members[name] = form
        for holds in _HOLDS:
            if holds in members:
                self._mask_what_is_held(members, holds)
        return members

    def _mask_what_is_held(self, members: dict[str, object], holds: str) -> None:
        for called in _CALLED:
            name = members.get(called)
            if type(name) is str and is_hidden(name, members[holds]):
                members[holds] = MASK

    def _pair_or_items(self, values: Any) -> list[object]:
        items = self._items(values)
        if len(items) == 2:
            first = next(iter(values))
            name = _text_of(first) if issubclass(type(first), bytes) else items[0]
            if type(name) is str and is_hidden(name, items[1]):
                items[1] = MASK
        return items

    def _items(self, values: Iterable[object]) -> list[object]:
        items: list[object] = []
        for value in values:
            if self._left <= 0:
                items.append("<and more>")
                break
            items.append(self.plain(value))
        return items


def _attrs_of(value: Any, kind: Any) -> Iterable[tuple[str, object]]:
    for attribute in kind.__attrs_attrs__:
        if attribute.repr:
            held = getattr(value, attribute.name)
            yield attribute.name, attribute.repr(held) if callable(attribute.repr) else held


def _without_attributes(text: str) -> str:
    """Return what a class says of an object, without what it names like a credential."""
    return re.sub(_ATTRIBUTE, _masked, text)


def _masked(attribute: re.Match[str]) -> str:
    before, name, value = attribute.groups()
    if value in ("None", "True", "False") or not is_text_hidden(name, value):
        return attribute[0]
    return f"{before}{MASK}"


def _text_of(data: Any) -> str:
    return str(memoryview(data), "utf-8", "backslashreplace")


# As in ``Login(user='ada')``, and in ``{'user': 'ada'}``. It is compiled when it is first
# needed, since few lines show such objects, and every start would wait.
_ATTRIBUTE = (
    r"""(\b([A-Za-z_][\w-]{0,99})(?:=|['"]: ?))"""
    r"""([bru]?'(?:[^'\\]|\\.)*'|[bru]?"(?:[^"\\]|\\.)*"|[^\s,'")\]}>]+)"""
)
_PYDANTIC = frozenset({"pydantic.main.BaseModel", "pydantic.v1.main.BaseModel"})
_COLLECTIONS = frozenset(
    {
        "builtins.dict_items",
        "builtins.dict_keys",
        "builtins.dict_values",
        "collections.abc.MappingView",
        "collections.deque",
    }
)
_NAMESPACES = frozenset({"argparse.Namespace", "types.SimpleNamespace"})
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
