"""The queues that Tasks left behind, which belong to no stack any more."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ..at_once import at_once
from ..place import Place
from ..queue_facts import read_queue_facts
from ..stack import BEGINS, Stack
from ..template.logical_ids import logical_id
from .stack_events import read_events

_QUEUE = "AWS::SQS::Queue"
# What the logical ids of a Task's queues begin with.
_MESSAGES, _LETTERS = "Queue", "DeadLetterQueue"
_SKIPPED = "DELETE_SKIPPED"
# So many changes of the stack are looked through for what they left: those of one deployment are
# two, and a few may have been broken off before. What is older has been told.
_CHANGES = 6


@dataclass(frozen=True, slots=True)
class Leftover:
    """A queue, or dead-letter queue, that a Task left behind.

    Attributes:
        logical_id: What it was called in the template.
        url: Its URL.
        messages: How many messages it holds, in whatever state.
    """

    logical_id: str
    url: str
    messages: int

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def holds_letters(self) -> bool:
        """Whether it is a dead-letter queue."""
        return self.logical_id.startswith(_LETTERS)

    @property
    def task_part(self) -> str:
        """What a Task's queue and its dead-letter queue have in common in their logical ids."""
        return self.logical_id.removeprefix(_LETTERS).removeprefix(_MESSAGES)

    def is_of(self, tasks: Collection[str]) -> bool:
        """Tell whether it is one of these Tasks'."""
        kinds = (_MESSAGES, _LETTERS)
        return self.logical_id in {logical_id(kind, task) for task in tasks for kind in kinds}


def find_leftovers(place: Place, stack: Stack) -> list[Leftover]:
    """Return the queues that the last changes of a stack left behind, and that are still there.

    Args:
        place: Where the stack is.
        stack: The stack.

    Raises:
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
            ``cloudformation:DescribeStackEvents`` and ``sqs:GetQueueAttributes``.
    """
    cloudformation, sqs = place.client("cloudformation"), place.client("sqs")
    # What a rollback or an import brought back is no leftover.
    own = set(stack.resources(_QUEUE).values())
    left = {url: name for name, url in _skipped(cloudformation, stack.name) if url not in own}
    counted = ((name, url, _messages(sqs, url)) for url, name in left.items())
    return [Leftover(name, url, number) for name, url, number in counted if number is not None]


def delete_leftovers(
    place: Place, leftovers: Collection[Leftover], *, drop: Collection[str]
) -> tuple[list[Leftover], list[Leftover]]:
    """Delete the queues that are empty, or whose messages nobody wants.

    A dead-letter queue stays with its queue, and is looked into after it: to look into the queue
    may move a message there that was received too often.

    Args:
        place: Where they are.
        leftovers: The queues.
        drop: The names of the Tasks whose queues go with what they hold.

    Returns:
        The queues that were deleted, and those that stay for what they hold.

    Raises:
        botocore.exceptions.ClientError: SQS refused it, such as for one of the rights
            ``sqs:DeleteQueue`` and ``sqs:ReceiveMessage``.
    """
    sqs = place.client("sqs")
    first = [each for each in leftovers if not each.holds_letters]
    deleted, left = _delete(sqs, first, drop)
    in_use = {each.task_part for each in left}
    then = [each for each in leftovers if each.holds_letters and each.task_part not in in_use]
    deleted_then, left_then = _delete(sqs, then, drop)
    # One that is empty stays silently.
    with_letters = [each for each in leftovers if each.holds_letters and each.messages]
    kept = [each for each in with_letters if each.task_part in in_use]
    return deleted + deleted_then, left + kept + left_then


def _delete(
    sqs: Any, leftovers: Collection[Leftover], drop: Collection[str]
) -> tuple[list[Leftover], list[Leftover]]:
    """Delete what may go, and return that, and what stays."""

    def goes(each: Leftover) -> bool:
        return each.is_of(drop) or (each.messages == 0 and _is_empty(sqs, each.url))

    # To look whether one is empty takes a second.
    going = [*zip(leftovers, at_once(goes, leftovers), strict=True)]
    deleted = [each for each, is_going in going if is_going]
    for each in deleted:
        sqs.delete_queue(QueueUrl=each.url)
    return deleted, [each for each, is_going in going if not is_going]


def _skipped(cloudformation: Any, stack_name: str) -> Iterator[tuple[str, str]]:
    """Give the queues that weren't deleted with their resource, by logical id and URL."""
    changes = 0
    for event in read_events(cloudformation, stack_name):
        if event.kind == _QUEUE and event.status == _SKIPPED:
            yield event.logical_id, event.physical_id
        changes += event.is_of_stack and event.status in BEGINS
        if changes == _CHANGES:
            return


def _messages(sqs: Any, url: str) -> int | None:
    """Return how many messages a queue holds, or None where it is gone."""
    try:
        return read_queue_facts(sqs, url).messages
    except sqs.exceptions.QueueDoesNotExist:
        return None


def _is_empty(sqs: Any, url: str) -> bool:
    """Tell whether a queue that seems to be empty is, which SQS's numbers say after a minute only.

    To wait for messages asks all of SQS's servers: Amazon SQS Developer Guide, "Amazon SQS short
    and long polling". What is there after all can be received again at once.
    """
    found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, VisibilityTimeout=0)
    return not found.get("Messages")
