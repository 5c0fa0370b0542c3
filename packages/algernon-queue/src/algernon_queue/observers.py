"""Who watches Tasks: the logs, traces and metrics of other packages."""

# ruff: noqa: ARG002 - what an Observer doesn't care to hear, it makes no use of
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import (
    Any,
    Concatenate,
    Literal,
    NotRequired,
    ParamSpec,
    Protocol,
    TypedDict,
    TypeVar,
    runtime_checkable,
)

logger = logging.getLogger("algernon_queue")

P = ParamSpec("P")
R = TypeVar("R")


class RecordFacts(TypedDict):
    """What observers are told of a record.

    What its message says is missing where that can't be read, and the group where its Task
    is no member of one.

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
        callback: Who gets the result.
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
    callback: NotRequired[str | None]
    group_id: NotRequired[str]
    group_index: NotRequired[int]


class MessageFacts(TypedDict):
    """What observers are told of a message on its way.

    Attributes:
        task_name: The Task that it is for.
        task_id: The Task's id.
        chain_id: The id of the chain that the Task belongs to.
        topic_arn: The ARN of the topic that it goes to.
        is_callback: Whether it carries the result of a Task to that Task's callback,
            rather than being sent by `send_task` and the like, or having the results of a
            group.
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


EndedAs = Literal[
    "done", "duplicate", "failed", "dead_letter", "handed_back", "cancelled", "expired"
]


class RecordEnd(TypedDict):
    """What observers are told of the end of a record.

    Attributes:
        outcome: ``"done"``; ``"duplicate"``, where the Task was known to be done;
            ``"failed"``; ``"dead_letter"``, where it failed and was moved to the
            dead-letter queue; ``"handed_back"``, where it goes back to the queue
            without having failed itself; ``"cancelled"``, where nobody wants its result any
            more, whether it ran or not; or ``"expired"``, where it came too late to be run.
        error: Why, or None.
        started_at: When the Task began to run, in seconds since 1970, or None if it didn't.
        seconds: How long it ran, or None if it didn't, or never ended.
        arguments_bytes: What S3 keeps of its arguments, or None.
        next_task_name: The Task that the result was sent to, or None.
        next_task_id: That Task's id, or None.
        sent_bytes: The bytes that SNS counted of the message to it, or None.
        result_bytes: What was stored of the result to send it, or None where nothing
            was, or by a ledger.
        comes_back_at: When its queue gives the record out again, in seconds since 1970,
            or None where it doesn't, or the worker can't tell.
    """

    outcome: EndedAs
    error: Exception | None
    started_at: float | None
    seconds: float | None
    arguments_bytes: int | None
    next_task_name: str | None
    next_task_id: str | None
    sent_bytes: int | None
    result_bytes: int | None
    comes_back_at: float | None


@runtime_checkable
class Observer(Protocol):
    """Something that wants to know how Tasks fare, such as algernon-logging.

    Each record of a batch has a context of its own (`contextvars`), in which its
    Task runs, and all that is said of it is said there. So what an observer
    puts into context variables is there for the Task's lines and calls, and for
    the observer itself when the next thing is said. What an observer raises is
    logged, and harms no Task.

    A subclass overrides what it cares to hear. Another object may be an observer as
    well: a method that it doesn't have isn't missed.

    Example:
        >>> class Counter(Observer):
        ...     def __init__(self):
        ...         self.outcomes = []
        ...     def ended(self, record, end):
        ...         self.outcomes.append(end["outcome"])
        >>> counter = Counter()
        >>> observers.append(counter)
        >>> from algernon_queue import queued
        >>> handler = queued(lambda event, context: None)
        >>> message_id = "059f36b4-87a3-44ab-83d2-661975830a7d"
        >>> handler({"Records": [{"messageId": message_id, "body": '{"task_name": "work"}'}]}, None)
        {'batchItemFailures': []}
        >>> counter.outcomes
        ['done']
        >>> observers.remove(counter)
    """

    # A protocol's own would end the chain of those that a subclass calls.
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def received(self, record: RecordFacts) -> None:
        """Hear of a record, before anything else is said of it."""
        return

    def started(self, record: RecordFacts) -> None:
        """Hear that the record's Task is about to run."""
        return

    def stopped(self, record: RecordFacts) -> None:
        """Hear that the record's Task doesn't run any more."""
        return

    def sending(self, message: MessageFacts) -> Mapping[str, str]:
        """Hear of a message before it is sent; what is returned goes as its attributes.

        It is said in a context of the message's own, and maybe in a thread of its
        own. The attributes are texts of printable characters; empty ones are left
        out, and where several observers name the same one, the last one's counts.
        Their names are of letters, digits, hyphens, underscores and periods, and the
        first ten go: Amazon SNS Developer Guide, "Amazon SNS message attributes".
        """
        return {}

    def publishing(self) -> None:
        """Hear that SNS is about to be called, in the context in which that is done.

        The call is for many messages, so that who traces calls can leave this one alone.
        """
        return

    def sent(self, message: MessageFacts, error: Exception | None) -> None:
        """Hear that the message was sent, or why it wasn't."""
        return

    def ended(self, record: RecordFacts, end: RecordEnd) -> None:
        """Hear what became of the record, when its batch is worked off."""
        return

    def batch_ended(self) -> None:
        """Hear that all records of a batch have ended, in the batch's own context."""
        return


#: Those who watch. Whoever is in the list is told.
observers: list[Observer] = []


def tell(
    context: Context,
    what: Callable[Concatenate[Observer, P], object],
    *args: P.args,
    **kwargs: P.kwargs,
) -> None:
    """Tell every observer something, in a context.

    Args:
        context: The context.
        what: The method of `Observer` that hears of it.
        args: What it is told.
        kwargs: The same, by name.
    """
    for _ in answers(context, what, *args, **kwargs):
        pass


def answers(
    context: Context,
    what: Callable[Concatenate[Observer, P], R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Iterator[R]:
    """Tell every observer something, as `tell` does, and give what each answers, if it does."""
    for observer in tuple(observers):
        answer: R | None = context.run(partial(_tell, observer, what), *args, **kwargs)
        if answer is not None:
            yield answer


def _tell(
    observer: Observer,
    what: Callable[Concatenate[Observer, P], R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R | None:
    method: Callable[P, R] | None = getattr(observer, what.__name__, None)
    if method is None:
        return None
    try:
        return method(*args, **kwargs)
    except Exception:
        # What an observer can't do, such as write a line, may fail here again.
        with suppress(Exception):
            logger.exception("an observer of Tasks failed: %r", observer)
        return None
