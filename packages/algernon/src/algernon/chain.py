"""The story of a chain of Tasks, as its workers' lines tell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from algernon_logging.parsing import parse_line

from .errors import ChainError

_HEADINGS = ("TASK", "RUN", "STARTED", "WAITED", "TOOK", "RECEIVED", "SENT", "OUTCOME", "FUNCTION")
# Who writes a line for each run.
_LOGGER = "algernon_logging"
_NUMBERS = ("RUN", "WAITED", "TOOK")


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One time that a Task's message was received, and what came of it.

    Attributes:
        task_name: The Task's name.
        task_id: Its id.
        function_name: The function that received the message, if it is known.
        receive_count: How often the message had been received, this time included.
        logged_at: When the line was written.
        sent_at: When SQS took the message, if it is known.
        started_at: When the Task began to run, or None if it didn't.
        milliseconds: How long it ran.
        outcome: What came of it, as `algernon_queue.Observer` says.
        error: What went wrong, and where, or None.
        received_bytes: The message's size.
        fetched_bytes: The size of its arguments in S3, if they were there.
        sent_bytes: The size of the next message, if there was one.
        stored_bytes: The size of the result in S3, if it was stored.
        next_task: The next Task's name and id, if a message was sent to it.
    """

    task_name: str
    task_id: str
    function_name: str | None
    receive_count: int
    logged_at: datetime
    sent_at: datetime | None
    started_at: datetime | None
    milliseconds: float | None
    outcome: str
    error: str | None
    received_bytes: int
    fetched_bytes: int | None
    sent_bytes: int | None
    stored_bytes: int | None
    next_task: tuple[str, str] | None

    @classmethod
    def of(cls, line: dict[str, Any]) -> Self:
        """Return the run that a line tells of.

        Raises:
            KeyError: It tells of none.
            ValueError: Something in it isn't what it should be.
        """
        next_task = line.get("next_task_name"), line.get("next_task_id")
        return cls(
            task_name=str(line["task_name"]),
            task_id=str(line["task_id"]),
            function_name=line.get("function_name"),
            receive_count=int(line["receive_count"]),
            logged_at=datetime.fromisoformat(line["timestamp"]),
            sent_at=_time(line.get("sent_at")),
            started_at=_time(line.get("started_at")),
            milliseconds=_number(line.get("duration_ms")),
            outcome=str(line["outcome"]),
            error=_error(line),
            received_bytes=int(line["message_bytes"]),
            fetched_bytes=line.get("arguments_bytes"),
            sent_bytes=line.get("sent_bytes"),
            stored_bytes=line.get("stored_bytes"),
            next_task=(str(next_task[0]), str(next_task[1])) if all(next_task) else None,
        )

    @property
    def at(self) -> datetime:
        """When it happened."""
        return self.started_at or self.logged_at

    @property
    def row(self) -> tuple[str, ...]:
        """What a table shows of it."""
        waited = None
        if self.sent_at is not None:
            waited = (self.at - self.sent_at).total_seconds() * 1000
        return (
            self.task_name,
            str(self.receive_count),
            self.at.strftime("%Y-%m-%d %H:%M:%S.") + f"{self.at.microsecond // 1000:03d}",
            _duration(waited),
            _duration(self.milliseconds),
            _sizes(self.received_bytes, self.fetched_bytes),
            _sizes(self.sent_bytes, self.stored_bytes),
            self.outcome.replace("_", " "),
            self.function_name or "-",
        )


def check_chain_id(text: str) -> str:
    """Return a chain's id as lines have it.

    Raises:
        ChainError: It is no UUID.
    """
    try:
        return str(UUID(text))
    except ValueError as error:
        raise ChainError(
            f"{text!r} is no chain_id, which is a UUID: that of the chain's first Task, which"
            " algernon send prints, and which every line of the chain has"
        ) from error


def runs_of_chain(chain_id: str, lines: Iterable[str]) -> list[TaskRun]:
    """Return the runs of a chain's Tasks that lines tell of, in the order of time."""
    runs = []
    for text in lines:
        line = parse_line(text)
        if line is None or line["logger"] != _LOGGER or line.get("chain_id") != chain_id:
            continue
        try:
            runs.append(TaskRun.of(line))
        except (KeyError, TypeError, ValueError):
            continue  # it tells of something else, or was damaged on its way
    return sorted(runs, key=lambda run: run.at)


def tell_chain(chain_id: str, runs: list[TaskRun]) -> str:
    """Return the story of a chain as text: a line a run, each error beneath its own.

    Args:
        chain_id: The chain's id.
        runs: Its runs, in the order of time; at least one.
    """
    return "\n".join([_summary(chain_id, runs), "", *_table(runs), *_open_ends(runs)])


def _summary(chain_id: str, runs: list[TaskRun]) -> str:
    tasks = len({run.task_id for run in runs})
    functions = len({run.function_name for run in runs})
    begin = min((run.sent_at for run in runs if run.sent_at is not None), default=runs[0].at)
    seconds = (max(run.logged_at for run in runs) - begin).total_seconds()
    return (
        f"Chain {chain_id}: {_count(tasks, 'Task')}, {_count(len(runs), 'run')},"
        f" {_count(functions, 'function')}, {seconds:.3f} s."
    )


def _table(runs: list[TaskRun]) -> Iterator[str]:
    rows = [_HEADINGS, *(run.row for run in runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, run in zip(rows, [None, *runs], strict=True):
        cells = [
            cell.rjust(width) if heading in _NUMBERS else cell.ljust(width)
            for heading, cell, width in zip(_HEADINGS, row, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()
        if run is not None and run.error is not None:
            yield f"    {run.error}"


def _open_ends(runs: list[TaskRun]) -> Iterator[str]:
    """Say of which runs and Tasks there should be lines, and are none."""
    counts: dict[tuple[str, str], set[int]] = {}
    for run in runs:
        counts.setdefault((run.task_name, run.task_id), set()).add(run.receive_count)
    for (name, task_id), seen in counts.items():
        for number in sorted(set(range(1, max(seen))) - seen):
            yield (
                f"No line of run {number} of {name} ({task_id}): its process may have been killed."
            )
    sent = {run.next_task for run in runs if run.next_task is not None}
    for name, task_id in sorted(sent - counts.keys()):
        yield f"No line yet of {name} ({task_id}), to which a message was sent."


def _error(line: dict[str, Any]) -> str | None:
    if line.get("error") is None:
        return None
    place = f" ({line['error_at']})" if line.get("error_at") else ""
    reason = " ".join(str(line.get("reason", "")).split())
    return f"{line['error']}: {reason}{place}"


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def _sizes(message: int | None, stored: int | None) -> str:
    if message is None:
        return "-"
    return _size(message) + (f" + {_size(stored)} in S3" if stored is not None else "")


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
