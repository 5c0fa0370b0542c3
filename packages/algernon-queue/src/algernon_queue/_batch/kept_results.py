"""Keeping the results of all that was sent, for whoever asks for them, and for joins."""

from __future__ import annotations

from algernon_storage import Outcome

from .._aws.parallel import in_parallel
from .batch import Batch
from .delivery import Attempt, going
from .failures import fail
from .outcome_ids import outcomes_of


def keep_results(batch: Batch, attempts: list[Attempt]) -> None:
    """Write what came of all that was sent where the batch's Tasks end that, in parallel.

    This goes for a batch that stays whole too, so that none of them runs again.
    """
    ending = [attempt for attempt in going(attempts) if attempt.kept_id is not None]
    answers = in_parallel(lambda attempt: attempt.do(_keep, attempt), ending)
    for attempt, answer in zip(ending, answers, strict=True):
        if isinstance(answer, Exception):
            fail(batch, attempt, answer)
        else:
            attempt.kept, attempt.kept_text = answer


def _keep(attempt: Attempt) -> tuple[Outcome, bytes | None]:
    """Return the outcome that stands, with its text where that is known."""
    outcomes, result_id = outcomes_of(attempt), str(attempt.kept_id)
    if attempt.outcome is not None:
        # What the ledger has stands, whatever this run returned.
        standing, _ = outcomes.copy(result_id, attempt.outcome)
        return standing, None
    message = attempt.message
    document = attempt.document
    standing, is_ours = outcomes.write(
        result_id,
        document,
        kind="expired" if attempt.skipped == "expired" else "done",
        ends_chain=attempt.ends_chain,
        is_kept=True,
        task_name=message.task_name if result_id == message.task_id else None,
    )
    return standing, document.data if is_ours else None
