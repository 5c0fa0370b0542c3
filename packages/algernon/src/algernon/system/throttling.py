"""Waiting while AWS throttles, for longer than boto3 would, and saying so."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

# AWS SDKs and Tools Reference Guide, "Retry behavior": the errors of standard mode that are
# throttling. (503 is S3's, of a HEAD whose answer has no body to hold a code.)
THROTTLED = frozenset(
    {
        "503",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)

# Two and a half minutes at most, and half of that on average.
_MOST_TRIES = 12
_LONGEST_PAUSE = 20


def is_throttled(error: Any) -> bool:
    """Tell whether AWS refused a call since it is asked too much.

    Args:
        error: A `botocore.exceptions.ClientError`.
    """
    return error.response.get("Error", {}).get("Code") in THROTTLED


def wait_while_throttled(session: Any, tell: Callable[[str], object]) -> None:
    """Have a session's clients wait and ask again while AWS throttles, and say so once.

    boto3's five tries last a few seconds, which is less than whoever moves thousands of
    messages beside a busy system may have to wait. All else that boto3 tries again, such as
    an endpoint that isn't reached, it tries as often as ever. Where a number of tries is
    configured (``max_attempts``, ``AWS_MAX_ATTEMPTS``), that holds here too.

    Args:
        session: The botocore session that the clients are made by, later.
        tell: What is said goes there.

    Example:
        >>> wait_while_throttled(botocore.session.get_session(), print)  # doctest: +SKIP
    """
    is_limited = session.get_config_variable("max_attempts") is not None
    told: list[str] = []

    def pause(
        response: tuple[Any, dict[str, Any]] | None, attempts: int, operation: Any, **_: object
    ) -> float | None:
        code = response[1].get("Error", {}).get("Code") if response else None
        if code not in THROTTLED:
            return None
        if not told:
            service = operation.service_model.signing_name
            told.append(service)
            tell(f"AWS throttles {service}:{operation.name} ({code}): waiting, and asking again")
        if is_limited or attempts >= _MOST_TRIES:
            return None
        return _pause_after(attempts)

    session.register("needs-retry", pause)


def _pause_after(attempts: int) -> float:
    """Return a random number of seconds, so that those who wait don't come back together."""
    return random.random() * min(2.0 ** (attempts - 1), _LONGEST_PAUSE)  # noqa: S311
