"""Odd values and texts, each of which once crashed, hung or came back as something else."""

from __future__ import annotations

import dataclasses
import enum
import io
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID
from zoneinfo import TZPATH, ZoneInfo

import pytest
from algernon_serialize import (
    AlgObject,
    MalformedTagError,
    NestingError,
    UnserializableError,
    ajson,
)
from dateutil import tz

from .values import Access, Box, Money, same


class Loud(str):
    """A str of a class that isn't registered."""

    __slots__ = ()


@pytest.mark.parametrize(
    "content", [(1, 2), float("nan"), Decimal(1), {1: 2}, {"_alg_class": "set", "value": [1]}, 1e-5]
)
def test_an_object_s_own_dict_is_sent_like_any_other(content: Any) -> None:
    """What vars() gives is looked into, although Python 3.13 hides what it refers to."""
    attributes = vars(Box(content))
    for value in (attributes, [attributes], {"a": [attributes, None]}):
        assert same(ajson.loads(ajson.dumps(value)), value)


@pytest.mark.parametrize("micros", [1, -1, 99, -99, 100])
def test_moments_about_the_epoch_are_written_alike(micros: int) -> None:
    """A datetime whose seconds are a tiny number is written without that number."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    assert "e-" not in ajson.dumps([moment])
    assert ajson.loads(ajson.dumps([moment])) == [moment]


@pytest.mark.parametrize("number", [-(2**63) - 1, -(10**19) + 1, -(2**63), 2**64 - 1, 2**64])
@pytest.mark.parametrize("padding", range(6))
def test_ints_about_64_bits_keep_every_digit(number: int, padding: int) -> None:
    """An int that just doesn't fit into 64 bits is read exactly, wherever it stands in a text."""
    text = f'{{"a":"{" " * padding}","n":{number}}}'
    assert ajson.loads(text)["n"] == number


@pytest.mark.parametrize("wrap", [lambda v: (v,), lambda v: [{"a": (v,)}], lambda v: {"a": (v,)}])
@pytest.mark.parametrize("depth", [300, 1000, 30_000])
def test_deep_tuples_do_no_harm(wrap: Any, depth: int) -> None:
    """Tuples that nest too deeply are refused, and not left to orjson, which may crash on them."""
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    with pytest.raises(NestingError):
        ajson.dumps(value)


def test_a_cycle_through_a_tuple_does_no_harm() -> None:
    """A value that contains itself in a tuple is refused, and not left to orjson."""
    value: list[Any] = []
    value.append({"a": (value,)})
    with pytest.raises(NestingError):
        ajson.dumps(value)


@pytest.mark.parametrize("depth", [400, 440])
def test_plain_values_nest_as_deep_on_either_path(depth: int) -> None:
    """A plain value that nests deeper than orjson goes is written by the standard library."""
    value: Any = 1.5
    for _ in range(depth):
        value = [value]
    assert ajson.dumps(value) == "[" * depth + "1.5" + "]" * depth


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        ([Path("\udc80")], "$[0]", "isn't UTF-8"),
        ([datetime(2026, 1, 1, tzinfo=tz.tzoffset("\ud800", 60))], "$[0]", "no str that UTF-8"),
        ([datetime(2026, 1, 1, tzinfo=tz.tzoffset(Loud("x"), 60))], "$[0]", "no str that UTF-8"),
        ([datetime(2026, 1, 1, tzinfo=tz.tzoffset("x", 90_000))], "$[0]", "a day or more"),
        ({"a": range(10**5000)}, "$.a", "more digits than Python writes"),
        ({10**5000: 1}, "$[an int]", "has more digits than Python writes"),
    ],
    ids=["path", "zone's name", "zone's name's class", "zone's offset", "range", "key"],
)
def test_what_no_text_can_hold_is_refused_with_its_path(
    value: Any, path: str, problem: str
) -> None:
    """A value with a part that can't be written raises an error of this package, with the path."""
    with pytest.raises(UnserializableError) as caught:
        ajson.dumps(value)
    assert caught.value.path == path
    assert problem in str(caught.value)


def test_a_zone_of_a_file_of_one_s_own_is_refused() -> None:
    """A ZoneInfo whose key isn't the name of a zone can't be sent."""
    folder = next(folder for folder in map(Path, TZPATH) if (folder / "Europe/Paris").exists())
    data = (folder / "Europe/Paris").read_bytes()
    zone = ZoneInfo.from_file(io.BytesIO(data), key="my zone")
    with pytest.raises(UnserializableError, match="can't be named to another machine"):
        ajson.dumps(datetime(2026, 1, 1, tzinfo=zone))


@pytest.mark.parametrize("kind", ["zoneinfo", "dateutil"])
@pytest.mark.parametrize("name", ["localtime", "a" * 300, "Europe"])
def test_what_is_no_zone_everywhere_is_not_read(kind: str, name: str) -> None:
    """The machine's own zone, and names that no zone has, are malformed."""
    text = f'{{"_alg_class":"datetime","value":{{"tz":{{"{kind}":"{name}"}},"iso":"2026-01-01"}}}}'
    with pytest.raises(MalformedTagError):
        ajson.loads(text)


