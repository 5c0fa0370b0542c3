"""Numbers that are set by environment variables."""

from __future__ import annotations

import os
import re

from .errors import StorageSettingError


def number_of(unit: str, variable: str, default: int, advice: str) -> int:
    """Return the number that an environment variable holds, or the default.

    Args:
        unit: What is counted, for the error.
        variable: The variable's name.
        default: The number where it isn't set, or empty.
        advice: What to set it to, for the error.

    Raises:
        StorageSettingError: It holds no such number.
    """
    setting = os.environ.get(variable) or str(default)
    if not re.fullmatch("[0-9]{1,18}", setting):
        raise StorageSettingError(
            f"{variable} is {setting[:40]!r}, which is no number of {unit}: set it to {advice}"
        )
    return int(setting)
