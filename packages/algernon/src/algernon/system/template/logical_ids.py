"""What the parts of a system are called in its template.

A resource that is called otherwise is another one to CloudFormation: it would make an
empty queue, and delete the one that holds messages. So these names never change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from ...worker import Worker


def logical_id(kind: str, task: str) -> str:
    """Return a Task's part of the system by its name in the template.

    The name depends on nothing but the Task's own, so that a Task that is added
    doesn't replace another's queue, and `a-b` isn't `a_b`. So it is with the
    functions of the workers after the first.

    Args:
        kind: ``"Topic"``, ``"Queue"``, ``"DeadLetterQueue"``, ``"QueuePolicy"``
            or ``"Subscription"``; or ``"Worker"``.
        task: The Task's name; of a worker, its handler.

    Example:
        >>> logical_id("Queue", "read_source")
        'QueueReadSource116324E9'
    """
    words = re.findall(r"[A-Za-z0-9]+", task)
    readable = "".join(word[0].upper() + word[1:] for word in words)[:64]
    return f"{kind}{readable}{hashlib.sha256(task.encode()).hexdigest()[:8].upper()}"


def by_function_id(workers: Sequence[Worker]) -> Iterator[tuple[str, Worker]]:
    """Give each worker with the logical id of its function."""
    first, *others = workers
    # The name from when a system had one worker, so that a deployed one stays.
    yield "Worker", first
    for worker in others:
        yield logical_id("Worker", worker.handler), worker


def mapping_id(function_id: str, task: str) -> str:
    """Return the logical id of what feeds a function from a Task's queue.

    It is the one that AWS SAM made, when the template was one of it.
    """
    return f"{function_id}{logical_id('Queue', task)}"
