"""Telling the items of a set, or the keys of a dict, that were chosen to have one hash.

Python's hashes of numbers, and of what is made of numbers, can be computed by anybody.
Items of one hash are compared with one another when they are put together, which takes
a time that grows with the square of their number: an hour for a text of some megabytes.
"""

from __future__ import annotations

from collections import Counter
from math import isqrt
from os import urandom

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Sequence
    from typing import Any

#: How many comparisons an item may cost, taken together with all others.
MAX_COMPARISONS = 64
#: So many items can't reach that, even if they all have one hash.
FEW = 2 * MAX_COMPARISONS


def collide(items: Sequence[Any]) -> bool:
    """Tell whether items cost more than `MAX_COMPARISONS` each when they are put together.

    Raises:
        TypeError: Some item isn't hashable.
    """
    if len(items) <= FEW or not _some_collide(items):
        return False
    pairs = sum(count * (count - 1) // 2 for count in Counter(map(hash, items)).values())
    return pairs > MAX_COMPARISONS * len(items)


def _some_collide(items: Sequence[Any]) -> bool:
    # As on a birthday party, two of a few items share a hash if many of all items do: of
    # as many as are refused, 20 and more are expected here. And nobody can tell which ones.
    size = len(items)
    numbers = memoryview(urandom(8 * isqrt(size))).cast("I")
    places = set(map(size.__rmod__, numbers))
    return len(set(map(hash, map(items.__getitem__, places)))) < len(places)
