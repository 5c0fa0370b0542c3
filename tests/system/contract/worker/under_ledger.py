"""The worker whose Tasks run under the ledger."""

from __future__ import annotations

from typing import Any

from algernon_queue import TaskRouter, current_task

from .journal import note

router = TaskRouter(failures="report", once=True)


@router.task(retries=3, backoff=0)
def charge(journal: str, order: int) -> dict[str, Any]:
    """Charge for an order."""
    note(journal, "charge", order=order)
    return {"journal": journal, "order": order}


@router.task(retries=3, backoff=0)
def reserve(journal: str, order: int, failures: int) -> dict[str, Any]:
    """Reserve what was ordered, after so many failures."""
    note(journal, "reserve", order=order)
    if current_task().receive_count <= failures:
        raise RuntimeError("it is locked")
    return {"journal": journal, "order": order}


@router.task(retries=3, backoff=0)
def confirm(journal: str, order: int) -> None:
    """Confirm what was charged."""
    note(journal, "confirm", order=order)


handler = router.handler
