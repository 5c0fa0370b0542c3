"""What can go wrong between a queue and a Task."""

from __future__ import annotations

from collections.abc import Mapping


class QueueError(Exception):
    """The root of every error that this package raises on purpose."""


class NotAnSQSEventError(QueueError, ValueError):
    """Raised when what Lambda hands over isn't an event of an SQS queue."""


class MalformedMessageError(QueueError, ValueError):
    """Raised when a record's body isn't a message: JSON with a task_name and what belongs to it."""


class UnregisteredTaskError(QueueError, RuntimeError):
    """Raised when a message names a Task that the router has no function for."""

    def __init__(self, task_name: str) -> None:
        super().__init__(f"task: {task_name} is not registered with the system")
        self.task_name = task_name


class TaskNameError(QueueError, ValueError):
    """Raised when a name can't be a Task's, or is another Task's already."""


class TaskArgumentsError(QueueError, TypeError):
    """Raised when a message's task_kwargs don't fit the Task's function."""


class UnknownListenerError(QueueError, LookupError):
    """Raised when no SNS topic is known for a Task, or the one that is known doesn't exist."""


class PublishError(QueueError):
    """Raised when SNS doesn't take a message."""


class OutOfTimeError(QueueError, TimeoutError):
    """Raised for a record that wasn't started, since Lambda's time was running short."""


class GroupStoppedError(QueueError):
    """Raised for a record that wasn't done, since one before it in its message group failed."""


class SettingError(QueueError, ValueError):
    """Raised when an environment variable or an option has a value that means nothing."""


class BatchFailedError(QueueError):
    """Raised when records of a batch failed, so that the whole batch stays in the queue.

    Attributes:
        failures: Each failed record's error, by its messageId.
    """

    def __init__(self, failures: Mapping[str, Exception], batch_size: int) -> None:
        lines = (
            f"  message {message_id}: {type(error).__name__}: {error}"
            for message_id, error in failures.items()
        )
        super().__init__(
            f"{len(failures)} of {batch_size} records failed, so the whole batch stays in the"
            " queue and will run again:\n" + "\n".join(lines)
        )
        self.failures = dict(failures)
