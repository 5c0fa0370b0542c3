"""Waiting for what other processes do, on a machine of any speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

#: For how many seconds nothing may move: on a busy machine a message whose worker was killed
#: comes again after three minutes.
PATIENCE = 300.0

Found = TypeVar("Found")


class NothingMovedError(AssertionError):
    """What was waited for didn't come, and nothing moved any more."""


def wait_for(look: Callable[[], Found], moving: Callable[[], object] = lambda: "nothing") -> Found:
    """Return what a look finds, as soon as it finds something.

    The wait goes on for as long as anything moves, since a slow machine is no fault.

    Args:
        look: What gives something that is true in the end.
        moving: What gives what else can be seen meanwhile, such as the lines of a log.

    Raises:
        NothingMovedError: For five minutes. It says what was seen last.
    """
    seen, since = moving(), time.monotonic()
    while not (found := look()):
        if (now := moving()) != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise NothingMovedError(f"nothing moved for {PATIENCE:.0f} s; seen last: {seen}")
        time.sleep(0.05)
    return found
