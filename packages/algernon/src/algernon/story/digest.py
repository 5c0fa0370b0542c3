"""What workers log, for people: a short line a Task, and what it logged below that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .invocation_lines import Parsed, RecordKey, read_lines
from .terminal import Line, Style, Terminal, printable
from .wording import duration

_LOGGER = "algernon_logging"
_INDENT = " " * len("15:26:10 ")
_STYLES: dict[str, Style] = {"DEBUG": "faint", "INFO": "plain", "WARNING": "open"}
_OUTCOMES: dict[str, tuple[str, Style]] = {
    "done": ("done", "good"),
    "duplicate": ("done before", "good"),
    "failed": ("failed", "bad"),
    "dead_letter": ("failed", "bad"),
    "handed_back": ("handed back", "open"),
    "cancelled": ("cancelled", "open"),
    "expired": ("expired", "open"),
}
# What algernon-queue says of a message, and the heading of its Task says too.
_SAID_BY_THE_HEADING = (" failed: ", " stays in the queue: ", " was moved to the dead-letter queue")
# What is said of a record without an end, when nothing is said to come of it any more.
_STOPPED = "has not ended: its worker was stopped"


@dataclass(slots=True)
class _Record:
    """What the lines of an invocation tell of one of its records.

    Attributes:
        first: The first of its lines.
        end: The line of its end, if there is one.
        sent: How many messages its Task sent by itself, by the Task that they are for.
        own: The lines that its Task wrote, with the tracebacks that belong to them.
        is_explained: Whether a traceback among them tells of its error.
    """

    first: Parsed
    end: Parsed | None = None
    sent: Counter[str] = field(default_factory=Counter)
    own: list[Line] = field(default_factory=list)
    is_explained: bool = False


def digest(
    invocation: Iterable[str],
    terminal: Terminal,
    *,
    without_end: str = _STOPPED,
    function: str = "Lambda",
    at: str | None = None,
) -> Iterator[str]:
    """Give the lines of an invocation as they are shown to people.

    What can't be told of which Task it is, since it was printed while several were
    worked on, comes first.

    Args:
        invocation: The lines, as they were logged.
        terminal: What they are shown on.
        without_end: What is said of a record without an end.
        function: Who is said to have failed, where Lambda says that an invocation has.
        at: When that was, as lines have it.
    """
    records: dict[RecordKey, _Record] = {}
    loose: list[Line] = []
    faults: dict[str, None] = {}
    lines = [*read_lines(invocation)]
    for line in lines:
        if line.parsed is not None and line.record is not None:
            records.setdefault(line.record, _Record(line.parsed))
    for line in lines:
        record = None if line.record is None else records[line.record]
        if line.parsed is not None and record is not None:
            _note(record, line.parsed)
        elif line.parsed is not None:
            loose += _lines_of_nobody(line.parsed)
        elif line.platform is not None and line.platform.fault is not None:
            faults[line.platform.fault] = None
        (loose if record is None else record.own).extend(line.below)
    yield from map(terminal.show, loose)
    for record in records.values():
        yield _heading(record, terminal, without_end)
        yield from (terminal.show(Line(_INDENT + text, style)) for text, style in _below(record))
    for fault in faults:
        # Lambda says twice that it ran out of time, and once how long that was.
        if not any(other.startswith(fault) and other != fault for other in faults):
            yield terminal.show(Line(f"{_clock(at)} {function} {fault}", "bad"))


def _note(record: _Record, line: Parsed) -> None:
    if line["logger"] == _LOGGER and "outcome" in line:
        record.end = line
    elif line["logger"] == _LOGGER and "next_task_name" in line:
        record.sent[str(line["next_task_name"])] += 1
    elif not _is_said_by_the_heading(line):
        record.own += _own_lines(line)
    elif line["level"] == "ERROR":
        record.is_explained = True  # by the traceback that follows


def _is_said_by_the_heading(line: Parsed) -> bool:
    said = str(line["message"])
    return (
        line["logger"] == "algernon_queue"
        and said.startswith("message ")
        and any(what in said for what in _SAID_BY_THE_HEADING)
    )


def _own_lines(line: Parsed) -> list[Line]:
    level, text = str(line["level"]), str(line["message"])
    if level not in ("DEBUG", "INFO"):
        text = f"{level} {text}"
    return [Line(part, _STYLES.get(level, "bad")) for part in text.split("\n")]


def _lines_of_nobody(line: Parsed) -> list[Line]:
    first, *more = _own_lines(line)
    at = _clock(line["timestamp"])
    return [first._replace(text=f"{at} {first.text}"), *more]


def _heading(record: _Record, terminal: Terminal, without_end: str) -> str:
    line = record.end or record.first
    name = printable(str(line.get("task_name", "a message that can't be read")))
    start = f"{terminal.paint(_clock(line['timestamp']), 'faint')} {terminal.paint(name, 'bold')}"
    if record.end is None:
        end, colon, rest = without_end.partition(":")
        return f"{start} {terminal.paint(end, 'bad' if colon else 'open')}{colon}{rest}"
    outcome, style = _OUTCOMES.get(str(line["outcome"]), (str(line["outcome"]), "open"))
    return f"{start} {terminal.paint(printable(outcome), style)}{printable(_rest(record, line))}"


def _rest(record: _Record, end: Parsed) -> str:
    """Return what follows the outcome: how long it took, where it goes on, when it comes back."""
    took = end.get("duration_ms")
    rest = f" {duration(took)}" if isinstance(took, int | float) else ""
    if end["receive_count"] != 1:
        rest += f" (run {end['receive_count']})"
    nexts = [f"{number} {name}" if number > 1 else name for name, number in record.sent.items()]
    if "next_task_name" in end:
        nexts.insert(0, str(end["next_task_name"]))
    if nexts:
        rest += f" → {', '.join(nexts)}"
    if end["outcome"] == "dead_letter":
        rest += ", moved to the dead-letter queue"
    if "comes_back_at" in end:
        rest += f", comes back at {_clock(end['comes_back_at'])}"
    return rest


def _below(record: _Record) -> Iterator[Line]:
    end = record.end or {}
    if "error" in end and not record.is_explained:
        place = f" ({end['error_at']})" if "error_at" in end else ""
        yield Line(f"{end['error']}: {end.get('reason', '')}{place}", "bad")
    yield from record.own


def _clock(time: Any) -> str:
    """Return a line's time as the clock here shows it."""
    try:
        return f"{datetime.fromisoformat(time).astimezone():%H:%M:%S}"
    except (TypeError, ValueError, OverflowError):
        return "--:--:--"
