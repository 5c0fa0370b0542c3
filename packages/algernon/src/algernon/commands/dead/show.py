"""`algernon dead show`: tell all that is known of one dead letter."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from ..arguments import add_log_groups, add_place
from ..places import place_of, place_with_bucket, place_with_logs
from .arguments import letter_id, tasks_of
from .finding import find_letter

if TYPE_CHECKING:
    from ...story.terminal import Line
    from ...system.letters.content import LetterContent
    from ...system.letters.letter import Letter
    from ...system.place import Place

HELP = "tell why one letter is dead, and all that is in it"
DESCRIPTION = (
    "Tell all that is known of one dead letter of the local system that runs or, given a region or"
    " profile, on AWS: why it was given up, its arguments, its chain and group, and the traceback"
    " that its worker logged. What looks like a credential is masked, as in logs. Nothing is run,"
    " and the letter stays where it is. With a whole id, reading ends when it is found; with the"
    " beginning of one, all letters are read, since no other may begin so."
)
EXAMPLES = "algernon dead show 4f8d8a4e"


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
    add_log_groups(parser)
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print what is known of it."""
    from ...story.letter_story import LetterStory, letter_story_as_json, tell_letter
    from ...story.terminal import Terminal
    from ...system.letters.content import LetterContent
    from ...system.task_queues import find_task_queues

    place = place_of(options)
    taken = find_letter(place, tasks_of(options, find_task_queues(place)), options.id)
    content = LetterContent.of(taken.message)
    kwargs, kwargs_problem = _kwargs(content, place, options)
    traceback, traceback_problem = _traceback(taken.letter, options)
    story = LetterStory(
        letter=taken.letter,
        content=content,
        looks=int(taken.message["Attributes"]["ApproximateReceiveCount"]),
        kwargs=kwargs,
        kwargs_problem=kwargs_problem,
        traceback=traceback,
        traceback_problem=traceback_problem,
    )
    if options.json:
        print(json.dumps(letter_story_as_json(story)))
        return
    terminal = Terminal.of(sys.stdout)
    for line in tell_letter(story):
        print(terminal.show(line))


def _kwargs(
    content: LetterContent, place: Place, options: argparse.Namespace
) -> tuple[Any, str | None]:
    """Return the keyword arguments, or why they can't be shown."""
    from algernon_serialize import SerializeError
    from algernon_storage import StorageError
    from botocore.exceptions import BotoCoreError, ClientError

    from ...system.letters.content import fetch_kwargs

    pointer = content.kwargs_pointer
    if pointer is None:
        return content.kwargs, None
    if place.stack_name is None and not place.environ.get("ALGERNON_BUCKET_NAME"):
        return None, "name the system's bucket by --bucket"
    try:
        return fetch_kwargs(pointer, place_with_bucket(options)), None
    except (BotoCoreError, ClientError, SerializeError, StorageError) as error:
        return None, str(error)


def _traceback(letter: Letter, options: argparse.Namespace) -> tuple[list[Line], str | None]:
    """Return the last traceback that was logged for a letter, or why there is none."""
    from botocore.exceptions import BotoCoreError, ClientError

    from ...errors import CommandError
    from ...story.letter_traceback import last_traceback
    from ...system.letters.log import find_last_events

    task_id = letter.dead.task_id
    if task_id is None:
        return [], "it has no Task's id by which its lines could be found"
    try:
        place = place_with_logs(options)
        client = place.client("logs")
        for group in place.log_groups:
            if found := last_traceback(find_last_events(client, group, letter), task_id):
                return found, None
    except (BotoCoreError, ClientError, CommandError) as error:
        return [], f"the logs can't be read: {error}"
    return [], (
        f"none is in {', '.join(place.log_groups)}: its worker doesn't log there, was killed, or"
        " its lines have expired"
    )
