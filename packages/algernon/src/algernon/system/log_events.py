"""What log groups of CloudWatch hold, and what they get meanwhile."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from algernon_logging import parse_line

# Amazon CloudWatch Logs API Reference, FilterLogEvents: events an answer, and streams a call.
_MOST_EVENTS = 10_000
_MOST_STREAMS = 100
# AWS Lambda Developer Guide, "Lambda quotas": so long an invocation may take.
_LONGEST_INVOCATION = timedelta(minutes=15)
# What a function writes is to be found after seconds, seldom after a minute.
_LATEST = timedelta(minutes=2)
# Of events that may be found again, so many are known again.
_MOST_KNOWN = 100_000


@dataclass(frozen=True, slots=True)
class LogEvent:
    """An event of a log group: a line, or several that were written at once.

    Attributes:
        id: What it is known by, or its equal in another answer.
        stream: The name of its stream: of one process of a function.
        at_ms: When it was written, in milliseconds since 1970.
        text: What it says.
    """

    id: str
    stream: str
    at_ms: int
    text: str


def find_events(
    client: Any,
    group: str,
    since: datetime,
    *,
    phrase: str | None = None,
    streams: Sequence[str] = (),
    until: datetime | None = None,
) -> Iterator[LogEvent]:
    """Give events of a log group, in the order of time.

    Args:
        client: A boto3 client for CloudWatch Logs.
        group: The log group's name.
        since: The time of the earliest event.
        phrase: What they have in their text, without quotes.
        streams: The names of the streams that they are in, 100 at most; of all by default.
        until: The time of the latest event.

    Raises:
        botocore.exceptions.ClientError: AWS refused it, such as for the right
            ``logs:FilterLogEvents``.

    Example:
        >>> for event in find_events(logs, "shop-WorkerLogs", yesterday):  # doctest: +SKIP
        ...     print(event.text)
    """
    request: dict[str, Any] = {"logGroupName": group, "startTime": _ms(since)}
    # It is how AWS sorts anyway, but not others.
    request["interleaved"] = True
    if phrase is not None:
        # Amazon CloudWatch Logs User Guide, "Filter pattern syntax": exactly this phrase, whether
        # lines are JSON or text.
        request["filterPattern"] = f'"{phrase}"'
    if streams:
        request["logStreamNames"] = [*streams]
    if until is not None:
        request["endTime"] = _ms(until)
    # Those that are as new as any: what comes after a full answer begins with them.
    newest: set[str] = set()
    while True:
        known, count = {*newest}, 0
        for events in _pages(client, request):
            count = len(events)
            for event in events:
                if event.id in known:
                    continue
                if event.at_ms > request["startTime"]:
                    newest.clear()
                    request["startTime"] = event.at_ms
                newest.add(event.id)
                yield event
        # A local AWS may have more than an answer holds, and no token that leads on.
        if count < _MOST_EVENTS or newest <= known:
            return


def _pages(client: Any, request: dict[str, Any]) -> Iterator[list[LogEvent]]:
    twins: Counter[tuple[str, int]] = Counter()
    at_ms = 0
    for page in client.get_paginator("filter_log_events").paginate(**request):
        events = []
        for event in page["events"]:
            if event["timestamp"] != at_ms:
                at_ms = event["timestamp"]
                twins.clear()
            events.append(_event(event, twins))
        yield events


def _event(event: dict[str, Any], twins: Counter[tuple[str, int]]) -> LogEvent:
    stream, at_ms = event["logStreamName"], event["timestamp"]
    known_by = event.get("eventId")
    if known_by is None:  # ministack's Lambda gives them none
        twins[stream, at_ms] += 1
        known_by = f"{stream} {at_ms} {twins[stream, at_ms]}"
    return LogEvent(known_by, stream, at_ms, event["message"])


def unreadable_groups(client: Any, groups: Iterable[str]) -> dict[str, Exception]:
    """Return which log groups can't be read, and why.

    Args:
        client: A boto3 client for CloudWatch Logs.
        groups: The log groups' names.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    unread: dict[str, Exception] = {}
    for group in groups:
        try:
            client.filter_log_events(logGroupName=group, startTime=_ms(datetime.now(UTC)), limit=1)
        except (BotoCoreError, ClientError) as error:
            unread[group] = error
    return unread


