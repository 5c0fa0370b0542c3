"""Rebuilding the objects of a message that arrived as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping

from .decoding import Decoder
from .encoding import MAX_DEPTH
from .errors import NestingError, kind_name
from .tags import TAG

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any

_CONTAINERS = frozenset({dict, list})
# The decoder knows exactly how deep is too deep; a copy has only to have an end.
_ENDLESS = 2 * MAX_DEPTH


def rebuild_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a message in which tagged values and objects are rebuilt.

    `@queued` hands a message over as plain JSON, so that a worker may route
    messages whose classes it doesn't know. A worker that knows them calls this.

    Args:
        event: The message, which is left as it is. What was rebuilt before, in it or in
            a copy of it, stays as it is: a sender's own dict that looks like a tag, too.

    Raises:
        TypeError: The message is no mapping.
        MalformedTagError: A tagged value hasn't the form that its tag asks for.
        UnknownClassError: It holds an object of a class that isn't registered.
        RebuildError: A class's own code makes no object of what was sent.
        NestingError: It nests deeper than 500 levels.

    Example:
        >>> rebuild_event({"task_kwargs": {"pair": {"_alg_class": "tuple", "value": [1, 2]}}})
        {'task_kwargs': {'pair': (1, 2)}}
    """
    if not isinstance(event, Mapping):
        raise TypeError(f"a message is a mapping, and not {kind_name(type(event))}")
    try:
        copy, is_plain = _copy(event)
        rebuilt: dict[str, Any] = copy if is_plain else Decoder(again=True).decode(copy)
    except RecursionError as error:
        raise NestingError("the message nests too deeply to be rebuilt") from error
    return rebuilt


def _copy(event: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return a copy of a message, and whether nothing in it could be a tag or too deep."""
    copy = dict(event)
    is_plain = True
    # One in the other, and not level by level: so what contains itself is found at once.
    containers: list[tuple[Any, int]] = [(copy, 0)]
    while containers:
        container, depth = containers.pop()
        is_dict = type(container) is dict
        if depth >= MAX_DEPTH or (is_dict and TAG in container):
            is_plain = False
        for key, item in container.items() if is_dict else enumerate(container):
            if type(item) in _CONTAINERS:
                container[key] = inner = item.copy()
                containers.append((inner, depth + 1))
        if depth > _ENDLESS:
            raise NestingError("the message nests too deeply to be rebuilt")
    return copy, is_plain
