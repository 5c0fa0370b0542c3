"""One batch: read every record, run the handler for each, send on what comes out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, TypeVarTuple

from algernon_storage import StoredData

from .errors import GroupStoppedError, NotAnSQSEventError, OutOfTimeError
from .listener import find_listeners, unknown_listener
from .message import Message, NextTask
from .parallel import in_parallel
from .publishing import Publication, publish

logger = logging.getLogger("algernon_queue")

Handler = Callable[[dict[str, Any], dict[str, Any]], Any]

Ts = TypeVarTuple("Ts")

# What is kept back of Lambda's time for sending the results on: a tenth of it, and
# a second at the most.
_SENDING_SHARE = 0.1
_SENDING_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Entry:
    """A record of the batch, and how far it got."""

    record: Mapping[str, Any]
    message: Message | None = None
    result: Any = None
    error: Exception | None = None

    @property
    def message_id(self) -> str:
        """The messageId by which SQS knows the record."""
        message_id: str = self.record["messageId"]
        return message_id

    @property
    def group(self) -> str | None:
        """The message group that the record belongs to, on a FIFO queue."""
        if not str(self.record.get("eventSourceARN", "")).endswith(".fifo"):
            return None
        group: str | None = self._attributes.get("MessageGroupId")
        return group

    @property
    def facts(self) -> dict[str, Any]:
        """What a handler may want to know of the record, for the context's ``sqs``."""
        return {
            "message_id": self.message_id,
            "receipt_handle": self.record.get("receiptHandle"),
            "source_arn": self.record.get("eventSourceARN"),
            "aws_region": self.record.get("awsRegion"),
            "receive_count": int(self._attributes.get("ApproximateReceiveCount", 1)),
        }

    @property
    def _attributes(self) -> Mapping[str, Any]:
        return self.record.get("attributes") or {}


