"""Reading a batch: the messages of its records, and their stored keyword arguments."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from operator import call
from typing import Any

from algernon_storage import StoredData

from .._aws.parallel import in_parallel
from .._wire.envelope import Envelope
from .._wire.message import Message
from .._wire.record import Record, records_of
from ..current_task import RunningTask, running_task
from ..observers import Observer, RecordFacts, observers, tell
from .batch import Batch
from .claims import claim_calls, note_claim
from .delivery import Attempt, Delivery, Unreadable, going
from .failures import fail
from .receives import is_extra, worker_lost


def read_batch(batch: Batch, event: Any) -> list[Attempt]:
    """Read every record, and return those that can be read.

    Each has a context of its own, in which its Task is the one that runs.

    Raises:
        NotAnSQSEventError: The event isn't one of an SQS queue.
    """
    records = records_of(event)
    for record, envelope in zip(records, _envelopes(records), strict=True):
        batch.deliveries.append(_read(batch, record, envelope))
    attempts = []
    for delivery in batch.deliveries:
        if observers:
            delivery.facts = _facts(delivery)
            tell(delivery.context, Observer.received, delivery.facts)
        if isinstance(delivery, Attempt):
            attempts.append(delivery)
        elif isinstance(delivery, Unreadable):
            fail(batch, delivery, delivery.error)
    if batch.extra_receives:
        _note_extra(batch, attempts)
    return attempts


def fetch_and_claim(batch: Batch, attempts: list[Attempt]) -> None:
    """Fetch the keyword arguments that are stored, and claim Tasks in the ledger, all at once."""
    todo = going(attempts)
    fetching = [attempt for attempt in todo if attempt.message.stored_kwargs is not None]
    calls: list[Callable[[], Any]] = [
        partial(attempt.do, _fetch, attempt.message) for attempt in fetching
    ]
    claims = claim_calls(batch, todo)
    answers: list[Any] = in_parallel(call, calls + claims)
    for attempt, answer in zip(todo, answers[len(calls) :], strict=bool(claims)):
        note_claim(batch, attempt, answer)
    for attempt, answer in zip(fetching, answers, strict=False):
        # What is done needs no arguments any more.
        if attempt.failure is None and attempt.outcome is None:
            if isinstance(answer, Exception):
                fail(batch, attempt, answer)
            else:
                attempt.message = answer


def add_constants(batch: Batch, attempts: list[Attempt]) -> None:
    """Add to keyword arguments the constants that chains have for their Tasks."""
    for attempt in attempts:
        # What is done needs no arguments any more.
        if attempt.message.constants and attempt.failure is None and attempt.outcome is None:
            try:
                attempt.message = attempt.do(attempt.message.with_constants)
            except Exception as error:  # noqa: BLE001 - a bad record is no other record's failure
                fail(batch, attempt, error)


def _fetch(message: Message) -> Message:
    fetched = StoredData.retrieve(message.stored_kwargs or "", rebuild=False)
    return message.with_fetched(fetched.data, fetched.size)


def _envelopes(records: list[Record]) -> list[Envelope | Exception]:
    envelopes = [_opened(record) for record in records]
    offloaded = [
        (index, envelope, payload)
        for index, envelope in enumerate(envelopes)
        if isinstance(envelope, Envelope) and (payload := envelope.offloaded) is not None
    ]
    fetched = in_parallel(lambda one: one[1].with_payload(one[2].read()), offloaded)
    for (index, _, _), envelope in zip(offloaded, fetched, strict=True):
        envelopes[index] = envelope
    return envelopes


def _opened(record: Record) -> Envelope | Exception:
    try:
        return Envelope.of(record)
    except Exception as error:  # noqa: BLE001 - a bad record is no other record's failure
        return error


def _read(batch: Batch, record: Record, envelope: Envelope | Exception) -> Delivery:
    context = copy_context()
    if isinstance(envelope, Exception):
        return Unreadable(record=record, context=context, envelope=None, error=envelope)
    try:
        message = Message.of(envelope)
    except Exception as error:  # noqa: BLE001 - a bad record is no other record's failure
        return Unreadable(record=record, context=context, envelope=envelope, error=error)
    running = RunningTask(message, batch.listeners, batch.limits, record, envelope)
    context.run(running_task.set, running)
    return Attempt(record=record, context=context, envelope=envelope, message=message)


def _facts(delivery: Delivery) -> RecordFacts:
    record = delivery.record
    facts: RecordFacts = {
        "message_id": record.message_id,
        "receive_count": record.receive_count,
        "queue_arn": record.queue_arn,
        "sent_at": record.sent_at,
        "message_bytes": len(str(record.body).encode(errors="replace")),
        "attributes": {} if delivery.envelope is None else delivery.envelope.texts,
        "trace_header": record.attributes.get("AWSTraceHeader"),
    }
    if isinstance(delivery, Attempt):
        message = delivery.message
        facts["task_name"] = message.task_name
        facts["task_id"] = message.task_id
        facts["chain_id"] = message.chain_id
        facts["callback"] = message.callback
        if (member := message.membership) is not None:
            facts["group_id"], facts["group_index"] = member.group_id, member.index
    return facts


def _note_extra(batch: Batch, attempts: list[Attempt]) -> None:
    """Note which records come after all their tries, of which only a ledger knows more."""
    for attempt in going(attempts):
        if attempt.record.receive_count > 1:
            attempt.is_extra = attempt.do(is_extra, attempt.record)
            if attempt.is_extra and batch.worker.ledger is None:
                fail(batch, attempt, worker_lost("or has never run"))
