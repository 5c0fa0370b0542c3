"""No code of others runs within orjson or ormsgpack, where it could end the process."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = pytest.mark.starts

# What each of these defines is `thing`, whose code calls `change` when it is looked at.
DOORS = {
    "a property in a dataclass's field": """
        @dataclass
        class Row(AlgObject):
            total: int
        thing = Row(1)
        Row.total = property(lambda self: change(1), lambda self, value: None)
    """,
    "a descriptor in a registered dataclass's field": """
        class Loud:
            def __get__(self, obj, owner=None): return 0 if obj is None else change(1)
            def __set__(self, obj, value): pass
        @ajson.register
        @dataclass
        class Row:
            total: int = Loud()
        thing = Row(1)
    """,
    "__getattr__ of a slot that is empty": """
        class Row(AlgObject):
            __slots__ = ("total",)
            def __getattr__(self, name): return change(1)
            @classmethod
            def parse_json(cls, json_dict): return cls()
        thing = Row()
    """,
    "__getattribute__": """
        class Row(AlgObject):
            def __init__(self): self.total = 1
            def __getattribute__(self, name):
                change(1)
                return object.__getattribute__(self, name)
            @classmethod
            def parse_json(cls, json_dict): return cls()
        thing = Row()
    """,
    "__dict__ as a property": """
        class Row(AlgObject):
            __dict__ = property(lambda self: change({"total": 1}))
            @classmethod
            def parse_json(cls, json_dict): return cls()
        thing = Row()
    """,
    "to_json": """
        class Row(AlgObject):
            def to_json(self): return change({"total": 1})
            @classmethod
            def parse_json(cls, json_dict): return cls()
        thing = Row()
    """,
    "encode of a registered class": """
        class Row: pass
        ajson.register(Row, encode=lambda row: change([1]), decode=lambda form: Row())
        thing = Row()
    """,
    "_asdict and __iter__ of a namedtuple": """
        @ajson.register
        class Row(namedtuple("Row", "total")):
            def _asdict(self): return change({"total": 1})
            def __iter__(self): return iter(change([1]))
        thing = Row(1)
    """,
    "__new__ of a namedtuple": """
        @ajson.register
        class Row(namedtuple("Row", "total")):
            def __new__(cls, total): return change(super().__new__(cls, total))
        thing = Row(1)
    """,
    "the zone of a datetime": """
        class Zone(tzinfo):
            def utcoffset(self, moment): return change(timedelta(0))
            def tzname(self, moment): return change("UTC")
            def dst(self, moment): return change(timedelta(0))
            def __reduce__(self): return change((Zone, ()))
        thing = datetime(2026, 1, 1, tzinfo=Zone())
    """,
    "an Enum's value": """
        @ajson.register
        class Row(Enum):
            TOTAL = 1
            value = property(lambda self: change(1))
            name = property(lambda self: change("TOTAL"))
        thing = Row.TOTAL
    """,
    "the hash of a metaclass": """
        class Kind(type):
            def __hash__(cls): return change(7)
            def __eq__(cls, other): return cls is other
        class Row(metaclass=Kind): pass
        thing = Row()
    """,
    "the dunders of a str": """
        class Loud(str):
            def __str__(self): return change("a")
            def __hash__(self): return change(1)
            def encode(self, *args): return change(b"a")
        ajson.register(Loud, encode=lambda one: change("a"), decode=Loud)
        thing = Loud("a")
    """,
    "a finalizer": """
        class Last:
            def __del__(self): change(1)
        class Row(AlgObject):
            def to_json(self):
                Last()
                return {"total": 1}
            @classmethod
            def parse_json(cls, json_dict): return cls()
        thing = Row()
    """,
}

SOURCE = """
    import sys
    sys.modules.update({hidden!r})
    from collections import namedtuple
    from dataclasses import dataclass
    from datetime import datetime, timedelta, tzinfo
    from enum import Enum
    from algernon_serialize import AlgObject, SerializeError, ajson

    rows = []

    def change(answer):
        del rows[1:]
        return answer

    {door}

    for shape in (lambda rest: [thing, *rest], lambda rest: [[thing], *rest],
                  lambda rest: [{{"a": thing}}, *rest], lambda rest: [(thing,), *rest]):
        for _ in range(20):
            rows[:] = shape([str(number) * 40 for number in range(3000)])
            try:
                text = ajson.dumps(rows)
                ajson.loads(text)
            except (SerializeError, RuntimeError):
                pass
    print("survived")
"""


@pytest.mark.parametrize("door", DOORS)
def test_a_list_that_changes_while_it_is_written_does_no_harm(door: str, writer: str) -> None:
    """Whatever code of others empties the list that is written, the process lives."""
    if writer == "standard library":
        pytest.skip("nothing but Python itself is there to end the process")
    hidden = {} if writer == "orjson and ormsgpack" else {"ormsgpack": None}
    source = dedent(SOURCE).format(door=dedent(DOORS[door]), hidden=hidden)
    ended = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "survived\n"), ended.stderr
