"""What Lambda hands to a function beside the event."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from time import monotonic
from uuid import uuid4

#: The account of what tests make up: AWS's own documents have it.
ACCOUNT = "123456789012"


def region() -> str:
    """Return the region that the environment names, or one in its place."""
    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return named or "us-east-1"


def lambda_context(seconds_left: float = 30.0, *, function_name: str = "worker") -> LambdaContext:
    """Return a context as Lambda hands it to a function, whose time runs from now on.

    Args:
        seconds_left: For how many seconds the function may still run.
        function_name: The function's name, which is in its ARN too. The region is
            `AWS_REGION`, or ``us-east-1``.

    Example:
        >>> from algernon_queue.testing import lambda_context
        >>> context = lambda_context(seconds_left=3)
        >>> 0 < context.get_remaining_time_in_millis() <= 3000
        True
    """
    arn = f"arn:aws:lambda:{region()}:{ACCOUNT}:function:{function_name}"
    return LambdaContext(function_name, arn, monotonic() + seconds_left)


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """A context: AWS Lambda Developer Guide, "Using the Lambda context object".

    Attributes:
        function_name: The function's name.
        invoked_function_arn: Its ARN.
        ends_at: When Lambda ends it, by the monotonic clock.
        function_version: Its version.
        memory_limit_in_mb: Its memory, in MB, which Lambda writes as a text.
        aws_request_id: The id of the invocation.
        log_group_name: The log group of its lines.
        log_stream_name: The log stream of this instance of it.
        identity: Who calls, for functions that a mobile application calls.
        client_context: What that application says of itself.
    """

    function_name: str
    invoked_function_arn: str
    ends_at: float
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "256"
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    log_group_name: str = ""
    log_stream_name: str = field(default_factory=lambda: uuid4().hex)
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Return for how many milliseconds the function may still run."""
        return max(0, int((self.ends_at - monotonic()) * 1000))
