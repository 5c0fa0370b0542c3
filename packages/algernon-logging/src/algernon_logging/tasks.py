"""Tasks of algernon-queue, as lines, traces and metrics see them.

The queue tells its observers how Tasks fare, and knows none of them; and this
package imports nothing of the queue, which may not even be installed.
"""

from __future__ import annotations

import logging
import sys

from . import fields, metrics, root_logger, tracing
from .exceptions import place_of, text_of, type_of
from .imports import when_imported
from .times import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

logger = logging.getLogger("algernon_logging")

_QUEUE = "algernon_queue"
_MOST_REASON = 1024
_OF_THE_RECORD = ("task_name", "task_id", "chain_id", "message_id", "receive_count")


def watch() -> None:
    """Watch the Tasks of algernon-queue from now on, or from its import on."""
    if _QUEUE not in sys.modules:
        when_imported(_QUEUE, watch)
    observers = getattr(sys.modules.get(_QUEUE), "observers", None)
    if isinstance(observers, list):
        for watcher in (tracing.tracer(), metrics.metrics(), _lines):
            if watcher is not None and watcher not in observers:
                observers.append(watcher)


class TaskLines:
    """An observer of algernon-queue, which has lines carry the fields of their records."""

    def received(self, record: Mapping[str, Any]) -> None:
        """Let lines carry the record's fields."""
        fields.set_record({name: record[name] for name in _OF_THE_RECORD if name in record})

    def started(self, _record: Mapping[str, Any]) -> None:
        """Let lines of unknown threads carry them as well."""
        fields.begin_record()

    def stopped(self, _record: Mapping[str, Any]) -> None:
        """Let lines of unknown threads carry them no more."""
        fields.end_record()

    def sent(self, message: Mapping[str, Any], error: Exception | None) -> None:
        """Write what is sent by itself; of a callback, the line of the record's end tells."""
        if error is not None or message.get("is_callback", True):
            return
        if fields.is_in_record():  # elsewhere it may be any program that sends
            root_logger.configure()
        if logger.isEnabledFor(logging.INFO):
            _log_send(message)

    def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        """Write what became of the record, whatever its Task did to the loggers."""
        root_logger.configure()
        if logger.isEnabledFor(logging.INFO):
            _log_end(record, end)


_lines = TaskLines()


# From these lines ``algernon trace`` tells a chain's story.


def _log_send(message: Mapping[str, Any]) -> None:
    facts = {"next_task_name": message["task_name"], "next_task_id": message["task_id"]}
    if not fields.is_in_record():
        facts["chain_id"] = message["chain_id"]
    with fields.bind(**facts):
        logger.info("Task %s: sent", message["task_name"])


def _log_end(record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
    outcome, seconds = end["outcome"], end["seconds"]
    facts = {
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
        "comes_back_at": timestamp(end.get("comes_back_at")),
    }
    if (error := end["error"]) is not None:
        facts |= {
            "error": type_of(error),
            "reason": text_of(error)[:_MOST_REASON],
            "error_at": place_of(error),
        }
    took = "" if seconds is None else f" after {seconds * 1000:.1f} ms"
    with fields.bind(**facts):
        logger.info("Task %s: %s%s", record.get("task_name", "unknown"), outcome, took)
