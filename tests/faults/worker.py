"""The worker that is killed: chains of three Tasks, and Tasks that poison a queue."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from algernon_queue import PermanentError, TaskRouter
from algernon_storage import aws_client

from .process import have_effect, noted

router = TaskRouter(once=True)
handler = noted(router)


@router.task(retries=50, backoff=0.2)
def first(chain: str, value: int, context: Mapping[str, Any]) -> dict[str, Any]:
    """Begin a chain."""
    have_effect(chain, context)
    return {"chain": chain, "value": 2 * value, "trail": (value,)}


@router.task(retries=50, backoff=0.2)
def second(
    chain: str, value: int, trail: tuple[int, ...], context: Mapping[str, Any]
) -> dict[str, Any]:
    """Go on with a chain."""
    have_effect(chain, context)
    return {"chain": chain, "value": value + 1, "trail": (*trail, value)}


@router.task(retries=50, backoff=0.2)
def third(chain: str, value: int, trail: tuple[int, ...], context: Mapping[str, Any]) -> None:
    """End a chain, and write what came of it."""
    have_effect(chain, context)
    aws_client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"],
        Key=f"ends/{chain}",
        Body=json.dumps([*trail, value]).encode(),
    )


@router.task
def doomed() -> None:
    """Fail, and say that it is no use to try again."""
    raise PermanentError("this Task never succeeds")


@router.task(retries=2, backoff=0.2)
def fragile() -> None:
    """Fail, each time it is tried."""
    raise RuntimeError("this Task fails each time")
