"""The Task that runs: what it may know of itself, and what it passes on to what it sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from os import getpid
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4, uuid5

if TYPE_CHECKING:
    from .current_task import CurrentTask


class SentIds:
    """The ids of what a Task sends, derived from its own and from what it sends.

    A Task that runs twice so sends the same ids twice, in whatever order, and one that
    sends other things the second time loses none of them. Of equal messages each gets
    the lowest number that isn't taken in this run.

    Args:
        task_id: The Task's own id; one that is no UUID, as a bare message may have
            or lack one, gives ids by chance.
    """

    def __init__(self, task_id: object) -> None:
        self._task_id = task_id
        self._taken: dict[str, set[int]] = {}
        self._lock = Lock()
        self._process = getpid()

    def take(self, describe: Callable[[], str]) -> SentId:
        """Return the id of a message that is going to be sent.

        Args:
            describe: Returns what is sent, as a text that equal messages share.
        """
        # A process that the Task forked can't know which numbers the others take.
        if self._process != getpid():
            return SentId(str(uuid4()))
        # Here and not before, since most Tasks send nothing.
        try:
            own_id = UUID(str(self._task_id))
        except ValueError:
            return SentId(str(uuid4()))
        what = describe()
        with self._lock:
            taken = self._taken.setdefault(what, set())
            number = next(number for number in range(len(taken) + 1) if number not in taken)
            taken.add(number)
        return SentId(str(uuid5(own_id, f"sent#{number}#{what}")), what, number)

    def give_back(self, sent: SentId) -> None:
        """Note that a message wasn't taken by SNS, so that the next equal one gets its id."""
        if sent.what:
            with self._lock:
                self._taken[sent.what].discard(sent.number)


class SentId(NamedTuple):
    """The id of a message that a Task sends, and what it was made from."""

    task_id: str
    what: str = ""
    number: int = 0


@dataclass(slots=True, eq=False)  # not frozen, which would take three times as long to make
class Sender:
    """What a Task passes on to whatever it sends, by callback or by itself.

    Attributes:
        chain_id: The chain that it belongs to.
        hops: How many Tasks led to what it sends, itself among them.
        group: The message group in which it came, on a FIFO queue.
        listeners: The topics that its worker was told of, by Task.
        function_arn: The ARN of the Lambda function that it runs in.
        ids: The ids of what it sends by itself.
        facts: Makes what `current_task` tells of it, since few Tasks ask.
    """

    chain_id: str | None = None
    hops: int = 0
    group: str | None = None
    listeners: Mapping[str, str] = field(default_factory=dict)
    function_arn: str | None = None
    ids: SentIds = field(default_factory=lambda: SentIds(None))
    facts: Callable[[], CurrentTask | None] = lambda: None


#: The Task that runs; None outside of one.
current_sender: ContextVar[Sender | None] = ContextVar("algernon_sender", default=None)


def function_arn_of(aws_context: object) -> str | None:
    """Return the ARN of the function that Lambda's own context is of; None for any other."""
    arn = getattr(aws_context, "invoked_function_arn", None)
    return arn if isinstance(arn, str) else None  # a test's context may be anything
