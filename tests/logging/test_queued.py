"""@lambda_logged beside the real @queued."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from algernon_logging import lambda_logged

algernon_queue = pytest.importorskip(
    "algernon_queue", reason="algernon-queue isn't installed: algernon-logging works without it"
)

EVENT = {
    "Records": [
        {
            "messageId": str(UUID(int=n)),
            "body": f'{{"task_name": "ship", "task_kwargs": {{"n": {n}}}}}',
        }
        for n in range(2)
    ]
}


def ship(event: Any, context: Any) -> None:
    """Log the number in a message."""
    logging.info("%s", event["task_kwargs"]["n"])


@pytest.mark.parametrize(
    "handler",
    [
        lambda_logged(algernon_queue.queued(ship)),
        algernon_queue.queued(lambda_logged(ship)),
        lambda_logged(algernon_queue.queued(lambda_logged(ship))),
    ],
    ids=["outside", "inside", "both"],
)
def test_every_record_is_logged_once_with_the_request_id(
    handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside @queued, inside it, or both: each record's line appears once, with its request."""
    for request_id in ("r-1", "r-2"):
        context = SimpleNamespace(aws_request_id=request_id)
        assert handler(EVENT, context) == {"batchItemFailures": []}
    lines = [line.split("\t") for line in capsys.readouterr().err.splitlines()]
    assert [(line[2], line[-1]) for line in lines] == [
        (request_id, text) for request_id in ("r-1", "r-2") for text in ("0", "1")
    ]
