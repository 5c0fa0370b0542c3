"""The Tasks of a system and how they are set up, as a table for people and as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..system.task_setup import TaskSetup
from .feedings import UNKNOWN, feeding_line, missing_line
from .fitting import fitting
from .tables import Column, table_of, text_of
from .terminal import Line, Terminal

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS = (
    Column("TASK", overflow="ellipsis"),
    Column("FUNCTION", overflow="ellipsis"),
    Column("HANDLER", overflow="ellipsis"),
    Column("MOST TRIES", is_number=True),
    Column("BATCH", is_number=True),
    Column("FIFO"),
    Column("WORKER"),
)
# Which go first where there is no room for all.
_DISPENSABLE = ("FIFO", "BATCH", "FUNCTION")


def task_view(
    setups: Sequence[TaskSetup], missing_rights: Sequence[str], terminal: Terminal
) -> RenderableType:
    """Return what is shown of a system's Tasks.

    Args:
        setups: The Tasks.
        missing_rights: The actions that whoever asked isn't allowed.
        terminal: What it is shown on.
    """
    from rich.console import Group

    columns, rows, left_out = fitting(_COLUMNS, [*map(_row, setups)], _DISPENSABLE, terminal)
    notes = [*left_out, *map(missing_line, missing_rights)]
    return Group(table_of(columns, rows), *map(text_of, [Line(""), *notes] if notes else []))


def tasks_as_json(
    setups: Sequence[TaskSetup], system: str, missing_rights: Sequence[str]
) -> dict[str, Any]:
    """Return the Tasks of a system as plain JSON."""
    return {
        "system": system,
        "tasks": [
            {
                "task": setup.queues.task,
                "topic_arn": setup.queues.topic_arn,
                "queue_url": setup.queues.queue_url,
                "dead_letter_queue_url": setup.queues.dead_letter_queue_url,
                "is_fifo": setup.queues.is_fifo,
                "tries": setup.tries,
                "max_receive_count": setup.queue and setup.queue.most_receives,
                "retention_seconds": setup.queue and setup.queue.retention_seconds,
                "worker": setup.feeding,
                "functions": [*map(asdict, setup.functions)],
                "mappings": setup.mappings and [*map(asdict, setup.mappings)],
            }
            for setup in setups
        ],
        "missing_rights": [*missing_rights],
    }


def _row(setup: TaskSetup) -> list[Line]:
    names = [function.name for function in setup.functions]
    handlers = [function.handler or UNKNOWN for function in setup.functions]
    sizes = [str(mapping.batch_size) for mapping in setup.mappings or ()]
    return [
        Line(setup.queues.task),
        Line(", ".join(names) or UNKNOWN),
        Line(", ".join(dict.fromkeys(handlers)) or UNKNOWN),
        Line(UNKNOWN if setup.tries is None else str(setup.tries)),
        Line(", ".join(dict.fromkeys(sizes)) or UNKNOWN),
        Line("yes" if setup.queues.is_fifo else "no"),
        feeding_line(setup.feeding),
    ]
