"""Dataclasses, registered classes, and classes that change over time."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections import namedtuple
from fractions import Fraction
from typing import Any

import pytest
from algernon_serialize import (
    AlgObject,
    MalformedTagError,
    UnknownClassError,
    UnserializableError,
    ajson,
)

from .values import Access, Colour, Crate, Level, Money, Name, Point, Seal


@pytest.mark.parametrize(
    "value",
    [
        Crate([1], "a"),
        Seal("four"),
        Money(1),
        Point(1, (2,)),
        Colour.GREEN,
        Level.HIGH,
        Access.READ | Access.WRITE,
        Name("Ada"),
    ],
    ids=repr,
)
def test_they_come_back_of_their_class(value: Any) -> None:
    """A value of a registered class comes back equal and of that class, in a set too."""
    back = ajson.loads(ajson.dumps([value, (value,)]))
    assert back == [value, (value,)]
    assert type(back[0]) is type(value)


def test_a_dataclass_is_sent_by_its_fields() -> None:
    """What else an object of a dataclass has come to hold isn't sent."""

    @dataclasses.dataclass
    class Cached(AlgObject):
        """A dataclass whose objects get an attribute that is no field."""

        size: int

    cached = Cached(3)
    cached.extra = 1  # type: ignore[attr-defined]
    assert json.loads(ajson.dumps(cached))["value"] == {"size": 3}
    assert ajson.loads(ajson.dumps(cached)) == Cached(3)


def test_a_field_that_was_not_sent_takes_its_default() -> None:
    """A message of a version without a field is read with the field's default."""
    text = ajson.dumps(Crate([1], "a")).replace(',"label":"a"', "")
    assert ajson.loads(text) == Crate([1], "")


def test_a_field_that_is_not_there_any_more_is_named() -> None:
    """A message with a field that the dataclass doesn't have raises an error that says so."""
    text = ajson.dumps(Crate([1], "a")).replace('"label"', '"colour"')
    with pytest.raises(TypeError, match="Crate has no field colour"):
        ajson.loads(text)


def test_a_dataclass_that_needs_more_than_its_fields_fails_at_the_sender() -> None:
    """A dataclass whose __init__ wants what no field keeps can't be sent."""

    @dataclasses.dataclass
    class Demanding(AlgObject):
        """It wants a password and forgets it."""

        name: str
        password: dataclasses.InitVar[str]

    with pytest.raises(UnserializableError, match="wants password too"):
        ajson.dumps(Demanding("ada", "s3cret"))


def test_a_child_of_a_dataclass_is_no_dataclass() -> None:
    """A class that adds to a dataclass without being one would lose that, and isn't sent."""

    class Child(Crate):
        """A class with more than the fields of its parent."""

        def __init__(self) -> None:
            super().__init__([])
            self.more = 1

    with pytest.raises(UnserializableError, match="Child has no parse_json"):
        ajson.dumps(Child())


def test_a_wire_name_survives_slots() -> None:
    """A dataclass with slots, which is made twice, keeps the names that it declares."""

    @dataclasses.dataclass(slots=True)
    class Parcel(AlgObject, wire_name="post:Parcel", older_names=["mail:Packet"]):
        """A dataclass under another name."""

        weight: int

    text = ajson.dumps(Parcel(3))
    assert '"_alg_module":"post"' in text
    older = text.replace("post", "mail").replace("Parcel", "Packet")
    assert ajson.loads(text) == ajson.loads(older) == Parcel(3)


def test_older_names_and_shapes_are_read() -> None:
    """A class answers to its older names, and its upgrade sees what they sent."""

    class Price(AlgObject, wire_name="shop.prices:Price", older_names=["shop:Cost"]):
        """It had a float once, and was called Cost."""

        def __init__(self, cents: int) -> None:
            self.cents = cents

        @classmethod
        def upgrade(cls, json_dict: dict[str, Any]) -> dict[str, Any]:
            """Make cents of what was euros."""
            if "euros" in json_dict:
                json_dict["cents"] = round(100 * json_dict.pop("euros"))
            return json_dict

        @classmethod
        def parse_json(cls, json_dict: Any) -> Price:
            """Make a price of its attributes."""
            return cls(json_dict["cents"])

    old = '{"_alg_class":"Cost","_alg_module":"shop","value":{"euros":9.99}}'
    assert ajson.loads(old) == Price(999)
    assert ajson.loads(ajson.dumps(Price(5))) == Price(5)
    assert json.loads(ajson.dumps(Price(5)))["_alg_class"] == "Price"


