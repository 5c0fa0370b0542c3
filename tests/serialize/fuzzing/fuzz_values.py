"""Give values of all kinds to `ajson.dumps`, as hypothesis makes them up.

With orjson and ormsgpack, and without them, a value becomes the same bytes, which bring it
back the same, or is refused alike. So it is with the texts for people.

From the root of the project: ``python -m tests.serialize.fuzzing.fuzz_values --seconds 600``
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import OrderedDict, deque
from decimal import Decimal
from time import monotonic
from typing import Any
from uuid import UUID

from algernon_serialize import SerializeError, ajson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..values import Box, Crate, Money, Point, texts, values
from .all_ways import ContractError, check_value, in_all_ways, same


class Loud(str):
    """A str of a class that isn't registered."""

    __slots__ = ()


small_numbers = st.floats(-1e-3, 1e-3) | st.sampled_from([1e-4, 9e-5, 1e-5, 5e-324, -1e-7, -0.0])
hard_leaves: st.SearchStrategy[Any] = (
    st.floats()
    | small_numbers
    | st.integers(-(2**66), 2**66)
    | st.sampled_from([None, "e-5,", "null", "0.00001", "_alg_class", "\ud800", b"null", {}, []])
    | st.sampled_from(["\u02ff", "0.0000", 110.00000000000001, 2**63, -(2**63), memoryview(b"x")])
)
# An int of so many digits has no repr for hypothesis to show.
refused = st.sampled_from([object(), Loud("x"), Exception]) | st.just(5000).map(lambda n: 10**n)
hashable_hard_leaves = st.floats() | small_numbers | st.sampled_from([2**70, "\ud800", "value"])
hard_values: st.SearchStrategy[Any] = st.recursive(
    hard_leaves | hard_leaves | hard_leaves | values | refused,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(hard_leaves, max_size=5).map(tuple)
        | st.lists(st.tuples(hard_leaves, hard_leaves), max_size=4)
        | st.dictionaries(texts, inner, max_size=4)
        | st.dictionaries(hashable_hard_leaves | refused, inner, max_size=3)
        | st.dictionaries(texts, hard_leaves, max_size=3).map(OrderedDict)
        | st.sets(hashable_hard_leaves | st.tuples(hashable_hard_leaves), max_size=4)
        | st.lists(inner, max_size=3).map(deque)
        | st.builds(Box, inner, label=texts)
        | st.builds(Crate, inner, texts)
        | st.builds(Point, inner, inner)
        | st.builds(Money, inner, texts)
    ),
    max_leaves=15,
)
_WRAPPERS: dict[type, Any] = {
    list: lambda value: [value],
    tuple: lambda value: (value,),
    dict: lambda value: {"a": value},
    Box: Box,
    deque: lambda value: deque([value]),
    int: lambda value: {1: value},
}


def _wrapped(value: Any, wraps: list[type], times: int) -> Any:
    for wrap in wraps * times:
        value = _WRAPPERS[wrap](value)
    return value


#: Of its multiples, the hash of each is 0.
MODULUS = 2**61 - 1

_LIKE_AN_INT: list[Any] = [int, Decimal, lambda n: UUID(int=n), lambda n: (n, 1), Box, Money]
colliding_values = st.builds(
    lambda wrap, like, count: wrap([like(n * MODULUS) for n in range(count)]),
    st.sampled_from([set, frozenset, dict.fromkeys, OrderedDict.fromkeys]),
    st.sampled_from(_LIKE_AN_INT),
    # As many as come back, and more.
    st.integers(0, 20) | st.sampled_from([129, 130, 200]),
)

deep_values = st.builds(
    _wrapped,
    values,
    st.lists(st.sampled_from([*_WRAPPERS]), min_size=1, max_size=4),
    st.integers(1, 45),
)


def check(value: Any) -> None:
    """Check what becomes of a value.

    Raises:
        ContractError: It isn't as the head of this module says.
    """
    check_value(value)
    indented = in_all_ways(ajson.dumps, value, indent=1)
    if isinstance(indented, Exception):
        if not isinstance(indented, SerializeError):
            raise ContractError("dumps raises an error that isn't of this package") from indented
        return
    if not same(ajson.loads(indented), value):
        raise ContractError(f"{value!r} comes back as something else from an indented text")
    in_order = ajson.dumps(value, sort_keys=True)
    if ajson.dumps(ajson.loads(in_order), sort_keys=True) != in_order:
        raise ContractError(f"{value!r} comes back as something else from a sorted text")


def main() -> int:
    """Fuzz for so many seconds; return 1 at the first value that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long; 600 by default")
    end = monotonic() + parser.parse_args().seconds
    executions = 0

    @settings(
        max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(values | hard_values | deep_values | colliding_values)
    def fuzz(value: Any) -> None:
        nonlocal executions
        executions += 1
        check(value)

    while monotonic() < end:
        try:
            fuzz()
        except Exception:  # noqa: BLE001 - hypothesis has put the failing value into its notes
            traceback.print_exc()
            return 1
        print(f"{executions} executions", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
