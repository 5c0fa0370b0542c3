"""The classes whose objects may be rebuilt from a text.

A class gets in by being defined, and in no other way: reading a text looks
names up here, so it can neither import a module nor reach any other callable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .alg_object import AlgObject

#: (module, class) as they are written in a tag.
WireName = tuple[str, str]

_classes: dict[WireName, type[AlgObject]] = {}
_wire_names: dict[type[AlgObject], WireName] = {}


def register(cls: type[AlgObject], wire_name: WireName) -> None:
    """Let objects of a class be written and rebuilt under a name.

    The newest class of a name wins, since reloading a module defines its
    classes again; `is_current` tells the others that they lost theirs.
    """
    _classes[wire_name] = cls
    _wire_names[cls] = wire_name


def find_class(wire_name: WireName) -> type[AlgObject] | None:
    """Return the class that answers to a name, or None."""
    return _classes.get(wire_name)


def wire_name_of(cls: type[AlgObject]) -> WireName:
    """Return the name under which a class's objects are written."""
    return _wire_names[cls]


def is_current(cls: type[AlgObject]) -> bool:
    """Tell whether a text that names this class would be rebuilt as this class."""
    return _classes.get(_wire_names[cls]) is cls
