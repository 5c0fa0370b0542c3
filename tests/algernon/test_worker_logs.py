"""The lines of a system's workers, while more come in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from algernon.local.aws import LocalAWS
from algernon.local.worker_logs import WorkerLogs

pytestmark = pytest.mark.starts

GROUP = "/aws/lambda/shop"
# As many as one answer has, and more.
STREAMS = 120


@pytest.fixture(scope="module")
def logs() -> Iterator[Any]:
    """A boto3 client for the logs of a local AWS, which has an empty group."""
    with LocalAWS() as aws:
        client = aws.client("logs")
        client.create_log_group(logGroupName=GROUP)
        yield client


class Invocations:
    """What ministack writes of invocations: a stream for each one."""

    def __init__(self, logs: Any) -> None:
        self._logs = logs
        self._numbers = count()
        self.lines: list[str] = []

    def end(self, **_: Any) -> None:
        """Write the lines of one more."""
        number = next(self._numbers)
        self._logs.create_log_stream(logGroupName=GROUP, logStreamName=f"{number}")
        own = f"line {number}"
        self._logs.put_log_events(
            logGroupName=GROUP,
            logStreamName=f"{number}",
            logEvents=[
                {"timestamp": int(time.time() * 1000), "message": text}
                for text in (f"START RequestId: {number}", own, f"END RequestId: {number}")
            ],
        )
        self.lines.append(own)


def lines_of(reader: WorkerLogs) -> list[str]:
    """Return the lines of the invocations since the last time."""
    return [line for lines in reader.new_invocations() for line in lines]


def test_each_line_comes_once_while_invocations_end(logs: Any) -> None:
    """An invocation that ends while the streams are listed neither repeats a line nor hides one."""
    invocations = Invocations(logs)
    reader = WorkerLogs(logs, GROUP)
    for _ in range(STREAMS):
        invocations.end()
    listing = "before-call.cloudwatch-logs.DescribeLogStreams"
    logs.meta.events.register(listing, invocations.end)
    seen = lines_of(reader)
    logs.meta.events.unregister(listing, invocations.end)

    assert len(invocations.lines) > STREAMS + 1
    assert sorted(seen + lines_of(reader)) == sorted(invocations.lines)
    assert reader.new_invocations() == []
