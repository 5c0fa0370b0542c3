"""What workers log, for people: a short line a Task, and what it logged below that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from algernon_logging import parse_line

from .terminal import Line, Style, Terminal, printable
from .tracebacks import Traceback
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

Parsed = Mapping[str, Any]


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


def digest(invocation: Iterable[str], terminal: Terminal) -> Iterator[str]:
    """Give the lines of an invocation as they are shown to people.

    What can't be told of which Task it is, since it was printed while several were
    worked on, comes first.

    Args:
        invocation: The lines, as they were logged as text.
        terminal: What they are shown on.
    """
    lines = [(text, parse_line(text)) for text in invocation]
    records: dict[tuple[object, object], _Record] = {}
    for _, line in lines:
        if line is not None and (key := _key(line)) is not None:
            records.setdefault(key, _Record(line))
    only = next(iter(records.values())) if len(records) == 1 else None
    loose: list[Line] = []
    traceback, writer = Traceback(), only
    for text, line in lines:
        if line is not None:
            traceback.end()
            key = _key(line)
            writer = None if key is None else records[key]
            if writer is None:
                loose.append(_line_of_nobody(line))
            else:
                _note(writer, line)
        elif traceback.takes(text):
            (loose if writer is None else writer.own).extend(traceback.shown(text))
        else:
            (loose if only is None else only.own).append(Line(text))
    yield from map(terminal.show, loose)
    for record in records.values():
        yield _heading(record, terminal)
        yield from (terminal.show(Line(_INDENT + text, style)) for text, style in _below(record))


def _key(line: Parsed) -> tuple[object, object] | None:
    key = line.get("message_id"), line.get("receive_count")
    return None if None in key else key


def _note(record: _Record, line: Parsed) -> None:
    if line["logger"] == _LOGGER and "outcome" in line:
        record.end = line
    elif line["logger"] == _LOGGER and "next_task_name" in line:
        record.sent[str(line["next_task_name"])] += 1
    elif not _is_said_by_the_heading(line):
        record.own.append(_own_line(line))
    elif line["level"] == "ERROR":
        record.is_explained = True  # by the traceback that follows


def _is_said_by_the_heading(line: Parsed) -> bool:
    said = str(line["message"])
    return (
        line["logger"] == "algernon_queue"
        and said.startswith("message ")
        and any(what in said for what in _SAID_BY_THE_HEADING)
    )


def _own_line(line: Parsed) -> Line:
    level, text = str(line["level"]), str(line["message"])
    if level not in ("DEBUG", "INFO"):
        text = f"{level} {text}"
    return Line(text, _STYLES.get(level, "bad"))


def _line_of_nobody(line: Parsed) -> Line:
    text, style = _own_line(line)
    return Line(f"{_clock(line['timestamp'])} {text}", style)


def _heading(record: _Record, terminal: Terminal) -> str:
    line = record.end or record.first
    name = printable(str(line.get("task_name", "a message that can't be read")))
    start = f"{terminal.paint(_clock(line['timestamp']), 'faint')} {terminal.paint(name, 'bold')}"
    if record.end is None:
        return f"{start} {terminal.paint('has not ended', 'bad')}: its worker was stopped"
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
