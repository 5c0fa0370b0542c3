"""How a Task is tried again after a failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from random import Random, uniform

from .errors import SettingError

# Amazon SQS Developer Guide, "Amazon SQS visibility timeout": twelve hours from when the
# message was received. Until then it may have waited for five minutes in Lambda's
# batching window, and for fifteen in the function.
LONGEST_DELAY = (12 * 60 - 20) * 60

# Amazon SQS Developer Guide, "Amazon SQS dead-letter queues": the largest maxReceiveCount,
# which counts the first time too.
MOST_RETRIES = 999

# What chooses by chance: the last one.
_choosing = [uniform]


@dataclass(frozen=True, slots=True)
class Retry:
    """What a Task says of its retries.

    Attributes:
        retries: How often it is tried again before its message is moved to the
            dead-letter queue. None leaves that to the queue's own redrive policy.
        backoff: How long the message is hidden after the first failure, in
            seconds; after each further one twice as long.

    Raises:
        SettingError: A number is out of range.
    """

    retries: int | None
    backoff: float

    def __post_init__(self) -> None:
        if self.retries is not None and (
            type(self.retries) is not int or not 0 <= self.retries <= MOST_RETRIES
        ):
            raise SettingError(
                f"retries is {self.retries!r}, but it is an int from 0 to {MOST_RETRIES}, or None"
                " for as many as the queue's redrive policy gives"
            )
        if type(self.backoff) not in (int, float) or not 0 <= self.backoff <= LONGEST_DELAY:
            raise SettingError(
                f"backoff is {self.backoff!r}, but it is a number of seconds from 0 to"
                f" {LONGEST_DELAY}, so that a message is hidden for less than SQS's twelve hours"
            )

    def tries_left(self, tries: int) -> int | None:
        """Return how many more times a message that was tried so often is tried.

        None leaves that to the queue's own redrive policy.
        """
        return None if self.retries is None else max(0, 1 + self.retries - tries)

    def is_exhausted(self, tries: int) -> bool:
        """Tell whether a message that was tried so often isn't tried again."""
        return self.tries_left(tries) == 0

    def delay(self, tries: int) -> int:
        """Return for how many seconds a message that was tried so often, once at least, is hidden.

        It is chosen by chance between half of the full time and all of it, so
        that messages that failed together don't come back together.
        """
        # SQS may count further, but a float doesn't, and no backoff needs to.
        doublings = min(tries - 1, MOST_RETRIES)
        longest = min(self.backoff * 2.0**doublings, LONGEST_DELAY)
        return ceil(_choosing[-1](longest / 2, longest))


@contextmanager
def delays_chosen_by(random: Random) -> Iterator[None]:
    """Have delays chosen within the block, in every thread, as some random numbers say."""
    choose = random.uniform
    _choosing.append(choose)
    try:
        yield
    finally:
        # The last one is another where blocks of two threads overlap.
        _choosing.remove(choose)
