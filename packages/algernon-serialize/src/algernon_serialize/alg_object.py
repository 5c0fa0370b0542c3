"""The base class of objects that travel."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Self

from .registry import register


class AlgObject:
    """An object that `ajson` can send, and rebuild where its class is imported.

    A subclass writes one class method, `parse_json`, which makes an object from
    a mapping of attributes; everything else is inherited. Two AlgObjects are
    equal when they are of the same class and have equal attributes.

    Args (class keywords):
        wire_name: The name in the text, as ``"module:Class"``. Without it a
            class is written under the module and name it is defined with.

    Example:
        >>> class Credentials(AlgObject):
        ...     def __init__(self, username, password):
        ...         self._username = username
        ...         self._password = password
        ...
        ...     @classmethod
        ...     def parse_json(cls, json_dict):
        ...         return cls(json_dict["username"], json_dict["password"])
        >>> from algernon_serialize import ajson
        >>> ajson.loads(ajson.dumps(Credentials("ada", "s3cret"))) == Credentials("ada", "s3cret")
        True
    """

    __slots__ = ()

    def __init_subclass__(cls, *, wire_name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # The first published documentation shows parse_json without @classmethod.
        parse_json = cls.__dict__.get("parse_json")
        if inspect.isfunction(parse_json):
            cls.parse_json = classmethod(parse_json)  # type: ignore[assignment, method-assign]
        register(cls, _split_wire_name(cls, wire_name))

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Self:
        """Make an object from the attributes that were sent.

        Args:
            json_dict: Attribute names and their rebuilt values. An attribute
                ``_name`` can be looked up as ``"name"`` too, and the other way
                round. A name that is in neither spelling raises KeyError.

        Raises:
            NotImplementedError: The class doesn't define this method.
        """
        raise NotImplementedError(
            f"{cls.__qualname__} has no parse_json: define it as a class method that makes"
            " an object from a mapping of attributes"
        )

    def to_json(self) -> Mapping[str, Any]:
        """Return the attributes that are sent; override it to send something else."""
        return attributes_of(self)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return attributes_of(self) == attributes_of(other)

    def __hash__(self) -> int:
        return hash((type(self), frozenset(attributes_of(self).items())))


def attributes_of(obj: object) -> dict[str, Any]:
    """Return an object's attributes, whether it keeps them in a dict, in slots or in both."""
    attributes = dict(getattr(obj, "__dict__", ()))
    for cls in type(obj).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = _mangle(cls, slot)
            if slot not in ("__dict__", "__weakref__") and hasattr(obj, name):
                attributes[name] = getattr(obj, name)
    return attributes


def has_parse_json(cls: type[AlgObject]) -> bool:
    """Tell whether a class, or one that it inherits from, can rebuild its objects."""
    return getattr(cls.parse_json, "__func__", None) is not AlgObject.parse_json.__func__  # type: ignore[attr-defined]


class Attributes(dict[str, Any]):
    """The attributes for parse_json, each under its name with and without a leading underscore."""

    def __missing__(self, name: str) -> Any:
        other = _other_spelling(name)
        if other is not None and dict.__contains__(self, other):
            return dict.__getitem__(self, other)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or dict.__contains__(self, _other_spelling(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or the default where there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def pop(self, name: str, *default: Any) -> Any:
        """Take an attribute out, as `dict.pop` does."""
        other = _other_spelling(name)
        if not dict.__contains__(self, name) and other is not None and other in self:
            name = other
        return super().pop(name, *default)


def _other_spelling(name: object) -> str | None:
    if not isinstance(name, str):
        return None
    return name[1:] if name.startswith("_") else f"_{name}"


def _mangle(cls: type, slot: str) -> str:
    # A slot named __x is stored under the class's private name, as any other attribute is.
    if slot.startswith("__") and not slot.endswith("__"):
        return f"_{cls.__name__.lstrip('_')}{slot}"
    return slot


def _split_wire_name(cls: type, wire_name: str | None) -> tuple[str, str]:
    if wire_name is None:
        return cls.__module__, cls.__name__
    module, colon, name = wire_name.partition(":")
    if not (module and colon and name):
        raise ValueError(
            f"wire_name of {cls.__qualname__} is {wire_name!r}, but has the form 'module:Class',"
            " since a text names an object by both"
        )
    return module, name
