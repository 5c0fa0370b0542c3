"""What a run that spoils things tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from random import SystemRandom
from typing import Protocol

_SHOWN = 20


class Accounted(Protocol):
    """What a run came to: its figures by their names, and the promises that were broken."""

    @property
    def figures(self) -> Sequence[tuple[str, str]]:
        """The figures, as they are printed."""

    @property
    def broken_promises(self) -> list[str]:
        """A sentence for each."""


def told_seed(given: int | None) -> int:
    """Print the seed, which is drawn if none is given, and return it."""
    seed = SystemRandom().randrange(1_000_000) if given is None else given
    print(f"{'seed':52}{seed:>10}", flush=True)
    return seed


def told(account: Accounted) -> list[str]:
    """Print what a run came to, and return the promises that were broken."""
    for name, figure in account.figures:
        print(f"{name:52}{figure:>10}")
    broken = account.broken_promises
    print(f"{'promises broken':52}{len(broken):>10,}", flush=True)
    for promise in broken[:_SHOWN]:
        print(f"  {promise}")
    return broken
