"""What of an object is sent: its attributes, and nothing else that is kept with them."""

from __future__ import annotations

import json
from collections import UserDict, deque
from datetime import date
from decimal import Decimal
from functools import cached_property
from types import GenericAlias
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import pytest
from algernon_serialize import AlgObject, UnserializableError, ajson

T = TypeVar("T")


class Sent(AlgObject):
    """An object that is rebuilt by its attributes alone."""

    __slots__ = ()

    @classmethod
    def parse_json(cls, json_dict: Any) -> Any:
        """Set the attributes past any __init__."""
        obj = cls.__new__(cls)
        for name, value in json_dict.items():
            setattr(obj, name, value)
        return obj


def form_of(obj: AlgObject) -> Any:
    """Return what is sent of an object."""
    return json.loads(ajson.dumps(obj))["value"]


def returned(obj: Any) -> Any:
    """Return an object that was sent."""
    return ajson.loads(ajson.dumps(obj))


def test_an_object_without_attributes_is_sent() -> None:
    """An object with no slots and no dict is sent as what it is, and equals itself."""

    class Ping(Sent):
        __slots__ = ()

    assert returned(Ping()) == Ping()
    assert len({Ping(), Ping()}) == 1


@pytest.mark.parametrize("parents", [(Sent,), (type("Parent", (Sent,), {"__slots__": ("a",)}),)])
def test_slots_that_were_an_iterator_are_sent(parents: tuple[type, ...]) -> None:
    """Slots whose names were given by an iterator, used up since, aren't lost."""
    cls: Any = type("Iterated", parents, {"__slots__": iter(("b", "__c")), "__module__": __name__})
    obj = cls()
    obj.b, obj._Iterated__c = 1, 2
    assert form_of(obj) == {"b": 1, "_Iterated__c": 2}
    assert returned(obj) == obj


def test_attributes_below_a_slotted_parent_are_sent() -> None:
    """A child with a dict of its own sends that, and its parent's slots."""

    class Parent(Sent):
        __slots__ = ("a",)

    class Child(Parent):
        pass

    child = Child()
    child.a, child.b = 1, 2  # type: ignore[attr-defined]
    assert form_of(child) == {"a": 1, "b": 2}
    assert returned(child) == child


def test_a_private_slot_of_a_class_of_underscores_is_sent() -> None:
    """Python doesn't mangle private names in a class that is called by underscores alone."""
    cls: Any = type("__", (Sent,), {"__slots__": ("__x",), "__module__": __name__})
    obj = cls()
    setattr(obj, "__x", 5)
    assert form_of(obj) == {"__x": 5}


def test_a_child_s_slot_hides_its_parent_s() -> None:
    """Of two slots with one name, the one that attribute access finds is sent."""
    parent: Any = type("Parent", (Sent,), {"__slots__": ("a",), "__module__": __name__})
    child: Any = type("Child", (parent,), {"__slots__": ("a",), "__module__": __name__})
    obj = child()
    obj.a = "child's"
    parent.a.__set__(obj, "parent's")
    assert form_of(obj) == {"a": "child's"}


def test_an_empty_slot_is_not_invented() -> None:
    """A slot without a value isn't sent, though __getattr__ would make one up."""

    class Lazy(Sent):
        __slots__ = ("a", "b")
        a: int

        def __getattr__(self, name: str) -> Any:
            return "made up"

    lazy = Lazy()
    lazy.a = 1
    assert form_of(lazy) == {"a": 1}


class lazily:  # noqa: N801 - as others call it
    """A cache of others."""

    class cached_property:  # noqa: N801
        """A descriptor that keeps what it computed, as those of web frameworks do."""

        def __init__(self, function: Any) -> None:
            self.function, self.name = function, function.__name__

        def __get__(self, obj: Any, owner: Any = None) -> Any:
            value = obj.__dict__[self.name] = self.function(obj)
            return value


@pytest.mark.parametrize("cache", [cached_property, lazily.cached_property])
def test_a_cached_property_is_no_attribute(cache: Any) -> None:
    """What was looked at before neither changes equality and hash, nor is sent."""

    class Cart(AlgObject):
        def __init__(self, count: int) -> None:
            self.count = count

        @cache  # type: ignore[untyped-decorator]
        def total(self) -> int:
            return self.count * 2

        @classmethod
        def parse_json(cls, json_dict: Any) -> Cart:
            return cls(json_dict["count"])

    cart = Cart(1)
    carts = {cart}
    assert cart.total == 2
    assert form_of(cart) == {"count": 1}
    assert returned(cart) == cart == Cart(1)
    assert cart in carts
    assert returned(cart).total == 2


