"""What a class has to do to travel, and what it gets for it."""

from __future__ import annotations

from typing import Any

import pytest
from algernon_serialize import AlgObject, UnserializableError, ajson


class Credentials(AlgObject):
    """An object with private attributes, as the documentation has it."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password

    @classmethod
    def parse_json(cls, json_dict: Any) -> Credentials:
        """Make credentials of their attributes."""
        return cls(json_dict["username"], json_dict["password"])


class Undecorated(AlgObject):
    """An object whose parse_json is written without @classmethod."""

    def __init__(self, size: int) -> None:
        self.size = size

    def parse_json(cls, json_dict: Any) -> Any:  # type: ignore[override]  # noqa: N805
        """Make one of its attributes."""
        return cls(json_dict["size"])  # type: ignore[operator]


class Slotted(AlgObject):
    """An object without a dict."""

    __slots__ = ("__secret", "size")

    def __init__(self, size: int, secret: str) -> None:
        self.size = size
        self.__secret = secret

    @classmethod
    def parse_json(cls, json_dict: Any) -> Slotted:
        """Make one of its attributes."""
        return cls(json_dict["size"], json_dict["_Slotted__secret"])


class Demanding(AlgObject):
    """An object that wants more than it sends."""

    @classmethod
    def parse_json(cls, json_dict: Any) -> Demanding:
        """Look for what isn't there."""
        json_dict["absent"]
        return cls()


class Looking(AlgObject):
    """An object that records how its attributes can be looked up."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    @classmethod
    def parse_json(cls, json_dict: Any) -> Any:
        """Return the lookups instead of an object."""
        return {
            "by name": json_dict["x"],
            "with underscore": json_dict["_x"],
            "get": json_dict.get("x"),
            "get default": json_dict.get("y", "none"),
            "in": ("x" in json_dict, "_x" in json_dict, "y" in json_dict),
            "keys": list(json_dict),
            "pop": json_dict.pop("x"),
            "pop default": json_dict.pop("x", "gone"),
        }


def test_private_attributes_come_back() -> None:
    """An object with underscored attributes is rebuilt from the names without."""
    credentials = Credentials("ada", "s3cret")
    assert ajson.loads(ajson.dumps(credentials)) == credentials


def test_parse_json_works_without_classmethod() -> None:
    """parse_json may be written as a plain method that takes the class."""
    assert ajson.loads(ajson.dumps(Undecorated(3))).size == 3
    rebuild: Any = Undecorated.parse_json
    assert rebuild({"size": 4}).size == 4


def test_slots_travel_too() -> None:
    """An object's slots are sent as its attributes are, a mangled one included."""
    assert ajson.loads(ajson.dumps(Slotted(3, "x"))) == Slotted(3, "x")


@pytest.mark.parametrize("attribute", ["x", "_x"])
def test_either_spelling_reaches_parse_json(attribute: str) -> None:
    """An attribute can be looked up with and without its underscore, however it was sent."""
    assert ajson.loads(ajson.dumps(Looking(**{attribute: 1}))) == {
        "by name": 1,
        "with underscore": 1,
        "get": 1,
        "get default": "none",
        "in": (True, True, False),
        "keys": [attribute],
        "pop": 1,
        "pop default": "gone",
    }


def test_both_spellings_stay_apart() -> None:
    """Where an object has both x and _x, each is found under its own name."""
    both = ajson.loads(ajson.dumps(Looking(x=1, _x=2)))
    assert (both["by name"], both["with underscore"]) == (1, 2)


def test_equality_is_by_class_and_state() -> None:
    """Objects are equal when their class and their attributes are, and hash alike."""
    assert Credentials("a", "b") == Credentials("a", "b")
    assert Credentials("a", "b") != Credentials("a", "c")
    assert Looking(x=1) != Credentials("a", "b")
    assert len({Credentials("a", "b"), Credentials("a", "b"), Credentials("a", "c")}) == 2


def test_a_subclass_is_not_its_parent() -> None:
    """An object of a subclass with the same attributes is another object, and stays one."""

    class Special(Credentials):
        """Credentials of another class."""

    special = Special("a", "b")
    assert special != Credentials("a", "b")
    assert type(ajson.loads(ajson.dumps(special))) is Special


def test_objects_nest_in_each_other_and_in_containers() -> None:
    """Objects in sets, tuples, dicts and other objects come back to any depth."""
    inner = Credentials("ada", ("a", frozenset({Credentials("b", "c")})))  # type: ignore[arg-type]
    outer = Undecorated({"deep": [inner, {inner}, {"k": (inner,)}]})  # type: ignore[arg-type]
    assert ajson.loads(ajson.dumps(outer)) == outer


def test_a_class_without_parse_json_fails_at_the_sender() -> None:
    """An object that nobody could rebuild isn't written in the first place."""

    class Forgetful(AlgObject):
        """It has no parse_json."""

    with pytest.raises(UnserializableError, match="Forgetful has no parse_json"):
        ajson.dumps([Forgetful()])


def test_a_class_that_lost_its_name_is_not_sent() -> None:
    """Of two classes with one name, only the one that a reader would find can be sent."""

    class Twin(Credentials):
        """The first of the name."""

    first = Twin("a", "b")

    class Twin(Credentials):  # type: ignore[no-redef]
        """The second of the name."""

    with pytest.raises(UnserializableError, match="another class has since been defined"):
        ajson.dumps(first)
    assert type(ajson.loads(ajson.dumps(Twin("a", "b")))) is Twin


def test_a_malformed_wire_name_is_refused() -> None:
    """A wire_name without its two parts is an error where the class is defined."""
    with pytest.raises(ValueError, match="'module:Class'"):
        type("Bad", (AlgObject,), {}, wire_name="nothing")
