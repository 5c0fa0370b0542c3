"""What a Task asks of the Lambda function that runs it, and of how its queue is worked off."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import SettingError


class ContradictingNeedsError(SettingError):
    """Raised when needs that a Task has together aren't to be met, though each of them is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNeeds:
    """What a Task asks of the Lambda function that runs it, and of how its queue is worked off.

    Nothing of it acts in the function itself: it is for what sets the function up, such as
    the template of `algernon template`. None leaves something to that.

    Sources: AWS Lambda Developer Guide, "Lambda quotas", "Configure Lambda function memory",
    "Creating and configuring an Amazon SQS event source mapping" and "Configuring scaling
    behavior for SQS event source mappings".

    Attributes:
        timeout: How long a batch may take, in seconds, from 1 to 900.
        memory: The memory of its function, in MB, from 128 to 10,240; Lambda gives CPU in
            proportion. Tasks of one worker with the same timeout and memory share a function.
        max_concurrency: How many batches of it run at a time at most, from 2 to 1,000.
        batch_size: How many messages a batch has at most, from 1 to 10,000, and of a FIFO
            queue to 10; Lambda hands over no more than 6 MB. Above 10 there has to be a
            `batch_window`.
        batch_window: How long Lambda waits for a batch to be full, in seconds, from 0 to 300;
            of a FIFO queue it doesn't.

    Raises:
        SettingError: A value is out of its range, or two of them contradict each other.

    Example:
        >>> TaskNeeds(timeout=900, memory=2048).timeout
        900
    """

    timeout: int | None = None
    memory: int | None = None
    max_concurrency: int | None = None
    batch_size: int | None = None
    batch_window: int | None = None

    def __post_init__(self) -> None:
        _check("timeout", self.timeout, 1, 900, "of seconds")
        _check("memory", self.memory, 128, 10_240, "of MB")
        if self.max_concurrency == 1 and type(self.max_concurrency) is int:
            raise SettingError(
                "max_concurrency is 1, but Lambda takes no less than 2 for a queue. For one at a"
                " time, give the Task a FIFO queue, and send all of its messages in one message"
                " group; or let the Task take a lock of its own. A reserved concurrency of 1 isn't"
                " the same: what the function has no room for is throttled, and each time counts"
                " as a try of the message, so that some go to the dead-letter queue unrun"
            )
        _check("max_concurrency", self.max_concurrency, 2, 1000, "of batches at a time")
        _check("batch_size", self.batch_size, 1, 10_000, "of messages")
        _check("batch_window", self.batch_window, 0, 300, "of seconds")
        if (self.batch_size or 0) > 10 and not self.batch_window:
            raise ContradictingNeedsError(
                f"batch_size is {self.batch_size} and batch_window {self.batch_window!r}, but"
                " Lambda fills batches of more than 10 messages only where it may wait for them:"
                " give a batch_window of 1 second or more too"
            )
        if self.batch_size == 1 and self.batch_window:
            raise ContradictingNeedsError(
                f"batch_size is 1 and batch_window {self.batch_window}, but a batch of one is full"
                " with its first message, and nothing waits: leave the batch_window out, or give a"
                " larger batch_size"
            )


def _check(name: str, value: object, least: int, most: int, unit: str) -> None:
    if value is not None and not (type(value) is int and least <= value <= most):
        raise SettingError(f"{name} is {value!r}, but it is an int {unit} from {least} to {most}")
