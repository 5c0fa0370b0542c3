"""How much may be read of what one pointer leads to.

A sender decides what that is: an object that is unpacked to gigabytes, or a few of
pointers to one another, which are read over and over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from algernon_serialize import NestingError

from .errors import ReadLimitError
from .settings import number_of

_BYTES = "ALGERNON_MAX_READ_BYTES"
_OBJECTS = "ALGERNON_MAX_READ_OBJECTS"
_MOST_BYTES = 1024**3
_MOST_OBJECTS = 1000
_ADVICE = "how many may be read of what one pointer leads to"
# Python's stack has room for some more.
_DEEPEST = 20


@dataclass(slots=True)
class Reading:
    """The reading of what one pointer leads to.

    Attributes:
        first: Where the pointer leads.
        objects_left: How many objects may still be read.
        bytes_left: How many bytes may still be read of them, unpacked.
        depth: How deep within one another those are that are being read.
    """

    first: object
    objects_left: int
    bytes_left: int
    depth: int = 0


_reading: ContextVar[Reading | None] = ContextVar("reading", default=None)


@contextmanager
def reading_of(place: object) -> Iterator[Reading]:
    """Count an object that is read here, with whatever is read inside of the `with` block.

    Raises:
        ReadLimitError: It is one too many.
        algernon_serialize.NestingError: It is too deep within others.
        StorageSettingError: A limit is set to what is no number.
    """
    reading = _reading.get()
    if reading is None:
        reading = Reading(place, _object_limit(), byte_limit())
    if reading.depth == _DEEPEST:
        raise NestingError(
            f"what {reading.first} leads to nests deeper than {_DEEPEST} stored data in one"
            " another, and is read no further: look whether it leads to itself"
        )
    if not reading.objects_left:
        raise ReadLimitError(
            f"{reading.first} leads to more than {_object_limit()} objects, and is read no further:"
            f" set {_OBJECTS} to more if what was stored there is meant to be so"
        )
    token = _reading.set(reading)
    reading.objects_left -= 1
    reading.depth += 1
    try:
        yield reading
    finally:
        reading.depth -= 1
        _reading.reset(token)


def byte_limit() -> int:
    """Return how many bytes may be read, unpacked, of what one pointer leads to.

    Raises:
        StorageSettingError: `ALGERNON_MAX_READ_BYTES` is no number of bytes.
    """
    return number_of("bytes", _BYTES, _MOST_BYTES, _ADVICE)


def too_long(place: object, most: int) -> ReadLimitError:
    """Return the error of an object that is longer than may be read of it."""
    return ReadLimitError(
        f"the object at {place} is longer than the {most} bytes that may still be read of it, and"
        f" of what leads to it: set {_BYTES} to more if it is meant to be so, and the worker has"
        " the memory"
    )


def _object_limit() -> int:
    return number_of("objects", _OBJECTS, _MOST_OBJECTS, _ADVICE)
