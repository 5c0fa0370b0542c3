"""Registering classes not before the first object is written or read.

To look for classes when a module is imported takes time in which a cold start waits, and
finds nothing of what stands further down in the module.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock, get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable, Iterable

#: What has yet to be asked for the classes that it finds.
put_off: list[Callable[[], Iterable[type]]] = []

_lock = allocate_lock()
_catching_up: list[int] = []


def register_later(find: Callable[[], Iterable[type]]) -> None:
    """Register classes, as ``ajson.register(cls)`` does, when an object is next written or read.

    A class that is registered by then stays as it is, and one that can't be registered by
    itself is left alone. Two that would have one name are both refused, by writer and reader,
    until one of them is registered under another; but a class that is defined again, as
    when its module is reloaded or a function called again, takes the place of the former.

    Args:
        find: Gives the classes: Enums, dataclasses, namedtuples, models of pydantic 2, attrs
            classes and Structs of msgspec. It is called once, and shouldn't raise.

    Example:
        >>> from dataclasses import dataclass
        >>> from algernon_serialize import ajson, register_later
        >>> @dataclass
        ... class Line:
        ...     sku: str
        >>> register_later(lambda: [Line])
        >>> ajson.loads(ajson.dumps(Line("A-1")))
        Line(sku='A-1')
    """
    put_off.append(find)


def catch_up() -> None:
    """Register what was put off, or wait until another thread has done so."""
    if get_ident() in _catching_up:
        return  # whoever finds classes writes or reads something itself
    with _lock:
        _catching_up.append(get_ident())
        try:
            while put_off:
                try:
                    for cls in put_off[0]():
                        _register(cls)
                finally:
                    # Not before: others take an empty list for a sign that all is there.
                    del put_off[0]
        finally:
            _catching_up.clear()


def _register(cls: type) -> None:
    from .registering import register
    from .registry import by_class, by_name, superseded

    if cls in by_class or cls in superseded:
        return
    previous = by_name.get((cls.__module__, cls.__qualname__))
    is_taken = previous is not None and by_class.get(previous.cls) is previous
    try:
        register(cls)
    except Exception:  # noqa: BLE001 - a class that can't be looked into is no other class's failure
        return  # whoever sends an object of it is told to register it, and then why that fails
    if is_taken and not _is_defined_again(cls):
        _refuse_both(cls)


def _is_defined_again(cls: type) -> bool:
    if "<locals>" in cls.__qualname__:
        return True
    found: object = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls


def _refuse_both(cls: type) -> None:
    """Let a class have the name of two, of which nobody could tell which one is meant."""
    from .errors import RebuildError
    from .registering import register

    name = f"{cls.__module__}:{cls.__qualname__}"

    def refuse(_: object) -> object:
        raise RebuildError(
            f"{name} is the name of two classes here, and nobody can tell which one is meant:"
            " register one of them under another name, ajson.register(cls, name=…), in"
            " sender and worker alike",
            cls,
        )

    stand_in = type(cls.__name__, (), {"__module__": cls.__module__})
    stand_in.__qualname__ = cls.__qualname__
    register(stand_in, encode=refuse, decode=refuse)


def _begin_anew() -> None:
    """Let go of what a thread of the parent process held when this process was forked."""
    global _lock  # noqa: PLW0603 - there is one for the process
    _lock = allocate_lock()
    _catching_up.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_anew)
