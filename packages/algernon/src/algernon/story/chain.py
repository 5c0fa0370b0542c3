"""A chain of Tasks, as its workers' lines tell of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from algernon_logging import parse_line

from ..errors import ChainError
from .groups import Group, Membership, TaskKey, find_groups

T = TypeVar("T")

# Who writes a line when a run has ended, and when a Task has sent a message.
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
        comes_back_at: When the message is given out again, if it is and that is known.
        membership: Which member of which group the Task belongs to, if it does.
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
    next_task: TaskKey | None = None
    comes_back_at: datetime | None = None
    membership: Membership | None = None

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
            membership=_membership(line, "group_id", "group_index"),
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
            comes_back_at=_optional(_time, line.get("comes_back_at")),
        )

    @property
    def task(self) -> TaskKey:
        """The Task's name and id."""
        return self.task_name, self.task_id

    @property
    def at(self) -> datetime:
        """When it happened."""
        return self.started_at or self.logged_at

    @property
    def is_done(self) -> bool:
        """Whether its Task was done by it, or before."""
        return self.outcome in ("done", "duplicate")

    @property
    def has_failed(self) -> bool:
        """Whether its Task failed in it, or wasn't to run any more."""
        return self.outcome in ("failed", "dead_letter", "cancelled", "expired")


@dataclass(frozen=True, slots=True)
class Send:
    """A message that code sent by itself, rather than a result that went to a callback.

    Attributes:
        task: The Task that it is for.
        sender: The Task that sent it, or None where no Task did.
        function_name: The function that sent it, or ``-``.
        at: When, in UTC.
        membership: Which member of which group it is for, if it is.
    """

    task: TaskKey
    sender: TaskKey | None
    function_name: str
    at: datetime
    membership: Membership | None = None

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Self | None:
        """Return the message that a line tells of, or None where it tells of none.

        Raises:
            KeyError, TypeError, ValueError, OverflowError: As `TaskRun.of` says.
        """
        task = _next_task(line)
        if task is None or line["logger"] != _LOGGER or "outcome" in line:
            return None
        sender = None
        if {"task_name", "task_id", "receive_count"} <= line.keys():
            sender = _text(line["task_name"]), _text(line["task_id"])
        function_name = _text(line.get("function_name", "-"))
        membership = _membership(line, "next_group_id", "next_group_index")
        return cls(task, sender, function_name, _time(line["timestamp"]), membership)


@dataclass(frozen=True, slots=True)
class Chain:
    """What is known of a chain.

    Attributes:
        chain_id: Its id.
        runs: The runs of its Tasks, in the order of time.
        sends: The messages that code sent by itself, in the order of time.
        groups: The groups that its Tasks are members of, by their ids.
    """

    chain_id: str
    runs: list[TaskRun]
    sends: list[Send]
    groups: dict[str, Group] = field(default_factory=dict)

    @property
    def tasks(self) -> dict[TaskKey, list[TaskRun]]:
        """The runs of each Task that is known of, some of which have none."""
        runs: dict[TaskKey, list[TaskRun]] = {}
        for run in self.runs:
            runs.setdefault(run.task, []).append(run)
        return runs | {task: [] for task in self.senders if task not in runs}

    @property
    def senders(self) -> dict[TaskKey, TaskKey | None]:
        """Who sent each Task of which that is known; None where no Task did."""
        senders: dict[TaskKey, TaskKey | None] = {}
        for run in self.runs:
            if run.next_task is not None:
                senders.setdefault(run.next_task, run.task)
        for send in self.sends:
            senders.setdefault(send.task, send.sender)
        for group in self.groups.values():
            # What joins it is sent by its members, whoever sent them.
            known = [] if group.join is None else [group.join]
            if group.sender is not None or group.group_id == self.chain_id:
                known += group.tasks
            for task in known:
                senders.setdefault(task, group.sender)
        return senders


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


def read_chain(chain_id: str, lines: Iterable[str]) -> Chain:
    """Return what lines tell of a chain.

    A run that has ended has a line that says so. Of another there may be lines that
    its Task wrote: it is running, or its process was killed.
    """
    sends: list[Send] = []
    ended: list[TaskRun] = []
    begun: dict[tuple[str, str, int], TaskRun] = {}
    for text in lines:
        line = parse_line(text)
        if line is None or line.get("chain_id") != chain_id:
            continue
        if (send := _known(Send.of, line)) is not None:
            sends.append(send)
        if (run := _known(TaskRun.of, line)) is None:
            continue
        if run.outcome is not None:
            ended.append(run)
            continue
        earlier = begun.setdefault((*run.task, run.receive_count), run)
        if run.at < earlier.at:
            begun[(*run.task, run.receive_count)] = run
    for run in ended:
        begun.pop((*run.task, run.receive_count), None)
    runs = sorted([*ended, *begun.values()], key=lambda run: run.at)
    sends.sort(key=lambda send: send.at)
    return Chain(chain_id, runs, sends, _groups_of(runs, sends))


def _groups_of(runs: list[TaskRun], sends: list[Send]) -> dict[str, Group]:
    told: list[TaskRun | Send] = [*runs, *sends]
    callbacks = {run.next_task: run.task for run in runs if run.next_task is not None}
    return find_groups(
        [*dict.fromkeys((*callbacks, *(each.task for each in told)))],
        {each.task: each.membership for each in told if each.membership is not None},
        callbacks,
        {send.task: send.sender for send in sends},
    )


def _known(kind: Callable[[Mapping[str, Any]], T | None], line: Mapping[str, Any]) -> T | None:
    try:
        return kind(line)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None  # it tells of something else, or was damaged on its way


def _next_task(line: Mapping[str, Any]) -> TaskKey | None:
    if line.get("next_task_name") is None or line.get("next_task_id") is None:
        return None
    return _text(line["next_task_name"]), _text(line["next_task_id"])


def _membership(line: Mapping[str, Any], id_field: str, index_field: str) -> Membership | None:
    if line.get(id_field) is None or line.get(index_field) is None:
        return None
    try:
        return Membership(str(UUID(line[id_field])), _whole(line[index_field]))
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None  # a field of code's own may have the name


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
    time.astimezone()  # raises OverflowError of what the clock here has no year for
    return time.astimezone(UTC)


def _optional(kind: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else kind(value)
