"""How Tasks are that were paused or resumed, as a table for people and as plain JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..system.mappings import Feeding
from ..system.pausing import MappedTask
from .feedings import UNKNOWN, feeding_line, missing_line
from .fitting import fitting
from .tables import Column, table_of, text_of
from .terminal import Line, Terminal
from .times import day_and_clock, instant
from .wording import span

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS: tuple[Column, ...] = (
    Column("TASK", overflow="ellipsis"),
    Column("BEFORE"),
    Column("NOW"),
    Column("WAITING", is_number=True),
    Column("IN FLIGHT", is_number=True),
)
_OF_A_PAUSE = (Column("KEPT FOR", is_number=True), Column("LOST FROM", is_number=True))
_DISPENSABLE = ("BEFORE", "KEPT FOR")


def switched_view(
    before: Sequence[Feeding],
    tasks: Sequence[MappedTask],
    missing_rights: Sequence[str],
    now: datetime,
    terminal: Terminal,
    *,
    is_enabled: bool,
) -> RenderableType:
    """Return what is shown of Tasks that were paused or resumed.

    Args:
        before: How each was.
        tasks: How they are.
        missing_rights: The actions that whoever asked isn't allowed.
        now: The time.
        terminal: What it is shown on.
        is_enabled: Whether they were resumed.
    """
    from rich.console import Group

    rows = [_row(was, task) for was, task in zip(before, tasks, strict=True)]
    notes = [missing_line(action) for action in missing_rights]
    columns = _COLUMNS
    if not is_enabled:
        columns += _OF_A_PAUSE
        rows = [[*row, *_of_a_pause(task, now)] for row, task in zip(rows, tasks, strict=True)]
        notes = [*_warnings(tasks, now), *notes]
    shown, cells, left_out = fitting(
        columns, rows, _DISPENSABLE if not is_enabled else _DISPENSABLE[:1], terminal
    )
    return Group(table_of(shown, cells), *map(text_of, [Line(""), *left_out, *notes]))


def switched_as_json(
    before: Sequence[Feeding],
    tasks: Sequence[MappedTask],
    system: str,
    missing_rights: Sequence[str],
    now: datetime,
) -> dict[str, Any]:
    """Return how Tasks are that were paused or resumed, as plain JSON."""
    return {
        "system": system,
        "at": instant(now),
        "tasks": [
            {
                "task": task.queues.task,
                "before": was,
                "worker": task.feeding,
                "waiting": task.queue.waiting,
                "in_flight": task.queue.in_flight,
                "delayed": task.queue.delayed,
                "retention_seconds": task.queue.retention_seconds,
                "lost_from": None if (lost := task.lost_from(now)) is None else instant(lost),
            }
            for was, task in zip(before, tasks, strict=True)
        ],
        "missing_rights": [*missing_rights],
    }


def _row(was: Feeding, task: MappedTask) -> list[Line]:
    return [
        Line(task.queues.task),
        feeding_line(was),
        feeding_line(task.feeding),
        Line(f"{task.queue.waiting:,}"),
        Line(f"{task.queue.in_flight:,}"),
    ]


def _of_a_pause(task: MappedTask, now: datetime) -> list[Line]:
    lost = task.lost_from(now)
    return [
        Line(span(task.queue.retention_seconds)),
        Line(UNKNOWN if lost is None else day_and_clock(lost)),
    ]


def _warnings(tasks: Sequence[MappedTask], now: datetime) -> Iterator[Line]:
    times = [task.lost_from(now) for task in tasks]
    known = [time for time in times if time is not None]
    until = f" before {day_and_clock(min(known))}" if known else " soon"
    yield Line(
        "SQS deletes what has waited for longer than its queue keeps it, without a word and without"
        f" a dead letter: run algernon resume{until}.",
        "open",
    )
    if len(known) < len(tasks):
        yield Line(
            f"How long the messages of some Tasks have waited isn't known ({UNKNOWN}): they may be"
            " lost earlier.",
            "open",
        )
    if any(task.queue.in_flight for task in tasks):
        yield Line("What is in flight is in a worker's hands, and runs to its end.")
    yield Line("A deployment of the stack may end the pause, if it changes what takes messages.")
