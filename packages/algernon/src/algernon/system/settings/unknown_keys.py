"""Keys that mean nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from ...errors import SettingsError
from .values import Key

# Of a word cut short, such as env.
_SHORTEST = 3


def check_keys(given: Iterable[str], known: Collection[str], *key: Key) -> None:
    """Refuse a key that isn't known, and tell the one that may be meant.

    Raises:
        SettingsError: There is one.
    """
    for name in given:
        if name not in known:
            meant = likely_meant(name, known)
            hint = f"did you mean {meant}? " if meant else ""
            raise SettingsError(
                f"is no setting: {hint}there are {', '.join(sorted(known))}", key=(*key, name)
            )


def likely_meant(name: str, known: Collection[str]) -> str | None:
    """Return the known name that one is likely to stand for: written alike, or its beginning."""
    beginnings = [one for one in known if len(name) >= _SHORTEST and one.startswith(name)]
    return next(iter([*get_close_matches(name, known, n=1), *beginnings]), None)
