"""What a running Task may know of itself and of its message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .message import Message
from .record import Record
from .sender import current_sender


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentTask:
    """The facts of a running Task.

    Attributes:
        task_name: The Task's name.
        task_id: The UUID of this run of it, the same however often its message comes.
            None for a bare message that names none.
        chain_id: The UUID of the chain that it belongs to, or None as for `task_id`.
        callback: Who gets the result: a Task, or a chain ``"a#b#c"``; or None.
        message_id: The messageId by which SQS knows its message; None for a bare one.
        receive_count: How often that was received, this time included; 1 for a bare one.
        queue_arn: The ARN of its queue; None for a bare one, and where the event
            doesn't say.
        message_group: The message group that its sender put it in, of a FIFO queue or
            of a fair one, or None.
        sent_at: When SQS took it, in seconds since 1970, or None where nobody says.
        message_attributes: What its sender sent beside it, by name, through SNS or
            straight to the queue: texts and numbers as texts, and what is binary in
            base64, as Lambda has it.
        is_bare: Whether it is a bare message, which Lambda was called with directly:
            it comes from no queue.
    """

    task_name: str
    task_id: str | None
    chain_id: str | None
    callback: str | None
    message_id: str | None = None
    receive_count: int = 1
    queue_arn: str | None = None
    message_group: str | None = None
    sent_at: float | None = None
    message_attributes: Mapping[str, str] = field(default_factory=dict)
    is_bare: bool = False


def current_task() -> CurrentTask | None:
    """Return the facts of the Task that is running, or None where none is.

    They are known wherever the Task's context variables are: in what it calls, in its
    coroutines, and in threads of ``asyncio.to_thread`` and
    ``loop.run_in_executor(None, …)``. Outside of Tasks, and in a `stated` worker,
    there are none.

    Example:
        >>> from algernon_queue import TaskRouter
        >>> router = TaskRouter()
        >>> @router.task
        ... def who_am_i():
        ...     return {"name": current_task().task_name}
        >>> router.handler({"task_name": "who_am_i"}, None)
        {'name': 'who_am_i'}
        >>> current_task() is None
        True
    """
    sender = current_sender.get()
    return None if sender is None else sender.facts()


def facts_of_record(
    record: Record, message: Message, message_attributes: Mapping[str, str]
) -> CurrentTask:
    """Return the facts of the Task of a record."""
    return CurrentTask(
        **message.facts,
        message_id=record.message_id,
        receive_count=record.receive_count,
        queue_arn=record.queue_arn or None,
        message_group=record.message_group,
        sent_at=record.sent_at,
        message_attributes=message_attributes,
    )


def facts_of_bare_message(facts: Mapping[str, Any]) -> CurrentTask:
    """Return the facts of the Task of a bare message, of those that its context has."""
    return CurrentTask(**facts, is_bare=True)
