"""A system's own clock, which goes on only when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time

from ..errors import SettingError


class Clock:
    """What the services of a system take for the time; it begins at the present.

    Attributes:
        now: Seconds since 1970.

    Example:
        >>> clock = Clock()
        >>> before = clock.now
        >>> clock.advance(90)
        >>> clock.now - before
        90.0
    """

    def __init__(self) -> None:
        # Services tell times to the millisecond at the most.
        self.now = float(int(time()))

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            SettingError: Time would go back, or nowhere.
        """
        if not (isinstance(seconds, (int, float)) and 0 <= seconds < float("inf")):
            raise SettingError(f"a clock goes on by a number of seconds from 0 on, not {seconds!r}")
        self.now += seconds

    @property
    def millis(self) -> int:
        """Milliseconds since 1970."""
        return round(self.now * 1000)

    @property
    def moment(self) -> datetime:
        """The time to the second, as S3 tells it."""
        return datetime.fromtimestamp(int(self.now), UTC)
