"""What is known already of the Tasks of a batch, so that they aren't run again, or at all."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from algernon_storage import Outcome

from .._aws.clock import now
from .batch import Batch
from .delivery import Attempt, going
from .failures import fail
from .lookup import Lookup
from .outcome_ids import failed_ids, notes_failures, outcomes_of
from .receives import worker_lost

if TYPE_CHECKING:
    from .groups import Groups

logger = logging.getLogger("algernon_queue")

# What joins take, which is kept back of Lambda's time for the members of groups.
_JOIN_SECONDS = 3.0


class Known:
    """What is looked up of a batch's Tasks before they run, besides claims.

    Args:
        batch: The batch.
        attempts: Those that are well so far.
        groups: The groups whose members there are among them, if there are any.
    """

    def __init__(self, batch: Batch, attempts: list[Attempt], groups: Groups | None) -> None:
        self._batch = batch
        self._attempts = attempts
        self._found: dict[Attempt, Outcome] = {}
        self._groups = groups

    @property
    def lookups(self) -> list[Lookup]:
        """What is to be looked up."""
        lookups = [] if self._groups is None else self._groups.lookups
        for attempt in self._attempts:
            if (known_id := self._known_id(attempt)) is not None:
                look = partial(attempt.do, outcomes_of(attempt).find, known_id)
                lookups.append(Lookup(look, partial(self._note_outcome, attempt)))
            if notes_failures(self._batch, attempt) and attempt.record.is_redriven:
                look = partial(attempt.do, _forget_failures, attempt)
                lookups.append(Lookup(look, partial(_note_forgetting, attempt)))
        return lookups

    def _known_id(self, attempt: Attempt) -> str | None:
        """Return the id under which it may stand what came of a Task, besides in its ledger."""
        message, ledger = attempt.message, self._batch.worker.ledger
        if message.result_id is not None and _may_be_known(attempt):
            return message.result_id
        # Whoever cancels it knows of no ledger that its worker has elsewhere.
        if message.once and ledger is not None and not ledger.is_the_workers_own:
            return message.result_id or message.task_id
        return None

    def _note_outcome(self, attempt: Attempt, answer: Outcome | Exception | None) -> None:
        if isinstance(answer, Exception):
            fail(self._batch, attempt, answer)
        elif answer is not None:
            self._found[attempt] = answer

    def apply(self) -> None:
        """Have nothing run that is done, or cancelled, or too late."""
        if self._groups is not None:
            self._groups.check_members(self._attempts)
        for attempt in going(self._attempts):
            found = self._found.get(attempt)
            if found or attempt.is_extra or attempt.message.expires_at is not None:
                self._apply_to(attempt, found)

    def _apply_to(self, attempt: Attempt, found: Outcome | None) -> None:
        if attempt.skipped is not None or attempt.outcome is not None:
            return
        is_under_ledger = self._batch.worker.ledger_of(attempt.message) is not None
        # What ended a chain ends it for all of its Tasks. A result may be that of another chain,
        # sent under the same unique key, but then there is a ledger, which knows better.
        if found is not None and (
            found.kind != "done"
            or (not is_under_ledger and attempt.message.ends_its_chain and _came_before(attempt))
        ):
            attempt.leave(found)
        elif attempt.is_extra and not is_under_ledger:
            fail(self._batch, attempt, worker_lost("or has never run"))
        elif not attempt.is_claimed_elsewhere and _has_expired(attempt):
            attempt.skipped = "expired"


def groups_of(batch: Batch, attempts: list[Attempt]) -> Groups | None:
    """Return the groups whose members there are among some attempts, if there are any."""
    if all(attempt.message.membership is None for attempt in attempts):
        return None
    # What few cold starts need.
    from .groups import Groups

    batch.deadline.keep_back(_JOIN_SECONDS)
    return Groups(batch, attempts)


def _may_be_known(attempt: Attempt) -> bool:
    # A chain is cancelled by its own outcome, at which each of its Tasks looks.
    is_in_chain = attempt.message.task_id != attempt.message.result_id
    return is_in_chain or _came_before(attempt)


def _came_before(attempt: Attempt) -> bool:
    return attempt.record.receive_count > 1 or attempt.record.is_redriven


def _has_expired(attempt: Attempt) -> bool:
    expires_at = attempt.message.expires_at
    # Who redrives a message wants it run.
    return expires_at is not None and now() > expires_at and not attempt.record.is_redriven


def _forget_failures(attempt: Attempt) -> None:
    for task_id in failed_ids(attempt):
        outcomes_of(attempt).forget_failure(task_id)


def _note_forgetting(attempt: Attempt, problem: Exception | None) -> None:
    # It says no more than that the Task has failed, and loses against what comes of it.
    if problem is not None:
        what = "the failure that %s had before can't be removed: %s"
        attempt.do(logger.warning, what, attempt, problem)
