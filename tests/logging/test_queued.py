"""@lambda_logged beside the real @queued."""

from __future__ import annotations

import asyncio
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


async def ship_later(event: Any, context: Any) -> None:
    """Log the number in a message, after a while."""
    await asyncio.sleep(0.01)
    ship(event, context)


@pytest.mark.parametrize("function", [ship, ship_later])
@pytest.mark.parametrize(
    "decorate",
    [
        lambda function: lambda_logged(algernon_queue.queued(function)),
        lambda function: algernon_queue.queued(lambda_logged(function)),
        lambda function: lambda_logged(algernon_queue.queued(lambda_logged(function))),
    ],
    ids=["outside", "inside", "both"],
)
def test_every_record_is_logged_once_with_the_request_id(
    decorate: Any, function: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside @queued, inside it, or both: each record's line appears once, with its request."""
    handler = decorate(function)
    for request_id in ("r-1", "r-2"):
        context = SimpleNamespace(aws_request_id=request_id)
        assert handler(EVENT, context) == {"batchItemFailures": []}
    lines = [line.split("\t") for line in capsys.readouterr().err.splitlines()]
    assert [(line[2], line[6]) for line in lines if line[5] == "root"] == [
        (request_id, text) for request_id in ("r-1", "r-2") for text in ("0", "1")
    ]


@pytest.mark.parametrize("function", [ship, ship_later])
def test_a_task_may_be_registered_with_a_router(
    function: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A decorated Task of a router logs with the request of its batch."""
    router = algernon_queue.TaskRouter()

    @router.task(name="ship")  # type: ignore[untyped-decorator]
    @lambda_logged
    def plain(n: int) -> None:
        logging.info("%s", n)

    @router.task(name="ship_later")  # type: ignore[untyped-decorator]
    @lambda_logged
    async def later(n: int, context: Any) -> None:
        await asyncio.sleep(0.01)
        logging.info("%s of %s", n, context["task"]["task_name"])

    name = function.__name__
    body = f'{{"task_name": "{name}", "task_kwargs": {{"n": 7}}}}'
    event = {"Records": [{"messageId": str(UUID(int=1)), "body": body}]}
    handler = lambda_logged(router.handler)
    handler(event, SimpleNamespace(aws_request_id="r-1"))
    line = capsys.readouterr().err.splitlines()[0].split("\t")
    expected = "7" if function is ship else "7 of ship_later"
    assert (line[2], line[6]) == ("r-1", expected)
