"""The batches that the benches are about, as Lambda hands them over."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from algernon_serialize import ajson
from algernon_storage import StoredData

from ...queue.events import LambdaContext, enveloped, event, record

CONTEXT = LambdaContext(invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:bench")

Handler = Callable[[Any, Any], Any]

#: The Task that gets the results.
NEXT_TASK = "store-orders"
RECORDS = 10


def arguments() -> dict[str, Any]:
    """Return what a Task is sent: twenty rows, 2 KB of JSON."""
    rows = [
        {"id": number, "sku": f"A-{number:05d}", "name": f"Widget number {number}", "price": 1.25}
        for number in range(20)
    ]
    return {"rows": rows, "day": "2026-11-24"}


def plain_batch() -> dict[str, Any]:
    """Return ten records with keyword arguments of their own, and no callback."""
    kwargs = {"customer": "ada@example.com", "order": 4711, "express": True}
    return _batch([{"task_kwargs": kwargs, "callback": None} for _ in range(RECORDS)])


class StoredBatches:
    """Batches of ten records whose arguments are stored in S3, and whose results are to go on."""

    def __init__(self) -> None:
        stored = [StoredData(uuid4(), arguments(), full_unpack=True) for _ in range(RECORDS)]
        self._pointers = [each.store() for each in stored]
        self._tags = [json.loads(ajson.dumps(each)) for each in stored]

    @property
    def pointer(self) -> str:
        """Where the arguments of one record are."""
        return self._pointers[0]

    def batch(self) -> dict[str, Any]:
        """Return a batch that wasn't there before: its Tasks are the same, their ids new."""
        return _batch([{"task_kwargs": tag, "callback": NEXT_TASK} for tag in self._tags])


class InlineBatches:
    """Batches of ten records whose arguments came inline, and whose results are to go on."""

    def batch(self) -> dict[str, Any]:
        """Return a batch that wasn't there before."""
        return _batch([{"task_kwargs": arguments(), "callback": NEXT_TASK} for _ in range(RECORDS)])


def run(handler: Handler, event: dict[str, Any]) -> None:
    """Have a handler work off a batch.

    Raises:
        RuntimeError: A record failed, so there is nothing to measure.
    """
    answer = handler(event, CONTEXT)
    if answer != {"batchItemFailures": []}:
        raise RuntimeError(f"the handler answered {answer!r}, so records failed")


def _batch(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return event(
        *(
            record(
                enveloped(json.dumps({"task_name": "orders", "task_id": str(uuid4()), **message}))
            )
            for message in messages
        )
    )
