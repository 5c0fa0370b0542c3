"""Values of every kind that ajson sends, and what it means that two are the same."""

from __future__ import annotations

import dataclasses
import enum
from collections import OrderedDict, deque
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from algernon_serialize import AlgObject, ajson, model_fields
from dateutil import tz
from hypothesis import strategies as st

T = TypeVar("T")


@ajson.register
class Colour(enum.Enum):
    """A registered enum."""

    RED = 1
    GREEN = "green"


@ajson.register
class Access(enum.Flag):
    """A registered flag."""

    READ = 1
    WRITE = 2


@ajson.register
class Level(enum.IntEnum):
    """A registered enum whose members are ints."""

    LOW = 1
    HIGH = 2


@ajson.register
class Point(NamedTuple):
    """A registered namedtuple."""

    x: Any
    y: Any = None


@ajson.register
@dataclasses.dataclass(frozen=True)
class Money:
    """A registered dataclass."""

    amount: Any
    currency: str = "EUR"


class Name(str):
    """A registered subclass of str."""

    __slots__ = ()


def _name(form: Any) -> Name:
    if type(form) is not str:
        raise TypeError("a name is a str")
    return Name(form)


ajson.register(Name, encode=str, decode=_name)


@dataclasses.dataclass(slots=True)
class Crate(AlgObject):
    """A dataclass with slots and nothing to write."""

    content: Any
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Seal(AlgObject):
    """A frozen dataclass that makes one of its fields itself."""

    text: str
    length: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.text))


class Box(AlgObject):
    """An object that holds anything."""

    def __init__(self, content: Any, *, label: str = "") -> None:
        self._content = content
        self.label = label

    @classmethod
    def parse_json(cls, json_dict: Any) -> Box:
        """Make a box of its attributes."""
        return cls(json_dict["content"], label=json_dict["label"])


class Order:
    """A class with another in it."""

    @ajson.register
    class Status(enum.Enum):
        """How an order stands."""

        OPEN = 1
        PAID = 2


class Payment:
    """Another class with one of the same name in it."""

    @ajson.register
    class Status(enum.Enum):
        """How a payment stands."""

        PAID = 1


class Cart(AlgObject):
    """An object with slots, a dict, and something that it keeps once it is computed."""

    __slots__ = ("__dict__", "_count")

    def __init__(self, count: int) -> None:
        self._count = count

    @cached_property
    def total(self) -> int:
        """Twice the count."""
        return self._count * 2

    @classmethod
    def upgrade(cls, json_dict: dict[str, Any]) -> dict[str, Any]:
        """Give a default."""
        json_dict.setdefault("count", 1)
        return json_dict

    @classmethod
    def parse_json(cls, json_dict: Any) -> Cart:
        """Make a cart of its count."""
        return cls(json_dict["count"])


class Shelf(AlgObject, Generic[T]):
    """A generic object."""

    def __init__(self, content: T) -> None:
        self.content = content

    @classmethod
    def parse_json(cls, json_dict: Any) -> Shelf[T]:
        """Make a shelf of its content."""
        return cls(json_dict["content"])


def _looked_at(cart: Cart) -> Cart:
    assert cart.total is not None
    return cart


ZONES = [
    None,
    UTC,
    timezone(timedelta(hours=5, minutes=30)),
    timezone(timedelta(seconds=-1), "almost"),
    ZoneInfo("Europe/Paris"),
    ZoneInfo("America/New_York"),
    tz.tzutc(),
    tz.tzoffset("here", 7200),
    tz.gettz("Europe/London"),
]

decimals = st.decimals(allow_nan=False)
zones = st.sampled_from(ZONES)
folds = st.integers(0, 1)
datetimes = st.builds(
    lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold), st.datetimes(), zones, folds
)
times = st.builds(
    lambda clock, zone, fold: clock.replace(tzinfo=zone, fold=fold), st.times(), zones, folds
)
paths = st.sampled_from(["", ".", "/", "a/b", "../a b", "C:\\\\x", "é"])
texts = st.text() | st.text(st.characters(categories=["Cs", "Lu"]))


@st.composite
def objects_of_classes(draw: st.DrawFn) -> Any:
    """Return what is hashable of the classes above, as a strategy with a short repr."""
    return draw(
        st.sampled_from([*Order.Status, *Payment.Status])
        | st.sampled_from([*Colour, *Level, Access(0), Access.READ, Access.READ | Access.WRITE])
        | st.integers().map(Cart)
        | st.integers().map(Cart).map(_looked_at)
        | st.integers().map(Shelf[int])
    )


hashable_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | texts
    | decimals
    | datetimes
    | times
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.binary(max_size=9)
    | st.complex_numbers(allow_nan=False)
    | st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([-2, 1, 2**70]))
    | paths.map(Path)
    | paths.map(PurePosixPath)
    | paths.map(PureWindowsPath)
    | objects_of_classes()
    | texts.map(Name)
    | texts.map(Seal)
)
hashables = st.recursive(
    hashable_leaves,
    lambda inner: (
        st.tuples(inner, inner)
        | st.frozensets(inner, max_size=3)
        | st.builds(Box, inner, label=texts)
        | st.builds(Point, inner, inner)
        | st.builds(Money, inner, texts)
    ),
    max_leaves=5,
)
values: st.SearchStrategy[Any] = st.recursive(
    hashables,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.sets(hashables, max_size=4)
        | st.dictionaries(texts | st.just("_alg_class") | st.just("value"), inner, max_size=4)
        | st.dictionaries(hashables, inner, max_size=3)
        | st.lists(st.tuples(st.integers(), texts, st.floats(allow_nan=False)), max_size=4)
        | st.builds(deque, st.lists(inner, max_size=3), st.sampled_from([None, 3, 7]))
        | st.dictionaries(hashables, inner, max_size=3).map(OrderedDict)
        | st.binary(max_size=9).map(bytearray)
        | st.builds(Box, inner, label=texts)
        | st.builds(Crate, inner, texts)
    ),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            same(pair, its_pair) for pair, its_pair in zip(one.items(), other.items(), strict=True)
        )
    if isinstance(one, deque) and one.maxlen != other.maxlen:
        return False
    if isinstance(one, list | tuple | deque):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, set | frozenset):
        # Not by ==, to which a NaN that came back is another one.
        return len(one) == len(other) and all(any(same(a, b) for b in other) for a in one)
    if isinstance(one, Box):
        return same(vars(one), vars(other))
    if isinstance(one, float | complex):
        return repr(one) == repr(other)
    if isinstance(one, Decimal):
        return bool(one.as_tuple() == other.as_tuple())
    if isinstance(one, datetime | time):
        return bool(
            one.replace(tzinfo=None, fold=0) == other.replace(tzinfo=None, fold=0)
            and one.fold == other.fold
            and type(one.tzinfo) is type(other.tzinfo)
            and one.utcoffset() == other.utcoffset()
            and one.tzname() == other.tzname()
        )
    fields = model_fields(type(one))
    if fields is not None:
        return all(same(getattr(one, name), getattr(other, name)) for name in fields)
    return bool(one == other)
