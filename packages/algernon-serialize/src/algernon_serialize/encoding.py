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
from .collisions import FEW, collide
from .errors import NestingError, PathError, UnserializableError
from .later import catch_up, put_off
from .registry import by_class
from .surrogates import encode_surrogates, is_utf8
from .survey import survey
from .tags import MODULE, TAG, UNREAD, has

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

#: How many JSON arrays and objects may stand one inside the other, in a text that is written.
MAX_DEPTH = 500

# Of these, orjson takes each as it is, or not at all.
_SURE_LEAVES: frozenset[type] = frozenset({str, int, bool, NoneType})
LEAVES = _SURE_LEAVES | {float}
_FLOAT = frozenset({float})
_TUPLE = frozenset({tuple})
_STR = frozenset({str})

# A datetime's tag holds its form, that holds its zone's, and that may hold an offset's numbers.
_FORM_DEPTH = 4

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
        text_of_rows: Gives what may stand in the tree for a list of tuples, as the text of all
            of them, or None where they have to be looked at one by one.
    """

    def __init__(
        self, *, trusting: bool, text_of_rows: Callable[[list[Any]], Any] = lambda _: None
    ) -> None:
        self._trusting = trusting
        self._text_of_rows = text_of_rows
        self._sure_leaves = _SURE_LEAVES if trusting else frozenset({bool, NoneType})
        self._encoders: dict[type, Callable[[Any, int], Any]] = {
            **dict.fromkeys(_SURE_LEAVES, _encode_leaf),
            **({} if trusting else {str: _encode_str, int: _encode_int}),
            **{kind: _tagging(*how) for kind, how in scalars.ENCODERS.items()},
            float: _encode_ordinary_float if trusting else _encode_float,
            list: self._list,
            dict: self._dict,
            tuple: self._tuple,
            set: self._set,
            frozenset: self._set,
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
        return self._encoders.get(type(value), self._object)(value, depth)

    def _object(self, value: Any, depth: int) -> Any:
        """Encode an object of a registered class, or what is of a type that wasn't met before."""
        if put_off:
            catch_up()
        registration = by_class.get(type(value))
        if registration is None:
            return self._encoder_of(type(value))(value, depth)
        form = registration.encode(value)
        if type(form) is not dict:
            form = self.encode(form, depth + 1)
        elif TAG in form:
            # A form is the object's own, wherever its keys come from.
            form = self._own_dict(form, depth + 1)
        elif (
            self._trusting
            and depth < MAX_DEPTH - 1
            and _SURE_LEAVES.issuperset(map(type, (own := form.copy()).values()))
        ):
            form = own
        else:
            form = self._dict(form, depth + 1)
        return {TAG: registration.name, MODULE: registration.module, "value": form}

    def _encoder_of(self, kind: type) -> Callable[[Any, int], Any]:
        if kind not in scalars.ENCODERS and scalars.late_encoder(kind) is None:
            from .advice import advice_for  # which few ever need

            raise UnserializableError(advice_for(kind))
        self._encoders[kind] = encoder = _tagging(*scalars.ENCODERS[kind])
        return encoder

    def _list(self, items: Iterable[Any], depth: int) -> Any:
        depth = _deeper(depth)
        items = list(items)
        if self._are_leaves(items):
            return items
        if _TUPLE.issuperset(map(type, items)):
            if depth < MAX_DEPTH - 1 and (text := self._text_of_rows(items)) is not None:
                return text
            if self._are_rows(items):
                _deeper(depth, levels=2)
                return [{TAG: "tuple", "value": item} for item in items]
        encoded: list[Any] = []
        sure_leaves = self._sure_leaves
        encoder_of = self._encoders.get
        encode_object = self._object
        try:
            for item in items:
                kind = type(item)
                # Straight to the next level, so that most take one call of Python's stack.
                encoded.append(
                    item if kind in sure_leaves else encoder_of(kind, encode_object)(item, depth)
                )
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
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        encoded = value.copy()
        sure_leaves = self._sure_leaves
        encoder_of = self._encoders.get
        encode_object = self._object
        key = ""
        try:
            for key, item in encoded.items():
                kind = type(item)
                if kind not in sure_leaves:
                    encoded[key] = encoder_of(kind, encode_object)(item, depth)
        except PathError as error:
            error.inside(key)
            raise
        return encoded

    def _are_leaves(self, items: Sequence[Any]) -> bool:
        """Tell whether items are all leaves that JSON has itself."""
        if self._sure_leaves.issuperset(map(type, items)):
            return True
        return self._trusting and LEAVES.issuperset(map(type, items)) and are_ordinary(items)

    def _are_rows(self, items: Sequence[Any]) -> bool:
        """Tell whether tuples are all of such leaves, as a database's rows are."""
        try:
            # Column by column, since most columns have one type.
            return all(map(self._are_leaves, zip(*items, strict=True)))
        except ValueError:  # some are shorter than others
            return self._are_leaves(list(chain.from_iterable(items)))

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

    def _set(self, value: set[Any] | frozenset[Any], depth: int) -> dict[str, Any]:
        tag = "set" if type(value) is set else "frozenset"
        # A tuple, since Python keeps the memory of short ones at hand.
        items: Any = tuple(value)
        if len(items) > FEW and collide(items):
            raise UnserializableError(f"too many items of the {tag} {_OF_ONE_HASH}")
        if depth > MAX_DEPTH - 2 or not self._sure_leaves.issuperset(map(type, items)):
            items = self._list(items, depth + 1)
        return {TAG: tag, "value": items}

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
            case {"_alg_class": "dict" | "frozenset" | "set", "value": [*items], **others}:
                if not others:
                    container["value"] = sorted(items, key=text_of)


def are_ordinary(items: Sequence[Any]) -> bool:
    """Tell whether the floats among items are all finite, and none but zero below 0.0001."""
    floats = items
    if not _FLOAT.issuperset(map(type, items)):
        floats = [item for item in items if type(item) is float]
    if not isfinite(sum(floats)):
        return False
    # The second look is for negative ones, of which most lists have none.
    return (
        min(filter(None, floats), default=1) >= SMALLEST_ORDINARY
        or min(filter(None, map(abs, floats)), default=1) >= SMALLEST_ORDINARY
    )


def _tagging(tag: str, form_of: Callable[[Any], Any]) -> Callable[[Any, int], dict[str, Any]]:
    """Return what encodes the values of a type without parts."""

    def encode(value: Any, _depth: int) -> dict[str, Any]:
        try:
            return {TAG: tag, "value": form_of(value)}
        except TypeError as error:
            raise UnserializableError(str(error)) from error

    return encode


def _encode_leaf(value: Any, _depth: int) -> Any:
    return value


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
        raise _too_deep()
    return depth


def _too_deep() -> NestingError:
    return NestingError(f"the value nests deeper than the {MAX_DEPTH} levels that are ever sent")
