"""What a class makes of its own fields is what they were, or it isn't sent."""

from __future__ import annotations

import sys
from collections import deque, namedtuple
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from algernon_serialize import AlgObject, UnserializableError, ajson


class Cents:
    """A descriptor that keeps amounts in cents."""

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        return 0 if obj is None else obj.__dict__["cents"]

    def __set__(self, obj: Any, value: Any) -> None:
        obj.__dict__["cents"] = int(value * 100)


@dataclass
class Bill(AlgObject):
    """A dataclass whose field isn't what it is set to."""

    total: Any = Cents()


@ajson.register
@dataclass
class Receipt:
    """The same, registered."""

    total: Any = Cents()


@dataclass
class Doubling(AlgObject):
    """A dataclass whose field reads as twice what it is."""

    total: int

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        return value * 2 if name == "total" else value


@dataclass
class Refusing(AlgObject):
    """A dataclass whose field can't be set to what it is."""

    total: Any = 0

    def __post_init__(self) -> None:
        if self.total == 100:
            raise ValueError("it is full")


class Full:
    """A descriptor of what is full when it was set."""

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        return 0 if obj is None else obj.__dict__["level"]

    def __set__(self, obj: Any, value: Any) -> None:
        if value == 100:
            raise ValueError("it is full")
        obj.__dict__["level"] = 100


@dataclass
class Tank(AlgObject):
    """A dataclass whose field refuses what it gives."""

    level: Any = Full()


@ajson.register
class Scaled(namedtuple("Scaled", "metres")):  # noqa: PYI024
    """A namedtuple that isn't made of what it holds."""

    __slots__ = ()

    def __new__(cls, metres: float) -> Any:
        """Take kilometres."""
        return super().__new__(cls, metres * 1000)


@ajson.register
class Pair(namedtuple("Pair", "low high")):  # noqa: PYI024
    """A namedtuple that can't be made of what it holds."""

    __slots__ = ()

    def __new__(cls, low: int) -> Any:
        """Take one of the two."""
        return super().__new__(cls, low, low + 1)


@ajson.register
class Sorted(namedtuple("Sorted", "low high")):  # noqa: PYI024
    """A namedtuple that is made of what it holds, by a __new__ of its own."""

    __slots__ = ()

    def __new__(cls, low: int, high: int) -> Any:
        """Put the two in order."""
        return super().__new__(cls, *sorted((low, high)))


@pytest.mark.parametrize("value", [Bill(3), Receipt(3), Doubling(1), Tank(1), Scaled(1), Pair(1)])
def test_what_its_own_fields_would_not_make_is_refused(value: Any) -> None:
    """An object that would come back as another one isn't sent, and its class is named."""
    with pytest.raises(UnserializableError, match=type(value).__name__) as caught:
        ajson.dumps({"it": [value]})
    assert caught.value.path == "$.it[0]"


class Level:
    """A descriptor that keeps a number as it is."""

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        return 0 if obj is None else obj.__dict__[self.name]

    def __set__(self, obj: Any, value: Any) -> None:
        obj.__dict__[self.name] = int(value)


@dataclass
class Gauge(AlgObject):
    """A dataclass whose descriptor takes what it gives."""

    level: Any = Level()
    marks: Any = field(default_factory=list)


@pytest.mark.parametrize("value", [Gauge(3, [1]), Bill(0), Scaled(0), Sorted(2, 1), Refusing(3)])
def test_what_its_own_fields_make_again_is_sent(value: Any) -> None:
    """Code of its own in a class does no harm where its objects come back equal."""
    assert ajson.loads(ajson.dumps(value)) == value


@dataclass
class Basket(AlgObject):
    """A dataclass that adds to what it is given."""

    items: Any
    more: Any = field(default_factory=list)

    def __post_init__(self) -> None:
        if isinstance(self.items, list | deque):
            self.items.append("bag")
        elif isinstance(self.items, set):
            self.items.add(f"bag {len(self.items)}")
        else:
            self.items["bag"] = self.items.get("bag", 0) + 1
        self.kept = self.more


@pytest.mark.parametrize("items", [[1], {"a"}, {"a": 1}, deque([1])])
def test_what_post_init_adds_is_added_once(items: Any) -> None:
    """A __post_init__ that changes a field in place doesn't change what was sent again."""
    basket = Basket(items)
    rebuilt = ajson.loads(ajson.dumps(basket))
    assert rebuilt == basket
    assert rebuilt.kept is rebuilt.more


@ajson.register
@dataclass
class Point3:
    """A dataclass with nothing of its own."""

    x: int


def test_a_registered_dataclass_that_is_a_dict_too_is_refused() -> None:
    """Its items are none of its fields, so that it has to say how it is written."""

    @dataclass
    class Options(dict[str, int]):
        """Fields and items."""

        name: str = ""

    with pytest.raises(TypeError, match="needs both encode= and decode="):
        ajson.register(Options)


def test_a_registered_exception_that_is_a_dataclass_is_sent() -> None:
    """What it was made of stands in its fields."""

    @ajson.register
    @dataclass
    class PaymentError(Exception):
        """An error with fields."""

        code: int

    assert ajson.loads(ajson.dumps(PaymentError(7))) == PaymentError(7)


@pytest.mark.parametrize("text", ["./c:a", "c:/a", "a", ".", "//host/share/a"])
@pytest.mark.parametrize("kind", [PureWindowsPath, PurePosixPath])
def test_a_path_is_the_same_path_again_or_refused(kind: Any, text: str) -> None:
    """A path whose text makes another path, as Python 3.11 has one, isn't sent."""
    path = kind(text)
    if sys.version_info < (3, 12) and (kind, text) == (PureWindowsPath, "./c:a"):
        with pytest.raises(UnserializableError, match="another path"):
            ajson.dumps([path])
    else:
        assert ajson.loads(ajson.dumps([path])) == [path]


@ajson.register
class Whole(namedtuple("Whole", "number")):  # noqa: PYI024
    """A namedtuple that makes an int of what it is given."""

    __slots__ = ()

    def __new__(cls, number: Any) -> Any:
        """Take a whole number."""
        return super().__new__(cls, int(number))


def test_what_would_come_back_equal_but_of_another_type_is_refused() -> None:
    """True equals 1 in Python, and isn't the same."""
    assert ajson.loads(ajson.dumps(Whole(2.5))) == Whole(2)
    with pytest.raises(UnserializableError, match="Whole"):
        ajson.dumps(Whole._make([True]))
