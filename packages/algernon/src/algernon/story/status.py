"""How the Tasks of a system are, as a table for people and as plain JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..system.last_hour import LastHour, TaskHour
from ..system.queue_facts import QueueFacts
from ..system.status import SystemStatus, TaskStatus
from .feedings import UNKNOWN, feeding_line, missing_line
from .fitting import fitting
from .tables import Column, table_of, text_of
from .terminal import Line, Style, Terminal
from .times import clock, instant
from .wording import age, count, duration

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS = (
    Column("TASK", overflow="ellipsis"),
    Column("WAITING", is_number=True),
    Column("IN FLIGHT", is_number=True),
    Column("DELAYED", is_number=True),
    Column("DEAD", is_number=True),
    Column("OLDEST", is_number=True),
    Column("DONE", is_number=True),
    Column("FAILED", is_number=True),
    Column("RETRIED", is_number=True),
    Column("P50", is_number=True),
    Column("P95", is_number=True),
    Column("WORKER"),
)
# Which go first where there is no room for all: what says least of whether something is wrong.
_DISPENSABLE = ("DELAYED", "RETRIED", "P50", "IN FLIGHT", "P95", "DONE", "OLDEST", "FAILED")
_NOTHING = Line(UNKNOWN, "faint")


def status_view(
    status: SystemStatus, system: str, terminal: Terminal, *, most_rows: int | None = None
) -> RenderableType:
    """Return what is shown of a system: a line, a table, and what to know of its figures.

    Args:
        status: How the system is.
        system: What it is called.
        terminal: What it is shown on.
        most_rows: How many Tasks have room; what is idle is left out first.
    """
    from rich.console import Group

    shown = _first(status.tasks, most_rows)
    rows = [_row(task, status.hour) for task in shown]
    columns, rows, left_out = fitting(_COLUMNS, rows, _DISPENSABLE, terminal)
    notes = [*left_out, *_notes(status, len(status.tasks) - len(shown))]
    return Group(
        text_of(_summary(status, system)), "", table_of(columns, rows), "", *map(text_of, notes)
    )


def status_as_json(status: SystemStatus, system: str) -> dict[str, Any]:
    """Return how a system is, as plain JSON, with the time of each figure."""
    hour = status.hour
    return {
        "system": system,
        "at": instant(status.at),
        "tasks": [_task_as_json(task, hour) for task in status.tasks],
        "last_hour": None
        if hour is None
        else {
            "source": hour.source,
            "from": instant(hour.start),
            "to": instant(hour.end),
            "is_whole": hour.is_whole,
        },
        "missing_rights": [*status.missing_rights],
    }


def _task_as_json(task: TaskStatus, hour: LastHour | None) -> dict[str, Any]:
    queue, oldest = task.queue, task.oldest
    return {
        "task": task.queues.task,
        "queue_url": task.queues.queue_url,
        "dead_letter_queue_url": task.queues.dead_letter_queue_url,
        "waiting": None if queue is None else queue.waiting,
        "in_flight": None if queue is None else queue.in_flight,
        "delayed": None if queue is None else queue.delayed,
        "dead": task.dead,
        "oldest": None if oldest is None else {"seconds": oldest.value, "at": instant(oldest.at)},
        "worker": task.feeding,
        "last_hour": None if hour is None else asdict(_hour_of(task, hour)),
    }


def _hour_of(task: TaskStatus, hour: LastHour) -> TaskHour:
    return hour.tasks.get(task.queues.task, TaskHour())


def _row(task: TaskStatus, hour: LastHour | None) -> list[Line]:
    return [
        Line(task.queues.task),
        *_of_queue(task.queue),
        _number(task.dead, "bad"),
        _NOTHING if task.oldest is None else Line(age(task.oldest.value)),
        *_of_hour(
            None if hour is None else _hour_of(task, hour), is_whole=not hour or hour.is_whole
        ),
        feeding_line(task.feeding),
    ]


def _of_queue(queue: QueueFacts | None) -> list[Line]:
    if queue is None:
        return [_NOTHING] * 3
    return [_number(queue.waiting), _number(queue.in_flight), _number(queue.delayed)]


def _of_hour(runs: TaskHour | None, *, is_whole: bool) -> list[Line]:
    if runs is None:
        return [_NOTHING] * 5
    counts = [_number(runs.done), _number(runs.failed, "bad"), _number(runs.retried)]
    if not is_whole:
        counts = [line._replace(text=f"≥{line.text}") for line in counts]
    return [*counts, _took(runs.p50_ms), _took(runs.p95_ms)]


def _number(number: int | None, style: Style = "plain") -> Line:
    if number is None:
        return _NOTHING
    return Line(f"{number:,}", style if number else "faint")


def _took(milliseconds: float | None) -> Line:
    return _NOTHING if milliseconds is None else Line(duration(milliseconds))


def _first(tasks: Sequence[TaskStatus], most: int | None) -> list[TaskStatus]:
    """Return as many Tasks as have room, in order, those that aren't idle before the others."""
    if most is None or len(tasks) <= most:
        return [*tasks]
    chosen = sorted(tasks, key=lambda task: task.is_idle)[: max(most, 1)]
    return [task for task in tasks if task in chosen]


def _summary(status: SystemStatus, system: str) -> Line:
    # Systems that were made by hand may have one queue for several Tasks.
    queues = {task.queues.queue_url: task.queue for task in status.tasks if task.queue is not None}
    dead = {task.queues.dead_letter_queue_url: task.dead or 0 for task in status.tasks}
    told = [
        count(len(status.tasks), "Task"),
        f"{sum(queue.waiting for queue in queues.values()):,} waiting",
        f"{sum(queue.in_flight for queue in queues.values()):,} in flight",
        f"{sum(dead.values()):,} dead",
    ]
    feedings: list[str | None] = [task.feeding for task in status.tasks]
    for feeding, words in (("paused", "paused"), ("no worker", "without a worker")):
        if number := feedings.count(feeding):
            told.append(f"{number} {words}")
    return Line(f"{system}: {', '.join(told)}.", "bold")


def _notes(status: SystemStatus, others: int) -> Iterator[Line]:
    if others:
        yield Line(f"And {count(others, 'other Task')}, for which there is no room.", "open")
    counted = f"as SQS counts, approximately, at {clock(status.at)}"
    yield Line(f"Waiting, in flight, delayed, dead: {counted}.", "faint")
    ages = [task.oldest.at for task in status.tasks if task.oldest is not None]
    yield Line(f"Oldest: {_about_ages(ages)}.", "faint")
    yield Line(f"Done, failed, retried, p50, p95: {_about_hour(status.hour)}.", "faint")
    yield from map(missing_line, status.missing_rights)
    if any(task.dead for task in status.tasks):
        yield Line("algernon dead list tells what is dead, and why.")


def _about_ages(times: Sequence[datetime]) -> str:
    if not times:
        return f"by CloudWatch alone, which has told none lately ({UNKNOWN})"
    first, last = (clock(time, seconds=False) for time in (min(times), max(times)))
    return f"by CloudWatch at {first if first == last else f'{first} to {last}'}"


def _about_hour(hour: LastHour | None) -> str:
    if hour is None:
        return f"neither metrics nor log lines of the workers are known ({UNKNOWN})"
    when = f"{clock(hour.start, seconds=False)} to {clock(hour.end, seconds=False)}"
    if hour.source == "metrics":
        return f"{when}, by metrics, which are minutes late"
    if hour.is_whole:
        return f"{when}, by log lines"
    return f"at least so many, by log lines of {when}, as there are more than are read"
