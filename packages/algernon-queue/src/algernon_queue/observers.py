"""Who watches Tasks: the logs, traces and metrics of other packages."""

# ruff: noqa: ARG002 - what an Observer doesn't care to hear, it makes no use of
from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import Context, ContextVar, copy_context
from typing import Any, Protocol

logger = logging.getLogger("algernon_queue")

_FAILED = "an observer of Tasks failed: %r"

#: The chain that the running Task belongs to: what it sends belongs to it as well.
current_chain: ContextVar[str | None] = ContextVar("algernon_chain", default=None)


class Observer(Protocol):
    """Something that wants to know how Tasks fare, such as algernon-logging.

    Each record of a batch has a context of its own (`contextvars`), in which its
    Task runs, and all that is said of it is said there. So what an observer
    puts into context variables is there for the Task's lines and calls, and for
    the observer itself when the next thing is said. What an observer raises is
    logged, and harms no Task.

    The facts of a record are ``message_id``, ``receive_count``, ``queue_arn``,
    ``sent_at`` (seconds since 1970, or None), ``message_bytes``, ``attributes``
    (texts that its sender sent beside the message) and, unless it can't be read,
    ``task_name``, ``task_id``, ``chain_id`` and ``callback``. Those of a message
    on its way are ``task_name``, ``task_id``, ``chain_id`` and ``topic_arn``.

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

    # Each says "return", or a type checker would take it for abstract.

    def received(self, record: Mapping[str, Any]) -> None:
        """Hear of a record, before anything else is said of it."""
        return

    def started(self, record: Mapping[str, Any]) -> None:
        """Hear that the record's Task is about to run."""
        return

    def stopped(self, record: Mapping[str, Any]) -> None:
        """Hear that the record's Task doesn't run any more."""
        return

    def sending(self, message: Mapping[str, Any]) -> Mapping[str, str]:
        """Hear of a message before it is sent; what is returned goes as its attributes.

        It is said in a context of the message's own, and maybe in a thread of its
        own. The attributes are texts of printable characters; empty ones are left
        out, and where several observers name the same one, the last one's counts.
        There mustn't be more than ten: Amazon SNS Developer Guide, "Amazon SNS message
        attributes", where raw message delivery drops a message that has more.
        """
        return {}

    def publishing(self) -> None:
        """Hear that SNS is about to be called, in the context in which that is done."""
        return

    def sent(self, message: Mapping[str, Any], error: Exception | None) -> None:
        """Hear that the message was sent, or why it wasn't."""
        return

    def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        """Hear what became of the record, when its batch is worked off.

        The end has the ``outcome``: ``"done"``; ``"duplicate"``, where the ledger
        knew the Task to be done; ``"failed"``; ``"dead_letter"``, where it failed
        and was moved to the dead-letter queue; or ``"returned"``, where it goes
        back to the queue without having failed itself. It has the ``error``, or
        None; ``started_at`` (seconds since 1970) of the Task's run and its ``seconds``,
        or None where it didn't start, or end; ``arguments_bytes``, what S3 keeps of
        the arguments, or None; and, where its result was sent on, ``next_task_name``,
        ``next_task_id``, ``sent_bytes`` and ``stored_bytes`` (what was stored of the
        result to send it, or None where nothing was, or by a ledger).
        """
        return

    def batch_ended(self) -> None:
        """Hear that all records of a batch have ended."""
        return


#: Those who watch. Whoever is in the list is told.
observers: list[Observer] = []


def tell(context: Context, what: str, *facts: Any) -> None:
    """Tell every observer something, in a context."""
    for observer in tuple(observers):
        context.run(_tell, observer, what, facts)


def _tell(observer: Observer, what: str, facts: tuple[Any, ...]) -> None:
    try:
        getattr(observer, what)(*facts)
    except Exception:
        logger.exception(_FAILED, observer)


def _ask_for_attributes(observer: Observer, facts: Mapping[str, Any]) -> dict[str, str]:
    try:
        attributes = {
            _checked(name): _checked(text) for name, text in observer.sending(facts).items()
        }
    except Exception:
        logger.exception(_FAILED, observer)
        return {}
    return {name: text for name, text in attributes.items() if text}


def _checked(text: str) -> str:
    if not text.isprintable():
        raise ValueError("an attribute of a message has characters that aren't printable")
    return text


class Sending:
    """A message on its way, as observers see it.

    Args:
        task_name: The Task that it is for.
        task_id: The Task's id.
        chain_id: The chain that the Task belongs to.
        topic_arn: Where it is sent to.

    Attributes:
        attributes: The texts that observers want sent beside it.
    """

    def __init__(self, task_name: str, task_id: str, chain_id: str, topic_arn: str) -> None:
        self.attributes: dict[str, str] = {}
        self._context: Context | None = None
        if observers:
            self._context = copy_context()
            self._facts = {
                "task_name": task_name,
                "task_id": task_id,
                "chain_id": chain_id,
                "topic_arn": topic_arn,
            }
            for observer in tuple(observers):
                attributes = self._context.run(_ask_for_attributes, observer, self._facts)
                self.attributes.update(attributes)

    @property
    def size(self) -> int:
        """The bytes of its attributes."""
        return sum(
            len(name) + len("String") + len(value.encode())
            for name, value in self.attributes.items()
        )

    def end(self, error: Exception | None) -> None:
        """Say that it was sent, or why it wasn't."""
        if self._context is not None:
            tell(self._context, "sent", self._facts, error)
