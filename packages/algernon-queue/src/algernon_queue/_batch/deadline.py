"""How much of Lambda's time is left, and what is kept back of it."""

from __future__ import annotations

from math import ceil, inf
from typing import Any

# What is kept back for sending results on, where the worker doesn't say: a tenth of the
# time, and at the most a second for each so many records. They are sent on as many at once as
# there are threads, so that more take longer.
_SHARE = 0.1
_SECONDS = 1.0
_RECORDS = 20

# AWS Lambda Developer Guide, "Using the Lambda context object to retrieve Python function
# information": the time that is left is told in whole milliseconds.
_PRECISION = 0.001


class Deadline:
    """When Lambda ends the function.

    Args:
        aws_context: Lambda's own context. Outside Lambda, where none says how much
            time is left, or a test's says no number, there is always enough.
        margin: How much is kept back for sending results on, in seconds, or None.
    """

    def __init__(self, aws_context: Any, margin: float | None) -> None:
        remaining = getattr(aws_context, "get_remaining_time_in_millis", None)
        self._remaining_millis = remaining if callable(remaining) else None
        self._is_margin_given = margin is not None
        self.margin = min(_SECONDS, _SHARE * self.seconds_left()) if margin is None else margin

    def seconds_left(self) -> float:
        """Return the seconds until the function ends."""
        millis = None if self._remaining_millis is None else self._remaining_millis()
        return millis / 1000 if isinstance(millis, (int, float)) else inf

    def seconds_to_work(self) -> float:
        """Return the seconds that are left but for the margin; fewer than none, once in it."""
        return self.seconds_left() - self.margin

    def reckon_with(self, records: int) -> None:
        """Keep back what so many records take, unless the worker says how much."""
        if not self._is_margin_given:
            seconds = _SECONDS * ceil(records / _RECORDS)
            self.margin = max(self.margin, min(seconds, _SHARE * self.seconds_left()))

    def keep_back(self, seconds: float) -> None:
        """Keep back so many seconds at least, or half of what is left if that is less."""
        self.margin = max(self.margin, min(seconds, self.seconds_left() / 2))

    @property
    def is_over(self) -> bool:
        """Whether nothing may be begun any more; so it is once a wait for the margin has ended."""
        return self.seconds_to_work() < _PRECISION

    def seconds_to_wait(self) -> float:
        """Return the seconds for which what AWS throttles may be tried again."""
        return max(self.seconds_left() / 2, 0)
