"""The Task that runs: what it may know of itself, and what it passes on to what it sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import inf
from os import getpid
from typing import NamedTuple, Protocol
from uuid import UUID, uuid4, uuid5

from algernon_storage import Objects

from ._aws.listeners import Listeners
from ._wire.envelope import Envelope
from ._wire.message import Message
from ._wire.record import Record
from .errors import NoCurrentTaskError


class _OfRunningTask:
    """What is known of a running Task, which looks up some of it only when it is asked for.

    Where that is looked up is no field of its dataclass: what two of them tell, and what
    they are written as, depends on their facts alone.
    """

    __slots__ = ("_running",)

    _running: RunningTask

    @property
    def tries_left(self) -> int | None:
        """How many more times the Task would be tried if it failed now.

        It is told by its `retries` and by its queue's redrive policy, whichever ends
        first, and is None where neither says, of a bare message, and of a Task that a
        state machine waits for, which decides itself. With 0, its message would go to
        the dead-letter queue. A `PermanentError` goes there with any number.

        The worker asks SQS for the queue's redrive policy, once in five minutes
        (``sqs:GetQueueAttributes``).
        """
        running = getattr(self, "_running", None)
        return None if running is None else running.tries_left()

    @property
    def seconds_left(self) -> float:
        """The seconds that are left until Lambda ends the function; inf where nobody does.

        They are fewer each time. The worker keeps its `deadline_margin` of them for
        sending results on: a coroutine that still runs then is cancelled.
        """
        running = getattr(self, "_running", None)
        return inf if running is None else running.seconds_left()

    def is_cancelled(self) -> bool:
        """Ask whether what it does is still wanted, which takes a request of S3.

        It isn't if what was sent was cancelled by `SentTask.cancel`, or, of a member of a
        group, which takes a second request, the group was cancelled or has failed. What it
        returns is thrown away then. A bare message, which nobody can cancel, isn't.

        Raises:
            algernon_storage.MissingBucketError: No bucket is named, or it doesn't exist.
            botocore.exceptions.ClientError: S3 refuses.

        Example:
            ``if current_task().is_cancelled(): return None``
        """
        running = getattr(self, "_running", None)
        return False if running is None else running.is_cancelled()


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentTask(_OfRunningTask):
    """What is known of a running Task.

    Beside the facts, `tries_left`, `seconds_left` and `is_cancelled` are looked up when they
    are asked for. One that was made by hand, or is a copy, knows none: None, inf and False.

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


def current_task() -> CurrentTask:
    """Return what is known of the Task that is running.

    It is known wherever the Task's context variables are: in what it calls, in its
    coroutines, and in threads of ``asyncio.to_thread`` and
    ``loop.run_in_executor(None, …)``. Outside of Tasks, and in a `stated` worker,
    there is none.

    Raises:
        NoCurrentTaskError: No Task is running here.

    Example:
        >>> from algernon_queue import TaskRouter
        >>> router = TaskRouter()
        >>> @router.task
        ... def who_am_i():
        ...     return {"name": current_task().task_name}
        >>> router.handler({"task_name": "who_am_i"}, None)
        {'name': 'who_am_i'}
    """
    running = running_task.get()
    task = None if running is None else running.describe()
    if task is None:
        raise NoCurrentTaskError(
            "current_task() was called where no Task is running: only what a Task calls has one,"
            " in its own context variables. Give them to a thread of your own with"
            " threads.submit(contextvars.copy_context().run, function), and in a test run the"
            ' Task by its router: router.handler({"task_name": …, "task_kwargs": {…}}, None)'
        )
    return task


class Limits(Protocol):
    """What knows what a running Task has left."""

    def seconds_left(self) -> float:
        """Return the seconds until Lambda ends the function."""

    def tries_left(self, record: Record, envelope: Envelope, task_name: str) -> int | None:
        """Return how many more times a record's Task would be tried, or None if unknown."""


class SentId(NamedTuple):
    """The id of a message that a Task sends, and what it was made from."""

    task_id: str
    what: str = ""
    number: int = 0


