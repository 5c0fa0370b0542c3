"""Whether a worker that lives long gets slower or larger."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from resource import getpagesize
from time import perf_counter
from typing import Any

from .events import RECORDS, Handler, run

MESSAGES = 10_000
_WARM_UP = 20

#: Linux: the pages that a process has in memory are the second number.
_MEMORY_OF_THIS_PROCESS = Path("/proc/self/statm")


@dataclass(frozen=True)
class Tenth:
    """What a tenth of the messages cost.

    Attributes:
        seconds: The time of one message.
        size: The memory at its end, in bytes: of Python's objects if they were
            traced, else what the process has in memory, or 0 where that can't be seen.
    """

    seconds: float
    size: int


def first_and_last_tenth(
    worker: str, make_batch: Callable[[], dict[str, Any]], *, traced: bool
) -> tuple[Tenth, Tenth]:
    """Put all the messages through one warm handler, in a process of its own.

    Args:
        worker: The function of `workers` that makes the handler.
        make_batch: What makes a batch of the messages.
        traced: Whether to trace Python's memory, which makes it slow.
    """
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as process:
        return process.submit(_run, worker, make_batch, traced).result()


def _run(
    worker: str,
    make_batch: Callable[[], dict[str, Any]],
    traced: bool,
) -> tuple[Tenth, Tenth]:
    from . import workers

    handler: Handler = getattr(workers, worker)()
    for _ in range(_WARM_UP):
        run(handler, make_batch())
    if traced:
        tracemalloc.start()
    tenths = [_tenth(handler, make_batch) for _ in range(10)]
    return tenths[0], tenths[-1]


def _tenth(handler: Handler, make_batch: Callable[[], dict[str, Any]]) -> Tenth:
    seconds = 0.0
    for _ in range(MESSAGES // RECORDS // 10):
        event = make_batch()
        begin = perf_counter()
        run(handler, event)
        seconds += perf_counter() - begin
    del event
    gc.collect()
    return Tenth(seconds / (MESSAGES / 10), _size())


def _size() -> int:
    if tracemalloc.is_tracing():
        return tracemalloc.get_traced_memory()[0]
    if not _MEMORY_OF_THIS_PROCESS.exists():
        return 0
    return int(_MEMORY_OF_THIS_PROCESS.read_text().split()[1]) * getpagesize()
