"""What can go wrong between a queue and a Task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self


class QueueError(Exception):
    """The root of every error that this package raises on purpose."""


class NotAnSQSEventError(QueueError, ValueError):
    """Raised when what Lambda hands over isn't an event of an SQS queue."""


class PermanentError(QueueError):
    """Raised when trying again won't help: the message goes to the dead-letter queue at once.

    A Task may raise it, or a subclass. Under ``failures="batch"`` nothing is moved.

    Example:
        ``raise PermanentError("the order was cancelled")``
    """


class MalformedMessageError(PermanentError, ValueError):
    """Raised when a record's body isn't a message: JSON with a task_name and what belongs to it."""


class GroupOverError(PermanentError):
    """Raised for a member of a group that can't be joined any more.

    What the group is, is removed from the bucket, or will be within a day, as all objects
    there are after the days that it keeps them (`ALGERNON_CACHE_DAYS`).
    """


class TooManyHopsError(PermanentError):
    """Raised when so many Tasks led to one that its chain is taken for one that never ends."""


class UnregisteredTaskError(QueueError, RuntimeError):
    """Raised when a message names a Task that the router has no function for.

    It is tried again like any other: while a Task moves from one worker to another,
    its messages may come to the one that doesn't have it any more, or not yet.
    """

    def __init__(self, task_name: str) -> None:
        super().__init__(f"task: {task_name} is not registered with the system")
        self.task_name = task_name


class TaskNameError(QueueError, ValueError):
    """Raised when a name can't be a Task's, or is another Task's already."""


class TaskArgumentsError(PermanentError, TypeError):
    """Raised when a message's task_kwargs don't fit the Task's function."""


class UnrunTaskError(PermanentError, TypeError):
    """Raised when a Task returned what still has to be run: a generator, or a Future."""


class NoCurrentTaskError(QueueError, LookupError):
    """Raised by `current_task` where no Task is running."""


class PublishError(QueueError):
    """Raised when SNS doesn't take a message."""


class UnknownListenerError(PublishError, LookupError):
    """Raised when no SNS topic is known for a Task, or the one that is known isn't there.

    AWS says of a topic that isn't there that the caller may not publish to it, unless
    the caller may publish to all: so this is raised for a topic that is out of reach too.
    """


class TasksNotSentError(PublishError):
    """Raised when some of several Tasks weren't sent, while the others were.

    Attributes:
        failures: The error of each Task that wasn't sent, by its number in order.
        task_ids: The task_id of each Task, sent or not, in order.
    """

    def __init__(self, failures: Mapping[int, Exception], task_ids: Sequence[str]) -> None:
        lines = "\n".join(f"  number {index}: {text_of(one)}" for index, one in failures.items())
        super().__init__(f"{len(failures)} of {len(task_ids)} Tasks weren't sent:\n{lines}")
        self.failures = dict(failures)
        self.task_ids = list(task_ids)


class GroupNotSentError(PublishError):
    """Raised when SNS doesn't take some members of a group.

    The others may run already, and their group waits for all. What is sent again under the same
    id sends them all again: a Task that is tried again does, and ``send(unique=…)``.

    Attributes:
        group_id: The group's id.
        failures: The error of each member that SNS didn't take, by its index. Of those after
            them in order, some weren't tried.
    """

    def __init__(self, group_id: str, size: int, failures: Mapping[int, Exception]) -> None:
        lines = [f"  number {index}: {text_of(error)}" for index, error in failures.items()]
        shown = "\n".join(lines[:10] + ["  …"] * (len(lines) > 10))
        super().__init__(
            f"of the {size} members of the group {group_id} these {len(failures)} weren't sent, nor"
            " perhaps those after them, and the group waits for all. Where a Task sent it, it is"
            " sent again with the Task; else send it with unique=, so that a second try goes on"
            f" with this one:\n{shown}"
        )
        self.group_id = group_id
        self.failures = dict(failures)


class ResultError(QueueError):
    """Raised when one of the results of a group can't be read, or not be rebuilt here.

    The error that says why is its ``__cause__``.

    Attributes:
        group_id: The group's id.
        index: The member's number in the group, from 0.
    """

    def __init__(self, group_id: str, index: int, cause: Exception) -> None:
        super().__init__(
            f"the result {index} of the group {group_id} can't be had:"
            f" {type(cause).__name__}: {text_of(cause)}"
        )
        self.group_id = group_id
        self.index = index


class RefusedEntryError(QueueError):
    """Raised when AWS takes a call with many entries, but not this one of them.

    Attributes:
        is_temporary: Whether it may be taken when it is tried again.
    """

    def __init__(self, message: str, *, is_temporary: bool) -> None:
        super().__init__(message)
        self.is_temporary = is_temporary

    @classmethod
    def of(cls, reason: Mapping[str, Any]) -> Self:
        """Return the error of an entry, of what the answer says about it."""
        code = str(reason.get("Code", "no reason given"))
        is_temporary = not reason.get("SenderFault") or "throttl" in code.lower()
        message = str(reason.get("Message") or "")
        return cls(f"{code} {message}".rstrip(), is_temporary=is_temporary)


