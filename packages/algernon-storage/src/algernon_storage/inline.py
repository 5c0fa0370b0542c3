"""How long data may be to travel inside a message, instead of through S3."""

from __future__ import annotations

from .settings import number_of


def inline_limit() -> int:
    """Return the longest document that travels inline, in bytes, from `ALGERNON_INLINE_BYTES`.

    Raises:
        StorageSettingError: The variable holds no number of bytes.
    """
    return number_of(
        "bytes",
        "ALGERNON_INLINE_BYTES",
        0,
        "how long stored data may be, as JSON, to stay inside a message, or to 0 to send it"
        " through S3 always",
    )
