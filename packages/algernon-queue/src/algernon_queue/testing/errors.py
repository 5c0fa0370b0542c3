"""What can go wrong with a system in memory."""

from __future__ import annotations

from ..errors import QueueError


class NotEmulatedError(QueueError, NotImplementedError):
    """Raised when something is asked of AWS that isn't there in memory."""


class EndlessSystemError(QueueError):
    """Raised when Tasks send so many others that a system is taken for one that never ends."""
