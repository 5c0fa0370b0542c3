"""Tasks of algernon-queue, as lines, traces and metrics see them.

The queue tells its observers how Tasks fare, and knows none of them; and this
package imports nothing of the queue, which may not even be installed.
"""

from __future__ import annotations

import logging
import sys

from . import fields, metrics, tracing
from .exceptions import place_of, text_of
from .times import timestamp
from .values import name_of_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

logger = logging.getLogger("algernon_logging")

_QUEUE = "algernon_queue"
_MOST_REASON = 1024
_OF_THE_RECORD = ("task_name", "task_id", "chain_id", "message_id", "receive_count")


def watch() -> None:
    """Watch the Tasks of algernon-queue, if it was imported, from now on."""
    observers = getattr(sys.modules.get(_QUEUE), "observers", None)
    if isinstance(observers, list) and _watcher not in observers:
        observers.append(_watcher)


def check_settings() -> None:
    """Refuse settings that mean nothing, before any Task runs.

    Raises:
        SettingError: `ALGERNON_METRICS_NAMESPACE` can't be a namespace.
    """
    metrics.namespace()


class TaskWatcher:
    """An observer of algernon-queue. Its methods are described there."""

    def __init__(self) -> None:
        self._metrics = metrics.TaskMetrics()

    def received(self, record: Mapping[str, Any]) -> None:
        """Let lines carry the record's fields, and calls be part of its chain's trace."""
        fields.set_record({name: record[name] for name in _OF_THE_RECORD if name in record})
        if tracer := tracing.tracer():
            tracer.receive(record)

    def started(self, record: Mapping[str, Any]) -> None:
        """Open the record's span."""
        if (tracer := tracing.tracer()) and (trace_id := tracer.begin_task(record)):
            fields.add(trace_id=trace_id)
        fields.begin_record()

    def stopped(self, _record: Mapping[str, Any]) -> None:
        """Let lines of unknown threads carry the record's fields no more."""
        fields.end_record()

    def sending(self, message: Mapping[str, Any]) -> Mapping[str, str]:
        """Return what brings the trace to the next Task."""
        tracer = tracing.tracer()
        return tracer.begin_sending(message) if tracer else {}

    def publishing(self) -> None:
        """Let each message keep the trace that it was given."""
        if tracer := tracing.tracer():
            tracer.begin_publishing()

    def sent(self, _message: Mapping[str, Any], error: Exception | None) -> None:
        """Close the message's span."""
        if tracer := tracing.tracer():
            tracer.end_sending(error)

    def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        """Close the record's span, and write and count what became of it."""
        if tracer := tracing.tracer():
            tracer.end_task(record, end)
        if metrics.namespace():
            self._metrics.count(record, end)
        if logger.isEnabledFor(logging.INFO):
            _log_end(record, end)

    def batch_ended(self) -> None:
        """Write the batch's metrics, and have its spans exported."""
        self._metrics.write()
        if tracer := tracing.tracer():
            tracer.flush()


_watcher = TaskWatcher()


def _log_end(record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
    """Write the line from which ``algernon trace`` tells a chain's story."""
    outcome, seconds = end["outcome"], end["seconds"]
    facts = {
        "outcome": outcome,
        "sent_at": timestamp(record["sent_at"]),
        "started_at": timestamp(end["started_at"]),
        "duration_ms": None if seconds is None else round(seconds * 1000, 3),
        "message_bytes": record["message_bytes"],
        "arguments_bytes": end["arguments_bytes"],
        "next_task_name": end.get("next_task_name"),
        "next_task_id": end.get("next_task_id"),
        "sent_bytes": end.get("sent_bytes"),
        "stored_bytes": end.get("stored_bytes"),
    }
    if (error := end["error"]) is not None:
        facts |= {
            "error": name_of_class(type(error)),
            "reason": text_of(error)[:_MOST_REASON],
            "error_at": place_of(error),
        }
    took = "" if seconds is None else f" after {seconds * 1000:.1f} ms"
    with fields.bind(**facts):
        logger.info("Task %s: %s%s", record.get("task_name", "unknown"), outcome, took)
