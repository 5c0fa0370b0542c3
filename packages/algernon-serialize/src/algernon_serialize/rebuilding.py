"""Rebuilding the objects of a message that arrived as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping

from .decoding import Decoder
from .errors import NestingError, kind_name

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any


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
        rebuilt: dict[str, Any] = Decoder(again=True).decode(_copy(dict(event)))
    except RecursionError as error:
        raise NestingError("the message nests too deeply to be rebuilt") from error
    return rebuilt


def _copy(tree: Any) -> Any:
    if type(tree) is dict:
        return {key: _copy(item) for key, item in tree.items()}
    if type(tree) is list:
        return [_copy(item) for item in tree]
    return tree
