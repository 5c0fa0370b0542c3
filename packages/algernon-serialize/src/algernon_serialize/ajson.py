"""JSON that brings Python objects back as they were.

Example:
    >>> from decimal import Decimal
    >>> from algernon_serialize import ajson
    >>> text = ajson.dumps({"total": Decimal("9.90"), "tags": {"paid"}, "pair": (1, 2)})
    >>> ajson.loads(text)
    {'total': Decimal('9.90'), 'tags': {'paid'}, 'pair': (1, 2)}
"""

from __future__ import annotations

from .decoding import Decoder
from .depth import check_depth
from .errors import MalformedJSONError, MalformedTagError, NestingError, kind_name
from .json_text import read, read_by_json, write, write_readable
from .registering import register
from .tags import (
    KEYS,
    TAG,
    count_parts,
    has_tags,
    mark_unread,
    may_have_escaped_tags,
    may_have_tags,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable, Iterable
    from typing import IO, Any

__all__ = ["dump", "dumpb", "dumps", "load", "loads", "register"]

_BYTES = (bytes, bytearray, memoryview)
# A str that is shorter is searched in less time than its bytes.
_SHORT = 4096
# Stands for the name of a tag one of whose parts is there twice.
_DUPLICATE = object()


def dumps(value: Any, *, indent: int | str | None = None, sort_keys: bool = False) -> str:
    """Return the JSON text of a value, as strict JSON (RFC 8259).

    Args:
        value: None, bool, int, float, str, list, dict, and what the package's
            README lists besides: AlgObjects, registered classes and many types
            of the standard library, in one another.
        indent: For people to read: so many spaces a level, or the text of a level.
        sort_keys: For people to read: sorts keys, and the items of sets.

    Raises:
        UnserializableError: Some part of the value couldn't come back equal and
            of the same type; the error gives the path to it.
        NestingError: The text would nest deeper than 500 levels, or the value
            contains itself.

    Example:
        >>> dumps({"pair": (1, 2)})
        '{"pair":{"_alg_class":"tuple","value":[1,2]}}'
    """
    if indent is None and not sort_keys:
        return write(value).decode()
    return write_readable(value, indent=indent, sort_keys=sort_keys)


def dumpb(value: Any) -> bytes:
    """Return the JSON text of a value in UTF-8, as `dumps` writes it.

    Example:
        >>> dumpb({"pair": (1, 2)})
        b'{"pair":{"_alg_class":"tuple","value":[1,2]}}'
    """
    return write(value)


def dump(
    value: Any, file: IO[str], *, indent: int | str | None = None, sort_keys: bool = False
) -> None:
    """Write the JSON text of a value, as `dumps` returns it, to a text file.

    The file should be open with ``encoding="utf-8"``.
    """
    file.write(dumps(value, indent=indent, sort_keys=sort_keys))


def loads(text: str | bytes | bytearray | memoryview, *, rebuild: bool = True) -> Any:
    """Return the value of a JSON text, with its tagged values and objects rebuilt.

    Reading a text imports no module that it names, and calls nothing but the
    `upgrade` and `parse_json` of AlgObject classes that are already imported, and
    the `decode` of classes that are registered.

    Args:
        text: The text, or its UTF-8 bytes. The numbers ``NaN``, ``Infinity`` and
            ``-Infinity``, which moncrief writes, are read too.
        rebuild: False gives the plain JSON, tags and all. What of it is written again,
            whole, in parts or out of a copy, is written as it stood, for the next reader
            to rebuild. (What `json` reads, or a pickle brings back, is the user's own:
            a dict in it that looks like a tag is escaped.)

    Raises:
        TypeError: It is neither a text nor bytes.
        MalformedJSONError: The text isn't JSON.
        MalformedTagError: A tagged value hasn't the form that its tag asks for, or
            a tag has a part twice.
        UnknownClassError: It holds an object of a class that isn't registered.
        RebuildError: A class's own code makes no object of what was sent.
        NestingError: It has tags and nests deeper than 500 levels, or nests
            deeper than its parser goes.

    Example:
        >>> loads('{"_alg_class":"tuple","value":[1,2]}')
        (1, 2)
        >>> event = loads('{"pair":{"_alg_class":"tuple","value":[1,2]}}', rebuild=False)
        >>> dumps({**event, "more": 1})
        '{"pair":{"_alg_class":"tuple","value":[1,2]},"more":1}'
    """
    data = _bytes_of(text)
    tree = read(data)
    searched = text if type(text) is str and len(text) < _SHORT else data
    escapes = may_have_escaped_tags(searched)
    if not escapes and not may_have_tags(searched):
        return tree
    value = tree
    if rebuild:
        decoder = Decoder()
        try:
            value = _within_the_stack(decoder.decode, tree)
        except NestingError:
            # What only looked like tags doesn't decide how deep a text may nest.
            if decoder.tags or has_tags(tree):
                raise
        tags, parts = decoder.tags, decoder.parts
    else:
        tags, parts = mark_unread(tree)
        if tags:
            check_depth(tree, data)
    # Of a key that is there twice, a parser keeps the last. Strings that are spelt like
    # the keys make these numbers differ too, so that it takes a closer look.
    if tags and (escapes or parts != count_parts(data)):
        _within_the_stack(_check_for_duplicates, read_by_json(data, _mark_duplicate))
    return value


def load(file: IO[str] | IO[bytes], *, rebuild: bool = True) -> Any:
    """Return the value of the JSON text in a file, as `loads` reads it."""
    return loads(file.read(), rebuild=rebuild)


def _bytes_of(text: str | bytes | bytearray | memoryview) -> bytes:
    if not isinstance(text, str):
        if isinstance(text, _BYTES):
            return bytes(text)
        raise TypeError(f"a text is a str, or bytes of UTF-8, and not {kind_name(type(text))}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MalformedJSONError(
            f"the text isn't JSON: it has a lone surrogate at character {error.start}"
        ) from error


def _within_the_stack(step: Callable[[Any], Any], tree: Any) -> Any:
    try:
        return step(tree)
    except RecursionError as error:
        raise NestingError(
            "the text nests too deeply for what is left of Python's stack"
        ) from error


def _mark_duplicate(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    duplicate = False
    for key, item in pairs:
        duplicate = duplicate or (key in tree and key in KEYS)
        tree[key] = item
    if duplicate and TAG in tree:
        tree[TAG] = _DUPLICATE
    return tree


def _check_for_duplicates(tree: Any) -> None:
    items = tree.items() if type(tree) is dict else enumerate(tree) if type(tree) is list else ()
    for key, item in items:
        if item is _DUPLICATE:
            raise MalformedTagError("a tag has one of its parts twice")
        try:
            _check_for_duplicates(item)
        except MalformedTagError as error:
            error.inside(key)
            raise
