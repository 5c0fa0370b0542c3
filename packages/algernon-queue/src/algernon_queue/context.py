"""The context of a record that runs beside others."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

_OF_THE_RECORD = ("sqs", "task")


class RecordContext(MutableMapping[str, Any]):
    """A worker's context, in which what is said of the current record stays as it is.

    While a coroutine waits, the worker goes on to the next record. Everything
    but the record's own facts is read from, and written to, the worker's dict.

    Args:
        shared: The worker's context, as it is for this record now.
    """

    def __init__(self, shared: MutableMapping[str, Any]) -> None:
        self._shared = shared
        self._own = {key: shared[key] for key in _OF_THE_RECORD if key in shared}

    def __getitem__(self, key: str) -> Any:
        return self._own[key] if key in self._own else self._shared[key]

    def __setitem__(self, key: str, value: Any) -> None:
        place = self._own if key in _OF_THE_RECORD else self._shared
        place[key] = value

    def __delitem__(self, key: str) -> None:
        place = self._own if key in _OF_THE_RECORD else self._shared
        del place[key]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._shared, **self._own})

    def __len__(self) -> int:
        return len({**self._shared, **self._own})
