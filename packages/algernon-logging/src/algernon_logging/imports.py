"""Hearing of a module's import, without importing it."""

from __future__ import annotations

import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_awaited: set[str] = set()


def when_imported(name: str, then: Callable[[], None]) -> None:
    """Call a function as soon as a module was imported; once, however often this is asked for.

    wrapt does so too, but takes longer to import than the rest of this package.
    """
    if name not in _awaited:
        _awaited.add(name)
        sys.meta_path.insert(0, _Arrival(name, then))


class _Arrival:
    """A finder of modules that waits for one, and has the others find it."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name = name
        self._then = then

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> Any:
        """Return the spec of the module that is waited for, and wait no more."""
        if name != self._name:
            return None
        with suppress(ValueError):
            sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            _tell_of(spec.loader, self._then)
        return spec


def _tell_of(loader: Any, then: Callable[[], None]) -> None:
    execute = loader.exec_module

    def exec_module(module: Any) -> None:
        # A loader of a zip file goes on to load other modules.
        del loader.exec_module
        execute(module)
        then()

    loader.exec_module = exec_module
