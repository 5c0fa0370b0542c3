"""Telling by ormsgpack, where it is installed, that a value is made of JSON's own types.

To pack a value takes a fifth of the time in which a `survey` looks through it. So asked as
here, ormsgpack takes None, bool, float, ints of 64 bits, str without lone surrogates, and
lists and dicts of these whose keys are str: these very types, and no subclasses. What else it
takes, which is bytes and types of its own, orjson refuses. It calls no code of others, since
it gets no function to ask, and goes as deep as orjson does.
"""

from __future__ import annotations

import re
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable
    from typing import Any

#: What no value is packed as.
REFUSED = b""

# A float is packed as this byte, and the eight of IEEE 754.
_FLOAT = b"\xcb"
_NAN_OR_INFINITE = re.compile(_FLOAT + rb"[\x7f\xff][\xf0-\xff]")


def pack(value: Any) -> bytes | None:
    """Return a value as it is packed, or `REFUSED`, or None where there is no ormsgpack."""
    packer = _packer()
    if packer is None:
        return None
    try:
        return packer(value)
    except TypeError:  # whatever it is that can't be packed
        return REFUSED


def may_have_floats(packed: bytes) -> bool:
    """Tell whether what was packed has floats, or something that looks like one there."""
    return _FLOAT in packed


def may_have_special_floats(packed: bytes) -> bool:
    """Tell whether there is NaN or an infinity, or something that looks like one there.

    No str does: the bytes aren't UTF-8.
    """
    # Most haven't even the second byte, which is found soonest.
    return (b"\x7f" in packed or b"\xff" in packed) and (
        _NAN_OR_INFINITE.search(packed) is not None
    )


@cache
def _packer() -> Callable[[Any], bytes] | None:
    # On first use, since not everybody writes.
    try:
        import ormsgpack
    except ImportError:
        return None
    packb = ormsgpack.packb
    options = (
        ormsgpack.OPT_PASSTHROUGH_DATACLASS
        | ormsgpack.OPT_PASSTHROUGH_DATETIME
        | ormsgpack.OPT_PASSTHROUGH_ENUM
        | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
        | ormsgpack.OPT_PASSTHROUGH_TUPLE
        | ormsgpack.OPT_PASSTHROUGH_UUID
    )
    return lambda value: packb(value, None, options)
