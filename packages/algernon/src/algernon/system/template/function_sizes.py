"""What a function is given for a batch: how long it may take, and how much memory it has."""

from __future__ import annotations

from dataclasses import dataclass

from ...worker import Worker
from ..settings.settings import Settings


@dataclass(frozen=True, slots=True)
class FunctionSize:
    """What is one function's own: Tasks of a worker that need the same share one.

    Attributes:
        timeout: How long one batch may take, in seconds.
        memory: In MB; Lambda gives CPU in proportion.
    """

    timeout: int
    memory: int

    def unlike(self, usual: FunctionSize) -> str:
        """Return in what it differs from the worker's usual size.

        Example:
            >>> FunctionSize(900, 256).unlike(FunctionSize(30, 256))
            '900s'
            >>> FunctionSize(900, 2048).unlike(FunctionSize(30, 256))
            '900s2048MB'
        """
        timeout = "" if self.timeout == usual.timeout else f"{self.timeout}s"
        memory = "" if self.memory == usual.memory else f"{self.memory}MB"
        return f"{timeout}{memory}"


def size_for(task: str, worker: Worker, settings: Settings) -> FunctionSize:
    """Return what a Task's function has: what it needs itself, else its worker, else the system.

    Args:
        task: The Task's name.
        worker: The one whose Task it is.
        settings: The system's.

    Example:
        >>> size_for("order", Worker("shop.handler", ("order",), {}), Settings(timeout=60))
        FunctionSize(timeout=60, memory=256)
    """
    usual = usual_size(worker, settings)
    needs = worker.needs.get(task)
    if needs is None:
        return usual
    return FunctionSize(
        usual.timeout if needs.timeout is None else needs.timeout,
        usual.memory if needs.memory is None else needs.memory,
    )


def usual_size(worker: Worker, settings: Settings) -> FunctionSize:
    """Return what the function of those of a worker's Tasks has that need nothing of their own."""
    own = settings.of_worker(worker.module)
    return FunctionSize(own.timeout, own.memory)
