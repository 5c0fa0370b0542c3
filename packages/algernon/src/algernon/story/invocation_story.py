"""An invocation as it is shown: for people, whole, or for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from .digest import digest
from .invocation_lines import InvocationLine, Parsed
from .invocations import Invocation, State
from .terminal import Terminal

_WITHOUT_END: dict[State, str] = {
    "over": "has not ended: its worker was stopped",
    "open": "hasn't ended yet, as far as is logged",
    "late": "logged more",
}


class ForPeople:
    """Shows invocations one after another on a terminal, and the day where it is another.

    Args:
        terminal: What they are shown on.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._day = datetime.now().astimezone().date()

    def __call__(self, invocation: Invocation, lines: Sequence[InvocationLine]) -> Iterator[str]:
        """Give what is shown of the lines of an invocation."""
        at = _time(invocation.newest_ms)
        yield from self._new_day(at.astimezone().date())
        yield from digest(
            [line.text for line in lines],
            self._terminal,
            without_end=_WITHOUT_END[invocation.state],
            function=invocation.function or "Lambda",
            at=at.isoformat(),
        )

    def _new_day(self, day: date) -> Iterator[str]:
        if day != self._day:
            self._day = day
            yield self._terminal.paint(f"{day:%Y-%m-%d}:", "faint")


def whole_lines(_: Invocation, lines: Sequence[InvocationLine]) -> Iterator[str]:
    """Give the lines of an invocation as they were logged."""
    return (line.text for line in lines)


def as_json(invocation: Invocation, lines: Sequence[InvocationLine]) -> Iterator[str]:
    """Give each line of an invocation as an object of JSON, tracebacks with their lines."""
    last: dict[str, Any] | None = None
    for line in lines:
        if line.is_of_traceback and last is not None:
            before = last.get("traceback")
            last["traceback"] = line.text if before is None else f"{before}\n{line.text}"
            continue
        if last is not None:
            yield json.dumps(last)
        last = _object(line, invocation)
    if last is not None:
        yield json.dumps(last)


def _object(line: InvocationLine, invocation: Invocation) -> dict[str, Any]:
    if line.parsed is not None and _is_strict(line.parsed):
        traceback = line.traceback
        return {**line.parsed, **({"traceback": traceback} if traceback else {})}
    at = _time(invocation.events[line.number].at_ms).isoformat(timespec="milliseconds")
    said = {"timestamp": at.replace("+00:00", "Z"), "message": line.text}
    if line.platform is not None:
        said |= {"level": "ERROR", "fault": line.platform.fault or ""}
        if line.platform.request_id is not None:
            said["requestId"] = line.platform.request_id
    if invocation.function is not None:
        said["function_name"] = invocation.function
    return said


def _is_strict(line: Parsed) -> bool:
    """Tell whether a line can be written as JSON: in text, a field may look like a NaN."""
    try:
        json.dumps(line, allow_nan=False)
    except ValueError:
        return False
    return True


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
