"""Calls that take many entries, each of which AWS takes or refuses alone.

PublishBatch of SNS, and SendMessageBatch and ChangeMessageVisibilityBatch of SQS,
have the same form: so many entries and bytes a call, and an answer that lists
those that were ``Successful`` and those that ``Failed``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import inf
from random import uniform
from time import monotonic, sleep
from typing import Any, NamedTuple

from ..errors import RefusedEntryError
from .parallel import in_parallel, order_matters

# Amazon SNS API Reference, PublishBatch; Amazon SQS API Reference, SendMessageBatch and
# ChangeMessageVisibilityBatch.
_MAX_ENTRIES = 10

# Botocore tries a call again that was throttled as a whole, but knows nothing of entries.
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.1


class Entry(NamedTuple):
    """One entry of a call.

    Attributes:
        destination: The topic or queue that the call is for.
        fields: The entry as the API wants it, but for its Id.
        size: The bytes that count against the call's limit.
        group: The message group whose order it has to keep, or None.
    """

    destination: str
    fields: Mapping[str, Any]
    size: int = 0
    group: str | None = None


Call = Callable[[str, list[dict[str, Any]]], Mapping[str, Any]]


def send_entries(
    entries: Sequence[Entry], call: Call, *, max_bytes: float = inf, seconds: float = inf
) -> list[Exception | None]:
    """Send entries in as few calls as their limits and order allow.

    Calls are made in parallel, but those with message groups to one destination, which
    are made one after the other: a call then has at most one entry of a group,
    and a group ends with its first entry that isn't taken. Where nothing is done in
    parallel, entries without a group are sent in their order.

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
    sending = _Sending(entries, call, max_bytes, monotonic() + seconds)
    in_any_order = [index for index, entry in enumerate(entries) if entry.group is None]
    lines: dict[str, list[int]] = {}
    for index, entry in enumerate(entries):
        if entry.group is not None:
            lines.setdefault(entry.destination, []).append(index)
    if in_any_order:
        sending.send(in_any_order)
    for error in in_parallel(sending.send_in_order, lines.values()):
        if error is not None:
            raise error
    return sending.outcomes


class _Sending:
    """The sending of some entries, and what has come of each so far."""

    def __init__(
        self, entries: Sequence[Entry], call: Call, max_bytes: float, deadline: float
    ) -> None:
        self.outcomes: list[Exception | None] = [None] * len(entries)
        self._entries = entries
        self._call = call
        self._max_bytes = max_bytes
        self._deadline = deadline

    def send(self, todo: list[int]) -> None:
        """Send entries in any order, in parallel."""
        for tried in range(1, _TRIES + 1):
            in_parallel(self._make, list(self._calls(todo)))
            todo = [index for index in todo if _is_temporary(self.outcomes[index])]
            if not (todo and self._may_wait(tried)):
                break

    def send_in_order(self, line: list[int]) -> None:
        """Send entries to one destination, each group's in order until one isn't taken."""
        waiting: dict[str | None, deque[int]] = {}
        for index in line:
            waiting.setdefault(self._entries[index].group, deque()).append(index)
        tried = dict.fromkeys(line, 0)
        while waiting:
            heads = [group[0] for group in waiting.values()]
            refused = []
            for indexes in self._calls(heads):
                self._make(indexes)
                refused += [index for index in indexes if self.outcomes[index] is not None]
            for index in heads:
                tried[index] += 1
            again = [index for index in refused if _is_temporary(self.outcomes[index])]
            may_wait = bool(again) and self._may_wait(max(tried[index] for index in again))
            for index in heads:
                group = self._entries[index].group
                if self.outcomes[index] is None:
                    waiting[group].popleft()
                elif not (may_wait and index in again and tried[index] < _TRIES):
                    self._stop(waiting.pop(group))
                if not waiting.get(group, True):
                    del waiting[group]

    def _stop(self, group: deque[int]) -> None:
        """Note that the entries of a group after its first aren't sent."""
        group.popleft()
        for index in group:
            self.outcomes[index] = RefusedEntryError(
                "it wasn't sent, since one before it in its message group wasn't taken",
                is_temporary=False,
            )

    def _may_wait(self, tried: int) -> bool:
        """Wait until what was tried so often may be tried again, if it still may."""
        wait = uniform(0, _FIRST_WAIT_SECONDS * 2**tried)  # noqa: S311 - spreads load
        if tried >= _TRIES or monotonic() + wait > self._deadline:
            return False
        sleep(wait)
        return True

    def _calls(self, todo: Iterable[int]) -> Iterator[list[int]]:
        def destination(index: int) -> str:
            return self._entries[index].destination

        in_order = todo if order_matters() else sorted(todo, key=destination)
        for _, indexes in groupby(in_order, key=destination):
            call: list[int] = []
            size = 0
            for index in indexes:
                more = self._entries[index].size
                if call and (len(call) == _MAX_ENTRIES or size + more > self._max_bytes):
                    yield call
                    call, size = [], 0
                call.append(index)
                size += more
            yield call

    def _make(self, indexes: list[int]) -> None:
        """Make one call, and note what came of its entries."""
        try:
            answer = self._call(
                self._entries[indexes[0]].destination,
                [{"Id": str(index), **self._entries[index].fields} for index in indexes],
            )
        except Exception as error:  # noqa: BLE001 - it is the failure of all in the call
            for index in indexes:
                self.outcomes[index] = error
            return
        taken = {entry["Id"] for entry in answer.get("Successful", ())}
        reasons = {entry["Id"]: entry for entry in answer.get("Failed", ())}
        for index in indexes:
            refused = str(index) not in taken
            self.outcomes[index] = (
                RefusedEntryError.of(reasons.get(str(index), {})) if refused else None
            )


def _is_temporary(error: Exception | None) -> bool:
    return isinstance(error, RefusedEntryError) and error.is_temporary