class LogFeed:
    """The events of log groups, each given once, while more come in.

    CloudWatch has events late, and out of order: so each look goes back over what the one before
    has seen. With a phrase, those of the streams that have it are given, around where it is: the
    lines of an invocation belong together, and not all of them have it.

    Args:
        client: A boto3 client for CloudWatch Logs.
        groups: The log groups' names.
        since: The time of the earliest event.
        phrase: What streams have to have for their events to be given.

    Example:
        >>> feed = LogFeed(logs, ["shop-WorkerLogs"], an_hour_ago)  # doctest: +SKIP
        >>> [event.text for event in feed.new_events()]  # doctest: +SKIP
    """

    def __init__(
        self, client: Any, groups: Iterable[str], since: datetime, *, phrase: str | None = None
    ) -> None:
        self._groups = [_GroupFeed(client, group, phrase) for group in groups]
        self._since = since
        self._known = _Known()

    def new_events(self) -> Iterator[LogEvent]:
        """Give the events that weren't given before, in the order of time.

        Raises:
            botocore.exceptions.ClientError: As of `find_events`. What was given until then isn't
                given again.
        """
        found = (group.events_since(self._since) for group in self._groups)
        for event in heapq.merge(*found, key=_at):
            if self._known.add(event):
                yield event
        self._since = max(self._since, self._known.since)


class _GroupFeed:
    """The events of one group, some of which were given before."""

    def __init__(self, client: Any, group: str, phrase: str | None) -> None:
        self._client = client
        self._group = group
        self._phrase = phrase
        # Until when streams that have the phrase are looked at.
        self._streams: dict[str, datetime] = {}

    def events_since(self, since: datetime) -> Iterator[LogEvent]:
        if self._phrase is None:
            return find_events(self._client, self._group, since)
        return self._around(self._phrase, since)

    def _around(self, phrase: str, since: datetime) -> Iterator[LogEvent]:
        spans = {stream: _Span(since, until) for stream, until in self._streams.items()}
        for event in find_events(self._client, self._group, since, phrase=phrase):
            span = _Span.around(event)
            spans[event.stream] = spans.get(event.stream, span).with_(span)
        self._streams = {stream: span.until for stream, span in spans.items() if span.until > since}
        ordered = sorted(spans, key=lambda stream: spans[stream].since)
        parts = [
            {stream: spans[stream] for stream in ordered[start : start + _MOST_STREAMS]}
            for start in range(0, len(ordered), _MOST_STREAMS)
        ]
        return heapq.merge(*map(self._in_streams, parts), key=_at)

    def _in_streams(self, spans: Mapping[str, _Span]) -> Iterator[LogEvent]:
        return find_events(
            self._client,
            self._group,
            min(span.since for span in spans.values()),
            streams=[*spans],
            until=max(span.until for span in spans.values()),
        )


@dataclass(frozen=True, slots=True)
class _Span:
    """From when to when the events of a stream are wanted."""

    since: datetime
    until: datetime

    @classmethod
    def around(cls, event: LogEvent) -> _Span:
        """Return when what belongs to an event may have been written.

        The line of a Task's end says when it began; what Lambda itself says comes after it.
        """
        at = datetime.fromtimestamp(event.at_ms / 1000, UTC)
        since = at
        with suppress(ValueError, OverflowError):
            started_at = str((parse_line(event.text) or {}).get("started_at"))
            since = min(at, datetime.fromisoformat(started_at).astimezone(UTC))
        return cls(max(since, at - _LONGEST_INVOCATION), at + _LONGEST_INVOCATION)

    def with_(self, other: _Span) -> _Span:
        """Return the span of both."""
        return _Span(min(self.since, other.since), max(self.until, other.until))


class _Known:
    """The events that were given, as far as they may be found again."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._newest_ms = 0
        self._dropped_ms = 0

    @property
    def since(self) -> datetime:
        """From when on all that was given is known again."""
        since_ms = max(self._newest_ms - _LATEST // timedelta(milliseconds=1), self._dropped_ms)
        return datetime.fromtimestamp(since_ms / 1000, UTC)

    def add(self, event: LogEvent) -> bool:
        """Note an event, and tell whether it is new."""
        if event.id in self._ids or event.at_ms < self._dropped_ms:
            return False
        self._ids[event.id] = event.at_ms
        self._newest_ms = max(self._newest_ms, event.at_ms)
        if len(self._ids) > _MOST_KNOWN:
            self._forget()
        return True

    def _forget(self) -> None:
        """Forget the older half, of which nothing is looked for again."""
        by_time = sorted(self._ids.items(), key=lambda item: item[1])
        self._dropped_ms = by_time[len(by_time) // 2][1]
        self._ids = {known: at for known, at in by_time if at >= self._dropped_ms}


_at = attrgetter("at_ms")


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
