"""Lines of Tasks: their fields on all lines, and one that says what became of each."""

from __future__ import annotations

import logging

from ..tasks import Observer
from . import fields, root_logger
from .times import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..tasks import TaskEnd, TaskMessage, TaskRecord

logger = logging.getLogger("algernon_logging")

_MOST_REASON = 1024
_OF_A_GROUP = ("group_id", "group_index")
_OF_THE_RECORD = ("task_name", "task_id", "chain_id", *_OF_A_GROUP, "message_id", "receive_count")


class TaskLines(Observer):
    """Has lines carry the fields of the record that they are written in, and writes its end."""

    def received(self, record: TaskRecord) -> None:
        """Let lines carry the record's fields."""
        told: Mapping[str, object] = record
        fields.set_record({name: told[name] for name in _OF_THE_RECORD if name in told})

    def started(self, record: TaskRecord) -> None:  # noqa: ARG002
        """Let lines of unknown threads carry them as well."""
        fields.begin_record()

    def stopped(self, record: TaskRecord) -> None:  # noqa: ARG002
        """Let lines of unknown threads carry them no more."""
        fields.end_record()

    def sent(self, message: TaskMessage, error: Exception | None) -> None:
        """Write what is sent by itself; of a callback, the line of the record's end tells."""
        if error is not None or message.get("is_callback", True):
            return
        if fields.is_in_record():  # elsewhere it may be any program that sends
            root_logger.configure()
        if logger.isEnabledFor(logging.INFO):
            _log_send(message)

    def ended(self, record: TaskRecord, end: TaskEnd) -> None:
        """Write what became of the record, whatever its Task did to the loggers."""
        root_logger.configure()
        if logger.isEnabledFor(logging.INFO):
            _log_end(record, end)


# From these lines ``algernon trace`` tells a chain's story.


def _log_send(message: TaskMessage) -> None:
    told: Mapping[str, object] = message
    names = ("task_name", "task_id", *_OF_A_GROUP)
    own_fields = {f"next_{name}": told[name] for name in names if name in told}
    if not fields.is_in_record():
        own_fields["chain_id"] = message["chain_id"]
    with fields.bind(**own_fields):
        logger.info("Task %s: sent", message["task_name"])


def _log_end(record: TaskRecord, end: TaskEnd) -> None:
    outcome, seconds = end["outcome"], end["seconds"]
    own_fields: dict[str, object] = {
        "outcome": outcome,
        "sent_at": timestamp(record["sent_at"]),
        "started_at": timestamp(end["started_at"]),
        "duration_ms": None if seconds is None else round(seconds * 1000, 3),
        "message_bytes": record["message_bytes"],
        "arguments_bytes": end["arguments_bytes"],
        "next_task_name": end["next_task_name"],
        "next_task_id": end["next_task_id"],
        "sent_bytes": end["sent_bytes"],
        "result_bytes": end["result_bytes"],
        # An older queue doesn't know.
        "comes_back_at": timestamp(end.get("comes_back_at")),
    }
    if end["error"] is not None:
        own_fields |= _fields_of(end["error"])
    took = "" if seconds is None else f" after {seconds * 1000:.1f} ms"
    with fields.bind(**own_fields):
        logger.info("Task %s: %s%s", record.get("task_name", "unknown"), outcome, took)


def _fields_of(error: Exception) -> dict[str, object]:
    # Imported when a Task fails, so that no cold start waits for it.
    from .exceptions import place_of, text_of, type_of

    return {
        "error": type_of(error),
        "reason": text_of(error)[:_MOST_REASON],
        "error_at": place_of(error),
    }
