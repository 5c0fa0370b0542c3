"""How far something has got, shown while it lasts."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from importlib.util import find_spec
from typing import TypeVar

T = TypeVar("T")


def with_progress(items: Iterable[T], what: str, *, expected: int) -> Generator[T, None, None]:
    """Give items, and show on standard error how many there were, if that is a terminal, by rich.

    Whoever stops before the last closes it.

    Args:
        items: The items.
        what: What is done with them, such as ``Reading letters``.
        expected: How many there are, as far as that is known.
    """
    if not (sys.stderr.isatty() and find_spec("rich")):
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(what, total=expected)
        for done, item in enumerate(items, 1):
            yield item
            progress.update(bar, completed=done, total=max(expected, done))
