"""Values of JSON's own types, and what only looks like them, whoever looks at their types."""

from __future__ import annotations

import dataclasses
import enum
import math
import struct
from collections import Counter, OrderedDict, defaultdict
from datetime import date
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from algernon_serialize import NestingError, UnserializableError, ajson, json_text, packing
from hypothesis import example, given
from hypothesis import strategies as st

from .values import same


def by_standard_library(value: Any) -> bytes:
    """Return the text of a value as if neither orjson nor ormsgpack were installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_orjson", lambda: None)
        patch.setattr(packing, "_packer", lambda: None)
        return ajson.dumpb(value)


def float_of(bits: int) -> float:
    """Return the float of 64 bits."""
    number: float = struct.unpack(">d", struct.pack(">Q", bits))[0]
    return number


floats = st.floats() | st.integers(0, 2**64 - 1).map(float_of) | st.floats(-1.1e-4, 1.1e-4)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**65) | floats | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(plain)
@example([None, 1.5, math.nan])
@example([None, -math.inf])
@example({"e-5,": "null", "a": math.inf})
@example([1e-4, math.nextafter(1e-4, 0), 5e-324, 0.0, -0.0])
@example([2.0**-15, -(2.0**-14), 2.0**-1022])
@example([110.00000000000001, 0.0000, "0.00001,"])
@example([110.00000000000001, 0.00001])
@example([1.5, "\u02ff\u0371", "\u02c0", None])
@example([2**63, 2**64 - 1, -(2**63), 2**64, -(2**63) - 1])
def test_plain_values_are_the_same_bytes_whoever_looks_at_them(value: Any) -> None:
    """Values of JSON's types become the bytes that the standard library writes, and come back."""
    text = ajson.dumpb(value)
    assert text == by_standard_library(value)
    assert same(ajson.loads(text), value)


class LikeStr(str):
    """A str of a class of its own."""

    __slots__ = ()


class LikeInt(int):
    """An int of a class of its own."""


class LikeFloat(float):
    """A float of a class of its own."""


class LikeList(list[Any]):
    """A list of a class of its own."""


class LikeDict(dict[str, Any]):
    """A dict of a class of its own."""


class Shade(enum.StrEnum):
    """An Enum whose members are str."""

    RED = "red"


class Size(enum.IntEnum):
    """An Enum whose members are ints."""

    BIG = 1


@dataclasses.dataclass
class Part:
    """A dataclass that isn't registered."""

    size: int = 1


@pytest.mark.parametrize(
    "wrap",
    [lambda v: v, lambda v: [v], lambda v: [{"id": 1, "name": "a"}, {"id": 2, "more": [v]}]],
    ids=["bare", "in a list", "in the last row"],
)
@pytest.mark.parametrize(
    "value",
    [
        LikeStr("a"),
        LikeInt(1),
        LikeFloat(1.5),
        LikeList([1]),
        LikeDict(a=1),
        {LikeStr("a"): 1},
        Counter("a"),
        defaultdict(int),
        MappingProxyType({}),
        Shade.RED,
        {Shade.RED: 1},
        Size.BIG,
        Part(),
        memoryview(b"a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_only_like_a_plain_type_is_refused(value: Any, wrap: Any) -> None:
    """What other writers of JSON take for a plain value would come back as one."""
    with pytest.raises(UnserializableError):
        ajson.dumps(wrap(value))


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        (),
        b"a",
        bytearray(b"a"),
        date(2026, 1, 2),
        UUID(int=1),
        OrderedDict(a=1),
        {1: 2},
        {None: 1},
        {True: 1},
        "\ud800",
        {"\ud800": 1},
        {"_alg_class": "set", "value": [1]},
        {"_alg_class": 1},
        "_alg_class",
    ],
    ids=repr,
)
def test_what_is_tagged_is_tagged_among_plain_rows_too(value: Any) -> None:
    """One value that needs a tag, after many that don't, comes back as it is."""
    rows = [{"id": number, "name": "a", "price": 1.5, "note": None} for number in range(50)]
    for wrapped in ([*rows, value], [*rows, {"id": [value]}]):
        text = ajson.dumpb(wrapped)
        assert text == by_standard_library(wrapped)
        assert same(ajson.loads(text), wrapped)


@pytest.mark.parametrize("depth", [253, 254, 255, 256, 257, 500])
@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"a": v}], ids=["lists", "dicts"])
def test_plain_values_nest_deeper_than_their_writers_go(wrap: Any, depth: int) -> None:
    """A plain value of up to 500 levels is the same text, however deep a library goes."""
    value: Any = 1.5
    for _ in range(depth):
        value = wrap(value)
    text = ajson.dumpb(value)
    assert text == by_standard_library(value)
    assert ajson.dumpb(ajson.loads(text)) == text


@pytest.mark.parametrize(
    "rows",
    [
        [(), ()],
        [(1,), (), (2, "a")],
        [("],[", 1), ("a", 2)],
        [("]", "["), ("],[],[",)],
        [(None, 1.5), (math.nan, 1)],
        [(1.5, math.inf)],
        [(None, 1.5), (None, 2.5)],
        [(1e-5, 1), (0.0, 2)],
        [("_alg_class", 1), ("e-5,", 1.5)],
        [(1, [2]), (3, [4])],
        [(1, (2,)), (3, (4,))],
        [(2**64, 1), (2, 3)],
        [("\ud800", 1), ("a", 2)],
    ],
    ids=repr,
)
@pytest.mark.parametrize("times", [1, 40])
def test_rows_that_are_tuples_come_back_as_tuples(rows: list[Any], times: int) -> None:
    """Lists of tuples are the same text whoever writes it, whatever stands in them."""
    for value in (rows * times, {"rows": rows * times}, [[(1,), (2,)], rows * times]):
        text = ajson.dumpb(value)
        assert text == by_standard_library(value)
        assert same(ajson.loads(text), value)


@pytest.mark.parametrize("depth", [497, 498, 499])
def test_rows_nest_as_deep_as_other_values(depth: int) -> None:
    """Rows whose tuples end at the 500th level are sent, and none below."""
    value: Any = [(1, 2), (3, 4)]
    for _ in range(depth):
        value = [value]
    if depth > 497:
        with pytest.raises(NestingError):
            ajson.dumps(value)
    else:
        assert ajson.dumpb(value) == by_standard_library(value)


LONG_INTS = [2**64, -(2**63) - 1, 10**19 * 3, -(10**19), 10**60]


@pytest.mark.parametrize("size", [0, 1000, 1100, 5000])
@pytest.mark.parametrize("number", LONG_INTS)
def test_a_long_int_is_found_wherever_it_stands(number: int, size: int) -> None:
    """An int of more than 64 bits keeps its digits in texts of any length, at any place."""
    for place in range(20):
        value = ["x" * (size + place), number, "y" * size]
        assert ajson.loads(ajson.dumpb(value)) == value


@pytest.mark.parametrize(
    "row",
    [1.1, 0.1 + 0.2, 12, 123, 1234, 12345, 10**18, {"id": 10**9, "text": "lorem_ipsum " * 9}],
    ids=repr,
)
def test_a_long_int_is_found_among_many_digits(row: Any) -> None:
    """A long int behind thousands of other digits keeps its own."""
    for count in (300, 301, 302, 303, 304):
        value = [row] * count + [2**64 + 1]
        assert ajson.loads(ajson.dumpb(value)) == value
