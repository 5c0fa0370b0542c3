"""The exit statuses of verbs that tell by them what came of what they were to do."""

from __future__ import annotations

from ..errors import ProgramError

_FAILED, _CANCELLED, _EXPIRED, _TIMED_OUT = 3, 4, 5, 6

#: What their --help says of them.
STATUSES = (
    f"It ends with 0 when the result is there, with {_FAILED} when what was sent has failed for"
    f" good, {_CANCELLED} when it was cancelled, {_EXPIRED} when it has expired, {_TIMED_OUT} when"
    " it isn't there in time, and with 1 when anything else is wrong."
)


def status_of(error: Exception) -> int:
    """Return the status with which the command ends for an error."""
    from algernon_queue import (
        ResultTimeoutError,
        TaskCancelledError,
        TaskExpiredError,
        TaskFailedError,
    )

    match error:
        case TaskFailedError():
            return _FAILED
        case TaskCancelledError():
            return _CANCELLED
        case TaskExpiredError():
            return _EXPIRED
        case ResultTimeoutError():
            return _TIMED_OUT
        case ProgramError():
            return error.status
    return 1
