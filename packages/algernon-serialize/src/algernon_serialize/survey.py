"""Looking through a value, at the speed of C, for types that JSON hasn't.

What is made of plain types alone needs no encoder. That is found out level by
level, for all items of a level at once, without building anything.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from gc import get_referents
from itertools import chain
from types import NoneType

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Iterator
    from typing import Any

#: Types that JSON has itself. A float may be NaN, though, and a str have lone surrogates.
PLAIN = frozenset({str, int, float, bool, NoneType, dict, list})
#: Containers that JSON hasn't.
CONTAINERS = frozenset({tuple, set, frozenset, deque, OrderedDict})
_CONTAINERS = frozenset({dict, list})

# From a level with more items than these, no container is looked at a second time.
_MANY = 500_000
_LISTS_AT_A_TIME = 256


class Survey:
    """What was seen in a value.

    Attributes:
        floats: Lists in which there are floats, among others.
        dicts: The dicts, in lists.
    """

    __slots__ = ("dicts", "floats")

    def __init__(self) -> None:
        self.floats: list[list[Any]] = []
        self.dicts: list[list[dict[Any, Any]]] = []

    def all_keys(self) -> Iterator[Any]:
        """Give the keys of all dicts."""
        return chain.from_iterable(chain.from_iterable(self.dicts))


def survey(value: Any, max_depth: int) -> Survey | None:
    """Look through a value that may be made of plain types alone.

    Args:
        value: The value.
        max_depth: How deep the value may nest.

    Returns:
        What was seen, or None where another type was, or where it nests too deeply.
    """
    seen = Survey()
    visited: set[int] = set()
    level = [value]
    for _ in range(max_depth + 1):
        kinds = set(map(type, level))
        if not kinds <= PLAIN:
            return None
        if float in kinds:
            seen.floats.append(level)
        if kinds.isdisjoint(_CONTAINERS):
            return seen
        if dict in kinds:
            alone = len(kinds) == 1
            dicts = level if alone else [item for item in level if type(item) is dict]
            # Rows are alike: the first one tells soonest that there is another type.
            if not PLAIN.issuperset(map(type, dicts[0].values())):
                return None
            seen.dicts.append(dicts)
            lists = [] if alone else [item for item in level if type(item) is list]
            level = _items_of(dicts, lists, visited)
        else:
            level = _items_of_lists(level, visited)
    return None


def _items_of(dicts: list[Any], lists: list[Any], visited: set[int]) -> list[Any]:
    if visited or sum(map(len, dicts)) + sum(map(len, lists)) > _MANY:
        dicts, lists = _new(dicts, visited), _new(lists, visited)
    items = list(chain.from_iterable(map(dict.values, dicts)))
    items += chain.from_iterable(lists)
    return items


def _items_of_lists(level: list[Any], visited: set[int]) -> list[Any]:
    # What a list refers to are its items; and what else is in such a level, to nothing. (A dict
    # doesn't tell reliably since Python 3.13.)
    items: list[Any] = []
    for start in range(0, len(level), _LISTS_AT_A_TIME):
        if visited or len(items) > _MANY:
            lists = [item for item in level if type(item) is list]
            return list(chain.from_iterable(_new(lists, visited)))
        items += get_referents(*level[start : start + _LISTS_AT_A_TIME])
    return items


def _new(containers: list[Any], visited: set[int]) -> list[Any]:
    # One that holds itself, or is held very often, would otherwise grow from level to level.
    new = {id(container): container for container in containers if id(container) not in visited}
    visited.update(new)
    return list(new.values())
