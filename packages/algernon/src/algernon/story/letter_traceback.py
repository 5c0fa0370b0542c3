"""The last traceback that was logged for a Task."""

from __future__ import annotations

from collections.abc import Iterable

from ..system.log_events import LogEvent
from .invocations import Invocations
from .line_filter import LineFilter
from .terminal import Line

# The frames near the error are the last ones.
_MOST_LINES = 40


def last_traceback(events: Iterable[LogEvent], task_id: str) -> list[Line]:
    """Return the last traceback of a Task among events, or of a long one its end.

    Frames of Algernon's, around the Task, are left out.

    Args:
        events: The events of one process, in the order of time.
        task_id: The Task's id, in lower case.
    """
    invocations = Invocations()
    for event in events:
        invocations.add(event)
    found: list[Line] = []
    for invocation in (*invocations.over(), *invocations.rest()):
        # Where each line is an event of its own, a traceback follows the line that it is of.
        current: list[Line] = []
        for line in LineFilter(task_id).lines_of(invocation.texts):
            if line.parsed is not None:
                current = [*line.below]
            elif line.is_of_traceback:
                current += line.below
            found = current or found
    left_out = len(found) - _MOST_LINES
    if left_out <= 0:
        return found
    return [Line(f"… {left_out} lines before", "faint"), *found[-_MOST_LINES:]]
