"""The worker of the orders: it takes them, and books what they come to."""

import logging

from algernon import TaskRouter, lambda_logged

logger = logging.getLogger("orders")
router = TaskRouter()
handler = lambda_logged(router.handler)


@router.task
def take_order(customer, items):
    """Hand an order on to whoever knows the prices."""
    logger.info("%s orders %d items", customer, len(items))
    return {"items": items}


@router.task
def book(total):
    """Book what an order comes to."""
    logger.info("booked %.2f", total)
