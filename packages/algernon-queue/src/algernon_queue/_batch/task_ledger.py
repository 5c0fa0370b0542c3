"""A ledger, asked in one form, whichever it is."""

from __future__ import annotations

from inspect import signature
from typing import Any, Self

from algernon_serialize import ajson
from algernon_storage import (
    Claim,
    Document,
    Expansion,
    Ledger,
    Outcome,
    S3Ledger,
    SettlingLedger,
)

from .._wire.message import Message


class TaskLedger:
    """What a worker asks of its ledger.

    Args:
        ledger: The ledger, which may be one of the user's own.
        is_the_workers_own: Whether it lies where the worker's other objects do.
    """

    def __init__(self, ledger: Ledger, *, is_the_workers_own: bool = False) -> None:
        self._ledger = ledger
        self.is_the_workers_own = is_the_workers_own
        self._takes_name = "task_name" in signature(ledger.claim).parameters
        self._takes_document = (
            isinstance(ledger, S3Ledger) and type(ledger).finish is S3Ledger.finish
        )

    @classmethod
    def of(cls, once: bool | Ledger) -> Self | None:  # noqa: FBT001 - the option as it was given
        """Return the ledger that the option `once` asks for, or None where it asks for none."""
        if isinstance(once, bool):
            return cls(S3Ledger(), is_the_workers_own=True) if once else None
        return cls(once)

    def claim(self, message: Message, seconds: float) -> Claim | Outcome | Expansion | None:
        """Claim the Task of a message, whose run can take so many seconds from now."""
        claim: Any = self._ledger.claim
        name = {"task_name": message.task_name} if self._takes_name else {}
        answer: Claim | Outcome | Expansion | None = claim(message.task_id, seconds, **name)
        return answer

    def finish(
        self, claim: Claim, document: Document, *, ends_chain: bool, is_kept: bool
    ) -> Outcome:
        """Note a Task's result, and return the one that stands: the first."""
        if self._takes_document and isinstance(self._ledger, S3Ledger):
            return self._ledger.finish(claim, document, ends_chain=ends_chain, is_kept=is_kept)
        # A ledger of somebody's own gets plain JSON, which `ajson` writes as it stands.
        result = ajson.loads(document.data, rebuild=False)
        return self._ledger.finish(claim, result, ends_chain=ends_chain)

    def expire(self, claim: Claim) -> Outcome:
        """Note that a Task came too late to be run, and return what came of it."""
        if isinstance(self._ledger, SettlingLedger):
            outcome, _ = self._ledger.settle(claim.task_id, "expired", task_name=claim.task_name)
            return outcome
        return self._ledger.finish(claim, {}, ends_chain=True)

    def expand(self, claim: Claim, group_id: str) -> None:
        """Note that a Task returned a group, which is written down."""
        # Elsewhere the Task runs again, and finds the group that it has begun.
        if isinstance(self._ledger, SettlingLedger):
            self._ledger.expand(claim, group_id)

    def release(self, claim: Claim) -> None:
        """Give a claim back, because the Task failed or wasn't started."""
        self._ledger.release(claim)
