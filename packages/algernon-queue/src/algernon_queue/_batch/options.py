"""The options of a worker of a queue."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal, TypedDict

from algernon_storage import Ledger

from ..errors import SettingError

Failures = Literal["batch", "report"]


class OptionArguments(TypedDict, total=False):
    """The options as `queued` and `TaskRouter` take them, by name: those of `Options`."""

    failures: Failures | None
    listeners: Mapping[str, str] | None
    once: bool | Ledger
    deadline_margin: float | None
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a worker says of how its batches are worked off: see `queued`.

    Raises:
        SettingError: An option has a value that means nothing.
    """

    failures: Failures | None = None
    listeners: Mapping[str, str] | None = None
    once: bool | Ledger = False
    deadline_margin: float | None = None
    concurrency: int = 10

    def __post_init__(self) -> None:
        if self.failures is not None:
            _check_failures(self.failures, "failures")
        margin = self.deadline_margin
        if margin is not None and not (type(margin) in (int, float) and 0 <= margin < inf):
            raise SettingError(
                f"deadline_margin is {margin!r}, but it is a number of seconds from 0 on"
            )
        if type(self.concurrency) is not int or self.concurrency < 1:
            raise SettingError(f"concurrency is {self.concurrency!r}, but it is an int from 1 on")
        if not (isinstance(self.once, bool) or _is_ledger(self.once)):
            raise SettingError(
                f"once is {self.once!r}, but it is True, False or a Ledger, which has the methods"
                " claim, finish and release"
            )

    @property
    def keeps_whole_batch(self) -> bool:
        """Whether one failure keeps the whole batch in the queue.

        Raises:
            SettingError: `failures` isn't given, and `ALGERNON_FAILURES` has a value that
                means nothing.
        """
        policy: str | None = self.failures
        if policy is None:
            policy = os.environ.get("ALGERNON_FAILURES") or "batch"
            _check_failures(policy, "the environment variable ALGERNON_FAILURES")
        return policy == "batch"


def _is_ledger(value: object) -> bool:
    return not isinstance(value, type) and all(
        callable(getattr(value, name, None)) for name in ("claim", "finish", "release")
    )


def _check_failures(value: str, name: str) -> None:
    if value not in ("batch", "report"):
        raise SettingError(
            f"{name} is {value!r}, but it is 'batch' (a failure keeps the whole batch in the"
            " queue) or 'report' (only what failed)"
        )
