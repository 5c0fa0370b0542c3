"""How long data may be to travel inside a message, instead of through S3."""

from __future__ import annotations

import os
import re

from .errors import StorageSettingError


def inline_limit() -> int:
    """Return the longest document that travels inline, in bytes, from `ALGERNON_INLINE_BYTES`.

    Raises:
        StorageSettingError: The variable holds no number of bytes.
    """
    setting = os.environ.get("ALGERNON_INLINE_BYTES") or "0"
    if not re.fullmatch("[0-9]{1,18}", setting):
        raise StorageSettingError(
            f"ALGERNON_INLINE_BYTES is {setting[:40]!r}, which is no number of bytes: set it to how"
            " long stored data may be, as JSON, to stay inside a message, or to 0 to send it"
            " through S3 always"
        )
    return int(setting)
