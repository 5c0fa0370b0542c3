"""The end of a batch: what became of each record."""

from __future__ import annotations

from typing import Any

from .batch import Batch, Item
from .observers import observers, tell


def end_batch(batch: Batch) -> None:
    """Tell observers what became of every record."""
    if not observers:
        return
    stays_whole = batch.stays_whole and bool(batch.failures)
    for item in batch.items:
        tell(item.context, "ended", item.facts, _end(item, stays_whole=stays_whole))
    if batch.items:
        tell(batch.items[-1].context, "batch_ended")


def _end(item: Item, *, stays_whole: bool) -> dict[str, Any]:
    end = {
        "outcome": _outcome(item, stays_whole=stays_whole),
        "error": item.error,
        "started_at": item.started_at,
        "seconds": item.seconds,
        "arguments_bytes": item.stored_bytes,
    }
    if item.error is None and not stays_whole and (publication := item.publication) is not None:
        end |= {
            "next_task_name": publication.task.task_name,
            "next_task_id": publication.task.task_id,
            "sent_bytes": publication.size,
            "stored_bytes": item.result_bytes,
        }
    return end


def _outcome(item: Item, *, stays_whole: bool) -> str:
    if item.is_dead_letter:
        return "dead_letter"
    if item.has_failed:
        return "failed"
    if item.error is not None or stays_whole:
        return "returned"
    if item.is_duplicate:
        return "duplicate"
    # Where the process is about to end, some never ran.
    return "done" if item.seconds is not None else "returned"
