"""Asking AWS for many things at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

R = TypeVar("R")

# No more than a boto3 client has connections for.
_THREADS = 10


def at_once(function: Callable[..., R], *items: Iterable[Any]) -> Iterator[R]:
    """Give what a function returns for each item, in order, as `map` does, but called by threads.

    Nothing is called before the first is asked for, and the first error ends it.

    Args:
        function: What is called. It spends its time waiting for AWS.
        items: Its arguments by position, an iterable of each.

    Example:
        >>> [*at_once(len, ["a", "bcd"])]
        [1, 3]
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(function, *items)
