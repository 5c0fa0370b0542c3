"""Calls that take many entries, each of which AWS takes or refuses alone.

PublishBatch of SNS, and SendMessageBatch and ChangeMessageVisibilityBatch of SQS,
have the same form: so many entries and bytes a call, and an answer that lists
those that were ``Successful`` and those that ``Failed``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from random import uniform
from time import monotonic, sleep
from typing import Any

from .errors import RefusedEntryError
from .parallel import in_parallel

# Amazon SNS API Reference, PublishBatch; Amazon SQS API Reference, SendMessageBatch and
# ChangeMessageVisibilityBatch.
_MAX_ENTRIES = 10

# Botocore tries a call again that was throttled as a whole, but knows nothing of entries.
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a call.

    Attributes:
        destination: The topic or queue that the call is for.
        fields: The entry as the API wants it, but for its Id.
        size: The bytes that count against the call's limit.
    """

    destination: str
    fields: Mapping[str, Any]
    size: int = 0


Call = Callable[[str, list[dict[str, Any]]], Mapping[str, Any]]


def send_entries(
    entries: Sequence[Entry], call: Call, *, max_bytes: float = inf, seconds: float = inf
) -> list[Exception | None]:
    """Send entries in as few calls as their limits allow, those calls in parallel.

    Entries that AWS refuses through no fault of theirs, above all the throttled
    ones, are tried again, after waits that grow and are chosen by chance.

    Args:
        entries: The entries.
        call: Makes one call, of a destination and entries with an Id.
        max_bytes: The bytes that one call takes.
        seconds: The time after which nothing is tried again.

    Returns:
        In order, None for each entry that was taken, else the error.
    """
    if not entries:
        return []
    outcomes: list[Exception | None] = [None] * len(entries)
    deadline = monotonic() + seconds
    todo = list(range(len(entries)))
    for tried in range(1, _TRIES + 1):
        calls = list(_calls(entries, todo, max_bytes))
        answers = in_parallel(lambda indexes: _make(call, entries, indexes), calls)
        for indexes, answer in zip(calls, answers, strict=True):
            for index in indexes:
                outcomes[index] = answer if isinstance(answer, Exception) else answer.get(index)
        todo = [index for index in todo if _is_temporary(outcomes[index])]
        wait = uniform(0, _FIRST_WAIT_SECONDS * 2**tried)  # noqa: S311 - spreads load
        if not todo or tried == _TRIES or monotonic() + wait > deadline:
            break
        sleep(wait)
    return outcomes


def _is_temporary(error: Exception | None) -> bool:
    return isinstance(error, RefusedEntryError) and error.is_temporary


def _calls(entries: Sequence[Entry], todo: list[int], max_bytes: float) -> Iterator[list[int]]:
    by_destination: dict[str, list[int]] = {}
    for index in todo:
        by_destination.setdefault(entries[index].destination, []).append(index)
    for indexes in by_destination.values():
        call: list[int] = []
        size = 0
        for index in indexes:
            if call and (len(call) == _MAX_ENTRIES or size + entries[index].size > max_bytes):
                yield call
                call, size = [], 0
            call.append(index)
            size += entries[index].size
        yield call


def _make(call: Call, entries: Sequence[Entry], indexes: list[int]) -> dict[int, Exception]:
    """Make one call, and return the errors of the entries that weren't taken."""
    answer = call(
        entries[indexes[0]].destination,
        [{"Id": str(index), **entries[index].fields} for index in indexes],
    )
    taken = {entry["Id"] for entry in answer.get("Successful", ())}
    reasons = {entry["Id"]: entry for entry in answer.get("Failed", ())}
    return {
        index: RefusedEntryError.of(reasons.get(str(index), {}))
        for index in indexes
        if str(index) not in taken
    }
