"""What is on the wire is what moncrief 7.0.0 writes and reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from algernon_serialize import AlgObject, ajson, rebuild_event

VECTORS = {
    vector["name"]: vector
    for vector in json.loads(Path(__file__).with_name("moncrief-7.0.0.json").read_text())["vectors"]
}


class Credentials(AlgObject, wire_name="billing.models:Credentials"):
    """The recorded class of the same name."""

    def __init__(self, username: Any, password: Any) -> None:
        self._username = username
        self._password = password

    @classmethod
    def parse_json(cls, json_dict: Any) -> Credentials:
        """Make one of its attributes."""
        return cls(json_dict["username"], json_dict["password"])


class Invoice(AlgObject, wire_name="billing.models:Invoice"):
    """The recorded class of the same name."""

    def __init__(self, number: int, total: Any, due: Any, lines: Any) -> None:
        self.number = number
        self.total = total
        self.due = due
        self.lines = lines

    @classmethod
    def parse_json(cls, json_dict: Any) -> Invoice:
        """Make one of its attributes."""
        return cls(**json_dict)


VALUES = {
    name: eval(  # the recorded expressions are this project's own test data
        # JSON's escapes of a character beyond U+FFFF would be two surrogates in Python.
        vector["python"]
        .encode()
        .decode("unicode_escape")
        .encode("utf-16", "surrogatepass")
        .decode("utf-16")
        if name == "escapes"
        else vector["python"],
        {
            "Credentials": Credentials,
            "Decimal": Decimal,
            "Invoice": Invoice,
            "UTC": UTC,
            "datetime": datetime,
        },
    )
    for name, vector in VECTORS.items()
}


@pytest.mark.parametrize("name", VECTORS)
def test_what_moncrief_wrote_is_read(name: str) -> None:
    """Each recorded text comes back as the value that moncrief wrote."""
    back = ajson.loads(VECTORS[name]["wire"])
    assert back == VALUES[name]
    assert type(back) is type(VALUES[name])


@pytest.mark.parametrize("name", VECTORS)
def test_what_we_write_is_what_moncrief_wrote(name: str) -> None:
    """Each recorded value is written as the same JSON, character escapes aside."""
    assert json.loads(ajson.dumps(VALUES[name])) == json.loads(VECTORS[name]["wire"])


def test_the_tuple_tag_is_read_and_written() -> None:
    """A tuple has the tag that moncrief reads, though it never writes it."""
    text = '{"_alg_class":"tuple","value":[1,2]}'
    assert ajson.dumps((1, 2)) == text
    assert ajson.loads(text) == (1, 2)


def test_moncrief_s_bare_special_floats_are_read() -> None:
    """NaN and the infinities, which moncrief writes bare, are read, and written tagged."""
    assert repr(ajson.loads("[NaN,Infinity,-Infinity]")) == "[nan, inf, -inf]"


def test_a_user_s_own_tag_is_escaped() -> None:
    """A dict that looks like an object's tag comes back as the dict that it is."""
    mine = {"_alg_class": "Credentials", "_alg_module": "billing.models", "value": {"username": 1}}
    text = ajson.dumps({"row": mine})
    assert ajson.loads(text) == {"row": mine}
    assert json.loads(text)["row"]["_alg_class"] == "dict"


def test_rebuild_event_gives_objects_and_leaves_the_event_alone() -> None:
    """A message's objects are rebuilt in a copy; a second call changes nothing."""
    event = json.loads(VECTORS["nested object"]["wire"])
    before = json.dumps(event)
    rebuilt = rebuild_event(event)
    assert rebuilt == VALUES["nested object"]
    assert json.dumps(event) == before
    assert rebuild_event(rebuilt) == rebuilt


def test_rebuilding_twice_makes_no_object_of_a_user_s_dict() -> None:
    """A user's dict that looks like a tag stays a dict, however often a message is rebuilt."""
    mine = {"_alg_class": "set", "value": [1]}
    event = ajson.loads(ajson.dumps({"task_kwargs": mine}), rebuild=False)
    assert rebuild_event(rebuild_event(event)) == {"task_kwargs": mine}
