"""Under which ids, and where, it stands what came of the Tasks of a batch."""

from __future__ import annotations

from algernon_storage import Outcomes

from .batch import Batch
from .delivery import Attempt


def outcomes_of(attempt: Attempt) -> Outcomes:
    """Return where it stands what came of all that was sent, with the Task of this attempt."""
    membership = attempt.message.membership
    if membership is None:
        return Outcomes()
    return Outcomes(bucket=membership.bucket, folder=membership.folder)


def notes_failures(batch: Batch, attempt: Attempt) -> bool:
    """Tell whether somebody may ask why the Task of an attempt failed."""
    message = attempt.message
    return message.then.result_id is not None or batch.worker.ledger_of(message) is not None


def failed_ids(attempt: Attempt) -> set[str]:
    """Return the ids under which the failure of a Task is noted."""
    message = attempt.message
    return {message.task_id} if message.result_id is None else {message.task_id, message.result_id}
