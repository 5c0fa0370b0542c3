"""What an object holds: its attributes, and what it holds besides as a built-in type's."""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from types import FunctionType, MemberDescriptorType

from .fields import is_dataclass_itself

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable, Iterator
    from typing import Any

_POINTER = tuple.__itemsize__
# Slots by which an object has a __dict__ and can be referred to weakly.
_OF_PYTHON = frozenset({"__dict__", "__weakref__"})


def attributes_of(obj: object) -> dict[str, Any]:
    """Return an object's attributes, which aren't to be changed, by their names.

    It may keep them in a dict, in slots or in both. What a `cached_property` keeps there
    is none of them: it would be there or not by what was looked at before.
    """
    cls: Any = type(obj)
    return reader_of_attributes(cls)(obj)


@cache
def reader_of_attributes(cls: Any) -> Callable[[Any], dict[str, Any]]:
    """Return what `attributes_of` does for objects of a class, in the shortest way."""
    has_dict = cls.__dictoffset__ != 0
    left_out = frozenset(_names_left_out(cls))
    slots = tuple(_slots(cls))
    if has_dict and not left_out and not slots:
        return attrgetter("__dict__")

    def read(obj: Any) -> dict[str, Any]:
        attributes = dict(obj.__dict__) if has_dict else {}
        for name in left_out:
            attributes.pop(name, None)
        for name, value_of in slots:
            try:
                attributes[name] = value_of(obj)
            except AttributeError:  # nothing was put into this slot
                continue
        return attributes

    return read


def built_in_contents(cls: type) -> type | None:
    """Return the built-in type whose contents objects of a class have besides attributes.

    Contents of an exception are what its `__init__` was given, where that isn't the class's own.
    """
    base = _built_in_base(cls)
    if base is not None and issubclass(base, BaseException):
        is_made_by_itself = is_dataclass_itself(cls) or isinstance(cls.__init__, FunctionType)  # type: ignore[misc]
        return None if is_made_by_itself else base
    return base


@cache
def _built_in_base(cls: Any) -> type | None:
    for base in cls.__mro__:
        if base is object:
            break
        # Only what isn't written in Python has room for more than its slots.
        parent = base.__base__
        slots = len(_own_slots(base))
        slots += base.__weakrefoffset__ != parent.__weakrefoffset__
        slots += base.__dictoffset__ > 0 and parent.__dictoffset__ == 0
        room = base.__basicsize__ - parent.__basicsize__
        if base.__itemsize__ != parent.__itemsize__ or room > slots * _POINTER:
            return base  # type: ignore[no-any-return]
    return None


def _names_left_out(cls: type) -> Iterator[str]:
    for owner in cls.__mro__:
        for name, attribute in vars(owner).items():
            # Those of the standard library, Django, Werkzeug and others are all called so.
            if any(base.__name__ == "cached_property" for base in type(attribute).__mro__):
                yield name
    if hasattr(cls, "__class_getitem__"):
        yield "__orig_class__"  # what Box[int](5) is noted to have been made as


def _slots(cls: type) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    # A slot hides those of the same name in the parents, as any attribute does.
    for owner in reversed(cls.__mro__):
        for name in _own_slots(owner):
            slot = vars(owner).get(name)
            # Past __getattr__, which would give a value to a slot that has none.
            is_there = type(slot) is MemberDescriptorType
            yield name, slot.__get__ if is_there else attrgetter(name)  # type: ignore[union-attr]


def _own_slots(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    if isinstance(slots, str):
        slots = (slots,)
    elif not hasattr(slots, "__len__"):  # an iterator, which was used up when the class was made
        return tuple(_descriptors(cls))
    return tuple(_mangled(cls, slot) for slot in slots if slot not in _OF_PYTHON)


def _descriptors(cls: type) -> Iterator[str]:
    for name, attribute in vars(cls).items():
        if type(attribute) is MemberDescriptorType:
            yield name


def _mangled(cls: type, slot: str) -> str:
    # A slot named __x is stored under the class's private name, as any other attribute is.
    owner = cls.__name__.lstrip("_")
    if owner and slot.startswith("__") and not slot.endswith("__"):
        return f"_{owner}{slot}"
    return slot
