"""What the values of settings have to be."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn

from ...errors import SettingsError

Key = str | int

_LONGEST_SHOWN = 80
# A program's text may have one, which no file and no call of AWS can.
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class Pattern:
    """Texts of a form, which errors tell by a word and an example.

    Args:
        form: What such a text matches as a whole, where letters and digits are ASCII's.
        what: What it is, with its article.
        example: One of them.
        unicode: Whether letters and digits are those of all scripts.
    """

    def __init__(self, form: str, what: str, example: str, *, unicode: bool = False) -> None:
        self._form = re.compile(form, re.UNICODE if unicode else re.ASCII)
        self._what = what
        self._example = example

    def check(self, value: object, *key: Key) -> None:
        """Refuse what isn't such a text.

        Raises:
            SettingsError: It isn't.
        """
        if not isinstance(value, str) or not self._form.fullmatch(value):
            refuse(value, f"{self._what}, such as {self._example}", *key)
        check_characters(value, *key)


def refuse(value: object, wanted: str, *key: Key) -> NoReturn:
    """Say that the value of a key isn't what is wanted.

    Raises:
        SettingsError: Always.
    """
    raise SettingsError(f"is {_shown(value)}, but has to be {wanted}", key=key)


def refuse_unseen(value: object, wanted: str, *key: Key) -> NoReturn:
    """Say that a value isn't what is wanted, and not what it is, since nobody may see it.

    Raises:
        SettingsError: Always.
    """
    raise SettingsError(f"is of the type {type(value).__name__}, but has to be {wanted}", key=key)


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # A number of too many digits for Python to write, or tables too deep in each other.
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def check_characters(text: str, *key: Key) -> None:
    """Refuse a text with a half character, which has no bytes.

    Raises:
        SettingsError: It has one.
    """
    if _HALF_CHARACTER.search(text):
        refuse(text, "a text without half characters", *key)


def check_number(value: object, allowed: range, unit: str, *key: Key) -> None:
    """Refuse what isn't a whole number within a range.

    Raises:
        SettingsError: It isn't.
    """
    # A bool is an int to Python, and to nobody who writes settings.
    if type(value) is not int or value not in allowed:
        refuse(value, f"a whole number of {unit} from {allowed[0]:,} to {allowed[-1]:,}", *key)


def check_one_of(value: object, allowed: Collection[object], *key: Key) -> None:
    """Refuse what isn't one of some values, of the same type.

    Raises:
        SettingsError: It isn't.
    """
    if (type(value), value) not in [(type(one), one) for one in allowed]:
        refuse(value, f"one of {', '.join(map(_as_in_toml, allowed))}", *key)


def _as_in_toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def check_bool(value: object, *key: Key) -> None:
    """Refuse what is neither true nor false.

    Raises:
        SettingsError: It is neither.
    """
    check_one_of(value, (True, False), *key)


def check_each(values: object, check: Callable[..., None], *key: Key, most: int) -> None:
    """Refuse what isn't a list, or holds what a check refuses, the same twice, or too much.

    Raises:
        SettingsError: It isn't, or does.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        refuse(values, 'a list, such as ["one", "two"]', *key)
    before: list[object] = []
    if len(values) > most:
        raise SettingsError(f"has {len(values):,} entries, but AWS takes at most {most:,}", key=key)
    for number, value in enumerate(values):
        check(value, *key, number)
        if value in before:
            raise SettingsError(f"is {_shown(value)}, which stands there twice", key=(*key, number))
        before.append(value)


def check_table(values: object, what: str, *key: Key) -> Mapping[str, Any]:
    """Return what is a table, and refuse what isn't, or has keys that TOML has no words for.

    Raises:
        SettingsError: It isn't, or has.
    """
    if not isinstance(values, Mapping):
        refuse(values, f"a table of {what}", *key)
    for name in values:
        if not isinstance(name, str) or _HALF_CHARACTER.search(name):
            raise SettingsError(
                f"has the key {_shown(name)}, but keys are texts without half characters", key=key
            )
    return values


def check_kind(value: object, kind: type, *key: Key) -> None:
    """Refuse what isn't of a class, such as a dict that a program gives in its place.

    Raises:
        SettingsError: It isn't.
    """
    if not isinstance(value, kind):
        refuse(value, f"of the class {kind.__name__} of algernon.settings", *key)
