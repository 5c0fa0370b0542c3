"""The worker of the orders: it takes them, and books what they come to."""

import logging
from typing import Any

from algernon import TaskRouter, lambda_logged

logger = logging.getLogger("orders")
router = TaskRouter()
handler = lambda_logged(router.handler)


@router.task
def take_order(customer: str, items: list[str]) -> dict[str, Any]:
    """Hand an order on to whoever knows the prices."""
    logger.info("%s orders %d items", customer, len(items))
    return {"items": items}


@router.task
def book(total: float) -> None:
    """Book what an order comes to."""
    logger.info("booked %.2f", total)
