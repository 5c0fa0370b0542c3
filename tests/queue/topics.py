"""What SNS takes in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..wire import Call

SNS_LIMIT = 256 * 1024  # bytes of all messages of a call, and of their attributes


def messages_in(call: Call) -> list[str]:
    """Return the messages that a PublishBatch carries."""
    return [text for name, text in call.form.items() if name.endswith(".Message")]
