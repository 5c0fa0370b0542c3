"""The invocations that events of a log group are of, put together while they come in."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ..system.log_events import LogEvent
from .invocation_lines import parse_logged
from .platform_lines import platform_line

# AWS Lambda Developer Guide, "Working with Lambda function logs": the name of a stream in a log
# group of several functions.
_STREAM = re.compile(r"\d{4}/\d\d/\d\d/([^\[/]+)\[")
# An invocation takes no longer than fifteen minutes, and its lines come a little later.
_LONGEST_MS = 16 * 60 * 1000
# What is written at the same time may come in any order.
_DISORDER_MS = 2_000
_MOST_KNOWN = 10_000

#: Whether all of an invocation is there, or more may come, or this came after the rest.
State = Literal["over", "open", "late"]


@dataclass(slots=True)
class Invocation:
    """What is known of an invocation, and wasn't given before.

    Attributes:
        function: The name of its function, or None where that isn't known.
        state: How complete it is.
        events: What was logged.
        came_at: When the latest of it came, in seconds of the monotonic clock.
    """

    function: str | None = None
    state: State = "open"
    events: list[LogEvent] = field(default_factory=list)
    came_at: float = 0.0

    @property
    def texts(self) -> list[str]:
        """What was logged, without the line breaks at the ends."""
        return [event.text.removesuffix("\n") for event in self.events]

    @property
    def newest_ms(self) -> int:
        """When the latest of it was written, in milliseconds since 1970."""
        return self.events[-1].at_ms


class Invocations:
    """Puts invocations together of events, which are those of many, in the order of time.

    A stream is what one process of a function writes: one invocation after another. Those
    lines that don't say of which they are, such as what was printed, are of the one that has
    begun last; or of the next, where none has.

    Example:
        >>> invocations = Invocations()
        >>> for event in feed.new_events():  # doctest: +SKIP
        ...     invocations.add(event)
        >>> [each.texts for each in invocations.over()]  # doctest: +SKIP
    """

    def __init__(self) -> None:
        # By stream and request id; an empty one where it isn't known yet.
        self._open: dict[tuple[str, str], Invocation] = {}
        self._current: dict[str, str] = {}
        self._ended: dict[tuple[str, str], None] = {}
        self._newest_ms = 0

    def add(self, event: LogEvent) -> None:
        """Take an event."""
        self._newest_ms = max(self._newest_ms, event.at_ms)
        stream, platform = event.stream, platform_line(event.text)
        if platform is None:
            request_id, function = _origin(event.text)
        else:
            request_id, function = platform.request_id, None
        request_id = request_id or self._current.get(stream, "")
        key = stream, request_id
        invocation = self._open.setdefault(key, Invocation())
        if request_id and (stream, "") in self._open and key not in self._ended:
            # It was written before its invocation began, such as while modules were imported.
            invocation.events[:0] = self._open.pop((stream, "")).events
        invocation.events.append(event)
        invocation.came_at = time.monotonic()
        invocation.function = function or invocation.function or _function_of(stream)
        if key in self._ended:
            invocation.state = "late"
        elif platform is not None and platform.kind == "end":
            invocation.state = "over"
            self._current.pop(stream, None)
            self._ended[key] = None
            _forget_oldest(self._ended)
        elif request_id:
            self._current[stream] = request_id
            _forget_oldest(self._current)

    def over(self, *, settled: bool = False) -> Iterator[Invocation]:
        """Give those of which nothing more is to come, and take them away.

        Args:
            settled: Whether only those whose end is some time ago, so that nothing that was
                written at the same time is still to be added.
        """
        latest_ms = self._newest_ms - (_DISORDER_MS if settled else 0)
        for key, invocation in [*self._open.items()]:
            if invocation.newest_ms < self._newest_ms - _LONGEST_MS:
                invocation.state = "over" if invocation.state == "open" else invocation.state
            if invocation.state != "open" and invocation.newest_ms <= latest_ms:
                yield self._open.pop(key)

    def rest(self, *, quiet_seconds: float = 0.0) -> Iterator[Invocation]:
        """Give what there is of the others, of which more may come, and take that away.

        Args:
            quiet_seconds: Only of those of which nothing has come for so long.
        """
        latest = time.monotonic() - quiet_seconds
        longest_ago_ms = time.time() * 1000 - _LONGEST_MS
        for key, invocation in [*self._open.items()]:
            if invocation.came_at <= latest:
                if invocation.state == "open" and invocation.newest_ms < longest_ago_ms:
                    invocation.state = "over"
                yield self._open.pop(key)


def _forget_oldest(known: dict[Any, Any]) -> None:
    if len(known) > _MOST_KNOWN:
        del known[next(iter(known))]


def _origin(text: str) -> tuple[str | None, str | None]:
    """Return the request id and the function that a line names, if it does."""
    if text.startswith("{"):
        line = parse_logged(text) or {}
        origin = line.get("requestId"), line.get("function_name")
    elif text.startswith("["):
        # Its columns; the first three are those of Lambda's own text format.
        columns = [*text.split("\t", 4), None, None, None]
        has_function = parse_logged(text) is not None
        origin = columns[2], columns[3] if has_function else None
    else:
        return None, None
    request_id, function = (
        part if isinstance(part, str) and part not in ("", "-") else None for part in origin
    )
    return request_id, function


def _function_of(stream: str) -> str | None:
    found = _STREAM.match(stream)
    return None if found is None else found[1]
