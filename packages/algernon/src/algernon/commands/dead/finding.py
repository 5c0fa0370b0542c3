"""Finding the one dead letter that is meant."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...system.letters.reader import Taken
    from ...system.place import Place
    from ...system.task_queues import TaskQueues


def find_letter(place: Place, tasks: Iterable[TaskQueues], beginning: str) -> Taken:
    """Return the letter of which this is an id, or what one begins with; it is given back first.

    With a whole id, reading ends when it is found; else all letters are read.

    Args:
        place: The system.
        tasks: The Tasks among whose letters it is looked for.
        beginning: The id, in lower case.

    Raises:
        LetterError: None has it, or the ids of several begin so.
        LetterQueueError: As `LetterReader` says.
        botocore.exceptions.ClientError: The same.
    """
    from ...story.progress import with_progress
    from ...system.letters.letter import Selection, check_is_one
    from ...system.letters.reader import LetterReader

    selection = Selection(ids=(beginning,))
    first: list[Taken] = []
    ids: set[str] = set()
    with LetterReader(place, tasks) as reader:
        shown = with_progress(reader, "Reading letters", expected=reader.expected)
        with closing(shown):
            for taken in shown:
                if selection.matches(taken.letter):
                    ids.add(taken.letter.id)
                    first = first or [taken]
                if beginning in taken.letter.ids:
                    return taken
    check_is_one(beginning, ids, unseen=reader.in_flight + reader.waiting)
    return first[0]
