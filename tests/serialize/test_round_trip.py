"""Whatever comes back from ajson equals what went in, and is of the same type."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from algernon_serialize import UnserializableError, ajson
from dateutil import tz
from hypothesis import given

from .values import ZONES, Box, same, values


@given(values)
def test_every_supported_value_comes_back_the_same(value: Any) -> None:
    """A value of supported types comes back equal, with the same types at every depth."""
    assert same(ajson.loads(ajson.dumps(value)), value)


@given(values)
def test_the_text_is_strict_json_in_utf8(value: Any) -> None:
    """What is written encodes to UTF-8 and has no NaN, Infinity or white space of its own."""
    text = ajson.dumps(value)
    assert ajson.loads(text.encode()) == ajson.loads(text)
    plain = ajson.loads(text, rebuild=False)
    assert "NaN" not in repr(plain) or "nan" not in repr(plain)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_special_floats_travel_tagged(number: float) -> None:
    """NaN and the infinities come back, although JSON has no such numbers."""
    text = ajson.dumps([number])
    assert "_alg_class" in text
    assert repr(ajson.loads(text)) == repr([number])


@pytest.mark.parametrize("text", ["NaN", "sNaN", "-0", "1E+3", "1.50", "Infinity"])
def test_decimals_keep_their_digits_exponent_and_sign(text: str) -> None:
    """A Decimal comes back with every digit, its exponent and its sign."""
    back = ajson.loads(ajson.dumps(Decimal(text)))
    assert back.as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize("zone", ZONES, ids=repr)
def test_a_datetime_keeps_its_zone(zone: Any) -> None:
    """A datetime comes back on the same wall clock in the same zone, also a year later."""
    moment = datetime(2026, 11, 1, 1, 30, tzinfo=zone)
    back = ajson.loads(ajson.dumps(moment))
    assert same(back, moment)
    assert same(back + timedelta(days=200), moment + timedelta(days=200))


def test_the_repeated_hour_is_kept() -> None:
    """The second pass of an hour that a clock goes through twice stays the second."""
    moment = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1)
    back = ajson.loads(ajson.dumps(moment))
    assert (back.fold, back.utcoffset()) == (1, timedelta(hours=1))


@pytest.mark.parametrize(
    "moment",
    [
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
        datetime(2500, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    ],
)
def test_far_moments_keep_their_microsecond(moment: datetime) -> None:
    """A UTC datetime that a float of seconds can't hold exactly loses nothing."""
    assert ajson.loads(ajson.dumps(moment)) == moment


def test_a_machine_s_own_zone_is_refused() -> None:
    """A zone that would mean something else on another machine can't be sent."""
    with pytest.raises(UnserializableError, match=r"^\$\.at: the time zone tzlocal\(\)"):
        ajson.dumps({"at": datetime(2026, 1, 1, tzinfo=tz.tzlocal())})


class Loud(str):
    """A str of a class of its own."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        ({"rows": [1, 2, object()]}, "$.rows[2]", "can't send a builtins.object"),
        ({"a b": {1: Loud("x")}}, "$['a b'][1]", "is a subclass of str"),
        ([(1, {2, Ellipsis})], "$[0][1][", "can't send a builtins.ellipsis"),
        ({Loud("k"): 1}, "$['k']", "is a subclass of str"),
        (Box([1, Loud("x")]), "$._content[1]", "is a subclass of str"),
    ],
)
def test_what_would_change_is_refused_with_its_path(value: Any, path: str, problem: str) -> None:
    """A value that can't come back as it is raises an error that says where it stands."""
    with pytest.raises(UnserializableError) as caught:
        ajson.dumps(value)
    assert caught.value.path.startswith(path)
    assert problem in str(caught.value)
