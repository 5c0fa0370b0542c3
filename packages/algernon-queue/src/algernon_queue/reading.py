"""Reading a batch: the messages, their stored keyword arguments, and claims for their Tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from inspect import signature
from math import isfinite
from typing import Any

from algernon_storage import Claim, Ledger, Outcome, StoredData

from .batch import Batch, Item
from .current_task import facts_of_record
from .deadline import Deadline
from .envelope import Envelope
from .errors import TaskRunningError, WorkerLostError
from .message import Message
from .observers import RecordFacts, observers, tell
from .parallel import in_parallel
from .receives import is_extra
from .record import Record
from .sender import Sender, SentIds, current_sender

# AWS Lambda Developer Guide, "Lambda quotas": the longest that a function may run, in seconds.
_LONGEST_RUN = 900


def read_batch(batch: Batch, ledger: Ledger | None, deadline: Deadline, sender: Sender) -> None:
    """Read every record; fetch stored keyword arguments and claim Tasks, all in parallel.

    Each record gets a context of its own, in which its Task is the one that runs.

    Args:
        batch: The batch.
        ledger: Where Tasks are claimed, if anywhere.
        deadline: When Lambda ends the function.
        sender: What all Tasks of this worker pass on.
    """
    for item, envelope in zip(batch.items, _envelopes(batch), strict=True):
        problem = _read(item, envelope)
        item.context = copy_context()
        if item.message is not None:
            item.context.run(current_sender.set, _sender(item, item.message, sender))
        if observers:
            item.facts = _facts(item, envelope)
            tell(item.context, "received", item.facts)
        if problem is not None:
            batch.fail(item, problem)
    if not batch.stays_whole:
        _note_extra(batch, ledger)
    fetching = [
        (item, message, pointer)
        for item, message in batch.alive
        if (pointer := message.stored_kwargs) is not None
    ]
    claiming = batch.alive if ledger is not None else []
    errands: list[Callable[[], Any]] = [
        partial(item.do, StoredData.retrieve, pointer, rebuild=False)
        for item, _, pointer in fetching
    ]
    if ledger is not None:
        left = deadline.seconds_left()
        claim = _claiming(ledger, left if isfinite(left) else _LONGEST_RUN)
        errands += [partial(item.do, claim, message) for item, message in claiming]
    answers = in_parallel(lambda errand: errand(), errands)
    for (item, _), answer in zip(claiming, answers[len(fetching) :], strict=True):
        _note_claim(batch, item, answer)
    for (item, message, _), answer in zip(fetching, answers, strict=False):
        # What is done needs no arguments any more.
        if item.error is None and item.outcome is None:
            if isinstance(answer, Exception):
                batch.fail(item, answer)
            else:
                item.message = message.with_kwargs(answer.data)
                item.arguments_bytes = answer.size


def _note_extra(batch: Batch, ledger: Ledger | None) -> None:
    """Note which records come after all their tries, of which only a ledger knows more."""
    for item, _ in batch.alive:
        item.is_extra = item.do(is_extra, item.record)
        if item.is_extra and ledger is None:
            batch.fail(item, _lost("or has never run"))


def _sender(item: Item, message: Message, sender: Sender) -> Sender:
    """Return the Task of a record, of what all Tasks of its worker pass on."""
    return Sender(
        chain_id=message.chain_id,
        hops=message.hops + 1,
        group=item.record.group,
        listeners=sender.listeners,
        function_arn=sender.function_arn,
        ids=SentIds(message.task_id),
        facts=partial(facts_of_record, item.record, message, item.attributes),
    )


def _claiming(ledger: Ledger, seconds: float) -> Callable[[Message], Claim | Outcome | None]:
    """Return what claims the Task of a message."""
    takes_name = "task_name" in signature(ledger.claim).parameters

    def claim(message: Message) -> Claim | Outcome | None:
        if takes_name:
            by_name: Any = ledger.claim
            answer: Claim | Outcome | None = by_name(
                message.task_id, seconds, task_name=message.task_name
            )
            return answer
        return ledger.claim(message.task_id, seconds)

    return claim


def _lost(what_else: str) -> WorkerLostError:
    return WorkerLostError(
        "the message was received more often than its Task is tried, and no worker lived to say"
        " what came of it: it ends every worker that runs it, by its memory or time perhaps,"
        f" {what_else}; look into the workers' logs, and move it back to its queue to try again"
    )


def _read(item: Item, envelope: Envelope | Exception) -> Exception | None:
    """Read a record's message, and return why it can't be read."""
    if isinstance(envelope, Exception):
        return envelope
    item.task_token = envelope.task_token
    item.attributes = envelope.attributes
    try:
        item.message = Message.of(envelope)
    except Exception as error:  # noqa: BLE001 - a bad record is no other record's failure
        return error
    return None


def _facts(item: Item, envelope: Envelope | Exception) -> RecordFacts:
    record = item.record
    facts: RecordFacts = {
        "message_id": record.message_id,
        "receive_count": record.receive_count,
        "queue_arn": record.queue_arn,
        "sent_at": record.sent_at,
        "message_bytes": len(str(record.body).encode(errors="replace")),
        "attributes": {} if isinstance(envelope, Exception) else envelope.texts,
        "trace_header": record.attributes.get("AWSTraceHeader"),
    }
    message = item.message
    if message is not None:
        facts["task_name"] = message.task_name
        facts["task_id"] = message.task_id
        facts["chain_id"] = message.chain_id
        facts["callback"] = message.callback
    return facts


def _envelopes(batch: Batch) -> list[Envelope | Exception]:
    envelopes = [_opened(item.record) for item in batch.items]
    offloaded = [
        (index, envelope, payload)
        for index, envelope in enumerate(envelopes)
        if isinstance(envelope, Envelope) and (payload := envelope.offloaded) is not None
    ]
    fetched = in_parallel(lambda item: item[1].with_payload(item[2].read()), offloaded)
    for (index, _, _), envelope in zip(offloaded, fetched, strict=True):
        envelopes[index] = envelope
    return envelopes


def _opened(record: Record) -> Envelope | Exception:
    try:
        return Envelope.of(record)
    except Exception as error:  # noqa: BLE001 - a bad record is no other record's failure
        return error


def _note_claim(batch: Batch, item: Item, answer: Claim | Outcome | Exception | None) -> None:
    match answer:
        case Claim():
            item.claim = answer
            if item.is_extra and answer.may_have_run:
                batch.fail(item, _lost("or came with one that does"))
        case Outcome():
            item.outcome, item.ends_chain = answer, answer.ends_chain
        case Exception():
            batch.fail(item, answer)
        case None:
            error = TaskRunningError("another worker runs this Task right now")
            batch.fail(item, error)
