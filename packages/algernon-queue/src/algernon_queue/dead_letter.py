"""A dead letter: a message that was given up, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from ._wire.envelope import Envelope
from ._wire.message import Message
from ._wire.record import LETTER_ATTRIBUTE, REASON_PREFIX, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message in a Task's dead-letter queue, and why it is there.

    Attributes:
        task: The Task's name.
        error: The name of the error's class, or None where SQS itself moved the
            message, which says nothing of why.
        reason: What the error says, or None as for `error`.
        receive_count: How often the message was received.
        task_id: The Task's id, or None where the message can't be read.
        chain_id: The id of the chain that it belongs to, or None as for `task_id`.
        result_id: The id under which the result that it is about is awaited: what was sent
            with `keep_result`, or a member of a group. None where nobody awaits one.
        group_id: The id of the group whose member it is, alone or in a chain, and which waits
            for it; or None.

    Example:
        ``assert [letter.error for letter in system.dead_letters] == ["CardDeclinedError"]``
    """

    task: str
    error: str | None
    reason: str | None
    receive_count: int
    task_id: str | None
    chain_id: str | None
    result_id: str | None = None
    group_id: str | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any], queue_of: str) -> Self:
        """Return the dead letter that a record is, of the queue of a Task.

        Args:
            record: The record, as Lambda would hand it over.
            queue_of: The name of the Task whose queue it was in.
        """
        found = Record(record, record["messageId"])
        reasons = _reasons(found)
        message = _message(found)
        member = message.membership if message else None
        return cls(
            task=reasons.get("task_name") or (message.task_name if message else queue_of),
            error=reasons.get("error"),
            reason=reasons.get("reason"),
            receive_count=_number(reasons.get("receive_count")) or found.receive_count,
            task_id=message.task_id if message else None,
            chain_id=message.chain_id if message else None,
            result_id=message.result_id if message else None,
            group_id=member.group_id if member else None,
        )


def _reasons(record: Record) -> dict[str, str]:
    """Return what a worker noted, whatever else is in attributes that are called as its are."""
    noted = {
        name: attribute.get("stringValue") for name, attribute in record.message_attributes.items()
    }
    with suppress(TypeError, ValueError, RecursionError):
        noted |= json.loads(noted.get(LETTER_ATTRIBUTE) or "{}")
    return {
        name.removeprefix(REASON_PREFIX): text
        for name, text in noted.items()
        if name.startswith(REASON_PREFIX) and isinstance(text, str)
    }


def _number(text: str | None) -> int | None:
    with suppress(ValueError):  # it may have more digits than Python reads
        return int(text) if text and text.isdecimal() else None
    return None


def _message(record: Record) -> Message | None:
    with suppress(Exception):  # that it can't be read may be why it is there
        return Message.of(Envelope.of(record))
    return None
