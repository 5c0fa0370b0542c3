"""Reading a batch: the messages, their stored keyword arguments, and claims for their Tasks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import Any

from algernon_storage import Claim, Ledger, Outcome, StoredData

from .batch import Batch, Item
from .deadline import Deadline
from .envelope import Envelope
from .errors import TaskRunningError
from .message import Message
from .parallel import in_parallel
from .record import Record

# AWS Lambda Developer Guide, "Lambda quotas": the longest that a function may run, in seconds.
_LONGEST_RUN = 900


def read_batch(batch: Batch, ledger: Ledger | None, deadline: Deadline) -> None:
    """Read every record; fetch stored keyword arguments and claim Tasks, all in parallel."""
    for item, envelope in zip(batch.items, _envelopes(batch), strict=True):
        if isinstance(envelope, Exception):
            batch.fail(item, envelope)
            continue
        item.task_token = envelope.task_token
        try:
            item.message = Message.of(envelope)
        except Exception as error:  # noqa: BLE001 - a bad record is no other record's failure
            batch.fail(item, error)
    fetching = [
        (item, message, pointer)
        for item, message in batch.alive
        if (pointer := message.stored_kwargs) is not None
    ]
    claiming = batch.alive if ledger is not None else []
    errands: list[Callable[[], Any]] = [
        partial(StoredData.retrieve, pointer, rebuild=False) for _, _, pointer in fetching
    ]
    if ledger is not None:
        left = deadline.seconds_left()
        seconds = left if isfinite(left) else _LONGEST_RUN
        errands += [partial(ledger.claim, message.task_id, seconds) for _, message in claiming]
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
