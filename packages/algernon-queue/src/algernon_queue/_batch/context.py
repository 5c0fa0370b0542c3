"""The worker's context, as one record sees it."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from ..task_context import TaskContext


class RecordContext(TaskContext):
    """The context as one record sees it: entries of its own, and all else shared.

    However many records run, in threads, as coroutines or one inside the other, each
    sees its own entries; everything else is read from, and written to, the dict that
    lives as long as the worker process.

    It is a dict, since that is what handlers are promised. In it are the record's own
    entries, and every method of dict goes on to the shared one.

    Args:
        shared: The worker's own dict.
        own: The record's own entries.
    """

    __slots__ = ("_shared",)

    def __init__(self, shared: dict[str, Any], own: Mapping[str, Any]) -> None:
        dict.__init__(self, own)  # which takes half as long as by super()
        self._shared = shared

    def _place_of(self, key: object) -> dict[str, Any]:
        return self if dict.__contains__(self, key) else self._shared

    def __missing__(self, key: str) -> Any:
        return self._shared[key]

    def get(self, key: str, default: Any = None, /) -> Any:
        return dict.get(self._place_of(key), key, default)

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self._place_of(key), key)

    def __setitem__(self, key: str, value: Any) -> None:
        dict.__setitem__(self._place_of(key), key, value)

    def __delitem__(self, key: str) -> None:
        dict.__delitem__(self._place_of(key), key)

    # These two are one step in dict, so that threads that meet in them agree.
    def setdefault(self, key: str, default: Any = None, /) -> Any:
        return dict.setdefault(self._place_of(key), key, default)

    def pop(self, key: str, /, *default: Any) -> Any:
        return dict.pop(self._place_of(key), key, *default)

    def popitem(self) -> tuple[str, Any]:
        return self._shared.popitem() if self._shared else super().popitem()

    def clear(self) -> None:
        super().clear()
        self._shared.clear()

    def update(self, *others: Any, **more: Any) -> None:
        for key, value in dict(*others, **more).items():
            self[key] = value

    def copy(self) -> dict[str, Any]:
        return {**self._shared, **dict(super().items())}

    # What goes through the whole goes through a copy, since other threads may write.
    def __iter__(self) -> Iterator[str]:
        return iter(self.copy())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self.copy())

    def __len__(self) -> int:
        return len(self.copy())

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        return self.copy().keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        return self.copy().values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        return self.copy().items()

    def __eq__(self, other: object) -> bool:
        return self.copy() == (other.copy() if isinstance(other, RecordContext) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def __repr__(self) -> str:
        return repr(self.copy())

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (self.copy(),)
