"""The classes whose objects may be rebuilt from a text.

A class gets in by being defined as an AlgObject or by being registered, and in
no other way: reading a text looks names up here, so it can neither import a
module nor reach any other callable.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable, Iterable
    from typing import Any


class Registration:
    """A class, the name it has in a text, and the way there and back.

    Args:
        cls: The class.
        given_name: The name it is given, as ``"module:Class"``, or None for that of
            its definition.
        encode: Turns an object of the class into a value that can be written.
        decode: Turns that value, rebuilt, into an object.
        qualname: That of its definition, if the class hasn't got it yet.

    Attributes:
        module: The first part of its name.
        name: The second part: of a class within another, without a given name, ``Order.Status``.

    Raises:
        ValueError: The given name hasn't the form ``"module:Class"``.
    """

    __slots__ = ("cls", "decode", "encode", "is_named", "module", "name", "qualname")

    def __init__(
        self,
        cls: type,
        given_name: str | None,
        encode: Callable[[Any], Any],
        decode: Callable[[Any], Any],
        qualname: str | None = None,
    ) -> None:
        self.cls = cls
        self.qualname = qualname or cls.__qualname__
        self.is_named = given_name is not None
        self.module, self.name = (
            (cls.__module__, self.qualname) if given_name is None else split_name(given_name)
        )
        self.encode = encode
        self.decode = decode


#: What is registered for a class itself, whatever its parents are.
by_class: dict[type, Registration] = {}
#: What answers to a name in a text: its module and its class.
by_name: dict[tuple[str, str], Registration] = {}
#: Classes that lost their name to another, and the name.
superseded: dict[type, str] = {}

# The newest class of each definition.
_defined: dict[str, type] = {}
# Before version 1.2, a class within another or in a function was written without those.
_by_last_name: dict[tuple[str, str], list[Registration]] = {}


def register(registration: Registration, older_names: Iterable[str] = ()) -> None:
    """Let objects of a class be written under its name, and rebuilt under older ones too.

    The newest definition of a class has its name, since reloading a module, or calling
    a function again, defines its classes again. The other can't be written any more: it
    would come back as the one that has its name now.

    Raises:
        ValueError: An older name hasn't the form ``"module:Class"``, or a name is that of
            another class.
    """
    own_name = (registration.module, registration.name)
    names = [own_name, *map(split_name, older_names)]
    if not _is_defined_again(registration):
        for name in names:
            _check_that_it_is_free(name, registration)
    for name in names:
        previous = by_name.get(name)
        if previous is not None and _is_named(previous, name):
            del by_class[previous.cls]
            superseded[previous.cls] = ":".join(name)
        by_name[name] = registration
    by_class[registration.cls] = registration
    _defined[_definition(registration)] = registration.cls
    superseded.pop(registration.cls, None)
    last_name = registration.cls.__name__
    if not registration.is_named and last_name != registration.name:
        others = _by_last_name.get((registration.module, last_name), [])
        alike = [one for one in others if _are_told_apart(one, registration)]
        _by_last_name[registration.module, last_name] = [*alike, registration]


def find(module: str, name: str) -> Registration:
    """Return what is registered under a name in a text.

    Raises:
        LookupError: Nothing is, or an old name may mean several classes; it says so.
    """
    registration = by_name.get((module, name))
    if registration is not None:
        return registration
    candidates = _by_last_name.get((module, name), [])
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        *others, last = sorted(one.name for one in candidates)
        raise LookupError(
            f"may be {', '.join(others)} or {last}, since this text is older than the names that"
            " tell them apart: name the one that is meant so, by wire_name= or older_names=, or"
            " by name= of ajson.register"
        )
    raise LookupError(
        "is no class that is registered here: import the module that defines or registers it"
        " before the text is read, or hand the message on unread"
    )


def _is_defined_again(registration: Registration) -> bool:
    """Tell whether a class is one that there was before, as when its module is reloaded.

    Then those that have its names may be what its neighbours were before.
    """
    return _defined.get(_definition(registration), registration.cls) is not registration.cls


def _check_that_it_is_free(name: tuple[str, str], registration: Registration) -> None:
    previous = by_name.get(name)
    # What was registered under another name since has left this one.
    if previous is None or by_class.get(previous.cls) is not previous:
        return
    if _are_told_apart(previous, registration):
        raise ValueError(
            f"{':'.join(name)} is the name of {_definition(previous)}, as which a text of"
            f" {_definition(registration)} would come back: give one of them another name"
        )


def _are_told_apart(one: Registration, other: Registration) -> bool:
    """Tell whether two classes are there at one time, and not one of them in the other's place."""
    scope, _, own_name = one.qualname.rpartition("<locals>.")
    other_scope, _, other_name = other.qualname.rpartition("<locals>.")
    if own_name == other_name:
        return False
    are_in_one_module = one.cls.__module__ == other.cls.__module__
    return scope == other_scope and (scope == "" or are_in_one_module)


def _definition(registration: Registration) -> str:
    return f"{registration.cls.__module__}.{registration.qualname}"


def _is_named(registration: Registration, name: tuple[str, str]) -> bool:
    is_current = by_class.get(registration.cls) is registration
    return is_current and (registration.module, registration.name) == name


def split_name(name: str) -> tuple[str, str]:
    """Return the module and the class of a name in the form ``"module:Class"``.

    Raises:
        ValueError: It hasn't that form.
    """
    module, colon, cls = name.partition(":")
    if not (module and colon and cls):
        raise ValueError(
            f"{name!r} hasn't the form 'module:Class', by both of which a text names an object"
        )
    return module, cls
