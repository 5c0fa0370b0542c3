"""What is looked up before a batch runs, all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Lookup(NamedTuple):
    """Something to look up, which may take its time, and what to do with the answer.

    Attributes:
        look: Returns the answer.
        note: Takes the answer, or the error that there was in its place.
    """

    look: Callable[[], Any]
    note: Callable[[Any], None]
