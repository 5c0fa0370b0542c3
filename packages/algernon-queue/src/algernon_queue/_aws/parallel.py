"""Doing the same to many things at once, where each may fail alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from typing import Any, TypeVar

# A batch of ten may fetch arguments and claim Tasks at once.
_THREADS = 20

T = TypeVar("T")
R = TypeVar("R")

# The blocks within which no thread is begun.
_in_turn: list[object] = []


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
    begun = [(item, _begin(_threads(), partial(attempt, item))) for item in todo]
    try:
        return [future.result() if future else attempt(item) for item, future in begun]
    finally:
        # When that was interrupted, what hasn't started never does.
        for _, future in begun:
            if future:
                future.cancel()


def in_background(function: Callable[[], R]) -> Future[R] | None:
    """Have something done by a thread of its own, where there are any; None says that nobody does.

    It may do things in parallel itself.
    """
    return _begin(_reader(), function)


@contextmanager
def one_after_the_other() -> Iterator[None]:
    """Have nothing done in parallel within the block, so that the order is always the same."""
    block = object()
    _in_turn.append(block)
    try:
        yield
    finally:
        _in_turn.remove(block)


def order_matters() -> bool:
    """Tell whether this is within a block of `one_after_the_other`."""
    return bool(_in_turn)


class Threads(ThreadPoolExecutor):
    """Threads that see the context variables of whoever gives them something to do."""

    def submit(self, function: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Do something, in a copy of the caller's context."""
        return super().submit(copy_context().run, partial(function, *args, **kwargs))


def _begin(threads: Threads, function: Callable[[], R]) -> Future[R] | None:
    """Have a thread do something, if there are any: Python starts none when it is about to end."""
    if order_matters():
        return None
    try:
        return threads.submit(function)
    except RuntimeError as error:
        if "shutdown" not in str(error):
            raise
        return None


@cache
def _threads() -> Threads:
    return Threads(_THREADS, thread_name_prefix="algernon")


# What waits for those threads can't be one of them.
@cache
def _reader() -> Threads:
    return Threads(1, thread_name_prefix="algernon-ahead")


# A child process has none of its parent's threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.cache_clear)
    os.register_at_fork(after_in_child=_reader.cache_clear)
