"""Dead letters, read where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .letters.reader import LetterReader

if TYPE_CHECKING:
    from algernon_queue.dead_letter import DeadLetter

    from .place import Place
    from .task_queues import TaskQueues


def read_dead_letters(place: Place, tasks: Sequence[TaskQueues]) -> list[DeadLetter]:
    """Return what is in the dead-letter queues of Tasks, in their order, and leave it there.

    Meanwhile nobody else gets it, and what somebody else has in hand isn't among it. Of a
    message group of a FIFO queue, SQS gives out the first ten.

    Args:
        place: Where the queues are.
        tasks: The Tasks whose messages end there.

    Raises:
        LetterQueueError: As `LetterReader` says.
        botocore.exceptions.ClientError: The same.

    Example:
        >>> read_dead_letters(place, find_task_queues(place))  # doctest: +SKIP
        [DeadLetter(task='charge', error='ConnectionError', …)]
    """
    with LetterReader(place, tasks) as reader:
        letters = [taken.letter for taken in reader]
    order = {queues.task: number for number, queues in enumerate(tasks)}
    return [letter.dead for letter in sorted(letters, key=lambda each: order[each.queues.task])]
