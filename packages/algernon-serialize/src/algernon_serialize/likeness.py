"""Telling whether two values are not only equal, but would be written alike.

In Python ``1 == 1.0 == True`` and ``Decimal("1.0") == Decimal("1.00")``, and a moment equals the
same one in any other time zone.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from functools import partial
from types import NoneType

from .models import model_values
from .scalars import ENCODERS

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any

# Of these, equal ones of one type are alike.
_PLAIN = frozenset({str, int, bool, NoneType})
_NUMBERS = frozenset({int, float})
_SETS = frozenset({set, frozenset})
# Those that can be changed in place, or hold such.
_CHANGEABLE = frozenset({bytearray, deque, dict, list, OrderedDict, set, tuple})
_SEQUENCES = frozenset({list, tuple, deque})


def are_alike(one: Any, other: Any, *, but_for_ints: bool = False) -> bool:
    """Tell whether two values are equal, with the same types at every depth.

    Args:
        one: A value.
        other: The other.
        but_for_ints: Whether an int may stand for the float that it equals, as it may for type
            checkers (PEP 484).

    Raises:
        RecursionError: They nest too deeply.
        Exception: Whatever the ``__eq__`` of an object in them raises.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return but_for_ints and {kind, type(other)} == _NUMBERS and bool(one == other)
    if kind in _PLAIN:
        return bool(one == other)
    if kind is float:
        return repr(one) == repr(other)  # of which NaN has one too, and -0.0 its own
    if kind in _SEQUENCES:
        if len(one) != len(other) or getattr(one, "maxlen", 0) != getattr(other, "maxlen", 0):
            return False
        # Most hold plain values alone, which are compared without a call of Python.
        kinds = list(map(type, one))
        if _PLAIN.issuperset(kinds) and kinds == list(map(type, other)):
            return bool(one == other)
        return all(map(partial(are_alike, but_for_ints=but_for_ints), one, other))
    alike = partial(are_alike, but_for_ints=but_for_ints)
    if kind is dict:
        typed = partial(_typed, but_for_ints=but_for_ints)
        return set(map(typed, one)) == set(map(typed, other)) and all(
            alike(item, other[key]) for key, item in one.items()
        )
    if kind is OrderedDict:
        return alike(list(one.items()), list(other.items()))
    if kind in _SETS:
        typed = partial(_typed, but_for_ints=but_for_ints)
        return set(map(typed, one)) == set(map(typed, other))
    if kind in ENCODERS:
        return bool(_form(one) == _form(other))
    values = model_values(one)
    return bool(one == other) if values is None else alike(values, model_values(other))


def copied(value: Any) -> Any:
    """Return a value of which no container that can be changed in place is the value's own."""
    kind = type(value)
    if kind not in _CHANGEABLE:
        return value
    if kind is dict or kind is OrderedDict:
        return kind((key, copied(item)) for key, item in value.items())
    if kind is deque:
        return deque(map(copied, value), value.maxlen)
    if kind is list or kind is tuple:
        return kind(value) if _PLAIN.issuperset(map(type, value)) else kind(map(copied, value))
    return kind(value)


def _typed(item: Any, *, but_for_ints: bool) -> Any:
    """Return what equals only that of an item that is alike."""
    kind = type(item)
    if kind is str:
        return item
    if kind is tuple or kind is frozenset:
        return kind, kind(_typed(each, but_for_ints=but_for_ints) for each in item)
    if kind is int and but_for_ints:
        kind = float
    if kind is float:
        return kind, item + 0.0
    return kind, repr(_form(item)) if kind in ENCODERS else item


def _form(value: Any) -> Any:
    try:
        return ENCODERS[type(value)][1](value)
    except TypeError:  # it can't be sent anyhow
        return value
