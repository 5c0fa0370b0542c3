"""The worker that is killed: chains of three Tasks, and Tasks that poison a queue.

The run copies this folder, and puts settings.json beside this module.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from algernon_queue import PermanentError, TaskRouter
from algernon_queue._batch import redelivery
from algernon_queue.retry import Retry
from algernon_storage import aws_client

from . import kills
from .counter import count
from .journal import Journal
from .messages import identity
from .settings import Settings

settings = Settings.load(Path(__file__).with_name("settings.json"))
# The way to AWS leads through the proxy.
os.environ["AWS_ENDPOINT_URL"] = settings.proxy_url
journal = Journal(Path(settings.journal))
killer = kills.Killer(settings, journal)
# Made while Lambda starts the worker: on a busy machine, they take longer than a batch may.
for service in ("s3", "sns", "sqs"):
    aws_client(service)
router = TaskRouter(once=True)
# The minutes that a deployment is given would be most of a run's time.
redelivery._UNREGISTERED = Retry(retries=4, backoff=0.2)


def _end(*_: object) -> None:
    journal.note("kill", moment=kills.BY_LAMBDA, victim=os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)


# The local Lambda ends a process by this signal: one that takes too long, and all of a
# function when it couldn't start one.
signal.signal(signal.SIGTERM, _end)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Handle a batch, and take note of it."""
    batch = [
        (identity(record["body"]), int(record["attributes"]["ApproximateReceiveCount"]))
        for record in event["Records"]
    ]
    messages = [record["messageId"] for record in event["Records"]]
    journal.note("batch", batch=batch, messages=messages, parent=os.getppid())
    killer.begin(batch)
    try:
        answer = router.handler(event, context)
    except Exception as error:
        journal.note("raised", error=repr(error))
        raise
    killer.visit_in_batch(kills.BEFORE_ANSWER)
    journal.note(
        "answer", failed=[failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    )
    return answer


@router.task(retries=50, backoff=0.2)
def first(chain: str, value: int, context: Mapping[str, Any]) -> dict[str, Any]:
    """Begin a chain."""
    _have_effect(chain, context)
    return {"chain": chain, "value": 2 * value, "trail": (value,)}


@router.task(retries=50, backoff=0.2)
def second(
    chain: str, value: int, trail: tuple[int, ...], context: Mapping[str, Any]
) -> dict[str, Any]:
    """Go on with a chain."""
    _have_effect(chain, context)
    return {"chain": chain, "value": value + 1, "trail": (*trail, value)}


@router.task(retries=50, backoff=0.2)
def third(chain: str, value: int, trail: tuple[int, ...], context: Mapping[str, Any]) -> None:
    """End a chain, and write what came of it."""
    _have_effect(chain, context)
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


def _have_effect(chain: str, context: Mapping[str, Any]) -> None:
    task_id, received = context["task"]["task_id"], context["sqs"]["receive_count"]
    journal.note("run", task_id=task_id)
    try:
        killer.visit(kills.BEFORE_EFFECT, task_id, received)
        count(f"counters/{chain}", task_id)
        killer.visit(kills.AFTER_EFFECT, task_id, received)
    finally:
        journal.note("ran", task_id=task_id)
