"""The worker of the prices, which asks a list that doesn't always answer."""

import logging
from typing import Any

from algernon import TaskRouter, bind, lambda_logged

logger = logging.getLogger("prices")
router = TaskRouter()
handler = lambda_logged(router.handler)


@router.task(retries=3, backoff=1)
def add_up(items: list[str], context: dict[str, Any]) -> dict[str, float]:
    """Return what an order comes to."""
    with bind(items=items):
        logger.info("asking for the prices")
        if context["sqs"]["receive_count"] == 1:
            raise ConnectionError("the price list doesn't answer")
        return {"total": sum(len(item) * 0.5 for item in items)}
