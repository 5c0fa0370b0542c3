"""Calls that take many entries, each of which is taken or refused alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from .sqs_message import Attributes

# Amazon SNS API Reference, PublishBatch; Amazon SQS API Reference, SendMessageBatch and
# ChangeMessageVisibilityBatch.
_MOST_ENTRIES = 10

Entry = Mapping[str, Any]


class Refusal(NamedTuple):
    """Why a call, or an entry of it, isn't taken: AWS's code, and what it says."""

    code: str
    message: str


def refusal_of(
    entries: Sequence[Entry], text: str = "", *, most_bytes: float = inf
) -> Refusal | None:
    """Return why a call with entries isn't taken, or None if it is.

    Args:
        entries: The entries.
        text: The name of the parameter that has an entry's text, which counts with its
            attributes.
        most_bytes: How many bytes all of that may have.
    """
    ids = [entry["Id"] for entry in entries]
    if not ids:
        return Refusal("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(ids) > _MOST_ENTRIES:
        most = f"Maximum number of entries per request are {_MOST_ENTRIES}."
        return Refusal("TooManyEntriesInBatchRequest", f"{most} You have sent {len(ids)}.")
    if len({*ids}) < len(ids):
        return Refusal("BatchEntryIdsNotDistinct", "Two entries in the request have the same Id.")
    size = sum(_size(entry, text) for entry in entries) if text else 0
    if size > most_bytes:
        most = f"Batch requests cannot be longer than {most_bytes} bytes."
        return Refusal("BatchRequestTooLong", f"{most} You have sent {size} bytes.")
    return None


def missing_on_fifo(entry: Entry) -> Refusal | None:
    """Return why a FIFO topic or queue doesn't take an entry, or None if it does."""
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        if not entry.get(name):
            message = f"The request must contain the parameter {name}."
            return Refusal("MissingParameter", message)
    return None


def taken_or_failed(
    entries: Sequence[Entry], take: Callable[[Entry], Mapping[str, Any] | Refusal]
) -> dict[str, list[dict[str, Any]]]:
    """Return what the answer says of entries, each of which is taken or refused alone.

    Args:
        entries: The entries.
        take: Takes one, and returns what is said of it; or returns why it isn't taken.
    """
    answer: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
    for entry in entries:
        told = take(entry)
        if isinstance(told, Refusal):
            why = {"Code": told.code, "Message": told.message, "SenderFault": True}
            answer["Failed"].append({"Id": entry["Id"], **why})
        else:
            answer["Successful"].append({"Id": entry["Id"], **told})
    return answer


def _size(entry: Entry, text: str) -> int:
    attributes: Attributes = entry.get("MessageAttributes", {})
    size = len(entry[text].encode())
    for name, attribute in attributes.items():
        value = attribute.get("StringValue", "").encode() or attribute.get("BinaryValue", b"")
        size += len(name.encode()) + len(attribute["DataType"].encode()) + len(value)
    return size
