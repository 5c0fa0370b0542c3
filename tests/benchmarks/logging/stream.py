"""A stream that keeps nothing."""

from __future__ import annotations

import io


class Nowhere(io.TextIOBase):
    """Takes text, and forgets it."""

    def write(self, text: str) -> int:
        """Forget a text."""
        return len(text)
