"""The deliveries of ministack from queues to functions, which may be held up for a while.

So no message meets code that is half replaced: a function that doesn't know its Task any more, or
not yet.

This is part of the process of ministack, whose functions it replaces.
"""

from __future__ import annotations

from threading import Event
from typing import Any

# What a process that started ministack tells it through the leash.
HOLD = b"h"
GO_ON = b"g"


class Deliveries:
    """What takes messages from queues to functions."""

    def __init__(self) -> None:
        self._held = Event()

    def install(self) -> None:
        """Have ministack ask before it takes messages for a function."""
        from ministack.services import sqs

        receive = sqs._receive_messages_for_esm

        def receive_unless_held(*arguments: Any) -> Any:
            return [] if self._held.is_set() else receive(*arguments)

        sqs._receive_messages_for_esm = receive_unless_held

    def hold(self) -> None:
        """Take no more messages; what was taken goes on."""
        self._held.set()

    def go_on(self) -> None:
        """Take messages again."""
        from ministack.services import lambda_svc

        self._held.clear()
        lambda_svc._esm_wake.set()
