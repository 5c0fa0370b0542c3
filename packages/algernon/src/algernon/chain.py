"""The runs of a chain of Tasks, as its workers' lines tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from algernon_logging import parse_line

from .errors import ChainError

T = TypeVar("T")

# Who writes a line when a run has ended.
_LOGGER = "algernon_logging"
# No size, duration or count of a worker's comes near it.
_TOO_MUCH = 10**15


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One time that a Task's message was received, and what came of it.

    Attributes:
        task_name: The Task's name.
        task_id: Its id.
        receive_count: How often the message had been received, this time included.
        function_name: The function that received the message, or ``-``.
        logged_at: When the line was written, in UTC like all the times.
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
            OverflowError: A number or a time in it is out of all bounds.
        """
        run = cls(
            task_name=_text(line["task_name"]),
            task_id=_text(line["task_id"]),
            receive_count=_whole(line["receive_count"]),
            function_name=_text(line.get("function_name", "-")),
            logged_at=_time(line["timestamp"]),
        )
        outcome = _optional(_text, line.get("outcome"))
        if line["logger"] != _LOGGER or outcome is None:
            return run
        return replace(
            run,
            sent_at=_optional(_time, line.get("sent_at")),
            started_at=_optional(_time, line.get("started_at")),
            duration_ms=_optional(_number, line.get("duration_ms")),
            outcome=outcome,
            error=_error(line),
            message_bytes=_whole(line["message_bytes"]),
            arguments_bytes=_optional(_whole, line.get("arguments_bytes")),
            sent_bytes=_optional(_whole, line.get("sent_bytes")),
            result_bytes=_optional(_whole, line.get("result_bytes")),
            next_task=_next_task(line),
        )

    @property
    def task(self) -> tuple[str, str]:
        """The Task's name and id."""
        return self.task_name, self.task_id

    @property
    def at(self) -> datetime:
        """When it happened."""
        return self.started_at or self.logged_at


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
            continue
        earlier = begun.setdefault((*run.task, run.receive_count), run)
        if run.at < earlier.at:
            begun[(*run.task, run.receive_count)] = run
    for run in ended:
        begun.pop((*run.task, run.receive_count), None)
    return sorted([*ended, *begun.values()], key=lambda run: run.at)


def _next_task(line: Mapping[str, Any]) -> tuple[str, str] | None:
    if line.get("next_task_name") is None or line.get("next_task_id") is None:
        return None
    return _text(line["next_task_name"]), _text(line["next_task_id"])


def _error(line: Mapping[str, Any]) -> str | None:
    if line.get("error") is None:
        return None
    place = f" ({_text(line['error_at'])})" if line.get("error_at") else ""
    reason = " ".join(_text(line.get("reason", "")).split())
    return f"{_text(line['error'])}: {reason}{place}"


def _text(value: object) -> str:
    # A name that looks like a number is one in a line of text.
    if not isinstance(value, str | int | float):
        raise TypeError(f"a {type(value).__name__} is no text")
    return str(value)


def _number(value: Any) -> float:
    number = float(value)
    if not 0 <= number < _TOO_MUCH:
        raise ValueError(f"{value!r} is negative, or too much")
    return number


def _whole(value: Any) -> int:
    return int(_number(value))


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone")
    return time.astimezone(UTC)


def _optional(kind: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else kind(value)
