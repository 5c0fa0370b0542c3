"""The story of a chain of Tasks, as its workers' lines tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from algernon_logging import parse_line

from .errors import ChainError

T = TypeVar("T")

_HEADINGS = ("TASK", "RUN", "STARTED (UTC)", "AGE", "TOOK", "RECEIVED", "SENT", "OUTCOME")
# What it means for a Task that its last run ended so.
_STATES: dict[str | None, str] = {
    None: "has not ended, so that it is running, or its process was killed or ran out of time",
    "failed": "failed, so that it is tried again, or is in the dead-letter queue by now",
    "dead_letter": "failed, and was moved to the dead-letter queue",
    "handed_back": "went back to the queue",
}
_NUMBERS = ("RUN", "AGE", "TOOK")
# A queue gives a message out a thousand times at the most.
_MOST_RECEIVES = 1000
# Who writes a line when a run has ended.
_LOGGER = "algernon_logging"


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One time that a Task's message was received, and what came of it.

    Attributes:
        task_name: The Task's name.
        task_id: Its id.
        receive_count: How often the message had been received, this time included.
        function_name: The function that received the message, or ``-``.
        logged_at: When the line was written.
        sent_at: When SQS took the message, if it is known.
        started_at: When the Task began to run, or None if it didn't.
        duration_ms: How long it ran, in milliseconds, or None if it didn't.
        outcome: What came of it, as `algernon_queue.RecordEnd` says, or None if
            nothing has yet.
        error: What went wrong, and where, or None.
        message_bytes: The size of the message as it came, SNS's envelope included.
        arguments_bytes: The size of its arguments in S3, if they were there.
        sent_bytes: The size of the next message, if there was one.
        result_bytes: The size of the result in S3, if it was stored.
        next_task: The next Task's name and id, if a message was sent to it.
    """

    task_name: str
    task_id: str
    receive_count: int
    function_name: str
    logged_at: datetime
    sent_at: datetime | None = None
    started_at: datetime | None = None
    duration_ms: float | None = None
    outcome: str | None = None
    error: str | None = None
    message_bytes: int | None = None
    arguments_bytes: int | None = None
    sent_bytes: int | None = None
    result_bytes: int | None = None
    next_task: tuple[str, str] | None = None

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Self:
        """Return the run that a line tells of.

        Raises:
            KeyError: It tells of none.
            TypeError: Something in it isn't of the type that it should be.
            ValueError: Something in it isn't what it should be.
        """
        run = cls(
            task_name=_printable(line["task_name"]),
            task_id=_printable(line["task_id"]),
            receive_count=int(line["receive_count"]),
            function_name=_printable(line.get("function_name", "-")),
            logged_at=_time(line["timestamp"]),
        )
        if line["logger"] != _LOGGER or "outcome" not in line:
            return run
        next_task = line.get("next_task_name"), line.get("next_task_id")
        return replace(
            run,
            sent_at=_optional(_time, line.get("sent_at")),
            started_at=_optional(_time, line.get("started_at")),
            duration_ms=_optional(float, line.get("duration_ms")),
            outcome=_printable(line["outcome"]),
            error=_error(line),
            message_bytes=int(line["message_bytes"]),
            arguments_bytes=_optional(int, line.get("arguments_bytes")),
            sent_bytes=_optional(int, line.get("sent_bytes")),
            result_bytes=_optional(int, line.get("result_bytes")),
            next_task=(_printable(next_task[0]), _printable(next_task[1]))
            if all(next_task)
            else None,
        )

    @property
    def key(self) -> tuple[str, str, int]:
        """What it is told from other runs by."""
        return self.task_name, self.task_id, self.receive_count

    @property
    def at(self) -> datetime:
        """When it happened."""
        return self.started_at or self.logged_at

    @property
    def row(self) -> tuple[str, ...]:
        """What a table shows of it."""
        age = None if self.sent_at is None else (self.at - self.sent_at).total_seconds() * 1000
        at = self.at.astimezone(UTC)
        return (
            self.task_name,
            str(self.receive_count),
            f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}",
            _duration(age),
            _duration(self.duration_ms),
            _sizes(self.message_bytes, self.arguments_bytes),
            _sizes(self.sent_bytes, self.result_bytes),
            (self.outcome or "not ended").replace("_", " "),
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
    """Return the runs of a chain's Tasks that lines tell of, in the order of time.

    A run that has ended has a line that says so. Of another there may be lines that
    its Task wrote: it is running, or its process was killed.
    """
    ended: list[TaskRun] = []
    begun: dict[tuple[str, str, int], TaskRun] = {}
    for text in lines:
        line = parse_line(text)
        if line is None or line.get("chain_id") != chain_id:
            continue
        try:
            run = TaskRun.of(line)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue  # it tells of something else, or was damaged on its way
        if run.outcome is not None:
            ended.append(run)
        elif run.key not in begun or run.at < begun[run.key].at:
            begun[run.key] = run
    known = {run.key for run in ended}
    return sorted(
        [*ended, *(run for key, run in begun.items() if key not in known)], key=lambda run: run.at
    )