def test_anybody_s_class_can_be_registered() -> None:
    """A class of others is sent and rebuilt by two functions, under a name of one's choice."""
    ajson.register(Fraction, name="numbers:Fraction", encode=str, decode=Fraction)
    text = ajson.dumps({Fraction(1, 3): [Fraction(2)]})
    assert '"_alg_class":"Fraction","_alg_module":"numbers","value":"1/3"' in text
    assert ajson.loads(text) == {Fraction(1, 3): [Fraction(2)]}


def test_what_is_registered_is_that_class_only() -> None:
    """An object of a registered class's child isn't sent as its parent."""

    class Nickname(Name):
        """A child of a registered class."""

        __slots__ = ()

    with pytest.raises(UnserializableError, match="Nickname is a subclass of str"):
        ajson.dumps(Nickname("Al"))


class Shade(enum.Enum):
    """An enum that isn't registered."""

    DARK = 1


@dataclasses.dataclass
class Loose:
    """A dataclass that isn't registered."""

    x: int


Pair = namedtuple("Pair", "x y")  # noqa: PYI024 - the old way is meant to be told too


@pytest.mark.parametrize(
    ("value", "what"),
    [(Shade.DARK, "an Enum"), (Loose(1), "a dataclass"), (Pair(1, 2), "a namedtuple")],
)
def test_what_is_not_registered_says_how(value: Any, what: str) -> None:
    """An object of a class that could simply be registered isn't sent, and the error says how."""
    with pytest.raises(UnserializableError, match=f"is {what} that isn't registered: put @ajson"):
        ajson.dumps({"rows": [value]})


@pytest.mark.parametrize("options", [{}, {"encode": str}, {"decode": str}])
def test_a_class_without_a_way_of_its_own_needs_both(options: Any) -> None:
    """Registering a class that is no Enum, namedtuple or dataclass takes both functions."""
    with pytest.raises(TypeError, match="needs both encode= and decode="):
        ajson.register(type("Plain", (), {}), **options)


def test_an_unknown_member_is_malformed() -> None:
    """A member that the enum doesn't have (any more) raises an error."""
    with pytest.raises(MalformedTagError, match="Colour has no member of this name"):
        ajson.loads(ajson.dumps(Colour.RED).replace("RED", "BLUE"))


def test_an_unregistered_class_is_unknown_to_the_reader() -> None:
    """A text that names a class that is no AlgObject and isn't registered is refused."""
    text = f'{{"_alg_class":"Loose","_alg_module":"{__name__}","value":{{"x":1}}}}'
    with pytest.raises(UnknownClassError, match="Loose is no class that is registered here"):
        ajson.loads(text)


def test_a_class_whose_old_name_another_took_is_sent_under_its_own() -> None:
    """A class that was registered anew under another name can be sent, whoever has the old one."""

    class Euro(enum.Enum):
        """It has moved."""

        ONE = 1

    class Other(enum.Enum):
        """It took the name."""

        ONE = 1

    ajson.register(Euro, name="shop:Coin")
    old = ajson.dumps(Euro.ONE)
    ajson.register(Euro, name="bank:Coin")
    assert ajson.loads(old) is Euro.ONE
    ajson.register(Other, name="shop:Coin")
    assert ajson.loads(ajson.dumps([Euro.ONE, Other.ONE])) == [Euro.ONE, Other.ONE]
    assert ajson.loads(old) is Other.ONE
    with pytest.raises(ValueError, match=r"bank:Coin is the name of .*Euro"):
        ajson.register(Other, name="bank:Coin")
