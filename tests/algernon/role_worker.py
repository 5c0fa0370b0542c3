"""Workers whose Tasks do, together, all that the role has rights for."""

from __future__ import annotations

import os
from typing import Any

from algernon.worker import Worker
from algernon_queue import PermanentError, Results, TaskRouter, current_task

#: What Tasks did, in order: their name, and what they got.
ran: list[tuple[str, Any]] = []

#: What the Task `pay` has.
purse: dict[str, int] = {}

router = TaskRouter()
under_ledger = TaskRouter(once=True)


@router.task
def read(n: int) -> dict[str, int]:
    """Begin a chain."""
    ran.append(("read", n))
    return {"n": n + 1}


@router.task
def double(n: int) -> dict[str, int]:
    """Go on with a chain."""
    ran.append(("double", n))
    return {"n": 2 * n}


@router.task
def finish(n: int) -> None:
    """End a chain."""
    ran.append(("finish", n))


@router.task
def produce(size: int) -> dict[str, str]:
    """Return a text of a size."""
    return {"text": "x" * size}


@router.task
def measure(text: str) -> None:
    """Note how long a text is."""
    ran.append(("measure", len(text)))


@router.task(retries=3, backoff=0)
def waver() -> None:
    """Fail the first time."""
    ran.append(("waver", current_task().receive_count))
    if current_task().receive_count == 1:
        raise RuntimeError("not yet")


@router.task
def pay(cents: int) -> int:
    """Fail for good, if there isn't as much."""
    if cents > purse.get("cents", 0):
        raise PermanentError("nobody has so much")
    return cents


@router.task
def gather(results: Results[dict[str, int]]) -> int:
    """Add up what the members of a group returned."""
    total = sum(each["n"] for each in results)
    ran.append(("gather", total))
    return total


@under_ledger.task
def charge(order: int) -> None:
    """Charge for an order."""
    ran.append(("charge", order))


@router.task
def reveal() -> None:
    """Note what the environment has of secrets."""
    ran.append(("reveal", (os.environ["DB_PASSWORD"], os.environ["API_KEY"])))


handler = router.handler
handler_under_ledger = under_ledger.handler

#: The workers, with all of their Tasks.
WORKERS = (
    Worker(f"{__name__}.handler", (*router.tasks,), router.retries),
    Worker(f"{__name__}.handler_under_ledger", (*under_ledger.tasks,), under_ledger.retries),
)
