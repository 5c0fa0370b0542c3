"""Asking AWS for what one may be allowed to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from .refusals import DENIED

T = TypeVar("T")


@dataclass(slots=True)
class Asking:
    """Asks AWS, and notes which rights are missing for an answer.

    Attributes:
        missing_rights: The actions that whoever asks isn't allowed.
    """

    missing_rights: set[str] = field(default_factory=set)

    def ask(self, action: str, call: Callable[[], T]) -> T | None:
        """Return what a call gives, or None where the right for it is missing.

        Args:
            action: The right that it takes, such as ``sqs:GetQueueAttributes``.
            call: The call.

        Raises:
            botocore.exceptions.ClientError: It was refused for another reason.
        """
        from botocore.exceptions import ClientError

        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            self.missing_rights.add(action)
            return None
