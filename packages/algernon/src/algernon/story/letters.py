"""Dead letters by their causes or one by one, for people and as plain JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from ..system.letters.letter import Letter, LettersOfCause
from ..system.letters.reader import LetterReader
from .tables import Column, console_of, print_table
from .terminal import Line, Terminal
from .times import zone
from .wording import count

# Of an id, enough to name one letter of those that a person looks at.
_SHORT_ID = 8
_MOST_OF_A_REASON = 80


def print_causes(causes: Sequence[LettersOfCause], terminal: Terminal) -> None:
    """Print how many letters have which cause, as a table."""
    # Columns of times and ids aren't to be broken.
    columns = (
        Column("COUNT", is_number=True),
        Column("TASK"),
        Column(f"FIRST ({zone()})", is_number=True),
        Column("LAST", is_number=True),
        Column("LAST ID", is_number=True),
        Column("ERROR"),
    )
    rows = (
        (
            f"{each.count:,}",
            each.cause.task,
            _short(each.first),
            _short(each.last),
            each.example.id[:_SHORT_ID],
            Line(_why(each.example), "bad"),
        )
        for each in causes
    )
    print_table(columns, rows, console_of(terminal))


def print_letters(letters: Iterable[Letter], terminal: Terminal) -> None:
    """Print letters, each in a row of a table."""
    columns = (
        Column(f"CAME ({zone()})", is_number=True),
        Column("TASK"),
        Column("RECEIVES", is_number=True),
        Column("ID", is_number=True),
        Column("ERROR"),
    )
    rows = (
        (
            _short(letter.sent_at),
            letter.dead.task,
            f"{letter.dead.receive_count:,}",
            letter.id if terminal.width is None else letter.id[:_SHORT_ID],
            Line(_why(letter), "bad"),
        )
        for letter in letters
    )
    print_table(columns, rows, console_of(terminal))


def tell_reading(reader: LetterReader, selected: int, *, is_whole: bool) -> Iterator[Line]:
    """Give lines that say how much was read, what wasn't, and what it cost.

    Args:
        reader: What read.
        selected: How many letters were meant, of those that it read.
        is_whole: Whether it read to the end.
    """
    queues = count(len(reader.queue_urls), "dead-letter queue")
    if not is_whole:
        yield Line(f"The first {count(selected, 'letter')}: there may be more in {queues}.", "bold")
    elif selected == reader.count:
        yield Line(f"{count(selected, 'letter')} in {queues}.", "bold")
    else:
        of_all = f"{selected:,} of {count(reader.count, 'letter')}"
        yield Line(f"{of_all} in {queues} {'is' if selected == 1 else 'are'} meant.", "bold")
    if reader.waiting:
        yield Line(
            f"About {reader.waiting:,} more can't be seen, since SQS doesn't give them out now: of"
            " a FIFO queue it shows ten letters of a message group at a time, and others once these"
            " are redriven or discarded.",
            "open",
        )
    if reader.in_flight:
        yield Line(
            f"About {reader.in_flight:,} more are in flight: somebody else looks at them or moves"
            " them just now. They can be seen when that is over, after a minute at the latest if"
            " it was killed.",
            "open",
        )
    if reader.tasks_without_queue:
        tasks = ", ".join(reader.tasks_without_queue)
        yield Line(
            "Without a dead-letter queue that is no Task's queue, so that SQS drops letters or that"
            f" Task gets them: {tasks}.",
            "bad",
        )
    raised = ", and raised each letter's receive count by one" if reader.count else ""
    yield Line(
        f"Looking took {count(reader.calls, 'call')} of SQS, {count(reader.receives, 'receive')}"
        f" among them, about US$ {reader.cost:.6f}{raised}.",
        "faint",
    )


def reading_as_json(reader: LetterReader, selected: int, *, is_whole: bool) -> dict[str, Any]:
    """Return the same as plain JSON."""
    return {
        "count": selected,
        "read": reader.count,
        "is_whole": is_whole,
        "waiting": reader.waiting,
        "in_flight": reader.in_flight,
        "tasks_without_queue": [*reader.tasks_without_queue],
        "receives": reader.receives,
        "calls": reader.calls,
        "cost_usd": round(reader.cost, 9),
    }


def cause_as_json(each: LettersOfCause) -> dict[str, Any]:
    """Return how many letters have a cause, as plain JSON."""
    return {
        "task": each.cause.task,
        "error": each.cause.error,
        "is_of_task": each.cause.is_of_task,
        "count": each.count,
        "first": as_iso(each.first),
        "last": as_iso(each.last),
        "example": letter_as_json(each.example),
    }


def letter_as_json(letter: Letter) -> dict[str, Any]:
    """Return the facts of a letter as plain JSON."""
    dead = letter.dead
    return {
        "id": letter.id,
        "task": dead.task,
        "error": dead.error,
        "reason": dead.reason and masked_text(dead.reason),
        "receive_count": dead.receive_count,
        "task_id": dead.task_id,
        "chain_id": dead.chain_id,
        "result_id": dead.result_id,
        "message_id": letter.message_id,
        "came_at": as_iso(letter.sent_at),
        "message_group": letter.message_group,
        "bytes": letter.bytes,
        "queue": letter.queues.dead_letter_queue_url,
    }


def masked(value: Any) -> Any:
    """Return plain JSON as a log shows it: without credentials, and less of it if it is large."""
    from algernon_logging.lines.values import plain

    return plain(value)


def masked_text(text: str) -> str:
    """Return a text as a log shows it: without the credentials of URLs in it."""
    from algernon_logging.lines.urls import without_credentials

    return without_credentials(text)


def as_iso(time: datetime) -> str:
    """Return a time in UTC as ISO 8601 writes it, such as ``2026-11-26T03:00:12.345Z``."""
    return f"{time:%FT%T}.{time.microsecond // 1000:03}Z"


def _short(time: datetime) -> str:
    return f"{time.astimezone():%m-%d %H:%M}"


def _why(letter: Letter) -> str:
    """Return in one line, which isn't long, why a letter is one."""
    reason = " ".join(masked_text(letter.dead.reason or "").split())
    if len(reason) > _MOST_OF_A_REASON:
        reason = f"{reason[:_MOST_OF_A_REASON]}…"
    return f"{letter.cause.title}: {reason}" if reason else letter.cause.title
