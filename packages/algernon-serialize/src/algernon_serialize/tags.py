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
#: The keys by which a tag has its parts.
KEYS = frozenset({TAG, MODULE, "value"})
#: How a tag's first key is spelt in a text that doesn't escape it.
TAG_KEY_TEXT = f'"{TAG}"'
TAG_KEY = TAG_KEY_TEXT.encode()
_SPELT_KEYS = [f'"{key}"'.encode() for key in KEYS]

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


def may_have_tags(text: str | bytes) -> bool:
    """Tell whether a text spells a tag's first key, without escapes, be it as a key or not."""
    # A search in bytes has a price of its own, which only long ones earn back.
    if isinstance(text, str):
        return TAG_KEY_TEXT in text
    # Most texts haven't even that byte; and from behind the search takes half the time.
    return b"_" in text and text.rfind(TAG_KEY) >= 0


def may_have_escaped_tags(text: str | bytes) -> bool:
    """Tell whether a text has escapes that could spell a tag's key: all are below U+0100."""
    if isinstance(text, str):
        return "\\" in text and "\\u00" in text
    return b"\\" in text and b"\\u00" in text


def count_parts(text: bytes) -> int:
    """Return how often the keys of tags' parts are spelt in a text, be it as keys or not."""
    return sum(map(text.count, _SPELT_KEYS))


def has_tags(tree: Any) -> bool:
    """Tell whether there are tags in the plain JSON that was read from a text."""
    containers: list[Any] = [[tree]]
    for container in containers:  # which grows on the way
        if type(container) is dict and TAG in container:
            return True
        items = container.values() if type(container) is dict else container
        containers += [item for item in items if type(item) in _CONTAINERS]
    return False


def mark_unread(tree: Any) -> tuple[int, int]:
    """Mark the tags in the plain JSON that was read from a text, in place.

    Returns:
        How many tags it has come across, and how many keys by which tags have their
        parts, there and elsewhere.
    """
    tags = parts = 0
    containers: list[Any] = [[tree]]
    for container in containers:  # which grows on the way
        items = container
        if type(container) is dict:
            parts += ("value" in container) + (MODULE in container)
            if TAG in container:
                tags += 1
                _rename(container, UNREAD)
            items = container.values()
        for item in items:
            if type(item) in _CONTAINERS:
                containers.append(item)  # noqa: PERF401 - a list of its own takes longer
    return tags, tags + parts


def _rename(tree: dict[str, Any], mark: str) -> None:
    parts = tree.copy()
    tree.clear()
    for key, part in parts.items():
        tree[mark if key == TAG else key] = part
