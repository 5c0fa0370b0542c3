"""The worker whose Tasks run under the ledger."""

from __future__ import annotations

from typing import Any

from algernon_queue import TaskRouter

from .journal import note

router = TaskRouter(failures="report", once=True)


@router.task(retries=3, backoff=0)
def charge(journal: str, order: int) -> dict[str, Any]:
    """Charge for an order."""
    note(journal, "charge", order=order)
    return {"journal": journal, "order": order}


@router.task(retries=3, backoff=0)
def confirm(journal: str, order: int) -> None:
    """Confirm what was charged."""
    note(journal, "confirm", order=order)


handler = router.handler
