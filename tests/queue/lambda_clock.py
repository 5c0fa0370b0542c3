"""Lambda's clock in a test's hand, so that none depends on how fast its coroutines are."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from .events import LambdaContext

if TYPE_CHECKING:
    import pytest


class LambdaClock:
    """What Lambda's context and the event loop take for the time.

    In the context no time passes but what a test says; for the event loop that does besides.

    Args:
        monkeypatch: What gives the event loops their own clocks back.

    Attributes:
        context: Lambda's context, of a function that ends 30 seconds from now.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.context = LambdaContext()
        self._monkeypatch = monkeypatch
        self._passed = 0.0

    def goes_on(self, seconds: float) -> None:
        """Let time pass, for the event loop of the coroutine that says so too."""
        self.context.millis_left -= 1000 * seconds
        self._passed += seconds
        self._monkeypatch.setattr(
            asyncio.get_running_loop(), "time", lambda: time.monotonic() + self._passed
        )
