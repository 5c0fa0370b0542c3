"""A redrive, as people and programs are told of it."""

from __future__ import annotations

from typing import Any

from ..system.letters.redrive import Redriven, RedrivePlan
from .tables import Column, console_of, print_table
from .terminal import Line, Terminal
from .wording import count

_COLUMNS = (
    Column("TASK"),
    Column("ERROR"),
    Column("LETTERS", is_number=True),
    Column("GO TO"),
)


def print_plan(plan: RedrivePlan, terminal: Terminal) -> None:
    """Print what a redrive is to move, and what it leaves."""
    rows = [
        (
            share.cause.task,
            Line(share.cause.title, "bad"),
            f"{number:,}",
            share.queues.queue_name,
        )
        for share, number in plan.counts.items()
    ]
    if rows:
        print_table(_COLUMNS, rows, console_of(terminal))
    for line in _what_stays(plan):
        print(terminal.show(line))


def _what_stays(plan: RedrivePlan) -> list[Line]:
    lines = []
    if plan.hidden:
        text = (
            f"about {count(plan.hidden, 'letter')} more can't be seen yet, since SQS shows the"
            " first ten of a message group: those that are meant go after these"
        )
        lines.append(Line(text, "faint"))
    if plan.behind:
        text = (
            f"{count(plan.behind, 'letter')} that would be meant can't go, since in their message"
            " group one stands before them that isn't meant"
        )
        lines.append(Line(text, "open"))
    return lines


def print_done(done: Redriven, terminal: Terminal) -> None:
    """Print what came of the letters that went first, and how many went in all."""
    for verdict in done.verdicts:
        cause = verdict.letter.cause
        text = f"{cause.task}, {cause.title}: {verdict.letter.id} went first, and {verdict.reason}"
        print(terminal.show(Line(text, "good" if verdict.is_good else "bad")))
    print(terminal.show(Line(f"{count(done.moved.total(), 'letter')} moved", "bold")))
    if done.unseen:
        text = (
            f"{count(done.unseen, 'letter')} of the plan couldn't be moved, since somebody else"
            " took them: try again in a minute"
        )
        print(terminal.show(Line(text, "open")))


def redrive_as_json(plan: RedrivePlan, done: Redriven | None) -> dict[str, Any]:
    """Return what a redrive is to move and, if it was carried out, what it has done."""
    return {
        "plan": [
            {
                "task": share.cause.task,
                "error": share.cause.error,
                "queue": share.queues.queue_url,
                "letters": number,
            }
            for share, number in plan.counts.items()
        ],
        "letters": len(plan.letters),
        "behind": plan.behind,
        "hidden": plan.hidden,
        "receives": plan.receives,
        "done": None if done is None else _done_as_json(done),
    }


def _done_as_json(done: Redriven) -> dict[str, Any]:
    return {
        "moved": done.moved.total(),
        "causes": [
            {"task": share.cause.task, "error": share.cause.error, "moved": number}
            for share, number in done.moved.most_common()
        ],
        "canaries": [
            {
                "task": verdict.letter.cause.task,
                "error": verdict.letter.cause.error,
                "id": verdict.letter.id,
                "is_good": verdict.is_good,
                "reason": verdict.reason,
            }
            for verdict in done.verdicts
        ],
        "refused": [
            {"id": refusal.letter.id, "reason": refusal.reason, "went": refusal.went}
            for refusal in done.refused
        ],
        "unseen": done.unseen,
    }
