"""The worker of most scenarios. Each Task notes in the journal that its message names."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from algernon_queue import (
    Group,
    PermanentError,
    PipelineTermination,
    Results,
    TaskContext,
    TaskRouter,
    current_task,
    send_task,
)
from algernon_queue._batch import redelivery
from algernon_queue.retry import Retry

from .journal import lines_of, note

router = TaskRouter(failures="report")
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # The minutes that a deployment is given would be most of a run's time.
    redelivery._UNREGISTERED = Retry(retries=4, backoff=0)


@router.task
def step(journal: str, n: int, trail: tuple[int, ...] = ()) -> dict[str, Any]:
    """Go on with a chain."""
    note(journal, "step", n=n)
    return {"journal": journal, "n": 2 * n, "trail": (*trail, n)}


@router.task
async def think(journal: str, n: int, trail: tuple[int, ...] = ()) -> dict[str, Any]:
    """Go on with a chain, as a coroutine."""
    await asyncio.sleep(0.01)
    note(journal, "think", n=n)
    return {"journal": journal, "n": n + 1, "trail": (*trail, n)}


@router.task
def finish(journal: str, **got: Any) -> None:
    """End a chain, and note what came, and as what."""
    types = {name: type(value).__name__ for name, value in got.items()}
    note(journal, "finish", got=got, types=types)


@router.task
def produce(journal: str, size: int) -> dict[str, Any]:
    """Return a text of a size."""
    note(journal, "produce")
    return {"journal": journal, "text": "x" * size}


@router.task
def measure(journal: str, text: str) -> None:
    """Note how long a text is."""
    note(journal, "measure", size=len(text))


@router.task
def halt(journal: str) -> None:
    """End the chain."""
    note(journal, "halt")
    raise PipelineTermination({"why": "it is enough"})


@router.task
def spread(journal: str, count: int) -> None:
    """Send Tasks."""
    note(journal, "spread")
    for n in range(count):
        send_task("finish", {"journal": journal, "n": n})


@router.task(retries=3, backoff=1)
def waver(journal: str, failures: int) -> dict[str, Any]:
    """Fail so many times."""
    note(journal, "waver")
    if current_task().receive_count <= failures:
        raise RuntimeError("not yet")
    return {"journal": journal, "n": failures}


@router.task(retries=2, backoff=0)
def despair(journal: str) -> None:
    """Fail each time."""
    note(journal, "despair")
    raise ConnectionError("nobody answers")


@router.task(retries=2, backoff=0)
def refuse(journal: str, permit: str) -> None:
    """Fail, and say that it is no use to try again, unless there is a permit."""
    note(journal, "refuse")
    if not Path(permit).exists():
        raise PermanentError("there is no permit")


@router.task
def tell(journal: str, n: int, permit: str | None = None) -> dict[str, Any]:
    """Return a number; where a permit is wanted and there is none, fail for good."""
    note(journal, "tell", n=n)
    if permit is not None and not Path(permit).exists():
        raise PermanentError("there is no permit")
    return {"journal": journal, "n": n}


@router.task
def scatter(journal: str, count: int, permit: str | None = None, depth: int = 0) -> Group[Any]:
    """Return a group that tells numbers, of which the third wants a permit, if there is one."""
    note(journal, "scatter")
    return Group(
        scatter.then(gather).request(journal=journal, count=count, depth=depth - 1)
        if depth
        else tell.request(journal=journal, n=n, permit=permit if n == 2 else None)
        for n in range(count)
    )


@router.task
def gather(results: Results[dict[str, Any]]) -> dict[str, Any]:
    """Note what the members of a group returned, and add it up."""
    journal = results[0]["journal"]
    numbers = [result["n"] for result in results]
    note(journal, "gather", numbers=numbers)
    return {"journal": journal, "n": sum(numbers)}


@router.task
def pass_on(journal: str, n: int) -> dict[str, Any]:
    """Return the journal, and nothing else."""
    note(journal, "pass_on", n=n)
    return {"journal": journal}


@router.task(retries=5, backoff=0)
def dawdle(context: TaskContext, journal: str, n: int) -> None:
    """Take so much of the time that is left that there isn't as much for another."""
    note(journal, "dawdle", n=n)
    time.sleep(0.55 * context["aws"].get_remaining_time_in_millis() / 1000)


@router.task(retries=3, backoff=0)
def line_up(journal: str, place: str, n: int, failures: int) -> None:
    """Note in which order what stands in one line is done, after so many failures."""
    stumbles = [line for line in lines_of(Path(journal)) if line["what"] == "stumble"]
    if len([line for line in stumbles if (line["place"], line["n"]) == (place, n)]) < failures:
        note(journal, "stumble", place=place, n=n)
        raise RuntimeError("it stumbles")
    note(journal, "line_up", place=place, n=n)


handler = router.handler
