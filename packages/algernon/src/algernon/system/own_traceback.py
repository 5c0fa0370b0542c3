"""The traceback of a worker's own code, without what imported it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException

from .distributions import PACKAGES


def own_traceback(error: BaseException) -> str:
    """Return the traceback of an error that a worker's module raised while it was imported.

    It begins with the module, and has the frames of what that calls, but neither those of Python's
    import system nor of Algernon.

    Example:
        >>> print(own_traceback(ValueError("no price")))
        ValueError: no price
    """
    described = TracebackException.from_exception(error)
    for each in _chain(described):
        frames = [frame for frame in each.stack if _is_own(frame)]
        # None where there would be a heading with nothing below, such as of a module that isn't
        # Python: what is said of it names its file and line.
        each.stack = StackSummary.from_list(frames) if frames else None  # type: ignore[assignment]
    return "".join(described.format()).removesuffix("\n")


def _chain(error: TracebackException) -> Iterator[TracebackException]:
    """Give an error, and all that led to it or that it is made of."""
    left: list[TracebackException | None] = [error]
    seen: set[int] = set()
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        left += [each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ())]


def _is_own(frame: FrameSummary) -> bool:
    return not frame.filename.startswith(("<frozen importlib", *_folders_of_others()))


def _folders_of_others() -> tuple[str, ...]:
    """Return the folders of Python's import system and of Algernon, wherever that was loaded."""
    modules = [importlib, *(sys.modules[name] for name in PACKAGES if name in sys.modules)]
    return tuple(f"{Path(module.__file__).parent}/" for module in modules if module.__file__)