@pytest.mark.parametrize(
    "zone",
    [
        '{"dateutil":[0,0,1],"name":5}',
        '{"dateutil":[1,0,0],"name":null}',
        '{"timezone":[0,0,1],"name":5}',
    ],
)
def test_a_zone_that_would_fail_in_use_is_not_read(zone: str) -> None:
    """A zone whose name is no str, or whose offset is a day or more, is malformed."""
    with pytest.raises(MalformedTagError):
        ajson.loads(f'{{"_alg_class":"datetime","value":{{"tz":{zone},"iso":"2026-01-01"}}}}')


@ajson.register
class Odd(enum.Enum):
    """An enum that shows its members under other names."""

    ONE = 1

    @property
    def name(self) -> str:
        """What people read."""
        return "the one"


@ajson.register
class OddFlag(enum.Flag):
    """A flag that shows its members under other values."""

    ONE = 1

    @property
    def value(self) -> str:  # type: ignore[override]
        """What people read."""
        return "the one"


@pytest.mark.parametrize("member", [Odd.ONE, OddFlag.ONE])
def test_members_are_sent_as_they_are_defined(member: enum.Enum) -> None:
    """A member comes back although its class has a name or value of its own making."""
    assert ajson.loads(ajson.dumps(member)) is member


@pytest.mark.parametrize("kind", ["Access", "Colour", "Money", "Point"])
@pytest.mark.parametrize("form", ["[]", "[1]", '["x"]', "null", "8"])
def test_a_registered_class_refuses_what_it_did_not_send(kind: str, form: str) -> None:
    """A form that no member, namedtuple or dataclass is written in is malformed."""
    text = f'{{"_alg_class":"{kind}","_alg_module":"{Money.__module__}","value":{form}}}'
    with pytest.raises(MalformedTagError):
        ajson.loads(text)


@ajson.register
class Lenient(enum.Flag, boundary=enum.CONFORM):
    """A flag that leaves out the bits that it doesn't know."""

    ONE = 1


@ajson.register
class Ejecting(enum.Flag, boundary=enum.EJECT):
    """A flag that makes an int of the bits that it doesn't know."""

    ONE = 1


@pytest.mark.parametrize("member", [Lenient.ONE, Ejecting.ONE])
def test_a_flag_s_unknown_bits_are_not_left_out(member: enum.Flag) -> None:
    """Of a value that the class would make another one of, nothing is rebuilt."""
    with pytest.raises(MalformedTagError, match="no member of this value"):
        ajson.loads(ajson.dumps(member).replace('"value":1}', '"value":9}'))


def test_a_flag_of_no_members_is_read() -> None:
    """A flag without any member comes back."""
    assert ajson.loads(ajson.dumps(Access(0))) is Access(0)


def test_a_field_without_a_value_is_refused() -> None:
    """A dataclass object that lacks one of its fields can't be sent."""

    @dataclasses.dataclass
    class Later(AlgObject):
        """It sets its field some time."""

        size: int = dataclasses.field(init=False)

    with pytest.raises(UnserializableError, match=r"^\$\[0\]: a field of this object has no value"):
        ajson.dumps([Later()])


@pytest.mark.parametrize(
    "kind", [int, str, list, dict, tuple, set, datetime, Decimal, UUID, PurePosixPath]
)
def test_what_is_sent_already_is_not_registered(kind: type) -> None:
    """A type that is sent already can't be registered, since it would be sent as before."""
    with pytest.raises(TypeError, match="is sent already"):
        ajson.register(kind, encode=str, decode=kind)


@pytest.mark.parametrize("thing", [5, "module:Class", len])
def test_only_classes_are_registered(thing: Any) -> None:
    """What is no class can't be registered."""
    with pytest.raises(TypeError, match="is no class"):
        ajson.register(thing, encode=str, decode=str)


def test_uneven_rows_take_no_longer() -> None:
    """One long tuple among many short ones costs time in proportion to their size."""

    def seconds(size: int) -> float:
        value = [(1.5,) * size] + [(1,)] * size
        start = time.process_time()
        ajson.dumpb(value)
        return time.process_time() - start

    # In proportion, it takes milliseconds; otherwise half a minute.
    assert seconds(30_000) < 5


@pytest.mark.starts
def test_a_value_that_grows_by_being_looked_at_is_refused() -> None:
    """An object that makes a new one whenever it is written doesn't keep dumps forever."""
    program = """if True:
        from algernon_serialize import AlgObject, NestingError, ajson
        class Fresh(AlgObject):
            def to_json(self):
                return {"next": Fresh()}
            @classmethod
            def parse_json(cls, json_dict):
                return cls()
        try:
            ajson.dumps(Fresh())
        except NestingError:
            print("refused")
        """
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, text=True, timeout=300
    )
    assert run.stdout == "refused\n", run.stderr


def test_a_key_is_not_taken_for_another_that_it_equals() -> None:
    """A key of a subclass of str is refused, also where an equal str is a key elsewhere."""

    class Key(str):
        """A subclass of str."""

        __slots__ = ()

    for value in ([{"a": 1}, {Key("a"): 1}], {"a": {Key("a"): 1}}, [{Key("a"): 1}, {"a": 1}]):
        with pytest.raises(UnserializableError):
            ajson.dumps(value)
