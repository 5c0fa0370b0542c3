"""Whether warm invocations leave anything behind: handlers, filters, or memory."""

from __future__ import annotations

import gc
import json
import logging
import sys
import tracemalloc
from typing import Any
from uuid import uuid4

from algernon_logging import bind, lambda_logged
from algernon_queue import queued

from .loggers import LAMBDA_CONTEXT
from .stream import Nowhere

INVOCATIONS = 1000
_WARM_UP = 200

logger = logging.getLogger("shop")


@lambda_logged
@queued(failures="report")
def handler(event: dict[str, Any], context: dict[str, Any]) -> None:
    """Write a line, with a field, and fail now and then."""
    number = event["task_kwargs"]["n"]
    with bind(number=number):
        logger.info("number %s", number, extra={"order_id": number})
    if number == 9:
        raise ValueError("nine")


def batch() -> dict[str, Any]:
    """Return a batch of ten messages, each with ids of its own."""
    return {
        "Records": [
            {
                "messageId": str(uuid4()),
                "body": json.dumps({"task_name": "ship", "task_kwargs": {"n": n}}),
            }
            for n in range(10)
        ]
    }


def state() -> tuple[int, int, int]:
    """Return how many handlers there are, filters, and bytes of Python's objects."""
    root = logging.getLogger()
    filters = len(root.filters) + sum(len(each.filters) for each in root.handlers)
    gc.collect()
    return len(root.handlers), filters, tracemalloc.get_traced_memory()[0]


def main() -> None:
    """Print the state after a warm-up, and after all invocations."""
    sys.stderr = Nowhere()
    tracemalloc.start()
    for _ in range(_WARM_UP):
        handler(batch(), LAMBDA_CONTEXT)
    before = state()
    for _ in range(INVOCATIONS):
        handler(batch(), LAMBDA_CONTEXT)
    after = state()
    names = ("handlers of the root logger", "their filters and its own", "bytes of objects")
    print(json.dumps(dict(zip(names, zip(before, after, strict=True), strict=True))))


if __name__ == "__main__":
    main()
