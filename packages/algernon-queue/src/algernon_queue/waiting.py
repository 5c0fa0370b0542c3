"""Waiting for what others do: how often one looks, for how long, and where one mustn't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic

from .current_task import running_task
from .errors import ResultTimeoutError, SettingError, WaitInTaskError

# So a wait ends some 15 % later than what is waited for, and a long one costs little.
_PART_OF_TIME_WAITED = 0.15
_SHORTEST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0

_MOST_SHOWN = 5

_WHAT_IS_UNKNOWN = (
    "One that is unknown was sent without keep_result and may be done long ago, waits in its"
    " queue, runs without a ledger, is in the middle of a chain, or has its objects in another"
    " bucket or folder: wait longer, or look for it by `algernon trace`"
)

#: The blocks within which nothing comes by waiting, and why.
_in_vain: list[str] = []


@contextmanager
def nothing_comes_by_waiting(reason: str) -> Iterator[None]:
    """Have each wait within the block, in any thread of the process, end after one look.

    Args:
        reason: Why, and what to do, for the error. The innermost block's is told.
    """
    _in_vain.append(reason)
    try:
        yield
    finally:
        # The last one is another where blocks of two threads overlap.
        _in_vain.remove(reason)


def reason_in_vain() -> str | None:
    """Return why nothing comes by waiting now, and what to do, or None if it may."""
    return _in_vain[-1] if _in_vain else None


class Wait:
    """A wait, which begins when it is made.

    Args:
        timeout: For how many seconds; None is for as long as it takes. With 0 one looks once.

    Attributes:
        looks: How often one has looked so far.

    Raises:
        WaitInTaskError: A Task is about to wait.
        SettingError: The timeout is no number of seconds from 0 on.

    Example:
        >>> wait = Wait(timeout=0)
        >>> for _ in wait.attempts():
        ...     print("nothing there; again in", wait.pause, "s")
        nothing there; again in 0 s
    """

    def __init__(self, timeout: float | None) -> None:
        _refuse_in_task()
        # NaN isn't more than or equal to anything.
        if timeout is not None and not (type(timeout) in (int, float) and timeout >= 0):
            raise SettingError(
                f"the timeout is {timeout!r}, but it is a number of seconds from 0 on, or None to"
                " wait for as long as it takes"
            )
        self.looks = 0
        self._timeout = timeout
        self._began = monotonic()
        self._began_at = datetime.now(UTC)

    def attempts(self) -> Iterator[None]:
        """Give one turn for each look, the last of which begins when the time is over."""
        is_over = False
        while not is_over:
            is_over = bool(_in_vain) or self._seconds_left() <= 0
            self.looks += 1
            yield

    @property
    def pause(self) -> float:
        """How many seconds to wait after a look that found nothing."""
        if _in_vain:
            return 0
        usual = min(max(_PART_OF_TIME_WAITED * self._seconds(), _SHORTEST_PAUSE), _LONGEST_PAUSE)
        return max(0, min(usual, self._seconds_left()))

    def timed_out(self, states: Mapping[str, str]) -> ResultTimeoutError:
        """Return the error that says what is known of that which didn't come.

        Args:
            states: The state of each Task that hasn't ended, by the id under which it was sent.
        """
        seconds = self._seconds()
        shown = [f"{task_id} is {state!r}" for task_id, state in states.items()][:_MOST_SHOWN]
        if len(states) > _MOST_SHOWN:
            shown.append(f"and {len(states) - _MOST_SHOWN} more")
        what = "the Task hasn't ended" if len(states) == 1 else f"{len(states)} Tasks haven't ended"
        if _in_vain:
            message = f"{what}: {', '.join(shown)}; {_in_vain[-1]}"
        else:
            looks = "1 look" if self.looks == 1 else f"{self.looks} looks"
            message = (
                f"{what} after {seconds:.1f} s and {looks}, since"
                f" {self._began_at:%Y-%m-%d %H:%M:%S} UTC: {', '.join(shown)}"
            )
            if "unknown" in states.values():
                message += f". {_WHAT_IS_UNKNOWN}"
        return ResultTimeoutError(message, states=states, seconds=seconds, looks=self.looks)

    def _seconds(self) -> float:
        return monotonic() - self._began

    def _seconds_left(self) -> float:
        return float("inf") if self._timeout is None else self._timeout - self._seconds()


def _refuse_in_task() -> None:
    task = running_task.get()
    described = None if task is None else task.describe()
    if described is not None:
        raise WaitInTaskError(
            f"the Task {described.task_name!r} is about to wait for another one, in a function that"
            " is paid for meanwhile and that the other may need to run: have the result sent on"
            " instead, by other.then(next_task).send(…), or return a Group of what it waits for"
        )
