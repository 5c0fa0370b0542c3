"""How deep what was read from a text nests."""

from __future__ import annotations

from itertools import chain

from .encoding import MAX_DEPTH, is_scalar
from .errors import NestingError
from .tags import TAG

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any

_CONTAINERS = frozenset({dict, list})


def deeper(depth: int, levels: int = 1) -> int:
    """Return the depth so many levels further in.

    Raises:
        NestingError: That is deeper than `MAX_DEPTH`.
    """
    depth += levels
    if depth > MAX_DEPTH:
        raise _too_deep()
    return depth


def check_depth(tree: Any, text: bytes) -> None:
    """Check that a JSON tree, which may have tags, nests as deep as is read.

    Args:
        tree: The tree.
        text: The text that it was read from.

    Raises:
        NestingError: It nests deeper than `MAX_DEPTH`.
    """
    # A level takes a bracket, and so do all containers that haven't been seen yet.
    unseen = text.count(b"[") + text.count(b"{")
    if unseen <= MAX_DEPTH:
        return
    level = [tree]
    for depth in range(MAX_DEPTH):
        kinds = set(map(type, level)) & _CONTAINERS
        dicts = [item for item in level if type(item) is dict] if dict in kinds else []
        lists = [item for item in level if type(item) is list] if list in kinds else []
        unseen -= len(dicts) + len(lists)
        if not kinds or depth + unseen < MAX_DEPTH:
            return
        level = [*chain.from_iterable(map(dict.values, dicts)), *chain.from_iterable(lists)]
    if not all(map(_is_inmost, level)):
        raise _too_deep()


def _is_inmost(item: Any) -> bool:
    # Where a scalar is written, its tag and its form aren't counted as levels.
    return type(item) not in _CONTAINERS or (type(item) is dict and TAG in item and is_scalar(item))


def _too_deep() -> NestingError:
    return NestingError(f"the text nests deeper than the {MAX_DEPTH} levels that are ever read")
