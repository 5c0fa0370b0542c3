"""`--since`: since when things are meant."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import pytest
from algernon.commands.arguments import add_since, since


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("3w", timedelta(weeks=3)),
        ("0s", timedelta(0)),
    ],
)
def test_a_span_is_counted_back_from_now(text: str, span: timedelta) -> None:
    """Seconds, minutes, hours, days and weeks are spans."""
    before = datetime.now(UTC)

    found = since(text)

    assert before - span <= found <= datetime.now(UTC) - span


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-24T03:00Z", datetime(2026, 11, 24, 3, tzinfo=UTC)),
        ("2026-11-24T03:00:00+01:00", datetime(2026, 11, 24, 2, tzinfo=UTC)),
        ("2026-11-24 03:00", datetime(2026, 11, 24, 3).astimezone()),
        ("2026-11-24", datetime(2026, 11, 24).astimezone()),
    ],
)
def test_a_time_may_have_a_zone(text: str, time: datetime) -> None:
    """A time without one is of the clock here, as are the times of the lines that are shown."""
    assert since(text) == time


@pytest.mark.parametrize("text", ["", "soon", "10", "m", "-1h", "1.5h", "10 m", "999999999w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """It says what it may be instead."""
    with pytest.raises(argparse.ArgumentTypeError, match="neither a span, such as 90s"):
        since(text)


def test_a_time_in_the_future_is_refused() -> None:
    """Nothing can have happened since, and the zone is what is often wrong."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"lies in the future: it is 20..-"):
        since((datetime.now(UTC) + timedelta(hours=1)).isoformat())


@pytest.mark.parametrize(("default", "is_set"), [("2h", True), (None, False)])
def test_a_verb_has_its_own_default(default: str | None, *, is_set: bool) -> None:
    """It is written as somebody would write it, or there is none."""
    parser = argparse.ArgumentParser()
    add_since(parser, "lines", default=default)

    assert (parser.parse_args([]).since is not None) == is_set
    assert parser.parse_args(["--since", "1s"]).since is not None
    assert "lines since then" in parser.format_help()