class NoDeadLetterQueueError(QueueError, LookupError):
    """Raised when a message should be moved to a dead-letter queue, but its queue has none."""


class WorkerLostError(QueueError):
    """Raised for a record that was received as often as it may be, by workers that all died.

    It isn't run any more, since it may be what they died of.
    """


class NotTriedError(QueueError):
    """The root of what is noted for a record that stays in its queue without having failed."""


class TaskRunningError(NotTriedError):
    """Raised for a record that wasn't started, since another worker runs its Task right now."""


class OutOfTimeError(NotTriedError, TimeoutError):
    """Raised for a record that wasn't started, since Lambda's time was running short."""


class GroupStoppedError(NotTriedError):
    """Raised for a record that wasn't done, since one before it in its message group failed."""


class SettingError(QueueError, ValueError):
    """Raised when an environment variable or an option has a value that means nothing."""


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """What is known of a Task, or a group, that failed for good.

    Attributes:
        error: The name of the error's class; ``"GroupFailed"`` of a group.
        reason: What the error says.
        task_id: The id of the Task that failed: of a chain, the one of its Tasks. Of a group,
            the group's.
        attempts: How often it was run; 0 where nobody knows.
        task_name: Its name, where that was noted.
    """

    error: str
    reason: str
    task_id: str
    attempts: int
    task_name: str | None = None

    @property
    def is_of_group(self) -> bool:
        """Whether it is a group that failed, with one of its members."""
        # A Task that raised an error of that name was run.
        return self.error == "GroupFailed" and not self.attempts

    def __str__(self) -> str:
        if self.is_of_group:
            return f"the group {self.task_id} failed: {self.reason}"
        name = "" if self.task_name is None else f" {self.task_name!r}"
        times = {0: "", 1: ", run once,"}.get(self.attempts, f", run {self.attempts} times,")
        return f"the Task{name} {self.task_id}{times} failed with {self.error}: {self.reason}"


class TaskFailedError(QueueError):
    """Raised by what waits for a Task that failed for good, or a group that did.

    As long as a Task's message is in a dead-letter queue, it can be redriven; then one can wait
    for its result again. A group has failed with a member for good.

    Attributes:
        failure: What is known of it.
    """

    def __init__(self, failure: TaskFailure) -> None:
        what_to_do = (
            "No redrive of a dead letter helps"
            if failure.is_of_group
            else "If its message is in the dead-letter queue, redrive it when the cause is gone,"
            " and wait again"
        )
        super().__init__(f"{failure}. {what_to_do}")
        self.failure = failure


class TaskCancelledError(QueueError):
    """Raised by what waits for a Task that was cancelled."""


class TaskExpiredError(QueueError):
    """Raised by what waits for a Task that didn't begin before its time was over."""


class ResultNotKeptError(QueueError):
    """Raised where somebody wants a result that nobody keeps: it was sent without keep_result."""


class ResultTimeoutError(QueueError, TimeoutError):
    """Raised when what is waited for isn't there in time.

    Attributes:
        states: What is known of each Task that hasn't ended, by the id under which it was
            sent: ``"unknown"``, ``"running"``, …, as `SentTask.state` tells it.
        seconds: How long was waited.
        looks: How often it was looked for.
    """

    def __init__(
        self, message: str, *, states: Mapping[str, str], seconds: float, looks: int
    ) -> None:
        super().__init__(message)
        self.states = dict(states)
        self.seconds = seconds
        self.looks = looks


class WaitInTaskError(PermanentError, RuntimeError):
    """Raised when a Task is about to wait for another one.

    Its function would be paid for while it does nothing, and where all of them wait, none is
    left to run what they wait for.
    """


class BatchFailedError(QueueError):
    """Raised when records of a batch failed, so that the whole batch stays in the queue.

    Attributes:
        failures: Each failed record's error, by its messageId.
    """

    def __init__(self, failures: Mapping[str, Exception], batch_size: int) -> None:
        lines = (
            f"  message {message_id}: {type(error).__name__}: {text_of(error)}"
            for message_id, error in failures.items()
        )
        super().__init__(
            f"{len(failures)} of {batch_size} records failed, so the whole batch stays in the"
            " queue and will run again:\n" + "\n".join(lines)
        )
        self.failures = dict(failures)


def text_of(error: BaseException | None) -> str:
    """Return what an error says, also where it is one of those that can't."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever goes wrong there hides no other failure
        return f"{type(error).__name__}, which can't be written as text"


def kind_of(value: object) -> str:
    """Return what a value is, with its article: ``an int``, ``a dict``."""
    name = type(value).__name__
    return f"an {name}" if name.startswith(tuple("aeioAEIO")) else f"a {name}"
