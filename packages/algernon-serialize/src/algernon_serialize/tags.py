"""How a tag is spelt, and how a dict that looks like one tells where it comes from.

What is read without being rebuilt is written as it stood, tags and all; a user's own
dict that looks like a tag is escaped, and never rebuilt. Two equal dicts of either kind
are told apart by the object that is their key `TAG`: a dict keeps the very objects that
it was given as keys, and so does each copy of it, be it made by ``dict(d)``, ``{**d}``,
``d | e`` or ``copy.deepcopy(d)``. The dict is a dict then and its key a str, for whoever
reads or writes it. Only a copy by way of bytes, such as a pickle, loses the mark.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Iterable
    from typing import Any

TAG = "_alg_class"
MODULE = "_alg_module"
#: How a tag's name and its module are spelt in a text that doesn't escape them.
TAG_KEY = f'"{TAG}"'.encode()
MODULE_KEY = f'"{MODULE}"'.encode()

#: The key `TAG` of what was read, and not rebuilt.
UNREAD = TAG.encode().decode()
#: The key `TAG` of a sender's own dict, which was escaped in the text.
OWN = TAG.encode().decode()

_CONTAINERS = frozenset({dict, list})


def has(keys: Iterable[Any], mark: str) -> bool:
    """Tell whether a mark is among keys: itself, and not merely a str that equals it."""
    for key in keys:  # noqa: SIM110 - any() takes three times as long
        if key is mark:
            return True
    return False


def mark_unread(tree: Any) -> None:
    """Mark the tags in the plain JSON that was read from a text, in place."""
    containers: list[Any] = [[tree]]
    for container in containers:  # which grows on the way
        items = container
        if type(container) is dict:
            if TAG in container:
                _rename(container, UNREAD)
            items = container.values()
        for item in items:
            if type(item) in _CONTAINERS:
                containers.append(item)  # noqa: PERF401 - a list of its own takes longer


def _rename(tree: dict[str, Any], mark: str) -> None:
    parts = tree.copy()
    tree.clear()
    for key, part in parts.items():
        tree[mark if key == TAG else key] = part
