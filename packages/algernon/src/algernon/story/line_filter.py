"""Which lines of an invocation are shown, where not all are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .invocation_lines import InvocationLine, Parsed, RecordKey, read_lines

# What is no failure: the Task was done, or is still to be run, or not to be.
_FINE = ("done", "duplicate", "handed_back", "cancelled")
_BAD = ("ERROR", "CRITICAL", "FATAL")
# As ministack says that a function ran out of time.
_TIMED_OUT = "Task timed out after "
_IDS = ("chain_id", "task_id", "group_id")


@dataclass(slots=True)
class _Record:
    """What is known of a record: what its lines say of whose it is, and how it ended."""

    names: set[object] = field(default_factory=set)
    outcome: object = None


@dataclass(frozen=True, slots=True)
class LineFilter:
    """What is chosen: a Task's lines, or those of what has an id, or those of what failed.

    Attributes:
        name: A Task's name, or the id of a chain, a Task or a group, in lower case; of all
            by default.
        has_failed: Whether a run is to have failed.
    """

    name: str | None = None
    has_failed: bool = False

    def lines_of(self, texts: Iterable[str], *, is_over: bool = True) -> list[InvocationLine]:
        """Return the lines of an invocation that are chosen.

        Lambda's own lines are left out, but for those that say what went wrong. What can't be
        told of which record it is, is chosen where all records are.

        Args:
            texts: The lines, as they were logged.
            is_over: Whether nothing is to come any more, so that what has no end has failed.
        """
        lines = [line for line in read_lines(texts) if line.platform is None or _is_fault(line)]
        records: dict[RecordKey, _Record] = {}
        for line in lines:
            if line.record is not None and line.parsed is not None:
                _note(records.setdefault(line.record, _Record()), line.parsed)
        chosen = {key for key, each in records.items() if self._chooses(each, is_over=is_over)}
        takes_loose = self._takes_loose(lines, are_all_chosen=records.keys() == chosen)
        takes_faults = takes_loose or self.name is None or bool(chosen)
        return [
            line
            for line in lines
            if line.record in chosen
            or (line.record is None and (takes_faults if _is_fault(line) else takes_loose))
        ]

    def _chooses(self, record: _Record, *, is_over: bool) -> bool:
        if self.name is not None and self.name not in record.names:
            return False
        if not self.has_failed:
            return True
        return is_over if record.outcome is None else record.outcome not in _FINE

    def _takes_loose(self, lines: list[InvocationLine], *, are_all_chosen: bool) -> bool:
        """Tell whether lines are taken that are of no record, as far as is known."""
        has_records = any(line.record is not None for line in lines)
        if has_records:
            return are_all_chosen
        if self.name is not None:
            return False
        return not self.has_failed or any(map(_is_bad, lines))


def _note(record: _Record, line: Parsed) -> None:
    names = (line.get("task_name"), *(line.get(name) for name in _IDS))
    # A name that looks like a number is one in a line of text.
    record.names |= {str(name) for name in names if name is not None}
    if line["logger"] == "algernon_logging" and "outcome" in line:
        record.outcome = line["outcome"]


def _is_fault(line: InvocationLine) -> bool:
    return line.platform is not None and line.platform.fault is not None


def _is_bad(line: InvocationLine) -> bool:
    if line.parsed is not None:
        return line.parsed.get("level") in _BAD
    return _is_fault(line) or any(
        each.style == "bad" or each.text.startswith(_TIMED_OUT) for each in line.below
    )
