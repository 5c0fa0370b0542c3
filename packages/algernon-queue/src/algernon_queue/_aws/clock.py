"""What time it is, for what expires and what waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Clock(NamedTuple):
    """What tells the time, and lets it pass.

    Attributes:
        now: Returns the seconds since 1970.
        sleep: Waits for some seconds.
    """

    now: Callable[[], float]
    sleep: Callable[[float], None]


_clocks = [Clock(time.time, time.sleep)]


def now() -> float:
    """Return the seconds since 1970."""
    return _clocks[-1].now()


def sleep(seconds: float) -> None:
    """Wait for some seconds."""
    _clocks[-1].sleep(seconds)


@contextmanager
def time_told_by(clock: Clock) -> Iterator[None]:
    """Have another clock tell the time while the block lasts, in all threads of the process."""
    _clocks.append(clock)
    try:
        yield
    finally:
        _clocks.remove(clock)
