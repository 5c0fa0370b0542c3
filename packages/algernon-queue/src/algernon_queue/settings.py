"""Numbers that are set by environment variables."""

from __future__ import annotations

import os
import re

from .errors import SettingError


def number_of(variable: str, default: int, meaning: str) -> int:
    """Return the number that an environment variable holds, or the default.

    Args:
        variable: The variable's name.
        default: The number where it isn't set, or empty.
        meaning: What it is, for the error.

    Raises:
        SettingError: It holds no such number.
    """
    setting = os.environ.get(variable)
    if not setting:
        return default
    if not re.fullmatch("[0-9]{1,9}", setting):
        raise SettingError(f"{variable} is {setting[:40]!r}, but it is {meaning}")
    return int(setting)
