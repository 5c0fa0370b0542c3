"""Putting letters of a file back into the dead-letter queues of their Tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4, uuid5

from ...errors import LetterFileError, UnknownTaskError
from ..task_queues import choose_task
from .reader import LetterReader
from .sending import MOST_A_CALL, MOST_BYTES, send_entries

if TYPE_CHECKING:
    from ..place import Place
    from ..task_queues import TaskQueues
    from .files import FiledLetter


class ImportPlan(NamedTuple):
    """What an import is to put where.

    Attributes:
        counts: How many letters go to the dead-letter queue of which Task.
        are_there: The ids of Tasks whose letters are in their queues already, so that those of
            the file are left out.
        left_out: How many that are.
        unseen: How many letters the queues hold that nobody was shown, as SQS estimates. Those of
            them that are in the file would be there twice.
    """

    counts: Counter[str]
    are_there: frozenset[str]
    left_out: int
    unseen: int


class LetterImport:
    """An import of letters into the dead-letter queues of a system.

    Args:
        place: The system.
        tasks: What its Tasks travel through.

    Example:
        >>> importing = LetterImport(place, tasks)  # doctest: +SKIP
        >>> plan = importing.plan(read_letters(file, "dead.jsonl"))  # doctest: +SKIP
        >>> for letter in importing.carry_out(plan, read_letters(file, "dead.jsonl")):
        ...     print("back again:", letter.task_id)  # doctest: +SKIP
    """

    def __init__(self, place: Place, tasks: Sequence[TaskQueues]) -> None:
        self._place = place
        self._tasks = tasks

    def plan(self, letters: Iterable[FiledLetter]) -> ImportPlan:
        """Return what is to be done; nothing is yet.

        A letter of a Task whose id has one in the queue already is left out: an import that was
        ended midway left it there.

        Raises:
            LetterFileError: A letter's Task isn't one of the system's, or has no dead-letter
                queue, or one with message groups, of which the letter has none.
            LetterQueueError: As `LetterReader` says.
            botocore.exceptions.ClientError: SQS refused a call.
        """
        in_file = Counter[tuple[str, str | None]]()
        for letter in letters:
            self._queue_of(letter)
            in_file[letter.task, letter.task_id] += 1
        names = {task for task, _ in in_file}
        ids = {task_id for _, task_id in in_file}
        with LetterReader(
            self._place, [each for each in self._tasks if each.task in names]
        ) as reader:
            found = {taken.letter.dead.task_id for taken in reader}
        are_there = frozenset(each for each in found & ids if each is not None)
        counts, left_out = Counter[str](), 0
        for (task, task_id), number in in_file.items():
            if task_id in are_there:
                left_out += number
            else:
                counts[task] += number
        return ImportPlan(counts, are_there, left_out, reader.in_flight + reader.waiting)

    def carry_out(self, plan: ImportPlan, letters: Iterable[FiledLetter]) -> Iterator[FiledLetter]:
        """Send the letters that go, and give each once its queue has it.

        Raises:
            LetterFileError: SQS doesn't take one; the message names its file and line, and those
                before it are in their queues.
            botocore.exceptions.ClientError: SQS refused a call, such as for the right
                ``sqs:SendMessage`` to a dead-letter queue.
        """
        sqs = self._place.client("sqs")
        # A FIFO queue drops what it was sent within five minutes, also of what was discarded
        # meanwhile: so each import has ids of its own.
        run = uuid4()
        going = (letter for letter in letters if letter.task_id not in plan.are_there)
        for url, some in self._calls(going):
            _send(sqs, url, some, run)
            yield from some

    def _calls(self, letters: Iterable[FiledLetter]) -> Iterator[tuple[str, list[FiledLetter]]]:
        """Give what goes in one call each, in the order of the file."""
        url, size = "", 0
        some: list[FiledLetter] = []
        for letter in letters:
            own = self._queue_of(letter)
            if some and (
                own != url or len(some) == MOST_A_CALL or size + letter.bytes > MOST_BYTES
            ):
                yield url, some
                some, size = [], 0
            url = own
            some.append(letter)
            size += letter.bytes
        if some:
            yield url, some

    def _queue_of(self, letter: FiledLetter) -> str:
        try:
            queues = choose_task(self._tasks, letter.task)
        except UnknownTaskError as error:
            raise LetterFileError(f"{letter.where}: {error}") from error
        url = queues.dead_letter_queue_url
        if url is None:
            raise LetterFileError(
                f"{letter.where}: the Task {letter.task!r} has no dead-letter queue that the"
                " letter could go to: give its queue a redrive policy, to a queue that is no Task's"
            )
        if url.endswith(".fifo") and letter.message_group is None:
            raise LetterFileError(
                f"{letter.where}: the dead-letter queue of the Task {letter.task!r} is FIFO,"
                " and the letter is in no message group: it comes from another system"
            )
        return url


def _send(sqs: Any, url: str, letters: Sequence[FiledLetter], run: UUID) -> None:
    entries = [
        {"Id": f"{number}", **_fields(letter, url, run)} for number, letter in enumerate(letters)
    ]
    for number, reason in send_entries(sqs, url, entries).items():
        raise LetterFileError(
            f"{letters[int(number)].where}: SQS doesn't take the letter, with {reason}. Others"
            " are in their queues, and are left out when the file is imported again"
        )


def _fields(letter: FiledLetter, url: str, run: UUID) -> dict[str, Any]:
    if not url.endswith(".fifo"):
        return {**letter.fields}
    return {**letter.fields, "MessageDeduplicationId": str(uuid5(run, letter.where))}