class Box(AlgObject, Generic[T]):
    """A generic object."""

    def __init__(self, content: T) -> None:
        self.content = content

    @classmethod
    def parse_json(cls, json_dict: Any) -> Box[T]:
        """Make one of its attributes."""
        return cls(json_dict["content"])


class Shelf(Box[T]):
    """A generic child."""


class Alias(AlgObject):
    """A class that takes parameters in the plainest way."""

    __class_getitem__: Any = classmethod(GenericAlias)
    content: Any

    def __init__(self, content: Any) -> None:
        self.content = content

    @classmethod
    def parse_json(cls, json_dict: Any) -> Alias:
        """Make one of its attributes."""
        return cls(json_dict["content"])


@pytest.mark.parametrize(
    ("made_with", "made_without"),
    [
        (Box[int](5), Box(5)),
        (Shelf[str]("a"), Shelf("a")),
        (Alias[int](5), Alias(5)),  # type: ignore[misc]
    ],
)
def test_a_generic_s_parameter_is_no_attribute(made_with: Any, made_without: Any) -> None:
    """An object made as Box[int] equals one made as Box, and is sent as it."""
    assert made_with == made_without
    assert hash(made_with) == hash(made_without)
    assert form_of(made_with) == form_of(made_without)
    assert returned(made_with) == made_with


@runtime_checkable
class Sized(Protocol):
    """A protocol beside AlgObject."""

    size: int


class Crate(Sent, Sized):
    """An object with parents that hold nothing."""

    size: int = 0


class Wrapped(Sent, UserDict[str, int]):
    """A mapping that is written in Python, and keeps its contents in an attribute."""


def test_parents_that_hold_nothing_do_no_harm() -> None:
    """Protocols, and containers whose contents are an attribute, can be parents."""
    crate = Crate()
    crate.size = 3
    assert returned(crate) == crate
    assert returned(Wrapped({"a": 1})) == Wrapped({"a": 1})


def holder(base: type) -> Any:
    """Return a class of AlgObjects that are another type's objects too."""
    return type("Holder", (Sent, base), {"__module__": __name__})


@pytest.mark.parametrize(
    ("base", "contents"),
    [
        (dict, {"a": 1}),
        (list, [1]),
        (str, "a"),
        (int, 5),
        (float, 1.5),
        (complex, 1j),
        (bytes, b"a"),
        (bytearray, b"a"),
        (tuple, (1,)),
        (set, {1}),
        (frozenset, {1}),
        (deque, [1]),
        (Decimal, "1.5"),
        (Exception, "a"),
        (KeyError, "a"),
    ],
)
def test_contents_of_a_built_in_type_are_not_lost(base: type, contents: Any) -> None:
    """An AlgObject that holds something as a built-in type is refused, not sent without it."""
    with pytest.raises(UnserializableError, match="define to_json"):
        ajson.dumps([holder(base)(contents)])


def test_a_date_that_is_an_algobject_too_is_refused() -> None:
    """What takes several arguments is no different."""
    with pytest.raises(UnserializableError, match="Holder is a date too"):
        ajson.dumps(holder(date)(2026, 1, 1))


def test_a_class_that_says_how_it_is_written_is_sent() -> None:
    """A dict that is an AlgObject, and writes its items, comes back with them, and equal."""

    class Settings(AlgObject, dict[str, int]):  # type: ignore[misc]
        def to_json(self) -> dict[str, Any]:
            return {"items": dict(self)}

        @classmethod
        def parse_json(cls, json_dict: Any) -> Settings:
            return cls(json_dict["items"])

    assert dict(returned(Settings(a=1))) == {"a": 1}
    assert returned(Settings(a=1)) == Settings(a=1)
    assert Settings(a=1) != Settings(a=2)


def test_an_exception_with_an_init_of_its_own_is_sent() -> None:
    """What such an exception was made of stands in its attributes, so that it is rebuilt."""

    class PaymentError(AlgObject, Exception):
        def __init__(self, code: int) -> None:
            super().__init__(f"code {code}")
            self.code = code

        @classmethod
        def parse_json(cls, json_dict: Any) -> PaymentError:
            return cls(json_dict["code"])

    error = returned(PaymentError(7))
    assert (error, error.args) == (PaymentError(7), ("code 7",))
