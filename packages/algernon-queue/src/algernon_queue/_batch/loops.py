"""The event loops that coroutines run on."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from concurrent.futures import wait
from contextvars import copy_context
from threading import Lock
from typing import TYPE_CHECKING, Any

from .._aws.parallel import Threads

if TYPE_CHECKING:
    from asyncio import Task


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, in the caller's context variables, and return its result.

    It runs on the event loop of this process, so that connections live on there. Whoever
    comes while that is taken, from another thread or from within a coroutine, gets
    another one, which lives on as well.
    """
    loop = _loops.take()
    try:
        return loop.run(coroutine)
    finally:
        _loops.give_back(loop)


class _Loops:
    """The event loops of this process."""

    def __init__(self) -> None:
        self._made: list[_Loop] = []
        self._taken: set[_Loop] = set()
        self._of_other_processes: list[_Loop] = []
        self._lock = Lock()

    def take(self) -> _Loop:
        """Return the first that is free, so that it is the same one whenever it can be."""
        with self._lock:
            free = (loop for loop in self._made if loop not in self._taken and loop.has_ended)
            loop = next(free, None)
            if loop is None:
                loop = _Loop()
                self._made.append(loop)
            self._taken.add(loop)
            return loop

    def give_back(self, loop: _Loop) -> None:
        with self._lock:
            self._taken.discard(loop)

    def make_anew(self) -> None:
        """Leave the parent's alone, in a process that was forked.

        What they listen to is registered with the system once for both, so that they
        would be deaf in the parent if they were closed here, as all are that nobody keeps.
        """
        self._of_other_processes += self._made
        self._made, self._taken, self._lock = [], set(), Lock()


class _Loop:
    """An event loop on which any thread can run a coroutine, one at a time."""

    def __init__(self) -> None:
        from asyncio import Runner, new_event_loop

        self._runner = Runner(loop_factory=new_event_loop)
        self._loop = self._runner.get_loop()
        # Asyncio's own threads see the context variables of asyncio.to_thread, but not
        # those of loop.run_in_executor.
        self._loop.set_default_executor(Threads(thread_name_prefix="asyncio"))
        self._thread = Threads(1, thread_name_prefix="algernon-loop")
        self._task: Task[Any] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether what was run last was run to its end, and not left by an exit of the process."""
        return not self._loop.is_running() and (self._task is None or self._task.done())

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if not _is_called_in_a_loop():
            return self._runner.run(self._noting_task(coroutine), context=copy_context())
        # A thread runs one loop at a time.
        self._task = self._loop.create_task(coroutine, context=copy_context())
        running = self._thread.submit(self._loop.run_until_complete, self._task)
        try:
            return running.result()
        finally:
            if not running.done():  # whoever waits here was interrupted
                self._loop.call_soon_threadsafe(self._task.cancel)
                wait([running])

    async def _noting_task(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        from asyncio import current_task

        self._task = current_task()
        return await coroutine


def _is_called_in_a_loop() -> bool:
    from asyncio import get_running_loop

    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True


_loops = _Loops()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_loops.make_anew)
