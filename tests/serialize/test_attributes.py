"""In what upgrade and parse_json get, an attribute answers in either spelling."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from algernon_serialize import AlgObject, RebuildError, ajson

Change = Callable[[dict[str, Any]], Any]


def rebuilt(sent: dict[str, Any], upgrade: Change) -> dict[str, Any]:
    """Return the attributes that parse_json gets after an upgrade, by the names sent."""

    class Price(AlgObject):
        """An object whose older shapes are upgraded."""

        def __init__(self, **attributes: Any) -> None:
            self.__dict__.update(attributes)

        @classmethod
        def upgrade(cls, json_dict: dict[str, Any]) -> Any:
            """Do as the test says."""
            return upgrade(json_dict)

        @classmethod
        def parse_json(cls, json_dict: Any) -> Any:
            """Return the attributes instead of an object."""
            return dict(json_dict)

    got: dict[str, Any] = ajson.loads(ajson.dumps(Price(**sent)))
    return got


def changed(change: Change) -> Change:
    """Return an upgrade that changes the mapping in place."""

    def upgrade(attributes: dict[str, Any]) -> dict[str, Any]:
        change(attributes)
        return attributes

    return upgrade


def or_equals(attributes: Any, other: Any) -> None:
    """Merge by the operator."""
    attributes |= other


@pytest.mark.parametrize("sent", ["currency", "_currency"])
@pytest.mark.parametrize("asked", ["currency", "_currency"])
@pytest.mark.parametrize(
    "keep",
    [
        lambda asked: changed(lambda d: d.setdefault(asked, "EUR")),
        lambda asked: lambda d: {asked: "EUR", **d},
        lambda asked: lambda d: {asked: "EUR"} | d,
        lambda asked: lambda d: dict({asked: "EUR"}, **d),
        lambda asked: changed(lambda d: d.update({asked: d.get(asked, "EUR")})),
        lambda asked: changed(lambda d: None if asked in d else d.update({asked: "EUR"})),
        lambda asked: changed(lambda d: None if asked in d.keys() else d.update({asked: 1})),  # noqa: SIM118
        lambda asked: lambda d: {asked: "EUR", **copy.copy(d)},
    ],
)
def test_a_default_does_not_replace_what_was_sent(
    sent: str, asked: str, keep: Callable[[str], Change]
) -> None:
    """However a default is given, in either spelling, the value that was sent stays."""
    assert rebuilt({sent: "USD", "amount": 5}, keep(asked)) == {sent: "USD", "amount": 5}


@pytest.mark.parametrize("sent", ["currency", "_currency"])
@pytest.mark.parametrize("asked", ["currency", "_currency"])
@pytest.mark.parametrize(
    "put",
    [
        lambda asked: changed(lambda d: d.__setitem__(asked, "EUR")),
        lambda asked: changed(lambda d: d.update({asked: "EUR"})),
        lambda asked: changed(lambda d: d.update([(asked, "EUR")])),
        lambda asked: changed(lambda d: d.update(**{asked: "EUR"})),
        lambda asked: changed(lambda d: or_equals(d, {asked: "EUR"})),
        lambda asked: lambda d: d | {asked: "EUR"},
        lambda asked: lambda d: {**d, asked: "EUR"},
    ],
)
def test_a_new_value_replaces_what_was_sent(
    sent: str, asked: str, put: Callable[[str], Change]
) -> None:
    """However a value is put, in either spelling, there is one attribute, with that value."""
    (value,) = rebuilt({sent: "USD"}, put(asked)).values()
    assert value == "EUR"


@pytest.mark.parametrize("sent", ["currency", "_currency"])
@pytest.mark.parametrize("asked", ["currency", "_currency"])
@pytest.mark.parametrize(
    "take",
    [
        lambda asked: changed(lambda d: d.pop(asked)),
        lambda asked: changed(lambda d: d.__delitem__(asked)),
        lambda asked: changed(lambda d: (d.update({asked: 1}), d.pop(asked))),
    ],
)
def test_what_is_taken_out_is_gone(sent: str, asked: str, take: Callable[[str], Change]) -> None:
    """An attribute can be taken out in either spelling, also when it was set before."""
    assert rebuilt({sent: "USD"}, take(asked)) == {}


def test_an_attribute_can_be_given_its_other_name() -> None:
    """What is put under the other spelling stays, when the first is taken out."""

    def upgrade(attributes: dict[str, Any]) -> dict[str, Any]:
        attributes["currency"] = attributes["_currency"].lower()
        del attributes["_currency"]
        return attributes

    assert rebuilt({"_currency": "USD"}, upgrade) == {"currency": "usd"}


def test_two_attributes_that_differ_by_an_underscore_stay_two() -> None:
    """Where an object has both x and _x, an upgrade finds and changes each by its own name."""

    def upgrade(attributes: dict[str, Any]) -> dict[str, Any]:
        attributes["x"] += 10
        attributes.setdefault("_x", 0)
        return {**attributes, "_x": attributes["_x"] + 10}

    assert rebuilt({"x": 1, "_x": 2}, upgrade) == {"x": 11, "_x": 12}


def test_views_know_both_spellings() -> None:
    """The views of names and pairs are asked in either spelling, and give what was sent."""
    seen: list[Any] = []

    def upgrade(attributes: dict[str, Any]) -> dict[str, Any]:
        names, pairs = attributes.keys(), attributes.items()
        seen.extend([list(names), list(pairs), {"x"} <= names, ("x", 1) in pairs, names & {"x"}])
        match attributes:
            case {"x": value}:
                seen.append(value)
        return attributes

    rebuilt({"_x": 1}, upgrade)
    assert seen == [["_x"], [("_x", 1)], True, True, {"x"}, 1]


def test_parse_json_s_defaults_do_not_replace_what_was_sent() -> None:
    """In parse_json too, setdefault and | keep the value that is there in the other spelling."""

    class Price(AlgObject):
        """An object whose parse_json gives defaults."""

        def __init__(self, currency: str) -> None:
            self._currency = currency

        @classmethod
        def parse_json(cls, json_dict: Any) -> Price:
            """Give a default in three ways."""
            merged = {"currency": "EUR"} | json_dict
            assert json_dict.setdefault("currency", "EUR") == merged["currency"]
            json_dict |= {"currency": merged["_currency"]}
            return cls(json_dict["_currency"])

    assert ajson.loads(ajson.dumps(Price("USD"))) == Price("USD")


def test_a_dataclass_s_fields_are_set_in_either_spelling() -> None:
    """An upgrade may name a dataclass's private field without its underscore."""

    @dataclass
    class Price(AlgObject):
        """A dataclass with a private field."""

        _currency: str

        @classmethod
        def upgrade(cls, json_dict: dict[str, Any]) -> dict[str, Any]:
            """Put it in capitals."""
            json_dict["currency"] = json_dict["currency"].upper()
            return json_dict

    assert ajson.loads(ajson.dumps(Price("usd"))) == Price("USD")


@pytest.mark.parametrize("nothing", [None, 5, ["a"]])
def test_an_upgrade_that_returns_no_mapping_says_so(nothing: Any) -> None:
    """A forgotten return is an error that names the method."""
    with pytest.raises(RebuildError) as caught:
        rebuilt({"x": 1}, lambda _: nothing)
    assert "upgrade returns a mapping of attributes" in str(caught.value.__cause__)
