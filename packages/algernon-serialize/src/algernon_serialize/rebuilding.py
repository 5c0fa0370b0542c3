"""Rebuilding the objects of a message that arrived as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .decoding import rebuild


class _RebuiltEvent(dict[str, Any]):
    """A message whose objects are rebuilt already.

    A second rebuild would take a sender's own dict that has the key
    ``_alg_class``, unescaped by the first, for an object.
    """


def rebuild_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a message in which tagged values and objects are rebuilt.

    `@queued` hands a message over as plain JSON, so that a worker may route
    messages whose classes it doesn't know. A worker that knows them calls this.

    Args:
        event: The message. It is left as it is; one that was rebuilt before
            is returned unchanged.

    Raises:
        MalformedTagError: A tagged value hasn't the form that its tag asks for.
        UnknownClassError: It holds an object of a class that isn't imported.

    Example:
        >>> rebuild_event({"task_kwargs": {"pair": {"_alg_class": "tuple", "value": [1, 2]}}})
        {'task_kwargs': {'pair': (1, 2)}}
    """
    if isinstance(event, _RebuiltEvent):
        return event
    return _RebuiltEvent(rebuild(dict(event)))
