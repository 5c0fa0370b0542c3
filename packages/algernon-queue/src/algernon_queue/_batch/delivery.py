"""The deliveries of a batch, and what its steps have made of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from algernon_storage import Claim, Document, Outcome, Upload

from .._aws.topics import Publication
from .._wire.envelope import Envelope
from .._wire.message import Message
from .._wire.record import Record
from ..errors import NotTriedError
from ..observers import RecordFacts

if TYPE_CHECKING:
    from .._aws.groups import Prepared

R = TypeVar("R")


class Failure(NamedTuple):
    """Why a record isn't done, and what becomes of it.

    Attributes:
        error: Why it failed, or wasn't tried.
        is_permanent: Whether it would fail in the same way again.
        goes_to: Who deals with it: its queue, from which it comes again, or, so that it
            may leave that, whoever looks after the dead-letter queue, or the state
            machine that waits for it.
        comes_back_at: When its queue gives it out again, in seconds since 1970, where
            that is known.
    """

    error: Exception
    is_permanent: bool = False
    goes_to: Literal["queue", "dead_letter_queue", "state_machine"] = "queue"
    comes_back_at: float | None = None


class Run(NamedTuple):
    """The run of a Task.

    Attributes:
        started_at: When it began, in seconds since 1970, where observers are told.
        seconds: How long it took, once it has ended, where observers are told.
    """

    started_at: float | None = None
    seconds: float | None = None


class Result(NamedTuple):
    """What a Task returned, written as soon as it had.

    Attributes:
        document: The result, where somebody gets it; None otherwise, or where it is None.
        uploads: The stored data in it, which are still to be stored.
        ends_chain: Whether the Task ended its chain early.
    """

    document: Document | None = None
    uploads: tuple[Upload, ...] = ()
    ends_chain: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class Delivery:
    """A record that SQS handed over.

    Attributes:
        record: The record.
        context: The context variables in which all that is done for it is done.
        envelope: What stood around its message, if that can be opened.
        facts: What observers are told of it, where there are any.
        failure: Why it isn't done, if it isn't.
    """

    record: Record
    context: Context
    envelope: Envelope | None
    facts: RecordFacts | None = field(default=None, init=False)
    failure: Failure | None = field(default=None, init=False)

    @property
    def task_token(self) -> str | None:
        """The token by which a state machine of Step Functions waits for its Task, or None."""
        return None if self.envelope is None else self.envelope.task_token

    @property
    def attributes(self) -> Mapping[str, str]:
        """What the message's sender sent beside it, by name."""
        return {} if self.envelope is None else self.envelope.attributes

    @property
    def has_failed(self) -> bool:
        """Whether something went wrong with it, rather than with its turn."""
        return self.failure is not None and not isinstance(self.failure.error, NotTriedError)

    @property
    def stays(self) -> bool:
        """Whether it stays in its queue."""
        return self.failure is not None and self.failure.goes_to == "queue"

    def do(self, function: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
        """Call a function with a copy of its context variables, in any thread."""
        return self.context.copy().run(function, *args, **kwargs)

    def __str__(self) -> str:
        return f"message {self.record.message_id} for the Task unknown"


@dataclass(slots=True, eq=False, kw_only=True)
class Unreadable(Delivery):
    """A record whose message can't be read.

    Attributes:
        error: Why.
    """

    error: Exception


@dataclass(slots=True, eq=False, kw_only=True)
class Attempt(Delivery):
    """A record whose message is read: an attempt to run its Task.

    Each step of the batch adds what it has made.

    Attributes:
        message: The message.
        is_extra: Whether it was received more often than its Task is tried.
        claim: The ledger's claim for the Task, where there is a ledger.
        spare_claim: The claim for a Task that turned out not to be run.
        outcome: What came of the Task, where that is known.
        is_claimed_elsewhere: Whether the ledger has another one's claim of its Task, which stands.
        skipped: Why the Task isn't run, though nothing came of it yet: it came too late; or
            its group is joined already; or that was cancelled, or has failed.
        run: The Task's run, once it was started.
        result: What it returned.
        expansion: The group that it returned, or the id of the one that it returned earlier.
        kept: What stands as the result of all that was sent, where the Task ends that.
        kept_text: Its text in JSON, where that is known.
        publication: The message in which that goes to its callback.
    """

    message: Message
    is_extra: bool = field(default=False, init=False)
    claim: Claim | None = field(default=None, init=False)
    spare_claim: Claim | None = field(default=None, init=False)
    outcome: Outcome | None = field(default=None, init=False)
    is_claimed_elsewhere: bool = field(default=False, init=False)
    skipped: Literal["expired", "joined", "cancelled"] | None = field(default=None, init=False)
    run: Run | None = field(default=None, init=False)
    result: Result | None = field(default=None, init=False)
    expansion: Prepared | str | None = field(default=None, init=False)
    kept: Outcome | None = field(default=None, init=False)
    kept_text: bytes | None = field(default=None, init=False)
    publication: Publication | None = field(default=None, init=False)

    @property
    def is_duplicate(self) -> bool:
        """Whether the ledger knew its Task to be done, by an earlier run."""
        return self.outcome is not None and self.claim is None

    @property
    def is_too_late_for_group(self) -> bool:
        """Whether it was decided already what comes of the group whose member its Task is."""
        return self.skipped in ("joined", "cancelled")

    @property
    def is_to_run(self) -> bool:
        """Whether its Task is still to be run, or was in this batch."""
        return (
            self.failure is None
            and self.outcome is None
            and self.skipped is None
            and not isinstance(self.expansion, str)
        )

    @property
    def ends_chain(self) -> bool:
        """Whether its result goes to no callback, though the message may name one."""
        if self.skipped is not None or self.expansion is not None:
            return True
        if self.outcome is not None:
            return self.outcome.ends_chain
        return self.result is not None and self.result.ends_chain

    @property
    def kept_id(self) -> str | None:
        """The id under which its result stands for all that was sent, or None."""
        result_id = self.message.then.result_id
        if result_id is None or self.is_too_late_for_group or self.expansion is not None:
            return None
        return result_id if self.ends_chain or self.message.ends_its_chain else None

    @property
    def document(self) -> Document:
        """The result as it is given to whoever gets it."""
        document = None if self.result is None else self.result.document
        if document is not None:
            return document
        # None is kept as what it is. As keyword arguments it is none.
        return Document.of({} if self.kept_id is None else None)

    def leave(self, outcome: Outcome | None = None) -> None:
        """Note that its Task isn't run after all, and what came of that, if it is known."""
        self.outcome = outcome
        self.claim, self.spare_claim = None, self.claim

    def context_entries(self, aws_context: Any) -> dict[str, Any]:
        """Return what is its own in the context that its handler gets."""
        return {
            "aws": aws_context,
            "sqs": self.record.context_entry(self.attributes),
            "task": self.message.context_entry(),
        }

    def __str__(self) -> str:
        return f"message {self.record.message_id} for the Task {self.message.task_name}"


def going(attempts: list[Attempt]) -> list[Attempt]:
    """Return the attempts that are well so far."""
    return [attempt for attempt in attempts if attempt.failure is None]
