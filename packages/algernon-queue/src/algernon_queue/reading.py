"""Reading a batch: the messages, their stored keyword arguments, and claims for their Tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from math import isfinite
from typing import Any

from algernon_storage import Claim, Ledger, Outcome, StoredData

from .batch import Batch, Item
from .current_task import note_record
from .deadline import Deadline
from .envelope import Envelope
from .errors import TaskRunningError
from .message import Message, current_chain
from .observers import RecordFacts, observers, tell
from .parallel import in_parallel
from .record import Record

# AWS Lambda Developer Guide, "Lambda quotas": the longest that a function may run, in seconds.
_LONGEST_RUN = 900


def read_batch(batch: Batch, ledger: Ledger | None, deadline: Deadline) -> None:
    """Read every record; fetch stored keyword arguments and claim Tasks, all in parallel.

    Each record gets a context of its own, in which its chain is the current one, and
    its Task.
    """
    around = current_chain.get()
    for item, envelope in zip(batch.items, _envelopes(batch), strict=True):
        problem = _read(item, envelope)
        current_chain.set(around if item.message is None else item.message.chain_id)
        item.context = copy_context()
        if item.message is not None:
            item.context.run(note_record, item.record, item.message, item.attributes)
        if observers:
            item.facts = _facts(item, envelope)
            tell(item.context, "received", item.facts)
        if problem is not None:
            batch.fail(item, problem)
    current_chain.set(around)
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
        seconds = left if isfinite(left) else _LONGEST_RUN
        errands += [
            partial(item.do, ledger.claim, message.task_id, seconds) for item, message in claiming
        ]
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
        case Outcome():
            item.outcome, item.ends_chain = answer, answer.ends_chain
        case Exception():
            batch.fail(item, answer)
        case None:
            error = TaskRunningError("another worker runs this Task right now")
            batch.fail(item, error)
