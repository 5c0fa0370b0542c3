"""The lines of workers in ministack, as they come in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

# Lambda's own lines around each invocation's.
_PLATFORM_LINE = re.compile(r"(START|END|REPORT) RequestId: ")
# Invocations that end at the same time may be written out of order, on a busy machine by
# seconds.
_OVERLAP_MS = 10_000


class WorkerLogs:
    """The lines of a CloudWatch log group in ministack, each given once.

    ministack writes one log stream an invocation, at once, when it has ended. So
    a stream that has been read never grows.

    Args:
        client: A boto3 client for CloudWatch Logs.
        group: The log group's name.
    """

    def __init__(self, client: Any, group: str) -> None:
        self._client = client
        self._group = group
        self._read: set[str] = set()
        self._newest_ms = 0

    def new_invocations(self) -> list[list[str]]:
        """Return the lines of each invocation since the last call, without Lambda's own."""
        # By name, since a stream that is written between two pages moves those on the first
        # page to the second.
        unread = dict(self._unread_streams())
        invocations = []
        for name, written_ms in sorted(unread.items(), key=itemgetter(1)):
            invocations.append(
                [line for line in self._lines(name) if not _PLATFORM_LINE.match(line)]
            )
            self._read.add(name)
            self._newest_ms = max(self._newest_ms, written_ms)
        return invocations

    def skip_written(self) -> None:
        """Take all that is written by now as read."""
        for name, written_ms in [*self._unread_streams()]:
            self._read.add(name)
            self._newest_ms = max(self._newest_ms, written_ms)

    def _unread_streams(self) -> Iterator[tuple[str, int]]:
        """Give the name of each stream, some more than once, and when it was written."""
        pages = self._client.get_paginator("describe_log_streams").paginate(
            logGroupName=self._group, orderBy="LastEventTime", descending=True
        )
        oldest_ms = self._newest_ms - _OVERLAP_MS
        for page in pages:
            for stream in page["logStreams"]:
                written_ms = stream.get("lastEventTimestamp")
                if written_ms is None:
                    continue
                if written_ms < oldest_ms:
                    return
                if stream["logStreamName"] not in self._read:
                    yield stream["logStreamName"], written_ms

    def _lines(self, stream: str) -> Iterator[str]:
        token: dict[str, str] = {}
        while True:
            answer = self._client.get_log_events(
                logGroupName=self._group, logStreamName=stream, startFromHead=True, **token
            )
            if not answer["events"]:
                return
            for event in answer["events"]:
                yield event["message"]
            token = {"nextToken": answer["nextForwardToken"]}
