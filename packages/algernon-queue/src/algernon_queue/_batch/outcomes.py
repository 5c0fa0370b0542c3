"""What became of each record of a batch, for observers."""

from __future__ import annotations

from contextvars import copy_context

from ..observers import EndedAs, Observer, RecordEnd, tell
from .batch import Batch
from .delivery import Attempt, Delivery


def tell_outcomes(batch: Batch, *, all_stay: bool) -> None:
    """Tell observers what became of every record that they were told of.

    Args:
        batch: The batch.
        all_stay: Whether all of it stays in the queue: one failure keeps it there, or
            the process is about to end.
    """
    told = False
    for delivery in batch.deliveries:
        if delivery.facts is not None:
            end = _end(delivery, all_stay=all_stay)
            tell(delivery.context, Observer.ended, delivery.facts, end)
            told = True
    if told:
        tell(copy_context(), Observer.batch_ended)


def _end(delivery: Delivery, *, all_stay: bool) -> RecordEnd:
    failure = delivery.failure
    end: RecordEnd = {
        "outcome": _ended_as(delivery, all_stay=all_stay),
        "error": None if failure is None else failure.error,
        "started_at": None,
        "seconds": None,
        "arguments_bytes": None,
        "next_task_name": None,
        "next_task_id": None,
        "sent_bytes": None,
        "result_bytes": None,
        "comes_back_at": None if failure is None else failure.comes_back_at,
    }
    if isinstance(delivery, Attempt):
        end["arguments_bytes"] = delivery.message.arguments_bytes
        if (run := delivery.run) is not None:
            end["started_at"] = run.started_at
            end["seconds"] = run.seconds
        publication = delivery.publication
        if publication is not None and failure is None and not all_stay:
            end["next_task_name"] = publication.task.task_name
            end["next_task_id"] = publication.task.task_id
            end["sent_bytes"] = publication.size
            end["result_bytes"] = publication.message.stored_bytes
    return end


def _ended_as(delivery: Delivery, *, all_stay: bool) -> EndedAs:
    failure = delivery.failure
    if failure is not None and failure.goes_to == "dead_letter_queue":
        return "dead_letter"
    if delivery.has_failed:
        return "failed"
    if failure is not None or all_stay:
        return "handed_back"
    if not isinstance(delivery, Attempt):
        return "done"
    if delivery.skipped == "expired":
        return "expired"
    standing = delivery.kept or delivery.outcome
    if delivery.skipped == "cancelled" or (standing is not None and standing.kind == "cancelled"):
        return "cancelled"
    if standing is not None and standing.kind == "expired":
        return "expired"
    return "duplicate" if delivery.is_duplicate or delivery.skipped == "joined" else "done"
