"""`algernon dead show`: tell all that is known of one dead letter."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..arguments import add_place
from ..places import place_of, place_with_bucket
from .arguments import letter_id, tasks_of

if TYPE_CHECKING:
    from ...system.letter_content import LetterContent
    from ...system.letter_reader import LetterReader, Taken
    from ...system.place import Place

HELP = "tell why one letter is dead, and all that is in it"
DESCRIPTION = (
    "Tell all that is known of one dead letter of the local system that runs or, given a region or"
    " profile, on AWS: why it was given up, its arguments, its chain and group, and the traceback"
    " that its worker logged. What looks like a credential is masked, as in logs. Nothing is run,"
    " and the letter stays where it is. With a whole id, reading ends when it is found; with the"
    " beginning of one, all letters are read, since no other may begin so."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the letter."""
    parser.add_argument(
        "id",
        metavar="ID",
        type=letter_id,
        help="the task_id, result_id or SQS message id, or what it begins with",
    )
    parser.add_argument("--task", metavar="TASK", help="look among those of this Task alone")
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print what is known of it."""
    from ...story.letter_story import LetterStory, letter_story_as_json, tell_letter
    from ...story.terminal import Terminal
    from ...system.letter_content import LetterContent
    from ...system.letter_reader import LetterReader
    from ...system.task_queues import find_task_queues

    place = place_of(options)
    with LetterReader(place, tasks_of(options, find_task_queues(place))) as reader:
        taken = _find(reader, options.id)
    content = LetterContent.of(taken.message)
    kwargs, kwargs_problem = _kwargs(content, place, options)
    story = LetterStory(
        letter=taken.letter,
        content=content,
        looks=int(taken.message["Attributes"]["ApproximateReceiveCount"]),
        kwargs=kwargs,
        kwargs_problem=kwargs_problem,
    )
    if options.json:
        print(json.dumps(letter_story_as_json(story)))
        return
    terminal = Terminal.of(sys.stdout)
    for line in tell_letter(story):
        print(terminal.show(line))


def _find(reader: LetterReader, beginning: str) -> Taken:
    """Return the letter of an id.

    Raises:
        LetterError: There is none, or the ids of several begin so.
    """
    from ...story.progress import with_progress
    from ...system.letters import check_is_one

    found: list[Taken] = []
    ids: set[str] = set()
    all_of_it = with_progress(reader, "Reading dead letters", expected=reader.expected)
    with closing(all_of_it) as letters:
        for taken in letters:
            if any(each.startswith(beginning) for each in taken.letter.ids):
                ids.add(taken.letter.id)
                found = found or [taken]
                if _is_whole(beginning):
                    break
    check_is_one(beginning, ids, unseen=reader.in_flight + reader.waiting)
    return found[0]


def _kwargs(
    content: LetterContent, place: Place, options: argparse.Namespace
) -> tuple[Any, str | None]:
    """Return the keyword arguments, or why they can't be shown."""
    from algernon_serialize import SerializeError
    from algernon_storage import StorageError
    from botocore.exceptions import BotoCoreError, ClientError

    from ...system.letter_content import fetch_kwargs

    pointer = content.kwargs_pointer
    if pointer is None:
        return content.kwargs, None
    if place.stack_name is None and options.bucket is None:
        return None, "name the system's bucket by --bucket"
    try:
        return fetch_kwargs(pointer, place_with_bucket(options)), None
    except (BotoCoreError, ClientError, SerializeError, StorageError) as error:
        return None, str(error)


def _is_whole(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
