"""The machines that Tasks run on: how long a batch may take there, and how much memory it has."""

from __future__ import annotations

from dataclasses import dataclass

from ...worker import Worker
from ..settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Machine:
    """What is of one function's own: Tasks of a worker that need the same share one.

    Attributes:
        timeout: How long one batch may take, in seconds.
        memory: In MB; Lambda gives CPU in proportion.
    """

    timeout: int
    memory: int


def machine_of(task: str, worker: Worker, settings: Settings) -> Machine:
    """Return what a Task runs on: what it needs itself, else its worker, else the system.

    Args:
        task: The Task's name.
        worker: The one whose Task it is.
        settings: The system's.

    Example:
        >>> machine_of("order", Worker("shop.handler", ("order",), {}), Settings(timeout=60))
        Machine(timeout=60, memory=256)
    """
    machine = machine_of_worker(worker, settings)
    needs = worker.needs.get(task)
    if needs is None:
        return machine
    return Machine(
        machine.timeout if needs.timeout is None else needs.timeout,
        machine.memory if needs.memory is None else needs.memory,
    )


def machine_of_worker(worker: Worker, settings: Settings) -> Machine:
    """Return what those of a worker's Tasks run on that need nothing of their own."""
    of_all = settings.of_worker(worker.module)
    return Machine(
        settings.timeout if of_all.timeout is None else of_all.timeout,
        settings.memory if of_all.memory is None else of_all.memory,
    )
