"""Keys that mean nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from ...errors import SettingsError
from .values import Key


def check_keys(given: Iterable[str], known: Collection[str], *key: Key) -> None:
    """Refuse a key that isn't known, and tell the one that may be meant.

    Raises:
        SettingsError: There is one.
    """
    for name in given:
        if name not in known:
            meant = get_close_matches(name, known, n=1)
            hint = f"did you mean {meant[0]}? " if meant else ""
            raise SettingsError(
                f"is no setting: {hint}there are {', '.join(sorted(known))}", key=(*key, name)
            )
