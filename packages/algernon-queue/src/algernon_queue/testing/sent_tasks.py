"""Catching what code sends, in place of sending it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from algernon_serialize import ajson

from ..current_task import RunningTask, SentId
from ..sending import caught_by, outgoing_task, written
from ..task import Task


@contextmanager
def sent_tasks() -> Iterator[list[Task]]:
    """Catch what is sent while the block lasts, by whatever thread of the process.

    Nothing leaves the process, no setting of AWS is needed, and no listener is looked up. Of
    blocks in one another the innermost catches.

    What was caught is compared with Tasks that the test makes. A Task's keyword arguments are
    as its worker would get them: written as JSON and read again, so that what can't be sent
    raises as it would in production, and what the sender does to them afterwards changes
    nothing. An id that nobody gave is ignored, so that ``Task("price", {"items": [1]})`` equals
    what ``send_task("price", {"items": [1]})`` sends; the id that the sender got is the
    `task_id` of what was caught.

    Returns:
        The Tasks in the order in which they were sent, as a list that grows.

    Raises:
        algernon_serialize.UnserializableError: By what sends: `ajson` can't send an argument.

    Example:
        >>> from algernon_queue import Task, send_task
        >>> from algernon_queue.testing import sent_tasks
        >>> with sent_tasks() as sent:
        ...     task_id = send_task("price", {"items": [1]}, callback="bill")
        >>> sent
        [Task('price', {'items': [1]}, callback='bill')]
        >>> sent == [Task("price", {"items": [1]}, callback="bill")]
        True
        >>> sent[0].task_id == task_id
        True
    """
    sent: list[Task] = []

    def catch(tasks: Sequence[Task], sender: RunningTask) -> list[str]:
        caught = _caught(tasks, sender)
        sent.extend(caught)
        return [task.task_id for task in caught]

    with caught_by(catch):
        yield sent


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CaughtTask(Task):
    """A Task that was caught, which equals one that the test makes.

    Attributes:
        task_id: The id that its sender got.
        has_given_id: Whether the sender gave it. One that was made is looked at only if the
            other Task names one.
    """

    task_id: str = ""
    has_given_id: bool = field(default=False, kw_only=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Task):
            return NotImplemented
        ids_count = _given_id(self) is not None or _given_id(other) is not None
        return _content(self) == _content(other) and (
            not ids_count or self.task_id == other.task_id
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(Task(**_content(self), task_id=_given_id(self)))


def _given_id(task: Task) -> str | None:
    return None if isinstance(task, CaughtTask) and not task.has_given_id else task.task_id


def _content(task: Task) -> dict[str, Any]:
    return {each.name: getattr(task, each.name) for each in fields(Task) if each.name != "task_id"}


def _caught(tasks: Sequence[Task], sender: RunningTask) -> list[CaughtTask]:
    """Return all Tasks as their workers would get them; if one can't be sent, none is."""
    caught: list[CaughtTask] = []
    taken: list[SentId] = []
    try:
        for task in tasks:
            kwargs = dict(task.task_kwargs)
            _, sent_id = outgoing_task(task, kwargs, sender)
            taken.append(sent_id)
            constants = {n: _read_back(dict(each)) for n, each in task.constants.items()}
            content = {**_content(task), "task_kwargs": _read_back(kwargs), "constants": constants}
            has_given_id = task.task_id is not None
            caught.append(CaughtTask(**content, task_id=sent_id.task_id, has_given_id=has_given_id))
    except Exception:
        for sent_id in taken:
            sender.give_back(sent_id)
        raise
    return caught


def _read_back(kwargs: dict[str, Any]) -> Any:
    return ajson.loads(written(kwargs))
