"""How far a group has got and what holds it, as text for people and as plain JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ..system.groups import GroupStatus, OpenMember
from .terminal import Line, Terminal
from .wording import count, table

_HEADINGS = ("MEMBER", "TASK", "STATE", "RECEIVES", "DEAD LETTER", "ERROR")
_NUMBERS = ("MEMBER", "RECEIVES")
_MOST_ROWS = 50
_MOST_INDICES = 10


def tell_group(status: GroupStatus, terminal: Terminal | None = None) -> str:
    """Return the story of a group as text: what failed in a table, and then what else is left.

    Args:
        status: How the group is.
        terminal: What it is shown on; by default lines may be of any length, and have no
            colours.
    """
    terminal = terminal or Terminal()
    ended = [member for member in status.members if member.state != "open"]
    left = "not run any more" if _is_given_up(status) else "open"
    summary = (
        f"Group {status.group_id}: {status.done} of {count(status.size, 'member')} done,"
        f" {len(ended)} failed, {len(status.members) - len(ended)} {left}; {status.state}."
    )
    lines = [Line(summary, "bold"), *_table(ended), Line(""), *_ends(status, ended)]
    return "\n".join(map(terminal.show, lines))


def group_as_json(status: GroupStatus) -> dict[str, Any]:
    """Return how a group is, as plain JSON."""
    return {
        "group_id": status.group_id,
        "state": status.state,
        "size": status.size,
        "done": status.done,
        "failed": sum(member.state != "open" for member in status.members),
        "failure": None if status.failure is None else asdict(status.failure),
        "members": [
            {
                "index": member.index,
                "task_id": member.task_id,
                "state": member.state,
                "failure": None if member.failure is None else asdict(member.failure),
                "dead_letter": None if member.letter is None else asdict(member.letter),
            }
            for member in status.members
        ],
    }


def _is_given_up(status: GroupStatus) -> bool:
    return bool(status.members) and status.state in ("cancelled", "failed")


def _table(members: Sequence[OpenMember]) -> Iterator[Line]:
    if not members:
        return
    headings, *rows = table([_HEADINGS, *map(_row, members[:_MOST_ROWS])], _NUMBERS)
    yield Line("")
    yield Line(headings, "faint")
    yield from (Line(row, "bad") for row in rows)
    if len(members) > _MOST_ROWS:
        yield Line(f"and {len(members) - _MOST_ROWS} others, which --json tells", "bad")


def _row(member: OpenMember) -> tuple[str, ...]:
    task, receives, error, reason = _why(member)
    return (
        str(member.index),
        task or "-",
        member.state,
        str(receives or "-"),
        "no" if member.letter is None else "yes",
        "-" if error is None else " ".join(f"{error}: {reason or ''}".split()),
    )


def _why(member: OpenMember) -> tuple[str | None, int | None, str | None, str | None]:
    """Return the Task that failed, how often it was received, its error and the reason."""
    failure, letter = member.failure, member.letter
    if failure is not None:
        return failure.task_name, failure.attempts, failure.error, failure.reason
    if letter is not None:
        return letter.task, letter.receive_count, letter.error, letter.reason
    return None, None, None, None


def _ends(status: GroupStatus, ended: Sequence[OpenMember]) -> Iterator[Line]:
    indices = [str(member.index) for member in status.members if member.state == "open"]
    if indices:
        more = len(indices) - _MOST_INDICES
        some = ", ".join(indices[:_MOST_INDICES]) + (f" and {more} more" if more > 0 else "")
        if _is_given_up(status):
            yield Line(f"Not run any more: {some}.", "bad")
        else:
            yield Line(f"Open, since they wait or run: {some}.", "open")
    if status.state == "running":
        yield from _what_it_waits_for(status, ended)
    elif status.state == "done":
        yield Line(f"It is done: algernon result {status.group_id} prints what came of it.", "good")
    elif status.state == "cancelled":
        yield Line("It was cancelled: nothing gets its results.", "bad")
    else:
        yield Line(f"It has failed: {status.failure or 'it is tried again by now'}.", "bad")


def _what_it_waits_for(status: GroupStatus, ended: Sequence[OpenMember]) -> Iterator[Line]:
    if not status.members:
        yield Line(
            "All members are done, and what gets their results hasn't ended: algernon result"
            f" {status.group_id} waits for it.",
            "open",
        )
    letters = sum(member.letter is not None for member in ended)
    if letters:
        yield Line(
            f"It is held by {count(letters, 'dead letter')}: when they are redriven and succeed, it"
            " goes on.",
            "open",
        )
    nowhere = sum(member.letter is None and member.state == "failed" for member in ended)
    if nowhere:
        are, they, were = ("is", "it is", "was") if nowhere == 1 else ("are", "they are", "were")
        yield Line(
            f"{count(nowhere, 'member')} that failed {are} in no dead-letter queue of the system:"
            f" {they} being tried again, or {were} removed from there.",
            "open",
        )
