"""How often to look at what changes by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

# Often for what is soon done, seldom for what takes its minutes.
_SHORTEST_PAUSE = 0.05
_LONGEST_PAUSE = 5
_PAUSE_SHARE = 0.15


def looks(seconds: float | None = None) -> Iterator[float]:
    """Give for how many seconds has been waited, each time that it is time to look again.

    Args:
        seconds: After how many it ends, with one last look; never by default.

    Example:
        >>> for waited in looks(300):  # doctest: +SKIP
        ...     if is_done():
        ...         break
    """
    start = time.monotonic()
    while True:
        waited = time.monotonic() - start
        yield waited
        if seconds is not None and waited > seconds:
            return
        time.sleep(min(max(_SHORTEST_PAUSE, waited * _PAUSE_SHARE), _LONGEST_PAUSE))