class Batch:
    """The records of one SQS event, on their way through a handler.

    Every step leaves the entries that failed so far alone; what goes wrong with
    one entry is noted as that entry's error and touches no other, except that a
    failure on a FIFO queue stops the rest of its message group.

    Args:
        event: What Lambda hands over.
        stays_whole: Whether one failure keeps the whole batch in the queue.
            Nothing is sent on for a batch that will run again.

    Raises:
        NotAnSQSEventError: The event isn't one of an SQS queue.
    """

    def __init__(self, event: Any, *, stays_whole: bool) -> None:
        self.entries = [Entry(record) for record in _records(event)]
        self._stays_whole = stays_whole

    @property
    def failures(self) -> dict[str, Exception]:
        """The error of each record that failed, by its messageId."""
        return {entry.message_id: entry.error for entry in self.entries if entry.error is not None}

    def read(self) -> None:
        """Read every record, and fetch stored keyword arguments in parallel."""
        for entry in self.entries:
            try:
                entry.message = Message.read(entry.record)
            except Exception as error:  # noqa: BLE001 - a bad record is no other record's failure
                self._fail(entry, error)
        stored = [
            (entry, message, pointer)
            for entry, message in self._alive()
            if (pointer := message.stored_kwargs) is not None
        ]
        fetched = in_parallel(lambda item: StoredData.retrieve(item[2], rebuild=False).data, stored)
        for (entry, message, _), kwargs in zip(stored, fetched, strict=True):
            if isinstance(kwargs, Exception):
                self._fail(entry, kwargs)
            else:
                entry.message = message.with_kwargs(kwargs)

    def run(self, handler: Handler, context: dict[str, Any]) -> None:
        """Run the handler for each record, in order, while there is time."""
        time_left = _clock(context["aws"])
        reserve = min(_SENDING_SECONDS, _SENDING_SHARE * time_left())
        longest = 0.0
        started = False
        for entry, message in self._alive():
            if entry.error is not None:  # its message group was stopped meanwhile
                continue
            # The first record is always started, or a short timeout would never get anywhere.
            if started and (left := time_left()) < reserve + longest:
                self._fail(entry, _out_of_time(left))
                continue
            begin = monotonic()
            started = True
            try:
                context["sqs"] = entry.facts
                entry.result = handler(dict(message.body), context)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this record's failure
                self._fail(entry, error)
            longest = max(longest, monotonic() - begin)

    def send_on(
        self, listeners: Mapping[str, str] | None = None, function_arn: str | None = None
    ) -> None:
        """Store the results that go to a callback, and publish its message, in parallel."""
        parcels = [(entry, message.next_task) for entry, message in self._going(self._alive())]
        addressed = self._address(parcels, listeners, function_arn)
        stored = self._store(self._going(addressed))
        self._publish(self._going(stored))

    def _address(
        self,
        parcels: list[tuple[Entry, NextTask | None]],
        listeners: Mapping[str, str] | None,
        function_arn: str | None,
    ) -> list[tuple[Entry, NextTask, str]]:
        leaving = [(entry, task) for entry, task in parcels if task is not None]
        names = {task.task_name for _, task in leaving}
        try:
            topics = find_listeners(names, listeners, function_arn) if names else {}
        except Exception as error:  # noqa: BLE001 - it is the failure of those who asked
            for entry, _ in leaving:
                self._fail(entry, error)
            return []
        for entry, task in leaving:
            if task.task_name not in topics:
                self._fail(entry, unknown_listener(task.task_name))
        return [
            (entry, task, topics[task.task_name])
            for entry, task in leaving
            if task.task_name in topics
        ]

    def _store(self, parcels: list[tuple[Entry, NextTask, str]]) -> list[tuple[Entry, Publication]]:
        messages = in_parallel(
            lambda parcel: parcel[1].message(_stored(parcel[1].task_id, parcel[0].result)), parcels
        )
        ready = []
        for (entry, task, topic), message in zip(parcels, messages, strict=True):
            if isinstance(message, Exception):
                self._fail(entry, message)
            else:
                ready.append((entry, Publication(task.task_name, topic, message)))
        return ready

    def _publish(self, parcels: list[tuple[Entry, Publication]]) -> None:
        outcomes = publish(publication for _, publication in parcels)
        for (entry, _), error in zip(parcels, outcomes, strict=True):
            if error is not None:
                self._fail(entry, error)

    def _going(self, parcels: list[tuple[Entry, *Ts]]) -> list[tuple[Entry, *Ts]]:
        if self._stays_whole and self.failures:
            return []
        return [parcel for parcel in parcels if parcel[0].error is None]

    def _alive(self) -> list[tuple[Entry, Message]]:
        return [
            (entry, entry.message)
            for entry in self.entries
            if entry.error is None and entry.message is not None
        ]

    def _fail(self, entry: Entry, error: Exception) -> None:
        entry.error = error
        task_name = entry.message.task_name if entry.message else "unknown"
        logger.error(
            "message %s for the Task %s failed: %s",
            entry.message_id,
            task_name,
            type(error).__name__,
            exc_info=error,
        )
        if entry.group is not None:
            self._stop_group(entry)

    def _stop_group(self, failed: Entry) -> None:
        for entry in self.entries[self.entries.index(failed) + 1 :]:
            if entry.group == failed.group and entry.error is None:
                entry.error = GroupStoppedError(
                    f"message {failed.message_id}, which is before this one in the message group"
                    f" {failed.group!r}, failed"
                )


def _records(event: Any) -> list[Mapping[str, Any]]:
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        raise NotAnSQSEventError(
            "the event has no list of Records, so it isn't one of an SQS queue: subscribe the"
            " function to a queue with an event source mapping"
        )
    for record in records:
        # SNS spells the key in its own way.
        source = None
        if isinstance(record, Mapping):
            source = record.get("eventSource", record.get("EventSource", "aws:sqs"))
        if source != "aws:sqs":
            raise NotAnSQSEventError(
                f"a record of the event comes from {source!r}, not from an SQS queue ('aws:sqs')"
            )
        if not (record.get("messageId") and isinstance(record["messageId"], str)):
            raise NotAnSQSEventError(
                "a record of the event has no messageId, so a failure of it couldn't be reported"
            )
    return records


def _stored(task_id: str, result: Any) -> Any:
    if result is None:
        return {}
    # The name is all that tells results apart: a Task that runs again finds its
    # first result in place, and its callback gets that one every time.
    stored = StoredData(task_id, result, full_unpack=True, timestamp="0")
    stored.store(keep_existing=True)
    return stored


def _clock(aws_context: Any) -> Callable[[], float]:
    """Return what tells the seconds that are left: forever, where no Lambda context says."""
    remaining_millis = getattr(aws_context, "get_remaining_time_in_millis", None)
    if remaining_millis is None:
        return lambda: inf
    return lambda: remaining_millis() / 1000


def _out_of_time(seconds: float) -> OutOfTimeError:
    return OutOfTimeError(
        f"only {seconds:.3f} s of Lambda's time are left, so this record wasn't started: it stays"
        " in the queue"
    )
