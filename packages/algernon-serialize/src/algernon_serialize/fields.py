"""Dataclasses as mappings of their fields, and back.

The module `dataclasses` is slow to import, and a class that is a dataclass has
imported it already; so nothing here imports it before there is such a class.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from functools import cache
from types import MemberDescriptorType

from .errors import RebuildError, UnserializableError, shown

_CHANGEABLE = frozenset({list, dict, set, bytearray, deque, OrderedDict})

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Container, Iterable, Mapping
    from typing import Any, TypeVar

    T = TypeVar("T")


def is_dataclass_itself(cls: type) -> bool:
    """Tell whether a class is a dataclass, and not merely the child of one."""
    return "__dataclass_fields__" in cls.__dict__


def field_names(cls: type) -> list[str]:
    """Return the names of a dataclass's fields, in their order."""
    return [name for name, _ in _fields(cls)]


def values_of_fields(obj: object) -> dict[str, Any]:
    """Return the values of a dataclass object's fields.

    Raises:
        UnserializableError: A field has none, or wouldn't have it again in an object that
            is made of them.
    """
    cls: Any = type(obj)
    try:
        values = {name: getattr(obj, name) for name, _ in _fields(cls)}
    except AttributeError as error:
        raise UnserializableError(f"a field of this object has no value: {error}") from error
    if _computes_fields(cls):
        _check_that_they_come_back(cls, values)
    return values


def make_from_fields(cls: type[T], values: Mapping[str, Any]) -> T:
    """Return a dataclass object with these values in its fields.

    Raises:
        RebuildError: A value is of no field.
        TypeError: A field without a default has no value.
    """
    fields = _fields(cls)  # type: ignore[arg-type]
    sent_names = set(values)
    refuse_unknown(cls, values, {name for name, _ in fields}, "define upgrade to take it out")
    sent = [(name, in_init) for name, in_init in fields if name in sent_names]
    copies = _copies(values)
    obj = cls(**{name: values[name] for name, in_init in sent if in_init})
    for name, _ in sent:
        value = values[name]
        if name in copies and copies[name] != value:
            value = copies[name]
        # Past frozen=True, and past what __post_init__ may have made of it, or in it.
        object.__setattr__(obj, name, value)
    return obj


def refuse_unknown(cls: type, values: Iterable[str], known: Container[str], way_out: str) -> None:
    """Refuse values that are of no field of a class.

    Args:
        cls: The class.
        values: What was sent, by names.
        known: The names of the fields.
        way_out: What to do if it had such a field once.

    Raises:
        RebuildError: There is such a value.
    """
    unknown = sorted(str(name) for name in values if name not in known)
    if unknown:
        names = shown(", ".join(unknown))
        problem = f"{cls.__qualname__} has no field {names}: if it had once, {way_out}"
        raise RebuildError(problem, cls)


def computes_any(cls: Any, names: Iterable[str]) -> bool:
    """Tell whether what is read from an attribute may be another value than was put there."""
    if cls.__getattribute__ is not object.__getattribute__:
        return True
    return any(
        hasattr(type(attribute), "__set__") and type(attribute) is not MemberDescriptorType
        for name in names
        for attribute in [_attribute(cls, name)]
    )


def missing_parameters(cls: type) -> list[str]:
    """Return what a dataclass's __init__ wants besides its fields."""
    from inspect import Parameter, signature

    known = {name for name, in_init in _fields(cls) if in_init}
    return [
        parameter.name
        for parameter in signature(cls).parameters.values()
        if parameter.default is Parameter.empty
        and parameter.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        and parameter.name not in known
    ]


@cache
def _fields(cls: type) -> tuple[tuple[str, bool], ...]:
    from dataclasses import fields

    return tuple((field.name, field.init) for field in fields(cls))


@cache
def _computes_fields(cls: Any) -> bool:
    return computes_any(cls, field_names(cls))


def _check_that_they_come_back(cls: Any, values: dict[str, Any]) -> None:
    try:
        again = make_from_fields(cls, {**values, **_copies(values)})
        is_same = {name: getattr(again, name) for name in values} == values
    except Exception as error:
        raise UnserializableError(f"{_made_again(cls)} raises {error!r:.200}") from error
    if not is_same:
        raise UnserializableError(f"{_made_again(cls)} has others")


def _made_again(cls: Any) -> str:
    return (
        f"{cls.__qualname__} computes some of its fields, and made again of the fields of this one"
        " it"
    )


def _copies(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return copies of those values that can be changed in place."""
    return {name: value.copy() for name, value in values.items() if type(value) in _CHANGEABLE}


def _attribute(cls: type, name: str) -> Any:
    return next((vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)), None)
