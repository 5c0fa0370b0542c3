"""All that is known of one dead letter, as text for people and as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..system.letters.content import LetterContent
from ..system.letters.letter import Letter
from .json_text import shown_json
from .letters import letter_as_json, masked, masked_text
from .terminal import Line
from .times import date_and_clock
from .wording import count, size

# Of arguments and bodies, what fills a few screens.
_MOST_LINES = 100
_MOST_IN_A_LINE = 2000
_LABEL = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterStory:
    """What was found out about a letter.

    Attributes:
        letter: Its facts.
        content: What it holds.
        looks: How often its message was received in the dead-letter queue, or from the start if
            SQS itself moved it.
        kwargs: The keyword arguments as plain JSON, of which nothing is masked yet.
        kwargs_problem: Why those that are stored in S3 can't be shown, or None.
        traceback: The lines of the last traceback that its worker logged for it.
        traceback_problem: Why there is none, or None.
    """

    letter: Letter
    content: LetterContent
    looks: int
    kwargs: Any = None
    kwargs_problem: str | None = None
    traceback: Sequence[Line] = ()
    traceback_problem: str | None = None


def tell_letter(story: LetterStory) -> Iterator[Line]:
    """Give the lines that tell all of a letter; credentials are masked as in logs."""
    letter, dead, content = story.letter, story.letter.dead, story.content
    yield Line(f"{letter.id}, a dead letter of the Task {dead.task}", "bold")
    yield Line("")
    yield from _why(letter)
    yield Line("")
    came = date_and_clock(letter.sent_at)
    tried = f"after {count(dead.receive_count, 'receive')}"
    if dead.error is not None:
        yield _fact("given up", f"{came}, {tried}")
        yield _fact("looked at", count(story.looks, "time") + " since, this time included")
    else:
        yield _fact("first sent", f"{came}; moved {tried}")
    if dead.chain_id is not None:
        then = " → ".join(content.next_tasks)
        begins = ", which it begins" if dead.chain_id == dead.task_id else ""
        yield _fact("chain", f"{dead.chain_id}{begins}{f'; then {then}' if then else ''}")
    if content.membership is not None:
        group_id, index = content.membership
        yield _fact("group", f"member {index:,} of {group_id}")
    if dead.result_id is not None:
        yield _fact("result", f"awaited under {dead.result_id}")
    if letter.message_group is not None:
        yield _fact("message group", letter.message_group)
    yield _fact("message", f"{letter.message_id}, {size(letter.bytes)}")
    yield _fact("queue", str(letter.queues.dead_letter_queue_url))
    yield from _arguments(story)
    if content.attributes:
        yield from _json("Attributes of its sender", masked(dict(content.attributes)))
    yield from _traceback(story)
    if letter.cause.is_of_task:
        yield Line("")
        yield Line(
            f"algernon dead run {letter.id} runs it here, and changes nothing; algernon dead"
            f" redrive --id {letter.id} moves it back.",
            "faint",
        )


def letter_story_as_json(story: LetterStory) -> dict[str, Any]:
    """Return the same as plain JSON."""
    content = story.content
    told = letter_as_json(story.letter)
    told["looks"] = story.looks
    told["next_tasks"] = content.next_tasks
    told["group"] = None
    if content.membership is not None:
        group_id, index = content.membership
        told["group"] = {"group_id": group_id, "index": index}
    told["kwargs"] = masked(story.kwargs)
    told["kwargs_pointer"] = content.kwargs_pointer
    told["kwargs_problem"] = story.kwargs_problem
    told["body"] = None if story.letter.cause.is_of_task else masked(content.body)
    told["attributes"] = masked(dict(content.attributes))
    told["traceback"] = [line.text for line in story.traceback]
    told["traceback_problem"] = story.traceback_problem
    return told


def _why(letter: Letter) -> Iterator[Line]:
    dead = letter.dead
    if dead.error is not None:
        first, *more = (masked_text(dead.reason or "") or "it says nothing").splitlines()
        yield Line(f"{dead.error}: {first}", "bad")
        yield from (Line(f"  {line}", "bad") for line in more[:_MOST_LINES])
    elif letter.cause.is_of_task:
        yield Line(
            "SQS itself moved it, and nobody noted why: its worker was killed or timed out each"
            " time, or hands failures back to SQS.",
            "bad",
        )
    else:
        yield Line(
            "It isn't a Task's message, and nobody noted why it is here: somebody else sent it.",
            "bad",
        )


def _fact(label: str, text: str) -> Line:
    return Line(f"{label:<{_LABEL}}{text}")


def _arguments(story: LetterStory) -> Iterator[Line]:
    content = story.content
    if not story.letter.cause.is_of_task:
        yield from _json("Body, which is no Task's message", masked(content.body))
        return
    pointer = content.kwargs_pointer
    heading = "Arguments" if pointer is None else f"Arguments, from {pointer}"
    if story.kwargs_problem is None:
        yield from _json(heading, masked(story.kwargs))
    else:
        yield Line("")
        yield Line(heading, "bold")
        yield Line(f"  can't be shown: {story.kwargs_problem}", "bad")


def _json(heading: str, value: Any) -> Iterator[Line]:
    yield Line("")
    yield Line(heading, "bold")
    text = value if isinstance(value, str) else shown_json(json.dumps(value, ensure_ascii=False))
    lines = text.splitlines()
    for line in lines[:_MOST_LINES]:
        left_out = len(line) - _MOST_IN_A_LINE
        more = f"… and {left_out:,} more characters" if left_out > 0 else ""
        yield Line(f"  {line[:_MOST_IN_A_LINE]}{more}")
    if len(lines) > _MOST_LINES:
        yield Line(f"  … and {len(lines) - _MOST_LINES:,} more lines, which --json prints", "faint")


def _traceback(story: LetterStory) -> Iterator[Line]:
    if not story.traceback and story.traceback_problem is None:
        return
    yield Line("")
    yield Line("Traceback, as its worker logged it", "bold")
    if story.traceback_problem is not None:
        yield Line(f"  {story.traceback_problem}", "faint")
    yield from (line._replace(text=f"  {line.text}") for line in story.traceback)
