"""JSON texts: by orjson where it is installed, else by the standard library.

Both ways give the same, down to the bytes. What orjson would write or read
differently is left to the standard library.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import chain

from .cycles import find_cycle
from .encoding import LEAVES, MAX_DEPTH, Encoder, SpellingError, are_ordinary, put_in_order
from .errors import MalformedJSONError, NestingError, PathError
from .packing import REFUSED, may_have_floats, may_have_special_floats, pack
from .survey import Survey, survey
from .tags import TAG, UNREAD, has, may_have_tags

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable
    from typing import Any

_STR = frozenset({str})

# What a text is searched for here, most haven't. A single byte is found soonest, and what is
# longer in half the time from behind.

# Numbers below 0.0001, which orjson spells in its own way. A string that looks
# like one costs time, and nothing else.
_TINY_BY_EXPONENT = re.compile(rb"e-[0-9]+(?:[,\]}]|$)")
# It looks back after the zeros, by which it is searched for.
_TINY_BY_ZEROS = re.compile(rb"0\.0000(?<![0-9].{6})[0-9]*(?:[,\]}]|$)")

# orjson reads an int that 64 bits don't hold as a float. It takes so many digits for one, or
# the minus and one less, of which every tenth byte makes two.
_LONG_INT = 20
_LONG_ZEROS = b"0" * _LONG_INT
_STRIDES = (10, 5)
# In a shorter text, one look at all of it takes no longer.
_SHORT = 1024
_DIGITS_AS_ZEROS = bytes.maketrans(b"-123456789", b"0000000000")

# What stands between two rows, and what is written there where they are tuples.
_BETWEEN = b"],["
_BEGIN_OF_TUPLE = b'{"%b":"tuple","value":' % TAG.encode()
_BETWEEN_TUPLES = b"]}," + _BEGIN_OF_TUPLE + b"["


def write(value: Any) -> bytes:
    """Return the JSON text of a value: strict JSON without white space, in UTF-8.

    Raises:
        UnserializableError: The value couldn't come back as it is.
        NestingError: Its text would nest too deeply, or it contains itself.
    """
    orjson = _orjson()
    text = None if orjson is None else _write_by_orjson(value, orjson)
    return _write_by_json(value) if text is None else text


def write_readable(value: Any, *, indent: int | str | None, sort_keys: bool) -> str:
    """Return the JSON text of a value for people to read.

    Args:
        value: The value.
        indent: What a level is indented by: so many spaces, or a text.
        sort_keys: Whether keys, and the items of sets, are sorted.

    Raises:
        UnserializableError: The value couldn't come back as it is.
        NestingError: Its text would nest too deeply, or it contains itself.
    """
    tree = _tree_of(value)
    if sort_keys:
        put_in_order(tree, lambda part: json.dumps(part, sort_keys=True))
    return json.dumps(tree, ensure_ascii=False, allow_nan=False, indent=indent, sort_keys=sort_keys)


def read(text: bytes) -> Any:
    """Return the plain JSON of a text.

    Raises:
        MalformedJSONError: The text isn't JSON in UTF-8.
        NestingError: It nests too deeply to be parsed.
    """
    orjson = _orjson()
    if orjson is not None:
        try:
            tree = orjson.loads(text)
        except ValueError:
            # It may be one that only the standard library reads, such as NaN.
            return read_by_json(text)
        if _may_hold_long_int(text):
            return read_by_json(text)
        return tree
    return read_by_json(text)


def read_by_json(
    text: bytes, object_of: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    """Return the plain JSON of a text, as the standard library reads it.

    Args:
        text: The text.
        object_of: Makes the value of an object from its pairs.

    Raises:
        MalformedJSONError: The text isn't JSON in UTF-8.
        NestingError: It nests too deeply to be parsed.
    """
    try:
        return json.loads(str(text, "utf-8"), object_pairs_hook=object_of)
    except ValueError as error:
        raise MalformedJSONError(f"the text isn't JSON: {error}") from error
    except RecursionError as error:
        raise NestingError("the text nests too deeply to be parsed") from error


def _may_hold_long_int(text: bytes) -> bool:
    if len(text) > _SHORT:
        for stride in _STRIDES:
            digits = text[::stride].translate(_DIGITS_AS_ZEROS)
            if digits.rfind(b"0" * (_LONG_INT // stride)) < 0:
                return False
    return text.translate(_DIGITS_AS_ZEROS).rfind(_LONG_ZEROS) >= 0


@cache
def _orjson() -> Any:
    # On first use, since it takes longer to import than this whole package.
    try:
        import orjson
    except ImportError:
        return None
    return orjson


def _write_by_json(value: Any) -> bytes:
    seen = survey(value, MAX_DEPTH)
    text = None if seen is None else _write_plain(value, seen)
    return _dumps(_tree_of(value)) if text is None else text


def _write_plain(value: Any, seen: Survey) -> bytes | None:
    """Return the text of a value of plain types, if it is plain JSON, else None."""
    # Not of the set of them, in which a key stands for those of other types that equal it.
    if not _STR.issuperset(map(type, seen.all_keys())):
        return None
    if TAG in set(seen.all_keys()) and _looks_like_tags(seen):
        return None
    try:
        # It refuses NaN and the infinities by itself.
        return _dumps(value)
    except (RecursionError, ValueError):
        return None


def _write_by_orjson(value: Any, orjson: Any) -> bytes | None:
    """Return the text of a value, or None if it has a part that the standard library has to write.

    orjson gets plain values as they are. Of any other it gets a tree that is the encoder's
    own, and is never given a function to ask: code of others that ran within it could change
    the list that it is at, which would end the process.
    """
    text: bytes | None = None
    packed = pack(value)
    if packed:
        text = _write_packed_by_orjson(value, packed, orjson)
    # What can't be packed is seldom plain.
    if text is None and packed != REFUSED and (seen := survey(value, MAX_DEPTH)) is not None:
        text = _write_plain_by_orjson(value, seen, orjson)
    if text is not None:
        return text
    try:
        text = orjson.dumps(_orjson_encoder.encode(value))
    except (PathError, RecursionError, SpellingError, TypeError):
        # Here it has only to be known that it went wrong.
        return None
    return text


def _write_packed_by_orjson(value: Any, packed: bytes, orjson: Any) -> bytes | None:
    """Return the text of a value that can be packed, if orjson is sure to write it right."""
    text = _write_as_it_is(value, orjson)
    if text is None or may_have_tags(text):
        return None
    if may_have_floats(packed) and (
        _has_tiny_number(text) or (_has_null(text) and may_have_special_floats(packed))
    ):
        return None
    return text


def _write_plain_by_orjson(value: Any, seen: Survey, orjson: Any) -> bytes | None:
    """Return the text of a value of plain types, if orjson writes it right, else None."""
    text = _write_as_it_is(value, orjson)
    # Keys that aren't str it refuses by itself; NaN and the infinities it writes as null.
    if text is None or (may_have_tags(text) and _looks_like_tags(seen)):
        return None
    if not seen.floats or not (_has_null(text) or _has_tiny_number(text)):
        return text
    return text if all(map(are_ordinary, seen.floats)) else None


def _write_as_it_is(value: Any, orjson: Any) -> bytes | None:
    try:
        text: bytes = orjson.dumps(value)
    except (RecursionError, TypeError):
        return None
    return text


def _text_of_rows(rows: list[tuple[Any, ...]]) -> Any:
    """Return the text of tuples of leaves for orjson to write, if it is sure to be right.

    Rows of a database come so. To put their tags into the text of lists takes a third of the
    time of making a dict for each.
    """
    kinds = set(map(type, chain.from_iterable(rows)))
    if not kinds <= LEAVES:
        return None
    orjson = _orjson()
    text = _write_as_it_is(rows, orjson)
    # Where strings have in them what stands between rows, there is more of it.
    if text is None or text.count(_BETWEEN) != len(rows) - 1:
        return None
    if float in kinds and (_has_null(text) or _has_tiny_number(text)):
        return None
    inside = text[1:-1].replace(_BETWEEN, _BETWEEN_TUPLES)
    return orjson.Fragment(b"[" + _BEGIN_OF_TUPLE + inside + b"}]")


def _looks_like_tags(seen: Survey) -> bool:
    """Tell whether a user's own dict is among what was seen that has to be escaped."""
    return any(TAG in one and not has(one, UNREAD) for dicts in seen.dicts for one in dicts)


def _tree_of(value: Any) -> Any:
    try:
        return _encoder.encode(value)
    except NestingError as error:
        raise find_cycle(value) or error from None
    except RecursionError as error:
        raise find_cycle(value) or NestingError(
            "the value nests too deeply for what is left of Python's stack here"
        ) from error


def _dumps(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _has_null(text: bytes) -> bool:
    return b"n" in text and text.rfind(b"null") >= 0


def _has_tiny_number(text: bytes) -> bool:
    return (b"-" in text and _TINY_BY_EXPONENT.search(text) is not None) or (
        b"." in text and _TINY_BY_ZEROS.search(text) is not None
    )


_encoder = Encoder(trusting=False)
_orjson_encoder = Encoder(trusting=True, text_of_rows=_text_of_rows)
