"""A Task that takes as long as it is told to."""

from __future__ import annotations

from time import sleep, time

from algernon_queue import TaskRouter

router = TaskRouter()


@router.task
def work(seconds: float) -> float:
    """Return when it ended, in seconds since 1970."""
    sleep(seconds)
    return time()


handler = router.handler
