"""The process of a worker that is killed: its way to AWS, its journal, and how it may die.

The run copies this folder, and puts settings.json beside this module.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from algernon_queue import TaskRouter
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
_journal = Journal(Path(settings.journal))
_killer = kills.Killer(settings, _journal)
# Made while Lambda starts the worker: on a busy machine, they take longer than a batch may.
for service in ("s3", "sns", "sqs"):
    aws_client(service)
# The minutes that a deployment is given would be most of a run's time.
redelivery._UNREGISTERED = Retry(retries=4, backoff=0.2)


def _end(*_: object) -> None:
    _journal.note("kill", moment=kills.BY_LAMBDA, victim=os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)


# The local Lambda ends a process by this signal: one that takes too long, and all of a
# function when it couldn't start one.
signal.signal(signal.SIGTERM, _end)


def noted(router: TaskRouter) -> Callable[[dict[str, Any], Any], Any]:
    """Return a handler that has a router handle a batch, and takes note of it."""

    def handler(event: dict[str, Any], context: Any) -> Any:
        batch = [
            (identity(record["body"]), int(record["attributes"]["ApproximateReceiveCount"]))
            for record in event["Records"]
        ]
        messages = [record["messageId"] for record in event["Records"]]
        _journal.note("batch", batch=batch, messages=messages, parent=os.getppid())
        _killer.begin(batch)
        try:
            answer = router.handler(event, context)
        except Exception as error:
            _journal.note("raised", error=repr(error))
            raise
        _killer.visit_in_batch(kills.BEFORE_ANSWER)
        failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        _journal.note("answer", failed=failed)
        return answer

    return handler


def have_effect(name: str, context: Mapping[str, Any]) -> None:
    """Add one to a counter for the Task that runs; the process may die before or after."""
    with running(context) as task_id:
        count(f"counters/{name}", task_id)


@contextmanager
def running(context: Mapping[str, Any]) -> Iterator[str]:
    """Note a Task's run, and give its id; the process may die before or after the block."""
    task_id, received = context["task"]["task_id"], context["sqs"]["receive_count"]
    _journal.note("run", task_id=task_id)
    try:
        _killer.visit(kills.BEFORE_EFFECT, task_id, received)
        yield task_id
        _killer.visit(kills.AFTER_EFFECT, task_id, received)
    finally:
        _journal.note("ran", task_id=task_id)
