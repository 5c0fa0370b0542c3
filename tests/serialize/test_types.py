"""What type checkers make of the package's names, as mypy checks it with the rest of the tests."""

from __future__ import annotations

import dataclasses
import enum
from fractions import Fraction
from typing import NamedTuple, assert_type

from algernon_serialize import AlgObject, ajson, rebuild_event


@ajson.register
class Suit(enum.Enum):
    """A registered enum."""

    HEARTS = 1


@ajson.register(name="cards:Card")
@dataclasses.dataclass
class Card:
    """A class that is registered with options."""

    suit: Suit
    rank: int


@ajson.register()
class Seat(NamedTuple):
    """A class that is registered with empty parentheses."""

    row: int


@dataclasses.dataclass
class Hand(AlgObject):
    """An AlgObject that is a dataclass."""

    cards: list[Card]


def test_a_registered_class_keeps_its_type() -> None:
    """A class that is decorated, or given to register, stays that class for a type checker."""
    assert_type(Suit(1), Suit)
    assert_type(Card(Suit.HEARTS, 7), Card)
    assert_type(Card(Suit.HEARTS, 7).rank, int)
    assert_type(Seat(1).row, int)
    registered = ajson.register(Fraction, name="types:Fraction", encode=str, decode=Fraction)
    assert_type(registered, type[Fraction])
    assert registered is Fraction


def test_what_is_written_and_rebuilt_has_its_type() -> None:
    """A text is a str, its bytes are bytes, and a message is a dict."""
    hand = Hand([Card(Suit.HEARTS, 7)])
    assert_type(ajson.dumps(hand), str)
    assert_type(ajson.dumpb(hand), bytes)
    assert_type(Hand.parse_json({"cards": []}), Hand)
    assert list(rebuild_event({"hand": hand})) == ["hand"]


def wrong() -> None:
    """Hold what a type checker refuses: mypy complains of an ignore that it doesn't need."""
    Card("hearts", 7)  # type: ignore[arg-type]
    ajson.register(5)  # type: ignore[call-overload]
    ajson.register(Fraction, encode=str, decode=Suit)  # type: ignore[arg-type]
