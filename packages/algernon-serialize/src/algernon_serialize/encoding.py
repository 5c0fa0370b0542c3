"""From Python values to what JSON can hold: plain values as they are, the others tagged.

An `Encoder` builds a tree of dicts with str keys, lists, tuples of plain leaves,
and plain leaves. All dicts and lists of a tree are its own, so that nobody can change
it: code of others runs while the rest of it is built.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import chain
from math import isfinite
from types import NoneType

from . import scalars
from .collisions import collide
from .errors import NestingError, PathError, UnserializableError, with_article
from .registry import by_class, superseded
from .surrogates import encode_surrogates, is_utf8
from .survey import PLAIN, survey
from .tags import MODULE, TAG, UNREAD, has

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable, Iterable
    from typing import Any

#: How many JSON arrays and objects may stand one inside the other, in a text that is written.
MAX_DEPTH = 500

# Of these, orjson takes each as it is, or not at all.
_SURE_LEAVES = frozenset({str, int, bool, NoneType})
_LEAVES = _SURE_LEAVES | {float}
_TUPLE = frozenset({tuple})
_SETS: dict[type, str] = {set: "set", frozenset: "frozenset"}
_STR = frozenset({str})

# A datetime's tag holds its form, that holds its zone's, and that may hold an offset's numbers.
_FORM_DEPTH = 4

#: Containers that JSON hasn't.
CONTAINERS = frozenset({tuple, set, frozenset, deque, OrderedDict})

# What a reader refuses is refused here already.
_OF_ONE_HASH = (
    "have the same hash, and no text with them is read, since it would take a time that grows"
    " with the square of their number: send a list of them"
)

#: Down to here, all writers spell floats the same.
SMALLEST_ORDINARY = 1e-4


class SpellingError(Exception):
    """Raised when a trusting encoder meets a number that not all writers spell the same."""


class Encoder:
    """Makes JSON trees of values.

    Args:
        trusting: Whether the tree goes to orjson, which refuses by itself a str
            with lone surrogates, a long int, and a key that isn't a str. Then
            these may be in the tree.
    """

    def __init__(self, *, trusting: bool) -> None:
        self._trusting = trusting
        self._sure_leaves = _SURE_LEAVES if trusting else frozenset({bool, NoneType})
        self._encoders: dict[type, Callable[[Any, int], Any]] = {
            str: _encode_str,
            int: _encode_int,
            float: _encode_ordinary_float if trusting else _encode_float,
            list: self._list,
            dict: self._dict,
            tuple: self._tuple,
            deque: self._deque,
            OrderedDict: self._ordered_dict,
        }

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Return the JSON tree of a value.

        Args:
            value: The value.
            depth: How many arrays and objects stand around it.

        Raises:
            UnserializableError: The value couldn't come back as it is.
            NestingError: Its text would nest deeper than `MAX_DEPTH`.
            RecursionError: So it would, or Python's stack ends before.
            SpellingError: This encoder is trusting, and shouldn't be.
        """
        # All in one function as far as it goes: a call costs as much as the rest of it.
        kind = type(value)
        if kind in self._sure_leaves:
            return value
        if kind in scalars.ENCODERS:
            tag, form_of = scalars.ENCODERS[kind]
            try:
                return {TAG: tag, "value": form_of(value)}
            except TypeError as error:
                raise UnserializableError(str(error)) from error
        if kind in _SETS:
            items = list(value)
            if collide(items):
                raise UnserializableError(f"too many items of the {kind.__name__} {_OF_ONE_HASH}")
            if depth > MAX_DEPTH - 2 or not self._sure_leaves.issuperset(map(type, items)):
                items = self._list(items, depth + 1)
            return {TAG: _SETS[kind], "value": items}
        if kind in by_class:
            registration = by_class[kind]
            form = registration.encode(value)
            if type(form) is not dict:
                form = self.encode(form, depth + 1)
            elif TAG in form:
                # A form is the object's own, wherever its keys come from.
                form = self._own_dict(form, depth + 1)
            elif not (
                self._trusting
                and depth < MAX_DEPTH - 1
                and _SURE_LEAVES.issuperset(map(type, (form := form.copy()).values()))
            ):
                form = self._dict(form, depth + 1)
            return {TAG: registration.name, MODULE: registration.module, "value": form}
        if kind in self._encoders:
            return self._encoders[kind](value, depth)
        if scalars.late_encoder(kind) is not None:
            return self.encode(value, depth)
        raise UnserializableError(_unregistered(kind))

    def _list(self, items: Iterable[Any], depth: int) -> Any:
        depth = _deeper(depth)
        items = list(items)
        if self._are_leaves(items):
            return items
        if self._are_rows(items):
            _deeper(depth, levels=2)
            return [{TAG: "tuple", "value": item} for item in items]
        encoded: list[Any] = []
        sure_leaves = self._sure_leaves
        try:
            for item in items:
                kind = type(item)
                encoded.append(item if kind in sure_leaves else self._item(kind)(item, depth))
        except PathError as error:
            error.inside(len(encoded))
            raise
        return encoded

    def _dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        if TAG in value:
            if not has(value, UNREAD):
                return self._own_dict(value, depth)
            # Where a scalar is written, its form isn't counted as levels either.
            if depth > MAX_DEPTH - _FORM_DEPTH and is_scalar(value):
                depth = MAX_DEPTH - _FORM_DEPTH
        if not _STR.issuperset(map(type, value)):
            return self._own_dict(value, depth)
        if not self._trusting and not is_utf8("".join(value)):
            return self._own_dict(value, depth)
        depth = _deeper(depth)
        sure_leaves = self._sure_leaves
        encoded = value.copy()
        encode = self.encode
        key = ""
        try:
            for key, item in encoded.items():
                kind = type(item)
                if kind not in sure_leaves:
                    # Straight to the next level, so that it takes one call of Python's stack.
                    encoded[key] = (
                        self._list if kind is list else self._dict if kind is dict else encode
                    )(item, depth)
        except PathError as error:
            error.inside(key)
            raise
        return encoded

    def _item(self, kind: type) -> Callable[[Any, int], Any]:
        # Straight to the next level, so that a level takes one call of Python's stack.
        return self._list if kind is list else self._dict if kind is dict else self.encode

    def _are_leaves(self, items: Iterable[Any]) -> bool:
        """Tell whether items are all leaves that JSON has itself."""
        if self._sure_leaves.issuperset(map(type, items)):
            return True
        return self._trusting and _LEAVES.issuperset(map(type, items)) and are_ordinary(items)

    def _are_rows(self, items: Iterable[Any]) -> bool:
        """Tell whether items are tuples of such leaves, as a database's rows are."""
        if not _TUPLE.issuperset(map(type, items)):
            return False
        if len(set(map(len, items))) != 1:
            return self._are_leaves(list(chain.from_iterable(items)))
        # Column by column, since most columns have one type.
        return all(map(self._are_leaves, zip(*items, strict=True)))

    def _pairs(self, tag: str, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        depth = _deeper(depth, levels=3)
        if collide(list(value)):
            raise UnserializableError(f"too many keys of the {type(value).__name__} {_OF_ONE_HASH}")
        pairs = []
        for key, item in value.items():
            try:
                pairs.append([self.encode(key, depth), self.encode(item, depth)])
            except PathError as error:
                error.inside(key)
                raise
        return {TAG: tag, "value": pairs}

    def _own_dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        return self._pairs("dict", value, depth)

    def _ordered_dict(self, value: OrderedDict[Any, Any], depth: int) -> dict[str, Any]:
        return self._pairs("ordereddict", value, depth)

    def _deque(self, value: deque[Any], depth: int) -> dict[str, Any]:
        items = self._list(value, depth + 2)
        return {TAG: "deque", "value": {"items": items, "maxlen": value.maxlen}}

    def _tuple(self, value: tuple[Any, ...], depth: int) -> dict[str, Any]:
        return {TAG: "tuple", "value": self._list(value, depth + 1)}


def put_in_order(tree: Any, text_of: Callable[[Any], str]) -> None:
    """Put the items of sets, and the pairs of dicts, into a stable order.

    Args:
        tree: The JSON tree, as an `Encoder` makes it.
        text_of: Gives the text of a tree, by which they are ordered.
    """
    containers: list[Any] = [[tree]]
    for container in containers:  # which grows on the way
        items = container.values() if type(container) is dict else container
        containers += [item for item in items if type(item) in (dict, list, tuple)]
    # From the innermost outwards, since a text depends on the order inside.
    for container in reversed(containers):
        match container:
            # A tag that was read needn't have the form that an encoder's have.
            case {"_alg_class": "dict" | "frozenset" | "set", "value": list(items), **others}:
                if not others:
                    container["value"] = sorted(items, key=text_of)


def are_ordinary(items: Iterable[Any]) -> bool:
    """Tell whether the floats among items are all finite, and none but zero below 0.0001."""
    floats = [item for item in items if type(item) is float]
    if not isfinite(sum(floats)):
        return False
    # The second look is for negative ones, of which most lists have none.
    return (
        min(filter(None, floats), default=1) >= SMALLEST_ORDINARY
        or min(filter(None, map(abs, floats)), default=1) >= SMALLEST_ORDINARY
    )


def _encode_str(value: str, _depth: int) -> Any:
    if is_utf8(value):
        return value
    return {TAG: "str", "value": encode_surrogates(value)}


def _encode_int(value: int, _depth: int) -> int:
    try:
        # Python refuses to write an int of very many digits (sys.set_int_max_str_digits).
        if value.bit_length() > 1000:
            str(value)
    except ValueError as error:
        raise UnserializableError(
            f"an int of {value.bit_length()} bits has more digits than Python writes: send hex(…)"
            " of it, or its bytes"
        ) from error
    return value


def _encode_float(value: float, _depth: int) -> Any:
    return value if isfinite(value) else {TAG: "float", "value": repr(value)}


def _encode_ordinary_float(value: float, depth: int) -> Any:
    if 0 < abs(value) < SMALLEST_ORDINARY:
        raise SpellingError
    return _encode_float(value, depth)


def is_scalar(tag: dict[str, Any]) -> bool:
    """Tell whether a tag that was read is one of a value without parts."""
    if {dict, list}.isdisjoint(map(type, tag.values())):
        return True
    return scalars.is_tag(tag[TAG]) and survey(tag, _FORM_DEPTH) is not None


def _deeper(depth: int, levels: int = 1) -> int:
    depth += levels
    if depth > MAX_DEPTH:
        raise NestingError(f"the value nests deeper than the {MAX_DEPTH} levels that are ever sent")
    return depth


def _unregistered(kind: type) -> str:
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind in superseded:
        return (
            f"another class has since been defined as {superseded[kind]}, so that this {name} would"
            " come back as that one: give either a name of its own"
        )
    bases = {(base.__module__, base.__name__): base for base in kind.__mro__[1:]}
    how = "ajson.register(…, encode=…, decode=…)"
    for what, is_one in (
        ("an Enum", ("enum", "Enum") in bases),
        ("a dataclass", "__dataclass_fields__" in kind.__dict__),
        ("a namedtuple", tuple in bases.values() and hasattr(kind, "_fields")),
    ):
        if is_one:
            return f"{name} is {what} that isn't registered: put @ajson.register on it"
    for base in bases.values():
        if base in PLAIN or base in CONTAINERS or base in scalars.ENCODERS:
            return (
                f"{name} is a subclass of {base.__name__}, as which it would come back: convert it"
                f" to {base.__name__} first, or see {how}"
            )
    return f"ajson can't send {with_article(name)}: make its class an AlgObject, or see {how}"
