"""What a class can't rebuild is an error of this package, with its class, path and cause."""

from __future__ import annotations

import enum
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from algernon_serialize import (
    AlgObject,
    MalformedTagError,
    NestingError,
    RebuildError,
    SerializeError,
    ajson,
    rebuild_event,
)


class Parcel(AlgObject):
    """An object that is rebuilt as a test says."""

    parse: Callable[[Any], Any]

    @classmethod
    def parse_json(cls, json_dict: Any) -> Any:
        """Do as the test says."""
        return cls.parse(json_dict)


class Late(AlgObject):
    """An object whose upgrade wants what older versions didn't send."""

    @classmethod
    def upgrade(cls, json_dict: dict[str, Any]) -> dict[str, Any]:
        """Look for what isn't there."""
        json_dict["weight"] = json_dict["grams"] / 1000
        return json_dict

    @classmethod
    def parse_json(cls, json_dict: Any) -> Any:
        """Make one of nothing."""
        return cls()


@dataclass
class Crate(AlgObject):
    """A dataclass with a field that has to be sent."""

    content: int


@ajson.register
class Colour(enum.Enum):
    """A registered Enum."""

    RED = 1


ajson.register(Fraction, name="numbers:Fraction", encode=str, decode=Fraction)


def text_of(cls: type, value: Any = None, *, module: str = __name__) -> str:
    """Return a text in which an object of a class stands, with what is sent of it."""
    tag = {"_alg_class": cls.__qualname__, "_alg_module": module, "value": value}
    return json.dumps({"rows": [tag]})


@pytest.mark.parametrize(
    "error", [KeyError("a"), TypeError(), AttributeError(), OSError(), Exception()]
)
@pytest.mark.parametrize(
    "read", [ajson.loads, lambda text: rebuild_event(ajson.loads(text, rebuild=False))]
)
def test_whatever_parse_json_raises_has_one_root(error: Exception, read: Any) -> None:
    """Who reads texts of strangers waits for one root, and finds the class, path and cause."""

    def parse(_: Any) -> Any:
        raise error

    Parcel.parse = parse
    with pytest.raises(RebuildError) as caught:
        read(text_of(Parcel, {}))
    assert isinstance(caught.value, SerializeError)
    assert caught.value.cls is Parcel
    assert caught.value.path == "$.rows[0]"
    assert caught.value.__cause__ is error
    assert type(error).__name__ in str(caught.value)


def test_what_was_sent_does_not_stand_in_the_error() -> None:
    """The cause may quote a value; the error's own text doesn't."""

    def parse(json_dict: Any) -> Any:
        return int(json_dict["pin"])

    Parcel.parse = parse
    with pytest.raises(RebuildError) as caught:
        ajson.loads(text_of(Parcel, {"pin": "my-secret-4711"}))
    assert "4711" not in str(caught.value)
    assert "4711" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("cls", "value", "problem"),
    [
        (Late, {}, "it has no 'grams'"),
        (Crate, {}, "TypeError"),
        (Crate, {"content": 1, "colour": 2}, "Crate has no field colour"),
    ],
)
def test_the_error_says_what_is_missing(cls: type, value: Any, problem: str) -> None:
    """An attribute that wasn't sent, or that there isn't any more, is named."""
    with pytest.raises(RebuildError, match=problem):
        ajson.loads(text_of(cls, value))


@pytest.mark.parametrize("form", ["1/0", "x", [], None])
def test_a_decode_that_fails_is_one_too(form: Any) -> None:
    """The decode of a registered class raises what it likes."""
    with pytest.raises(RebuildError, match="numbers:Fraction"):
        ajson.loads(text_of(Fraction, form, module="numbers"))


@pytest.mark.parametrize("kind", [KeyError, TypeError, ValueError])
def test_it_is_what_came_out_before(kind: type[Exception]) -> None:
    """Who waits for an error that came out by itself in older versions still gets it."""
    with pytest.raises(kind):
        ajson.loads(text_of(Late, {}))


def test_errors_of_this_package_stay_what_they_are() -> None:
    """A malformed tag inside an object, and a stack that ends, are told as such."""
    with pytest.raises(MalformedTagError, match="no member"):
        ajson.loads(text_of(Colour, "GREEN"))

    def parse(json_dict: Any) -> Any:
        return parse(json_dict)

    Parcel.parse = parse
    with pytest.raises(NestingError):
        ajson.loads(text_of(Parcel, {}))


def test_it_can_be_sent_to_another_process() -> None:
    """A worker of a pool can raise it."""
    with pytest.raises(RebuildError) as caught:
        ajson.loads(text_of(Late, {}))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.cls, again.path) == (str(caught.value), Late, "$.rows[0]")


class Moody(AlgObject):
    """An object that can't be hashed."""

    @classmethod
    def parse_json(cls, json_dict: Any) -> Any:
        """Make one of nothing."""
        return cls()

    def __hash__(self) -> int:
        raise AttributeError("no mood")

    __eq__ = object.__eq__


@pytest.mark.parametrize("tag", ["set", "frozenset", "dict", "ordereddict"])
def test_items_that_cannot_be_hashed_have_the_same_root(tag: str) -> None:
    """Hashing is code of a class too, and runs where items are put together."""
    item: Any = {"_alg_class": "Moody", "_alg_module": __name__, "value": {}}
    item = [item, 1] if "dict" in tag else item
    text = json.dumps({"rows": {"_alg_class": tag, "value": [item]}})
    with pytest.raises(MalformedTagError, match="AttributeError was raised by one of its items"):
        ajson.loads(text)