class RunningTask:
    """What a running Task passes on to whatever it sends, by callback or by itself.

    A Task that runs twice sends the same ids twice, in whatever order, and one that
    sends other things the second time loses none of them: they are derived from its own
    id and from what it sends. Of equal messages each gets the lowest number that isn't
    taken in this run.

    Args:
        message: Its message; None stands for what sends outside of a Task. A bare one may
            have a task_id that is no UUID: then the ids of what it sends are made by chance.
        listeners: The topics that its worker knows.
        limits: What knows what it has left; None outside of a Task.
        record: The record that brought the message; None for a bare one.
        envelope: What stood around the message; None for a bare one.
    """

    __slots__ = ("_envelope", "_limits", "_message", "_process", "_record", "_taken", "listeners")

    def __init__(
        self,
        message: Message | None,
        listeners: Listeners,
        limits: Limits | None = None,
        record: Record | None = None,
        envelope: Envelope | None = None,
    ) -> None:
        self.listeners = listeners
        self._message = message
        self._limits = limits
        self._record = record
        self._envelope = envelope
        self._taken: dict[tuple[str, int], object] = {}
        self._process = getpid()

    @property
    def chain_id(self) -> str | None:
        """The chain that it belongs to."""
        return None if self._message is None else self._message.chain_id

    @property
    def hops(self) -> int:
        """How many Tasks led to what it sends, itself among them."""
        return 0 if self._message is None else self._message.hops + 1

    @property
    def group(self) -> str | None:
        """The message group in which it came, on a FIFO queue."""
        return None if self._record is None else self._record.group

    def describe(self) -> CurrentTask | None:
        """Return what `current_task` tells of it."""
        message, record = self._message, self._record
        if message is None:
            return None
        if record is None:
            task = CurrentTask(
                task_name=message.task_name,
                task_id=message.task_id,
                chain_id=message.chain_id,
                callback=message.callback,
                is_bare=True,
            )
        else:
            task = CurrentTask(
                task_name=message.task_name,
                task_id=message.task_id,
                chain_id=message.chain_id,
                callback=message.callback,
                message_id=record.message_id,
                receive_count=record.receive_count,
                queue_arn=record.queue_arn or None,
                message_group=record.message_group,
                sent_at=record.sent_at,
                message_attributes={} if self._envelope is None else self._envelope.attributes,
            )
        object.__setattr__(task, "_running", self)
        return task

    def tries_left(self) -> int | None:
        """Return what `CurrentTask.tries_left` tells."""
        limits, message = self._limits, self._message
        record, envelope = self._record, self._envelope
        if limits is None or message is None or record is None or envelope is None:
            return None
        return limits.tries_left(record, envelope, message.task_name)

    def seconds_left(self) -> float:
        """Return what `CurrentTask.seconds_left` tells."""
        return inf if self._limits is None else self._limits.seconds_left()

    def is_cancelled(self) -> bool:
        """Return what `CurrentTask.is_cancelled` tells."""
        message = self._message
        if message is None or self._record is None:
            return False
        group = message.membership
        objects = Objects() if group is None else Objects(bucket=group.bucket, folder=group.folder)
        if _ended_as(objects, message.result_id or message.task_id) == "cancelled":
            return True
        # Of a group that has failed, nobody waits for the other members either.
        return group is not None and _ended_as(objects, group.group_id) in ("cancelled", "failed")

    def take_id(self, describe: Callable[[], str]) -> SentId:
        """Return the id of a message that is going to be sent.

        Args:
            describe: Returns what is sent, as a text that equal messages share.
        """
        # A process that the Task forked can't know which numbers the others take.
        if self._process != getpid():
            return SentId(str(uuid4()))
        # Here and not before, since most Tasks send nothing.
        try:
            own_id = UUID(str(self._message and self._message.task_id))
        except ValueError:
            return SentId(str(uuid4()))
        what, number, taker = describe(), 0, object()
        # In one step, so that of threads that send the same only one takes a number.
        while self._taken.setdefault((what, number), taker) is not taker:
            number += 1
        return SentId(str(uuid5(own_id, f"sent#{number}#{what}")), what, number)

    def give_back(self, sent: SentId) -> None:
        """Note that a message wasn't taken by SNS, so that the next equal one gets its id."""
        self._taken.pop((sent.what, sent.number), None)


#: What sends outside of a Task.
NOBODY = RunningTask(None, Listeners())

#: The Task that runs; None outside of one.
running_task: ContextVar[RunningTask | None] = ContextVar("algernon_running_task", default=None)


def _ended_as(objects: Objects, sent_id: str) -> str | None:
    """Return how what was sent, or a group, has ended, or None if it hasn't."""
    found = objects.find(f"{sent_id}!done", most=1)
    return None if found is None else found.kind


def function_arn_of(aws_context: object) -> str | None:
    """Return the ARN of the function that Lambda's own context is of; None for any other."""
    arn = getattr(aws_context, "invoked_function_arn", None)
    return arn if isinstance(arn, str) else None  # a test's context may be anything