def tell_chain(chain_id: str, runs: list[TaskRun]) -> str:
    """Return the story of a chain as text: a line a run, each error beneath its own.

    Args:
        chain_id: The chain's id.
        runs: Its runs, in the order of time; at least one.
    """
    ends = [*_open_ends(runs)] or ["All of it is done."]
    return "\n".join([_summary(chain_id, runs), "", *_table(runs), "", *ends])


def _summary(chain_id: str, runs: list[TaskRun]) -> str:
    tasks = len({run.task_id for run in runs})
    functions = {run.function_name for run in runs}
    begin = min((run.sent_at for run in runs if run.sent_at is not None), default=runs[0].at)
    seconds = (max(run.logged_at for run in runs) - begin).total_seconds()
    return (
        f"Chain {chain_id}: {_count(tasks, 'Task')}, {_count(len(runs), 'run')},"
        f" {_count(len(functions), 'function')}, {seconds:.3f} s."
    )


def _table(runs: list[TaskRun]) -> Iterator[str]:
    rows = [_HEADINGS, *(run.row for run in runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    function = None
    for row, run in zip(rows, [None, *runs], strict=True):
        if run is not None and run.function_name != function:
            function = run.function_name
            yield f"in {function}:"
        cells = [
            cell.rjust(width) if heading in _NUMBERS else cell.ljust(width)
            for heading, cell, width in zip(_HEADINGS, row, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()
        if run is not None and run.error is not None:
            yield f"    {run.error}"


def _open_ends(runs: list[TaskRun]) -> Iterator[str]:
    """Say what isn't done, and of what there is no end, or no line at all."""
    last_runs = {(run.task_name, run.task_id): run for run in runs}
    for (name, task_id), run in last_runs.items():
        if (state := _STATES.get(run.outcome)) is not None:
            yield f"{name} ({task_id}) isn't done: its run {run.receive_count} {state}."
    counts: dict[tuple[str, str], set[int]] = {}
    for run in runs:
        counts.setdefault((run.task_name, run.task_id), set()).add(run.receive_count)
    for (name, task_id), seen in counts.items():
        if missing := sorted(set(range(1, min(max(seen), _MOST_RECEIVES))) - seen):
            numbers = ", ".join(map(str, missing))
            yield (
                f"No line of run {numbers} of {name} ({task_id}): its process may have been killed."
            )
    sent = {run.next_task for run in runs if run.next_task is not None}
    for name, task_id in sorted(sent - counts.keys()):
        yield f"No line yet of {name} ({task_id}), to which a message was sent."


def _error(line: Mapping[str, Any]) -> str | None:
    if line.get("error") is None:
        return None
    place = f" ({_printable(line['error_at'])})" if line.get("error_at") else ""
    reason = _printable(" ".join(str(line.get("reason", "")).split()))
    return f"{_printable(line['error'])}: {reason}{place}"


def _printable(text: object) -> str:
    # What a line says may come from anywhere, and a terminal does what it is told.
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text)
    )


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone")
    return time


def _optional(kind: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else kind(value)


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
