"""What is known in S3 of the Task of a dead letter: why it failed, and what came of it since."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from .body import LetterBody

if TYPE_CHECKING:
    from algernon_storage import FailureNote, Outcome, Outcomes

    from .letter import Letter
    from .reader import Taken

# A claim is smaller, and only whether it is there counts.
_MOST_OF_A_CLAIM = 1


class LetterOutcome:
    """What stands of the Task of a letter in the bucket of its system, or of its group.

    This process has to be led to the system. Where it knows of no bucket, or the group lies in
    one that isn't the system's own or a trusted one, or where nothing can be, nothing is known.

    Args:
        letter: The letter.
        body: Its body.

    Example:
        >>> LetterOutcome.of(taken).forget()  # doctest: +SKIP
    """

    @classmethod
    def of(cls, taken: Taken) -> Self:
        """Return that of a letter that is held."""
        return cls(taken.letter, LetterBody(taken.message["Body"]))

    def __init__(self, letter: Letter, body: LetterBody) -> None:
        self._task_id = letter.dead.task_id
        self._result_id = letter.dead.result_id
        message = None if self._result_id is None else body.message
        callback: Any = None if message is None else message.get("callback")
        self._group: Any = callback.get("group") if isinstance(callback, dict) else None
        self._ends_chain = message is not None and _ends_its_chain(message, callback)

    def forget(self) -> None:
        """Remove the notes of why it failed, as its worker does once it runs again.

        Raises:
            algernon_storage.StorageError: The bucket isn't there, which with `is_elsewhere` is
                one that a message names.
            botocore.exceptions.ClientError: S3 refuses, such as for the right
                ``s3:DeleteObject``.
        """
        if (outcomes := self._outcomes()) is not None:
            for each in self._ids:
                outcomes.forget_failure(each)

    def find(self) -> Outcome | FailureNote | None:
        """Return what came of it for good, or else why it failed, or None where nothing is known.

        Of a group that lies elsewhere, nothing is known where that can't be read.

        Raises:
            algernon_storage.StorageError: What stands there is something else.
            botocore.exceptions.ClientError: S3 refuses, such as for the right ``s3:GetObject``.
        """
        from algernon_storage import StorageError

        if (outcomes := self._outcomes()) is None:
            return None
        try:
            return self._found_in(outcomes)
        except (StorageError, ClientError, BotoCoreError):
            # Where that is, a message says, and it must not stop what is to come of others.
            if self.is_elsewhere:
                return None
            raise

    def _found_in(self, outcomes: Outcomes) -> Outcome | FailureNote | None:
        for each in self._ids:
            if (outcome := outcomes.find(each)) is not None:
                return outcome
        # In a chain, the failure that stands under the chain's id may be a later Task's.
        return None if self._task_id is None else outcomes.failure(self._task_id)

    def is_expected(self) -> bool:
        """Tell whether an outcome is written when its Task is done.

        That is so of what runs under the ledger in the system's bucket, and of the last Task
        of what was sent with `keep_result`, or is a member of a group.
        """
        from algernon_storage import Objects

        if self._result_id is not None and self._ends_chain and self._outcomes() is not None:
            return True
        if self._task_id is None or not os.environ.get("ALGERNON_BUCKET_NAME"):
            return False
        return Objects().find(f"{self._task_id}!claim", most=_MOST_OF_A_CLAIM) is not None

    @property
    def is_elsewhere(self) -> bool:
        """Whether its group lies elsewhere than what the system keeps itself."""
        from algernon_storage import Objects

        own = {"bucket": os.environ.get("ALGERNON_BUCKET_NAME"), "folder": Objects().folder}
        return bool(self._place) and self._place != own

    @property
    def _place(self) -> dict[str, str]:
        match self._group:
            case {"bucket": str(bucket), "folder": str(folder)}:
                return {"bucket": bucket, "folder": folder}
        return {}

    @property
    def _ids(self) -> list[str]:
        own = (self._task_id, self._result_id)
        return list(dict.fromkeys(each for each in own if each is not None))

    def _outcomes(self) -> Outcomes | None:
        """Return where it stands what came of the Task, or None where that isn't looked at."""
        from algernon_storage import Objects, Outcomes, StorageError

        objects = Objects(**self._place)
        try:
            # A message says where its group lies.
            objects.check_trust()
            for each in self._ids:
                objects.place(f"{each}!failed")  # or S3 has no room for such a key
        except StorageError:
            return None
        return Outcomes(**self._place)


def _ends_its_chain(message: Any, callback: Any) -> bool:
    chain = callback.get("chain") if isinstance(callback, dict) else callback
    if not isinstance(chain, str):
        return True
    return bool(message.get("callback_position") == chain.count("#"))
