"""What the parts of a system are called in its template.

A resource that is called otherwise is another one to CloudFormation: it would make an
empty queue, and delete the one that holds messages. So these names never change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from ...worker import Worker
from .function_sizes import FunctionSize


def logical_id(kind: str, task: str) -> str:
    """Return a Task's part of the system by its name in the template.

    The name depends on nothing but the Task's own, so that a Task that is added
    doesn't replace another's queue, and `a-b` isn't `a_b`. So it is with the
    functions of the workers after the first.

    Args:
        kind: ``"Topic"``, ``"Queue"``, ``"DeadLetterQueue"``, ``"QueuePolicy"``
            or ``"Subscription"``, ``"DeadLetterAlarm"`` or ``"OldestMessageAlarm"``; or
            ``"Worker"``.
        task: The Task's name; of a worker, its handler.

    Example:
        >>> logical_id("Queue", "read_source")
        'QueueReadSource116324E9'
    """
    words = re.findall(r"[A-Za-z0-9]+", task)
    readable = "".join(word[0].upper() + word[1:] for word in words)[:64]
    return f"{kind}{readable}{hashlib.sha256(task.encode()).hexdigest()[:8].upper()}"


def by_worker_id(workers: Sequence[Worker]) -> Iterator[tuple[str, Worker]]:
    """Give each worker with the logical id of its function for Tasks without needs of their own."""
    first, *others = workers
    # The name from when a system had one worker, so that a deployed one stays.
    yield "Worker", first
    for worker in others:
        yield logical_id("Worker", worker.handler), worker


def function_id_of(worker: Worker, size: FunctionSize, usual: FunctionSize) -> str:
    """Return the logical id of a worker's function for Tasks that need another size than usual.

    It says no more than in what it differs: Tasks that need another timeout keep their function
    when the memory of all changes.
    """
    return logical_id("Worker", f"{worker.handler}@{size.unlike(usual)}")


def mapping_id(worker_id: str, task: str) -> str:
    """Return the logical id of what feeds one of a worker's functions from a Task's queue.

    It is the one that AWS SAM made, when the template was one of it. It stays when the Task
    comes to need another function, so that the mapping is updated, and none is made beside it.
    """
    return f"{worker_id}{logical_id('Queue', task)}"
