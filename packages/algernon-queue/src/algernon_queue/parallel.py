"""Doing the same to many things at once, where each may fail alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import TypeVar

# A batch of ten may fetch arguments and claim Tasks at once.
_THREADS = 20

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(function: Callable[[T], R], items: Iterable[T]) -> list[R | Exception]:
    """Return what the function gives for each item, in order, or the error that it raised.

    The threads see the caller's context variables.

    Args:
        function: What to do. It spends its time waiting for AWS, so threads serve it.
        items: What to do it to.
    """
    todo = list(items)
    if not todo:
        return []

    def attempt(item: T) -> R | Exception:
        try:
            return function(item)
        except Exception as error:  # noqa: BLE001 - whatever went wrong is this item's result
            return error

    if len(todo) == 1:
        return [attempt(todo[0])]
    context = copy_context()
    return list(_threads().map(lambda item: context.copy().run(attempt, item), todo))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="algernon")
