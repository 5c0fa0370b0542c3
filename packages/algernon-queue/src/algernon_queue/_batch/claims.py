"""Claims in the ledger, so that a Task that is done isn't run again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import isfinite
from operator import call

from algernon_storage import Claim, Expansion, Outcome

from .._aws.parallel import in_parallel
from ..errors import TaskRunningError
from .batch import Batch
from .delivery import Attempt, going
from .failures import fail
from .lookup import Lookup
from .receives import worker_lost

logger = logging.getLogger("algernon_queue")

# AWS Lambda Developer Guide, "Lambda quotas": the longest that a function may run, in seconds.
_LONGEST_RUN = 900

Answer = Claim | Outcome | Expansion | None


def claim_lookups(batch: Batch, attempts: list[Attempt]) -> list[Lookup]:
    """Return what claims the Task of each attempt that there is a ledger for."""
    left = batch.deadline.seconds_left()
    seconds = left if isfinite(left) else _LONGEST_RUN
    lookups = []
    for attempt in attempts:
        ledger = batch.worker.ledger_of(attempt.message)
        if ledger is not None:
            claim = partial(attempt.do, ledger.claim, attempt.message, seconds)
            lookups.append(Lookup(claim, partial(_note_claim, batch, attempt)))
    return lookups


def _note_claim(batch: Batch, attempt: Attempt, answer: Answer | Exception) -> None:
    """Note what the ledger said of an attempt's Task."""
    match answer:
        case Claim():
            attempt.claim = answer
            if attempt.is_extra and answer.may_have_run:
                fail(batch, attempt, worker_lost("or came with one that does"))
        case Outcome():
            attempt.outcome = answer
        case Expansion():
            attempt.expansion = answer.group_id
        case Exception():
            fail(batch, attempt, answer)
        case None:
            attempt.is_claimed_elsewhere = True


def leave_to_others(batch: Batch, attempts: list[Attempt]) -> None:
    """Leave in the queue what another worker runs, unless nothing is to come of it any more."""
    for attempt in going(attempts):
        if attempt.is_claimed_elsewhere and attempt.is_to_run:
            fail(batch, attempt, TaskRunningError("another worker runs this Task right now"))


def finish_claims(batch: Batch, attempts: list[Attempt]) -> None:
    """Note in the ledger what the Tasks returned, in parallel.

    This goes for a batch that stays whole too, so that none of them runs again.
    """
    finishing = []
    calls: list[Callable[[], Outcome]] = []
    for attempt in going(attempts):
        claim = attempt.claim
        if claim is None or attempt.expansion is not None or attempt.outcome is not None:
            continue
        ledger = batch.worker.ledger_of(attempt.message)
        if ledger is None:
            continue
        finishing.append(attempt)
        if attempt.skipped == "expired":
            calls.append(partial(attempt.do, ledger.expire, claim))
        else:
            is_kept = attempt.kept_id == attempt.message.task_id
            finish = partial(ledger.finish, claim, attempt.document, is_kept=is_kept)
            calls.append(partial(attempt.do, finish, ends_chain=attempt.ends_chain))
    for attempt, answer in zip(finishing, in_parallel(call, calls), strict=True):
        if isinstance(answer, Outcome):
            attempt.outcome = answer
        else:
            # It may be noted all the same: the claim is left to lapse.
            attempt.claim = None
            fail(batch, attempt, answer)


def release_claims(batch: Batch, attempts: list[Attempt]) -> None:
    """Give back the claims of Tasks that failed or weren't started, so that they can run again."""
    releasing = []
    calls: list[Callable[[], None]] = []
    for attempt in attempts:
        claim = attempt.spare_claim
        if attempt.failure is not None and attempt.outcome is None:
            claim = attempt.claim or claim
        if claim is None:
            continue
        ledger = batch.worker.ledger_of(attempt.message)
        if ledger is not None:
            may_have_run = attempt.run is not None or claim.may_have_run
            releasing.append(attempt)
            calls.append(
                partial(attempt.do, ledger.release, replace(claim, may_have_run=may_have_run))
            )
    for attempt, problem in zip(releasing, in_parallel(call, calls), strict=True):
        if problem is not None:
            attempt.do(
                logger.warning, "a claim is left to lapse, since it can't be released: %s", problem
            )
