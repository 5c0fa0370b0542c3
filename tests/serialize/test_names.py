"""The names that tell classes apart in a text."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Any

import pytest
from algernon_serialize import AlgObject, UnknownClassError, UnserializableError, ajson


class Order:
    """A class with another in it."""

    @ajson.register
    class Status(enum.Enum):
        """How an order stands."""

        OPEN = 1
        PAID = 2

    @dataclass(slots=True)
    class Item(AlgObject):
        """What is ordered, in a class that is made twice."""

        name: str

    class Line(AlgObject):
        """A line of an order."""

        @classmethod
        def parse_json(cls, json_dict: Any) -> Any:
            """Make one of nothing."""
            return cls()


class Payment:
    """Another class with one of the same name in it."""

    @ajson.register
    class Status(enum.Enum):
        """How a payment stands."""

        PAID = 7

    @dataclass(slots=True)
    class Item(AlgObject):
        """What is paid, in a class that is made twice."""

        name: str


def tagged(name: str, value: Any, module: str = __name__) -> str:
    """Return the text of an object's tag."""
    return json.dumps({"_alg_class": name, "_alg_module": module, "value": value})


@pytest.mark.parametrize(
    "value", [*Order.Status, *Payment.Status, Order.Item("a"), Payment.Item("a")]
)
def test_nested_classes_of_one_name_stay_apart(value: Any) -> None:
    """Each is written under a name of its own, and comes back as itself."""
    assert json.loads(ajson.dumps(value))["_alg_class"] == type(value).__qualname__
    assert ajson.loads(ajson.dumps(value)) == value


def test_a_nested_class_is_read_under_its_older_name() -> None:
    """A text of a version that wrote the last name alone is read where it is clear."""
    assert type(ajson.loads(tagged("Line", {}))) is Order.Line


def test_an_older_name_of_two_classes_is_refused() -> None:
    """A text that may mean either of two classes is read as neither, and the error says why."""
    with pytest.raises(UnknownClassError, match=r"may be Order\.Status or Payment\.Status"):
        ajson.loads(tagged("Status", "PAID"))


def test_a_declared_name_settles_which_is_meant() -> None:
    """The class that has the older name by declaration is the one that is read."""

    class Invoice:
        """A class with another in it."""

        class Total(AlgObject):
            """One of two."""

            @classmethod
            def parse_json(cls, json_dict: Any) -> Any:
                """Make one of nothing."""
                return cls()

    class Offer:
        """Another class with one of the same name in it."""

        class Total(AlgObject, older_names=[f"{__name__}:Total"]):
            """The other."""

            @classmethod
            def parse_json(cls, json_dict: Any) -> Any:
                """Make one of nothing."""
                return cls()

    assert type(ajson.loads(tagged("Total", {}))) is Offer.Total
    assert type(ajson.loads(ajson.dumps(Invoice.Total()))) is Invoice.Total


def local(number: int) -> Any:
    """Return a class that is made anew each time."""

    class Parcel(AlgObject):
        """One of several."""

        made_by = number

        @classmethod
        def parse_json(cls, json_dict: Any) -> Any:
            """Make one of nothing."""
            return cls()

    return Parcel


def test_the_newest_definition_of_a_class_is_read() -> None:
    """A class that is defined again takes the place of the former, under either of its names."""
    former, newest = local(1), local(2)
    text = ajson.dumps(newest())
    assert type(ajson.loads(text)) is newest
    assert type(ajson.loads(tagged("Parcel", {}))) is newest
    with pytest.raises(UnserializableError, match="another class has since been defined"):
        ajson.dumps(former())


def test_a_name_that_another_class_has_is_refused() -> None:
    """A class that claims another's name is refused where it is defined, and the other stays."""

    class First(AlgObject, wire_name="names:Shared", older_names=["names:Former"]):
        """The one that has the name."""

        @classmethod
        def parse_json(cls, json_dict: Any) -> Any:
            """Make one of nothing."""
            return cls()

    class Plain:
        """No AlgObject."""

    for claim in ("names:Shared", "names:Former"):
        with pytest.raises(ValueError, match=rf"{claim} is the name of .*First"):
            type("Second", (AlgObject,), {"__qualname__": Plain.__qualname__}, wire_name=claim)
        with pytest.raises(ValueError, match=rf"{claim} is the name of .*First"):
            ajson.register(Plain, name=claim, encode=str, decode=lambda _: Plain())
    assert type(ajson.loads(ajson.dumps(First()))) is First
    assert type(ajson.loads(tagged("Former", {}, "names"))) is First


def test_a_class_whose_former_name_another_took_is_sent() -> None:
    """A class that was registered under another name since gives its former one free."""

    class Mover:
        """It has two names, one after the other."""

    class Heir:
        """It takes the first."""

    ajson.register(Mover, name="names:Old", encode=lambda _: "mover", decode=lambda _: Mover())
    ajson.register(Mover, name="names:New", encode=lambda _: "mover", decode=lambda _: Mover())
    ajson.register(Heir, name="names:Old", encode=lambda _: "heir", decode=lambda _: Heir())
    assert type(ajson.loads(ajson.dumps(Mover()))) is Mover
    assert type(ajson.loads(ajson.dumps(Heir()))) is Heir
