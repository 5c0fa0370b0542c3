"""Tasks of algernon-queue: what is told of them, and who is told.

The queue tells its observers how Tasks fare, and knows none of them; and this
package imports nothing of the queue, which may not even be installed.
"""

# ruff: noqa: ARG002 - what an Observer doesn't care to hear, it makes no use of
from __future__ import annotations

import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a third of this package's time
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Literal, NotRequired, TypedDict

    class TaskRecord(TypedDict):
        """What is told of a record.

        Name and ids of its Task are missing where its message can't be read, and the group
        where the Task is no member of one.

        Attributes:
            message_id: The messageId of SQS.
            receive_count: How often it was received, this time included.
            queue_arn: The ARN of its queue, empty for an event that was made by hand.
            sent_at: When SQS took it, in seconds since 1970, if it says so.
            message_bytes: The bytes of its body, SNS's envelope included.
            attributes: The texts that its sender sent beside the message.
            trace_header: X-Ray's tracing header, where SQS has one for it.
            task_name: The Task's name.
            task_id: The Task's id.
            chain_id: The id of the chain that the Task belongs to.
            group_id: The id of the group that it is a member of, alone or in a chain.
            group_index: Which member that is, from 0.
        """

        message_id: str
        receive_count: int
        queue_arn: str
        sent_at: float | None
        message_bytes: int
        attributes: Mapping[str, str]
        trace_header: str | None
        task_name: NotRequired[str]
        task_id: NotRequired[str]
        chain_id: NotRequired[str]
        group_id: NotRequired[str]
        group_index: NotRequired[int]

    class TaskMessage(TypedDict):
        """What is told of a message on its way.

        Attributes:
            task_name: The Task that it is for.
            task_id: The Task's id.
            chain_id: The id of the chain that the Task belongs to.
            topic_arn: The ARN of the topic that it goes to.
            is_callback: Whether it carries the result of a Task to that Task's callback.
            group_id: The id of the group that the Task is a member of, alone or in a chain;
                missing where it is none of any.
            group_index: Which member that is, from 0.
        """

        task_name: str
        task_id: str
        chain_id: str
        topic_arn: str
        is_callback: bool
        group_id: NotRequired[str]
        group_index: NotRequired[int]

    class TaskEnd(TypedDict):
        """What is told of the end of a record.

        Attributes:
            outcome: What became of it.
            error: Why, or None.
            started_at: When the Task began to run, in seconds since 1970, or None if it didn't.
            seconds: How long it ran, or None if it didn't, or never ended.
            arguments_bytes: What S3 keeps of its arguments, or None.
            next_task_name: The Task that the result was sent to, or None.
            next_task_id: That Task's id, or None.
            sent_bytes: The bytes that SNS counted of the message to it, or None.
            result_bytes: What was stored of the result to send it, or None.
            comes_back_at: When its queue gives the record out again, in seconds since 1970,
                or None where it doesn't, or the worker can't tell.
        """

        outcome: Literal[
            "done", "duplicate", "failed", "dead_letter", "handed_back", "cancelled", "expired"
        ]
        error: Exception | None
        started_at: float | None
        seconds: float | None
        arguments_bytes: int | None
        next_task_name: str | None
        next_task_id: str | None
        sent_bytes: int | None
        result_bytes: int | None
        comes_back_at: float | None


_QUEUE = "algernon_queue"


class Observer:
    """Hears how Tasks fare: lines, traces and metrics are made of it.

    The queue says everything of a record in a context of its own (`contextvars`), in which
    the record's Task runs too. A subclass overrides what it cares to hear.
    """

    def received(self, record: TaskRecord) -> None:
        """Hear of a record, before anything else is said of it."""

    def started(self, record: TaskRecord) -> None:
        """Hear that the record's Task is about to run."""

    def stopped(self, record: TaskRecord) -> None:
        """Hear that the record's Task doesn't run any more."""

    def sending(self, message: TaskMessage) -> Mapping[str, str]:
        """Hear of a message before it is sent; what is returned goes as its attributes."""
        return {}

    def publishing(self) -> None:
        """Hear that SNS is about to be called, for one message or many."""

    def sent(self, message: TaskMessage, error: Exception | None) -> None:
        """Hear that the message was sent, or why it wasn't."""

    def ended(self, record: TaskRecord, end: TaskEnd) -> None:
        """Hear what became of the record, when its batch is worked off."""

    def batch_ended(self) -> None:
        """Hear that all records of a batch have ended, in the batch's own context."""


def watch(watchers: Callable[[], Iterable[Observer]]) -> None:
    """Have the Tasks of algernon-queue watched from now on, or from its import on.

    Args:
        watchers: Gives the observers, in the order in which they are told.
    """
    queue = sys.modules.get(_QUEUE)
    if queue is None:
        _await_queue(watchers)
    observers = getattr(queue, "observers", None)
    if isinstance(observers, list):
        for watcher in watchers():
            if watcher not in observers:
                observers.append(watcher)


_is_awaited = False


def _await_queue(watchers: Callable[[], Iterable[Observer]]) -> None:
    global _is_awaited  # noqa: PLW0603 - a process imports it once
    if not _is_awaited:
        _is_awaited = True
        sys.meta_path.insert(0, _Arrival(watchers))


class _Arrival:
    """A finder of modules that waits for the queue, and has the others find it.

    wrapt has such finders too, but takes longer to import than the rest of this package.
    """

    def __init__(self, watchers: Callable[[], Iterable[Observer]]) -> None:
        self._watchers = watchers

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> Any:
        """Return the spec of the queue, if it is asked for, and wait no more."""
        if name != _QUEUE:
            return None
        with suppress(ValueError):
            sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            _watch_after(spec.loader, self._watchers)
        return spec


def _watch_after(loader: Any, watchers: Callable[[], Iterable[Observer]]) -> None:
    execute = loader.exec_module

    def exec_module(module: Any) -> None:
        # A loader of a zip file goes on to load other modules.
        del loader.exec_module
        execute(module)
        watch(watchers)

    loader.exec_module = exec_module
