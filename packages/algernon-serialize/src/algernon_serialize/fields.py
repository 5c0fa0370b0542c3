"""Dataclasses as mappings of their fields, and back.

The module `dataclasses` is slow to import, and a class that is a dataclass has
imported it already; so nothing here imports it before there is such a class.
"""

from __future__ import annotations

from functools import cache

from .errors import UnserializableError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    T = TypeVar("T")


def is_dataclass_itself(cls: type) -> bool:
    """Tell whether a class is a dataclass, and not merely the child of one."""
    return "__dataclass_fields__" in cls.__dict__


def values_of_fields(obj: object) -> dict[str, Any]:
    """Return the values of a dataclass object's fields.

    Raises:
        UnserializableError: A field has none.
    """
    cls: Any = type(obj)
    try:
        return {name: getattr(obj, name) for name, _ in _fields(cls)}
    except AttributeError as error:
        raise UnserializableError(f"a field of this object has no value: {error}") from error


def make_from_fields(cls: Callable[..., T], values: Mapping[str, Any]) -> T:
    """Return a dataclass object with these values in its fields.

    Raises:
        TypeError: A field without a default has no value, or a value no field.
    """
    fields = _fields(cls)
    sent_names = set(values)
    unknown = sent_names - {name for name, _ in fields}
    if unknown:
        names = shown(", ".join(sorted(map(str, unknown))))
        raise TypeError(
            f"{cls.__qualname__} has no field {names}: if it had"
            " once, define upgrade to take it out"
        )
    sent = [(name, in_init) for name, in_init in fields if name in sent_names]
    obj = cls(**{name: values[name] for name, in_init in sent if in_init})
    for name, _ in sent:
        # Past frozen=True, and past what __post_init__ may have made of the value.
        object.__setattr__(obj, name, values[name])
    return obj


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
