"""What the runs of each Task came to in the last hour, by CloudWatch's metrics or by log lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import ceil
from typing import Any, Literal

from .log_events import LogEvent, find_events
from .metric_data import Figure, Point, read_figures

_HOUR = timedelta(hours=1)
_COUNTS = ("Done", "Failed", "Retried")
_MEDIAN, _HIGH = "p50", "p95"

# Of a busy system, an hour's lines take minutes to read: CloudWatch gives some 1,500 a call.
_MOST_LINES = 10_000
# A word of the lines that say what became of a message, as JSON and as text, and of hardly
# any others.
_END_LINES = "outcome"
_LOGGER = "algernon_logging"


@dataclass(frozen=True, slots=True)
class TaskHour:
    """What the runs of a Task came to, counted as the metrics of `algernon_logging` are.

    Attributes:
        done: How many succeeded.
        failed: How many failed, whether they are tried again or not.
        retried: How many runs there were of messages that had been received before.
        p50_ms: For how many milliseconds half of the runs ran at the most; None without runs.
        p95_ms: The same of 95 of 100 runs.
    """

    done: int = 0
    failed: int = 0
    retried: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class LastHour:
    """What was read of the last hour.

    Attributes:
        source: Where it was read.
        start: From when on the runs are counted.
        end: Until when: the end of the hour, but where each log group has too many lines.
        tasks: What came of the runs of each Task, by its name.
        is_whole: Whether that are all runs of the hour. Of a log group with too many lines
            the first 10,000 of the hour are read.
    """

    source: Literal["metrics", "lines"]
    start: datetime
    end: datetime
    tasks: Mapping[str, TaskHour]
    is_whole: bool = True


def hour_of_metrics(client: Any, namespace: str, tasks: Collection[str], now: datetime) -> LastHour:
    """Return the last hour by the metrics that workers write.

    Args:
        client: A boto3 client for CloudWatch.
        namespace: The metrics' namespace: ``ALGERNON_METRICS_NAMESPACE`` of the workers.
        tasks: The Tasks' names.
        now: The time.

    Raises:
        botocore.exceptions.ClientError: CloudWatch refused it, such as for the right
            ``cloudwatch:GetMetricData``.
    """
    # Amazon CloudWatch API Reference, GetMetricData: periods begin at a whole minute.
    end = now.replace(second=0, microsecond=0)
    wanted = [(name, "Sum") for name in _COUNTS] + [("Duration", p) for p in (_MEDIAN, _HIGH)]
    period = int(_HOUR.total_seconds())
    figures = {
        (task, metric, statistic): Figure(
            namespace, metric, ("task_name", task), statistic, period=period
        )
        for task in tasks
        for metric, statistic in wanted
    }
    found = read_figures(client, [*figures.values()], end - _HOUR, end)
    points = {key: found[figure] for key, figure in figures.items()}
    return LastHour(
        "metrics",
        end - _HOUR,
        end,
        {
            task: TaskHour(
                *(_sum(points[task, name, "Sum"]) for name in _COUNTS),
                *(_last(points[task, "Duration", each]) for each in (_MEDIAN, _HIGH)),
            )
            for task in tasks
        },
    )


def hour_of_lines(client: Any, groups: Iterable[str], now: datetime) -> LastHour:
    """Return the last hour by the lines of the workers, as they are: JSON or text.

    Of each log group the first 10,000 of the hour are read.

    Args:
        client: A boto3 client for CloudWatch Logs.
        groups: The workers' log groups.
        now: The time.

    Raises:
        botocore.exceptions.ClientError: CloudWatch refused it, such as for the right
            ``logs:FilterLogEvents``.
    """
    from algernon_logging import parse_line

    counted: dict[str, _Count] = {}
    spans: list[tuple[datetime, datetime]] = []
    is_whole = True
    for group in groups:
        events = _first_events(client, group, now)
        if len(events) == _MOST_LINES:
            is_whole = False
            spans.append((_time_of(events[0].at_ms), _time_of(events[-1].at_ms)))
        else:
            spans.append((now - _HOUR, now))
        for event in events:
            line = parse_line(event.text)
            if line is not None and line.get("logger") == _LOGGER and "outcome" in line:
                counted.setdefault(str(line.get("task_name")), _Count()).add(line)
    hours = {task: count.hour() for task, count in counted.items()}
    # What is read of one group doesn't say less of the others.
    start = min((start for start, _ in spans), default=now - _HOUR)
    end = max((end for _, end in spans), default=now)
    return LastHour("lines", start, end, hours, is_whole)


@dataclass(slots=True)
class _Count:
    """What lines tell of a Task so far."""

    done: int = 0
    failed: int = 0
    retried: int = 0
    durations: list[float] = field(default_factory=list)

    def add(self, line: Mapping[str, Any]) -> None:
        self.done += line["outcome"] == "done"
        self.failed += line["outcome"] in ("failed", "dead_letter")
        duration = line.get("duration_ms")
        if isinstance(duration, int | float):
            self.durations.append(duration)
            receives = line.get("receive_count")
            self.retried += isinstance(receives, int) and receives > 1

    def hour(self) -> TaskHour:
        durations = sorted(self.durations)
        return TaskHour(
            self.done, self.failed, self.retried, *(_rank(durations, p) for p in (0.5, 0.95))
        )


def _first_events(client: Any, group: str, now: datetime) -> list[LogEvent]:
    """Return the events of the last hour that tell of an end: the first, where there are many."""
    found = find_events(client, group, now - _HOUR, phrase=_END_LINES, until=now)
    # One that its function hasn't written to yet isn't there.
    with suppress(client.exceptions.ResourceNotFoundException):
        return [*islice(found, _MOST_LINES)]
    return []


def _sum(points: Iterable[Point]) -> int:
    return round(sum(point.value for point in points))


def _last(points: Sequence[Point]) -> float | None:
    return points[-1].value if points else None


def _rank(values: Sequence[float], share: float) -> float | None:
    """Return the smallest of sorted values that so large a share of them doesn't exceed."""
    return values[ceil(share * len(values)) - 1] if values else None


def _time_of(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
