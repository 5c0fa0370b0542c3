"""Items that were chosen to have one hash are refused, before they take a long time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from algernon_serialize import MalformedTagError, UnserializableError, ajson, rebuild_event

from .values import Box, Money, Point, same

# Of its multiples, the hash of each is 0.
MODULUS = 2**61 - 1

# Without a bound, each of these would take minutes.
MANY = 30_000

KINDS: dict[str, Callable[[int], Any]] = {
    "ints": lambda n: n * MODULUS,
    "negative ints": lambda n: -n * MODULUS,
    "Decimals": lambda n: Decimal(n * MODULUS),
    "UUIDs": lambda n: UUID(int=n * MODULUS),
    "complex numbers": lambda n: complex(1_000_003 * (n + 2), -n - 2),
    "tuples": lambda n: (n * MODULUS, "x"),
    "nested tuples": lambda n: ((n * MODULUS,), None),
    "ranges": lambda n: range(n * MODULUS, n * MODULUS + 1),
    "frozensets": lambda n: frozenset({n * MODULUS}),
    "AlgObjects": lambda n: Box(n * MODULUS),
    "namedtuples": lambda n: Point(n * MODULUS),
    "dataclasses": lambda n: Money(n * MODULUS),
}


def colliding(kind: str, count: int) -> list[Any]:
    """Return values of a kind that all have the same hash."""
    values = [KINDS[kind](number) for number in range(count)]
    assert len(set(map(hash, values))) == 1
    return values


def tag(name: str, items: list[Any]) -> str:
    """Return the text of a tag that holds items, and those of dicts as keys."""
    if name in ("dict", "ordereddict"):
        items = [[item, None] for item in items]
    return f'{{"_alg_class":"{name}","value":{ajson.dumps(items)}}}'


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["set", "frozenset", "dict", "ordereddict"])
def test_many_items_of_one_hash_are_malformed(kind: str, name: str) -> None:
    """A set, or a dict's keys, of one hash is refused with its path, and not put together."""
    text = f'{{"rows":[0,{tag(name, colliding(kind, MANY if kind == "ints" else 1_000))}]}}'
    with pytest.raises(MalformedTagError, match="have the same hash") as caught:
        ajson.loads(text)
    assert caught.value.path == "$.rows[1]"
    with pytest.raises(MalformedTagError, match="have the same hash"):
        rebuild_event(ajson.loads(text, rebuild=False))


def test_a_part_of_the_items_is_enough() -> None:
    """Items of one hash are found among many others, and where they come in groups."""
    for items in (
        colliding("ints", 5_000) + list(range(1, 20_000)),
        [number % 50 + number * MODULUS for number in range(20_000)],
    ):
        with pytest.raises(MalformedTagError, match="have the same hash"):
            ajson.loads(tag("set", items))


def test_a_set_inside_a_set_is_looked_at_too() -> None:
    """It makes no difference what the set stands in."""
    inner = tag("frozenset", colliding("ints", 1_000))
    with pytest.raises(MalformedTagError, match="have the same hash"):
        ajson.loads(f'{{"_alg_class":"set","value":[{inner}]}}')


@pytest.mark.parametrize("kind", KINDS)
def test_some_items_of_one_hash_come_back(kind: str) -> None:
    """As many as do no harm are read, be it as a set or as keys."""
    items = colliding(kind, 100)
    for value in (
        set(items),
        frozenset(items),
        dict.fromkeys(items, 1),
        OrderedDict.fromkeys(items),
    ):
        assert same(ajson.loads(ajson.dumps(value)), value)


@pytest.mark.parametrize("wrap", [set, frozenset, dict.fromkeys, OrderedDict.fromkeys])
def test_what_would_not_be_read_is_not_written(wrap: Callable[[list[Any]], Any]) -> None:
    """A value whose text would be refused is refused by the sender, with its path."""
    with pytest.raises(UnserializableError, match="have the same hash") as caught:
        ajson.dumps({"rows": [wrap(colliding("ints", 1_000))]})
    assert caught.value.path == "$.rows[0]"


@pytest.mark.parametrize(
    "items",
    [
        set(range(-20_000, 20_000)),
        {number << 40 for number in range(20_000)},
        {float(2**exponent) for exponent in range(1_000)} | {2.0**-n for n in range(1_000)},
        {Decimal(number) / 100 for number in range(20_000)},
        {UUID(int=number << 64 | number) for number in range(5_000)},
        {datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n) for n in range(5_000)},
        {(number, str(number)) for number in range(20_000)},
        {frozenset({number, number + 1}) for number in range(5_000)},
        {Box(number) for number in range(3_000)},
    ],
    ids=[
        "ints",
        "shifted ints",
        "floats",
        "Decimals",
        "UUIDs",
        "datetimes",
        "tuples",
        "sets",
        "Box",
    ],
)
def test_honest_sets_come_back(items: set[Any]) -> None:
    """Large sets of ordinary items are read as ever."""
    assert ajson.loads(ajson.dumps(items)) == items
