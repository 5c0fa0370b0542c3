"""A Task that was caught on its way to its listener."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from algernon_serialize import ajson, rebuild_event
from algernon_storage import StoredData

from .._wire.envelope import Envelope
from .._wire.message import Message
from ..sending import written
from ..task import Task, shown


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CaughtTask(Task):
    """A Task as its worker would get it, which equals one that a test makes.

    Attributes:
        task_id: The id under which it is sent.
        has_given_id: Whether its sender gave it. An id that was made counts only where the
            other Task names one.
    """

    task_id: str = ""
    has_given_id: bool = field(default=False, kw_only=True)

    @classmethod
    def as_sent(cls, task: Task, kwargs: dict[str, Any], task_id: str) -> Self:
        """Return a Task that is sent, with these keyword arguments, under this id."""
        constants = {number: _read_back(dict(each)) for number, each in task.constants.items()}
        content = {**_content(task), "task_kwargs": _read_back(kwargs), "constants": constants}
        return cls(**content, task_id=task_id, has_given_id=task.task_id is not None)

    @classmethod
    def as_published(cls, text: str, message_group: str | None) -> Self:
        """Return the Task that a message is for.

        Raises:
            MalformedMessageError: It is none.
            TaskArgumentsError: It has some keyword arguments twice.
            algernon_serialize.SerializeError: They can't be rebuilt.
            algernon_storage.StorageError: They are in S3, and can't be read.
        """
        message = Message.of(Envelope(ajson.loads(text, rebuild=False), None, "", {}))
        if (pointer := message.stored_kwargs) is not None:
            stored = StoredData.retrieve(pointer, rebuild=False)
            message = message.with_fetched(stored.data, stored.size)
        chain = [] if message.callback is None else message.callback.split("#")
        after = 0 if message.position is None else message.position + 1
        return cls(
            task_name=message.task_name,
            task_kwargs=rebuild_event(message.with_constants().body)["task_kwargs"],
            callback="#".join(chain[after:]) or None,
            task_id=message.task_id,
            message_group=None if message_group == message.task_id else message_group,
            constants={
                number - after: rebuild_event(kwargs)
                for number, kwargs in message.constants.items()
                if number >= after
            },
            keep_result=message.then.keep_result is not None,
        )

    def __post_init__(self) -> None:
        """Take it as it is: its sender's was checked, and a worker gets whatever was returned."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Task):
            return NotImplemented
        ids_count = _given_id(self) is not None or _given_id(other) is not None
        return _content(self) == _content(other) and (
            not ids_count or self.task_id == other.task_id
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return shown({**_content(self), "task_id": _given_id(self)})


def _given_id(task: Task) -> str | None:
    return None if isinstance(task, CaughtTask) and not task.has_given_id else task.task_id


def _content(task: Task) -> Mapping[str, Any]:
    return {each.name: getattr(task, each.name) for each in fields(Task) if each.name != "task_id"}


def _read_back(kwargs: dict[str, Any]) -> Any:
    return ajson.loads(written(kwargs))
