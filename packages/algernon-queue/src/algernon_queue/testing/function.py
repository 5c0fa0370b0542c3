"""A Lambda function that works off queues, in the process itself."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from .client import REGION
from .lambda_context import ACCOUNT, LambdaContext

LambdaHandler = Callable[[Any, Any], Any]


class Function:
    """A Lambda function.

    Args:
        name: Its name.
        handler: What Lambda calls.
        timeout: How long an invocation may take, in seconds.
        memory: How much memory it says that it has, in MB.

    Attributes:
        name: Its name.
        timeout: How long an invocation may take, in seconds.
    """

    def __init__(self, name: str, handler: LambdaHandler, timeout: float, memory: int) -> None:
        self.name = name
        self._arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        self._handler = handler
        self.timeout = timeout
        self._memory = memory

    def invoke(self, event: dict[str, Any]) -> Any:
        """Call the handler, and return its answer."""
        ends_at = monotonic() + self.timeout
        context = LambdaContext(self.name, self._arn, ends_at, memory_limit_in_mb=str(self._memory))
        return self._handler(event, context)
