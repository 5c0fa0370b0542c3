"""Functions whose code is replaced: what runs just then ends as it began.

ministack of itself ends the processes of a function as soon as its code or its configuration
changes, so that the messages of a batch in hand would stay hidden for as long as their queue says,
three minutes by default. AWS lets an invocation end, in the environment that it began in.

This is part of the process of ministack, whose functions it replaces.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def let_batches_end() -> None:
    """Have ministack end the processes of replaced code once they have nothing in hand."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    release = lambda_svc.release_worker

    def release_or_end(worker: Any) -> None:
        release(worker)
        if getattr(worker, "is_retired", False):
            lambda_runtime.kill_workers([worker])

    def retiring(update: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(update)
        def retire_and_update(name: str, *arguments: Any) -> Any:
            _retire_busy(lambda_runtime, name)
            return update(name, *arguments)

        return retire_and_update

    lambda_svc.release_worker = release_or_end
    lambda_svc._update_code = retiring(lambda_svc._update_code)
    lambda_svc._update_config = retiring(lambda_svc._update_config)


def _retire_busy(lambda_runtime: Any, function: str) -> None:
    """Take the processes that have a batch in hand out of those that get another one."""
    with lambda_runtime._lock:
        for key, workers in lambda_runtime._workers.items():
            # ACCOUNT:REGION:FUNCTION:VERSION
            if key.split(":")[-2] != function:
                continue
            for worker in [each for each in workers if each.in_use]:
                worker.is_retired = True
                workers.remove(worker)
