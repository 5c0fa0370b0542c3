"""One batch: its records, how far each got, and what a failure means for the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from algernon_storage import Claim, Document, Outcome

from .errors import GroupStoppedError, OutOfTimeError, TaskRunningError
from .message import Message
from .observers import RecordFacts
from .parallel import in_parallel
from .publishing import Publication
from .record import Record, records_of

if TYPE_CHECKING:
    from algernon_storage import Upload

logger = logging.getLogger("algernon_queue")

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


@dataclass(slots=True, eq=False)
class Item:
    """A record of a batch, and how far it got.

    Attributes:
        record: The record.
        context: The context variables in which all that is done for it is done: the
            batch's, until it is read.
        facts: What observers are told of it, once it is read.
        message: Its message, once that is read.
        is_extra: Whether it was received more often than its Task is tried.
        task_token: The token by which a state machine of Step Functions waits for
            its Task, or None.
        attributes: What the message's sender sent beside it, by name.
        claim: The ledger's claim for its Task, where there is a ledger.
        outcome: What came of its Task, where the ledger knows.
        arguments_bytes: What S3 keeps of its arguments, where it keeps them.
        started_at: When its Task began to run, in seconds since 1970, where observers
            are told.
        seconds: How long the Task ran, once it has ended, where observers are told.
        has_run: Whether its Task was started.
        document: What the handler returned, written as soon as it had, where somebody
            gets it; None otherwise, or where it returned None.
        uploads: The stored data in it, to be stored.
        ends_chain: Whether the Task ended its chain early.
        publication: The message that its result goes on in.
        result_bytes: What S3 keeps of its result, where it keeps it.
        error: Why it failed, or wasn't tried.
        comes_back_at: When its queue gives it out again, in seconds since 1970, where
            that is known.
        is_permanent: Whether it would fail in the same way again.
        is_settled: Whether it failed, but somebody else has to deal with that, so
            that it may leave the queue.
        is_dead_letter: Whether that somebody is who looks after the dead-letter queue.
    """

    record: Record
    context: Context
    facts: RecordFacts | None = None
    message: Message | None = None
    is_extra: bool = False
    task_token: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    claim: Claim | None = None
    outcome: Outcome | None = None
    arguments_bytes: int | None = None
    started_at: float | None = None
    seconds: float | None = None
    has_run: bool = False
    document: Document | None = None
    uploads: list[Upload] = field(default_factory=list)
    ends_chain: bool = False
    publication: Publication | None = None
    result_bytes: int | None = None
    error: Exception | None = None
    comes_back_at: float | None = None
    is_permanent: bool = False
    is_settled: bool = False
    is_dead_letter: bool = False

    @property
    def has_failed(self) -> bool:
        """Whether something went wrong with it, rather than with its turn."""
        not_tried = (GroupStoppedError, OutOfTimeError, TaskRunningError)
        return self.error is not None and not isinstance(self.error, not_tried)

    @property
    def is_duplicate(self) -> bool:
        """Whether the ledger knew its Task to be done, by an earlier run."""
        return self.outcome is not None and self.claim is None

    @property
    def given_result(self) -> Document:
        """The result as it is given to whoever gets it."""
        return self.document or Document.of({})

    def do(self, function: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
        """Call a function with a copy of its context variables, in any thread."""
        return self.context.copy().run(function, *args, **kwargs)

    def __str__(self) -> str:
        task_name = self.message.task_name if self.message else "unknown"
        return f"message {self.record.message_id} for the Task {task_name}"


class Batch:
    """The records of one SQS event.

    What goes wrong with one is noted as that item's error and touches no other,
    except that a failure on a FIFO queue stops the rest of its message group, unless
    it is given up.

    Args:
        event: What Lambda hands over.
        stays_whole: Whether one failure keeps the whole batch in the queue.
            Nothing is sent on for a batch that will run again.
        give_up: Moves a record that failed away from its FIFO queue, if it isn't to be
            tried again, and tells whether it did.

    Attributes:
        began_at: When it was handed over, in seconds since 1970.

    Raises:
        NotAnSQSEventError: The event isn't one of an SQS queue.
    """

    def __init__(self, event: Any, *, stays_whole: bool, give_up: Callable[[Item], bool]) -> None:
        context = copy_context()
        self.began_at = time()
        self.items = [Item(record, context) for record in records_of(event)]
        self.stays_whole = stays_whole
        self._give_up = give_up

    @property
    def failures(self) -> dict[str, Exception]:
        """The error of each record that is to stay in the queue, by its messageId."""
        return {
            item.record.message_id: item.error
            for item in self.items
            if item.error is not None and not item.is_settled
        }

    @property
    def alive(self) -> list[tuple[Item, Message]]:
        """What is well so far."""
        return [
            (item, item.message)
            for item in self.items
            if item.error is None and item.message is not None
        ]

    def leaving(self, parcels: list[tuple[Item, *Ts]]) -> list[tuple[Item, *Ts]]:
        """Return those whose items are well, if anything of this batch may leave the worker."""
        if self.stays_whole and self.failures:
            return []
        return [parcel for parcel in parcels if parcel[0].error is None]

    def do_in_parallel(
        self, function: Callable[[Item, *Ts], R], parcels: list[tuple[Item, *Ts]]
    ) -> list[tuple[Item, R]]:
        """Do the same to many at once, and return what came of those that didn't fail of it."""
        answers = in_parallel(lambda parcel: parcel[0].do(function, *parcel), parcels)
        done = []
        for (item, *_), answer in zip(parcels, answers, strict=True):
            if isinstance(answer, Exception):
                self.fail(item, answer)
            else:
                done.append((item, answer))
        return done

    def fail(self, item: Item, error: Exception) -> None:
        """Note that a record failed, or wasn't tried."""
        item.error = error
        if item.has_failed:
            name = type(error).__name__
            item.do(logger.error, "%s failed: %s", item, name, exc_info=error)
        else:
            item.do(logger.warning, "%s stays in the queue: %s", item, error)
        if item.record.group is not None and not self._give_up(item):
            self._stop_group(item)

    def _stop_group(self, failed: Item) -> None:
        for item in self.items[self.items.index(failed) + 1 :]:
            if item.record.group == failed.record.group and item.error is None:
                item.error = GroupStoppedError(
                    f"message {failed.record.message_id}, which is before this one in the message"
                    f" group {failed.record.group!r}, failed"
                )
