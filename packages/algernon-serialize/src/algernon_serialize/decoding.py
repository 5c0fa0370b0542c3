"""From what JSON holds back to Python values.

A tag names a built-in type or a registered class; nothing else is ever called.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import chain
from operator import itemgetter

from . import scalars
from .attributes import MissingAttributeError
from .collisions import collide
from .depth import deeper
from .encoding import MAX_DEPTH
from .errors import (
    MalformedTagError,
    PathError,
    RebuildError,
    SerializeError,
    UnknownClassError,
    kind_name,
    shown,
)
from .later import catch_up, put_off
from .registry import by_name, find
from .scalars import expect
from .tags import KEYS, MODULE, OWN, TAG, has

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable
    from typing import Any

_CONTAINERS = frozenset({dict, list})
_OF_ONE_HASH = (
    "have the same hash, and would take a time that grows with the square of their number"
)


class Decoder:
    """Rebuilds a JSON tree, in place.

    Args:
        again: Whether there may be parts in the tree that were rebuilt before, of which
            a sender's own dict that looks like a tag stays one.

    Attributes:
        tags: How many tags it has come across.
        parts: How many keys by which tags have their parts, there and elsewhere.
    """

    __slots__ = ("_again", "parts", "tags")

    def __init__(self, *, again: bool = False) -> None:
        self._again = again
        self.tags = 0
        self.parts = 0

    def decode(self, tree: Any, depth: int = 0) -> Any:
        """Return the value of a JSON tree, in which the tree may end up itself.

        Anything in the tree that isn't JSON, such as an object that was rebuilt
        before, stays as it is.

        Args:
            tree: The tree.
            depth: How many arrays and objects stand around it.

        Raises:
            MalformedTagError: A tag's value hasn't the form that the tag asks for.
            UnknownClassError: A tag names a class that isn't registered.
            NestingError: The tree nests deeper than `MAX_DEPTH`.
            RecursionError: So it does, or Python's stack ends before.
        """
        if type(tree) is dict:
            return self._tagged(tree, depth) if TAG in tree else self._dict(tree, depth)
        if type(tree) is list:
            return self._list(tree, depth)
        return tree

    def _list(self, items: list[Any], depth: int) -> list[Any]:
        depth = deeper(depth)
        if _CONTAINERS.isdisjoint(map(type, items)):
            return items
        if (rows := _tuples_of_leaves(items)) is not None and not (
            self._again and has(chain.from_iterable(items), OWN)
        ):
            deeper(depth, levels=2)
            self.tags += len(rows)
            self.parts += 2 * len(rows)
            return rows
        index = 0
        try:
            for index, item in enumerate(items):
                if type(item) is dict:
                    tagged = TAG in item
                    items[index] = self._tagged(item, depth) if tagged else self._dict(item, depth)
                elif type(item) is list:
                    items[index] = self._list(item, depth)
        except PathError as error:
            error.inside(index)
            raise
        return items

    def _dict(self, tree: dict[str, Any], depth: int) -> dict[str, Any]:
        depth = deeper(depth)
        if "value" in tree:
            self.parts += 1
        key = ""
        try:
            for key, item in tree.items():
                if type(item) is dict:
                    tagged = TAG in item
                    tree[key] = self._tagged(item, depth) if tagged else self._dict(item, depth)
                elif type(item) is list:
                    tree[key] = self._list(item, depth)
        except PathError as error:
            error.inside(key)
            raise
        return tree

    def _tagged(self, tree: dict[str, Any], depth: int) -> Any:
        if self._again and has(tree, OWN):
            return self._dict(tree, depth)
        self.tags += 1
        self.parts += len(tree)
        if len(tree) == 3 and tree.keys() == KEYS:
            return self._object(tree, depth + 1)
        name = tree[TAG]
        try:
            kind, make, holds_values = _BUILT_IN[name]
            form = tree["value"]
        except (KeyError, TypeError):
            late = scalars.late_decoder(name)
            if late is None or "value" not in tree:
                raise _malformed(tree) from None
            form = tree["value"]
            kind, make, holds_values = _BUILT_IN[name] = (*late, False)
        if len(tree) != 2:
            raise _malformed(tree)
        if holds_values and not (depth < MAX_DEPTH - 1 and _is_list_of_leaves(form)):
            form = self.decode(form, deeper(depth))
        if type(form) is not kind:
            raise MalformedTagError(
                f"this is no {name}: its value is {kind_name(type(form))}, not {kind_name(kind)}"
            )
        try:
            return make(form)
        except (ArithmeticError, NotImplementedError, TypeError, ValueError) as error:
            raise MalformedTagError(f"this is no {name}: {shown(str(error))}") from error
        except (MemoryError, RecursionError):
            raise
        except Exception as error:
            # Hashing items, or comparing them, runs code of their classes.
            raise MalformedTagError(
                f"this is no {name}: {type(error).__name__} was raised by one of its items"
            ) from error

    def _object(self, tree: dict[str, Any], depth: int) -> Any:
        if put_off:
            catch_up()
        name = tree[TAG]
        module = tree[MODULE]
        try:
            registration = by_name.get((module, name)) or find(module, name)
        except (LookupError, TypeError) as error:
            if type(name) is not str or type(module) is not str:
                raise MalformedTagError(
                    f"{TAG!r} and {MODULE!r} of an object's tag aren't both str"
                ) from None
            raise UnknownClassError(f"{shown(f'{module}:{name}')} {error}") from None
        form = tree["value"]
        plain = type(form) is dict and TAG not in form
        value = self._dict(form, depth) if plain else self.decode(form, depth)
        try:
            return registration.decode(value)
        except (MemoryError, RecursionError):
            raise
        except SerializeError as error:
            if not isinstance(error, PathError):
                error.add_note(f"while {shown(f'{module}:{name}')} was rebuilt")
            raise
        except Exception as error:
            what = f"its own code raised {type(error).__name__}"
            if type(error) is MissingAttributeError:
                what = f"it has no {shown(repr(error.args[0]))}"
            # What else the error says may quote what was sent, which isn't for every log.
            raise RebuildError(
                f"what was sent as {shown(f'{module}:{name}')} can't be rebuilt here: {what}",
                registration.cls,
            ) from error


def _is_list_of_leaves(form: Any) -> bool:
    return type(form) is list and _CONTAINERS.isdisjoint(map(type, form))


def _tuples_of_leaves(items: list[Any]) -> list[tuple[Any, ...]] | None:
    """Return the tuples, if a list holds nothing but tags of tuples of leaves, else None.

    Rows of a database come so, and their tags are many times the rows' own cost.
    """
    if (
        type(items[0]) is not dict
        or items[0].get(TAG) != "tuple"
        or set(map(type, items)) != {dict}
    ):
        return None
    try:
        names = set(map(itemgetter(TAG), items))
        forms = list(map(itemgetter("value"), items))
    except (KeyError, TypeError):
        return None
    if names != {"tuple"} or set(map(len, items)) != {2} or set(map(type, forms)) != {list}:
        return None
    if not _CONTAINERS.isdisjoint(map(type, chain.from_iterable(forms))):
        return None
    return list(map(tuple, forms))


def _malformed(tree: dict[str, Any]) -> MalformedTagError:
    if tree.keys() != {TAG, "value"}:
        return MalformedTagError(
            f"a tag has the keys {TAG!r} and 'value', and that of an object {MODULE!r} besides, but"
            f" this one has {len(tree)} keys"
        )
    return MalformedTagError(
        "no tag has this name: whoever wrote the text may have a newer algernon-serialize"
    )


def _set(kind: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
    def build(items: list[Any]) -> Any:
        if collide(items):
            raise ValueError(f"too many of its items {_OF_ONE_HASH}")
        collection = kind(items)
        if len(collection) != len(items):
            raise ValueError("two of its items are equal")
        return collection

    return build


def _mapping(kind: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
    def build(pairs: list[Any]) -> Any:
        if not all(type(pair) is list and len(pair) == 2 for pair in pairs):
            raise ValueError("its items aren't pairs")
        if collide([key for key, _ in pairs]):
            raise ValueError(f"too many of its keys {_OF_ONE_HASH}")
        mapping = kind(pairs)
        if len(mapping) != len(pairs):
            raise ValueError("two of its keys are equal")
        if TAG in mapping:
            return kind([[OWN if key == TAG else key, item] for key, item in pairs])
        return mapping

    return build


def _build_deque(form: dict[str, Any]) -> deque[Any]:
    if form.keys() != {"items", "maxlen"}:
        raise ValueError("its value hasn't the keys 'items' and 'maxlen'")
    items = expect(list, form["items"])
    if form["maxlen"] is None:
        return deque(items)
    if len(items) > expect(int, form["maxlen"]):
        raise ValueError("it has more items than its maxlen")
    return deque(items, form["maxlen"])


#: Of each tag of a built-in type: the type that its form has, what makes a value of
#: it, and whether the form holds values that are rebuilt first.
_BUILT_IN: dict[str, tuple[type, Callable[[Any], Any], bool]] = {
    "deque": (dict, _build_deque, True),
    "dict": (list, _mapping(dict), True),
    "frozenset": (list, _set(frozenset), True),
    "ordereddict": (list, _mapping(OrderedDict), True),
    "set": (list, _set(set), True),
    "tuple": (list, tuple, True),
    **{tag: (kind, make, False) for tag, (kind, make) in scalars.DECODERS.items()},
}
