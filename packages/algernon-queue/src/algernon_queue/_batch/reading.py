"""Reading a batch: the messages of its records, and their stored keyword arguments."""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from algernon_storage import Objects, StorageError, StoredData

from .._aws.parallel import in_parallel
from .._wire.envelope import Envelope
from .._wire.membership import Membership
from .._wire.message import Message
from .._wire.record import Record, records_of
from ..current_task import RunningTask, running_task
from ..errors import MalformedMessageError
from ..observers import Observer, RecordFacts, observers, tell
from .batch import Batch
from .claims import claim_lookups, leave_to_others
from .delivery import Attempt, Delivery, Unreadable, going
from .failures import fail
from .known import Known
from .lookup import Lookup
from .receives import is_extra

if TYPE_CHECKING:
    from .groups import Groups


def read_batch(batch: Batch, event: Any) -> list[Attempt]:
    """Read every record, and return those that can be read.

    Each has a context of its own, in which its Task is the one that runs.

    Raises:
        NotAnSQSEventError: The event isn't one of an SQS queue.
    """
    records = records_of(event)
    batch.deadline.reckon_with(len(records))
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
        _note_extra(attempts)
    return attempts


def fetch_and_claim(batch: Batch, attempts: list[Attempt], groups: Groups | None) -> None:
    """Fetch what is stored of keyword arguments, and look up what is known of Tasks, all at once.

    Those that there is a ledger for are claimed in it.
    """
    todo = going(attempts)
    known = Known(batch, todo, groups)
    fetches = _Fetches(batch, todo)
    _look_up(fetches.lookups + claim_lookups(batch, todo) + known.lookups)
    known.apply()
    leave_to_others(batch, todo)
    fetches.apply()


def fetch(batch: Batch, attempts: list[Attempt]) -> None:
    """Fetch what is stored of keyword arguments, whatever is known of the Tasks."""
    fetches = _Fetches(batch, going(attempts))
    _look_up(fetches.lookups)
    fetches.apply()


class _Fetches:
    """The keyword arguments of a batch that are stored, before and after they are fetched."""

    def __init__(self, batch: Batch, attempts: list[Attempt]) -> None:
        self._batch = batch
        self._attempts = attempts
        self._fetched: dict[Attempt, Message | Exception] = {}

    @property
    def lookups(self) -> list[Lookup]:
        """What is to be looked up."""
        return [
            Lookup(
                partial(attempt.do, _fetch, attempt.message),
                partial(self._fetched.__setitem__, attempt),
            )
            for attempt in self._attempts
            if attempt.message.stored_kwargs is not None
        ]

    def apply(self) -> None:
        """Have Tasks that are to run get what was fetched."""
        for attempt, message in self._fetched.items():
            if attempt.is_to_run:
                if isinstance(message, Exception):
                    fail(self._batch, attempt, message)
                else:
                    attempt.message = message


def _look_up(lookups: list[Lookup]) -> None:
    for lookup, answer in zip(lookups, in_parallel(_look, lookups), strict=True):
        lookup.note(answer)


def _look(lookup: Lookup) -> Any:
    return lookup.look()


def add_constants(batch: Batch, attempts: list[Attempt]) -> None:
    """Add to keyword arguments the constants that chains have for their Tasks."""
    for attempt in attempts:
        if attempt.message.constants and attempt.is_to_run:
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
        if (group := message.then.membership) is not None:
            _check_place(group, message.task_name)
    except Exception as error:  # noqa: BLE001 - a bad record is no other record's failure
        return Unreadable(record=record, context=context, envelope=envelope, error=error)
    running = RunningTask(message, batch.listeners, batch.limits, record, envelope)
    context.run(running_task.set, running)
    return Attempt(record=record, context=context, envelope=envelope, message=message)


def _check_place(group: Membership, task_name: str) -> None:
    """Refuse a member of a group that lies where this worker neither reads nor writes."""
    try:
        Objects(bucket=group.bucket, folder=group.folder).check_trust()
    except StorageError as error:
        raise MalformedMessageError(
            f"the message for {task_name!r} says that its Task is a member of a group, and"
            f" that can't be: {error}"
        ) from error


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


def _note_extra(attempts: list[Attempt]) -> None:
    """Note which records come after all their tries: nothing is run that may have run."""
    for attempt in going(attempts):
        if attempt.record.receive_count > 1:
            attempt.is_extra = attempt.do(is_extra, attempt.record)
