"""A worker of ours, as Lambda imports it: one Task, whose result goes to a callback."""

from __future__ import annotations

from typing import Any

from algernon_logging import lambda_logged
from algernon_queue import TaskRouter

router = TaskRouter()
handler = lambda_logged(router.handler)


@router.task
def price(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the items cost together."""
    return {"total": sum(item["price"] for item in items)}
