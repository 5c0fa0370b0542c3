"""A ledger, asked in one form, whichever it is."""

from __future__ import annotations

from inspect import signature
from typing import Any, Self

from algernon_serialize import ajson
from algernon_storage import Claim, Document, Ledger, Outcome, S3Ledger

from .._wire.message import Message


class TaskLedger:
    """What a worker asks of its ledger.

    Args:
        ledger: The ledger, which may be one of the user's own.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._takes_name = "task_name" in signature(ledger.claim).parameters
        self._takes_document = (
            isinstance(ledger, S3Ledger) and type(ledger).finish is S3Ledger.finish
        )

    @classmethod
    def of(cls, once: bool | Ledger) -> Self | None:  # noqa: FBT001 - the option as it was given
        """Return the ledger that the option `once` asks for, or None where it asks for none."""
        if isinstance(once, bool):
            return cls(S3Ledger()) if once else None
        return cls(once)

    def claim(self, message: Message, seconds: float) -> Claim | Outcome | None:
        """Claim the Task of a message, whose run can take so many seconds from now."""
        claim: Any = self._ledger.claim
        name = {"task_name": message.task_name} if self._takes_name else {}
        answer: Claim | Outcome | None = claim(message.task_id, seconds, **name)
        return answer

    def finish(self, claim: Claim, document: Document, *, ends_chain: bool) -> Outcome:
        """Note a Task's result, and return the one that stands: the first."""
        result: Any = document
        if not self._takes_document:
            # A ledger of somebody's own gets plain JSON, which `ajson` writes as it stands.
            result = ajson.loads(document.data, rebuild=False)
        return self._ledger.finish(claim, result, ends_chain=ends_chain)

    def release(self, claim: Claim) -> None:
        """Give a claim back, because the Task failed or wasn't started."""
        self._ledger.release(claim)
