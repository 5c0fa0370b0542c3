"""Events of a log group, of which there are many, or come late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from algernon.local.aws import LocalAWS
from algernon.system import log_events
from algernon.system.log_events import LogFeed, find_events

pytestmark = pytest.mark.starts

_numbers = count()


@pytest.fixture(scope="module")
def logs() -> Iterator[Any]:
    """A boto3 client for the logs of a local AWS."""
    with LocalAWS() as aws:
        yield aws.client("logs")


@pytest.fixture
def group(logs: Any) -> str:
    """A log group that is empty."""
    name = f"group-{next(_numbers)}"
    logs.create_log_group(logGroupName=name)
    return name


def write(logs: Any, group: str, stream: str, *texts: str, at: datetime) -> None:
    """Write events, all at the same time."""
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    at_ms = int(at.timestamp() * 1000)
    events = [{"timestamp": at_ms, "message": text} for text in texts]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


NOW = datetime.now(UTC)
AN_HOUR_AGO = NOW - timedelta(hours=1)


def test_all_events_are_found_however_many(logs: Any, group: str) -> None:
    """More than an answer holds are found, although ministack says nothing of further ones."""
    written = []
    for stream in range(23):
        texts = [f"{stream} {n}" for n in range(1000)]
        write(logs, group, f"{stream}", *texts, at=NOW - timedelta(minutes=30 - stream % 7))
        written += texts

    found = [event.text for event in find_events(logs, group, AN_HOUR_AGO)]
    assert sorted(found) == sorted(written)
    ones = [event.text for event in find_events(logs, group, AN_HOUR_AGO, phrase="1")]
    assert sorted(ones) == sorted(text for text in written if "1" in text)


def test_what_comes_late_is_given_and_nothing_twice(logs: Any, group: str) -> None:
    """Up to two minutes after what is newer."""
    feed = LogFeed(logs, [group], AN_HOUR_AGO)
    write(logs, group, "a", "first", "second", at=NOW)
    assert [event.text for event in feed.new_events()] == ["first", "second"]

    write(logs, group, "b", "late", at=NOW - timedelta(minutes=1))
    assert [event.text for event in feed.new_events()] == ["late"]
    assert [*feed.new_events()] == []


def test_a_look_that_was_given_up_loses_nothing(logs: Any, group: str) -> None:
    """What it had given isn't given again by the next, and the rest is."""
    write(logs, group, "a", *"abcdef", at=NOW)
    feed = LogFeed(logs, [group], AN_HOUR_AGO)
    look = feed.new_events()

    assert [next(look).text, next(look).text] == ["a", "b"]
    assert [event.text for event in feed.new_events()] == [*"cdef"]


def test_around_a_phrase_the_streams_that_have_it_are_given(logs: Any, group: str) -> None:
    """From the beginning of what is found, up to as long as an invocation may take."""
    write(logs, group, "a", "needle", "beside it", at=NOW - timedelta(minutes=30))
    write(logs, group, "b", "hay", at=NOW - timedelta(minutes=30))
    feed = LogFeed(logs, [group], AN_HOUR_AGO, phrase="needle")
    assert [event.text for event in feed.new_events()] == ["needle", "beside it"]

    for stream in range(250):
        at = NOW - timedelta(seconds=250 - stream)
        write(logs, group, f"many {stream}", f"needle {stream}", f"{stream}", at=at)
    found = [event.text for event in feed.new_events()]
    assert found == [text for n in range(250) for text in (f"needle {n}", f"{n}")]


def test_events_of_several_groups_are_in_the_order_of_time(logs: Any, group: str) -> None:
    """Each is given once, whatever group it is in."""
    other = f"group-{next(_numbers)}"
    logs.create_log_group(logGroupName=other)
    for number in range(6):
        at = NOW - timedelta(seconds=60 - number)
        write(logs, (group, other)[number % 2], f"{number}", f"{number}", at=at)
    feed = LogFeed(logs, [group, other], AN_HOUR_AGO)

    assert [event.text for event in feed.new_events()] == [*"012345"]


def test_of_many_events_only_the_newest_are_known_again(
    logs: Any, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that memory is bounded; what is older than these is not looked for again."""
    monkeypatch.setattr(log_events, "_MOST_KNOWN", 100)
    for stream in range(10):
        at = NOW - timedelta(seconds=60 - stream)
        write(logs, group, f"{stream}", *(f"{stream} {n}" for n in range(50)), at=at)
    feed = LogFeed(logs, [group], AN_HOUR_AGO)
    assert len([*feed.new_events()]) == 500

    write(logs, group, "late", "late", at=NOW - timedelta(seconds=59))
    write(logs, group, "new", "new", at=NOW - timedelta(seconds=1))
    assert [event.text for event in feed.new_events()] == ["new"]
