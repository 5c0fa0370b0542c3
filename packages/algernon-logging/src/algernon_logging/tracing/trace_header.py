"""The tracing header of X-Ray: AWS X-Ray Developer Guide, "Tracing header"."""

from __future__ import annotations

import re
from typing import NamedTuple

_ROOT = re.compile(r"(?<![^;])Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?![^;])")
_PARENT = re.compile(r"(?<![^;])Parent=([0-9a-f]{16})(?![^;])")
_SAMPLED = re.compile(r"(?<![^;])Sampled=([01])(?![^;])")


class TracePosition(NamedTuple):
    """A place in a trace.

    Attributes:
        trace_id: The trace.
        parent_id: Whom the next span there belongs to, or None at the trace's beginning.
        is_sampled: Whether it is sampled, or None where nobody has decided yet.
    """

    trace_id: str
    parent_id: str | None
    is_sampled: bool | None

    @property
    def header(self) -> str:
        """The tracing header that brings somebody there."""
        parent = f";Parent={self.parent_id}" if self.parent_id else ""
        sampled = "" if self.is_sampled is None else f";Sampled={int(self.is_sampled)}"
        return f"Root={self.trace_id}{parent}{sampled}"


def parse_trace_header(header: object) -> TracePosition | None:
    """Return the place that a header leads to, or None if it is no header."""
    if not isinstance(header, str) or (root := _ROOT.search(header)) is None:
        return None
    parent, sampled = _PARENT.search(header), _SAMPLED.search(header)
    return TracePosition(root[1], parent and parent[1], sampled and sampled[1] == "1")
