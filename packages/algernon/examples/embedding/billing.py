"""The worker of a system whose template is one's own."""

import logging

from algernon import TaskRouter, lambda_logged

logger = logging.getLogger("billing")
router = TaskRouter()
handler = lambda_logged(router.handler)


@router.task
def price(items: list[str]) -> dict[str, float]:
    """Return what an order comes to."""
    return {"total": 0.5 * len(items)}


@router.task
def bill(total: float) -> str:
    """Return the bill for it."""
    logger.info("billing %.2f", total)
    return f"to pay: {total:.2f}"
