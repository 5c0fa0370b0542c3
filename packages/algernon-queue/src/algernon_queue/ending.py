"""The end of a batch: what became of each record."""

from __future__ import annotations

from contextvars import copy_context

from .batch import Batch, Item
from .observers import Outcome, RecordEnd, tell


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
        tell(copy_context(), "batch_ended")


def _end(item: Item, *, comes_again: bool) -> RecordEnd:
    end: RecordEnd = {
        "outcome": _outcome(item, comes_again=comes_again),
        "error": item.error,
        "started_at": item.started_at,
        "seconds": item.seconds,
        "arguments_bytes": item.arguments_bytes,
        "next_task_name": None,
        "next_task_id": None,
        "sent_bytes": None,
        "result_bytes": None,
        "comes_back_at": item.comes_back_at,
    }
    if item.error is None and not comes_again and (publication := item.publication) is not None:
        end["next_task_name"] = publication.task.task_name
        end["next_task_id"] = publication.task.task_id
        end["sent_bytes"] = publication.size
        end["result_bytes"] = item.result_bytes
    return end


def _outcome(item: Item, *, comes_again: bool) -> Outcome:
    if item.is_dead_letter:
        return "dead_letter"
    if item.has_failed:
        return "failed"
    if item.error is not None or comes_again:
        return "handed_back"
    return "duplicate" if item.is_duplicate else "done"
