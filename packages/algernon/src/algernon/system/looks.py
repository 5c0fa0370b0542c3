"""How often to look at what changes by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

# Often for what is soon done, seldom for what takes its minutes.
_SHORTEST_PAUSE = 0.05
_LONGEST_PAUSE = 5
_PAUSE_SHARE = 0.15


def looks(seconds: float | None = None) -> Iterator[float]:
    """Give for how many seconds has been waited, each time that it is time to look again.

    Args:
        seconds: After how many it ends, with one last look, for which as much or more has been
            waited; never by default.

    Example:
        >>> for waited in looks(300):  # doctest: +SKIP
        ...     if is_done():
        ...         break
    """
    began = time.monotonic()
    while True:
        waited = time.monotonic() - began
        yield waited
        left = math.inf if seconds is None else seconds - waited
        if left <= 0:
            return
        time.sleep(min(max(_SHORTEST_PAUSE, waited * _PAUSE_SHARE), _LONGEST_PAUSE, left))
