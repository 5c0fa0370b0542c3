"""The end of a batch: what became of each record."""

from __future__ import annotations

from typing import Any

from .batch import Batch, Item
from .observers import tell


def end_batch(batch: Batch, *, comes_again: bool) -> None:
    """Tell observers what became of every record that they were told of.

    Args:
        batch: The batch.
        comes_again: Whether all of it goes back to the queue: one failure keeps it
            there, or the process is about to end.
    """
    told = [item for item in batch.items if item.facts]
    for item in told:
        tell(item.context, "ended", item.facts, _end(item, comes_again=comes_again))
    if told:
        tell(told[-1].context, "batch_ended")


def _end(item: Item, *, comes_again: bool) -> dict[str, Any]:
    end = {
        "outcome": _outcome(item, comes_again=comes_again),
        "error": item.error,
        "started_at": item.started_at,
        "seconds": item.seconds,
        "arguments_bytes": item.stored_bytes,
    }
    if item.error is None and not comes_again and (publication := item.publication) is not None:
        end |= {
            "next_task_name": publication.task.task_name,
            "next_task_id": publication.task.task_id,
            "sent_bytes": publication.size,
            "stored_bytes": item.result_bytes,
        }
    return end


def _outcome(item: Item, *, comes_again: bool) -> str:
    if item.is_dead_letter:
        return "dead_letter"
    if item.has_failed:
        return "failed"
    if item.error is not None or comes_again:
        return "returned"
    return "duplicate" if item.is_duplicate else "done"
