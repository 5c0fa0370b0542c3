"""A redrive: dead letters go back to the queues of their Tasks, as it was planned."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from ..place import Place, leading_to
from .canary import Canary, Verdict, Watch, identity_of
from .letter import Cause, Letter, Selection
from .outcome import LetterOutcome
from .reader import HOLD_SECONDS, LetterReader, Taken
from .sending import MOST_A_CALL, MOST_BYTES, LetterSender, Refusal, bytes_of

if TYPE_CHECKING:
    from ..task_queues import TaskQueues

#: What returns the JSON text of other keyword arguments for a letter, or None where it is to
#: stay where it is.
Edit: TypeAlias = Callable[[Taken], str | None]

# No more than a boto3 client has connections for.
_AT_ONCE = 8
# What waits to be sent is in memory.
_MOST_AHEAD = 2 * _AT_ONCE


@dataclass(frozen=True, slots=True)
class Share:
    """What letters have in common that failed alike, and go to one queue.

    Attributes:
        cause: Why they failed.
        queues: The Task to whose queue they go.
    """

    cause: Cause
    queues: TaskQueues

    @classmethod
    def of(cls, letter: Letter) -> Self:
        """Return the share that a letter belongs to."""
        return cls(letter.cause, letter.queues)


@dataclass(frozen=True, slots=True)
class RedrivePlan:
    """What a redrive is to move.

    Attributes:
        letters: The share of each letter that goes, by SQS's id.
        behind: How many letters that are meant stay, since one that isn't meant stands before
            them in their message group.
        hidden: How many letters SQS didn't show, as it estimates: of a message group of a
            FIFO queue it shows the first ten. Those that are meant go after these.
        receives: How many calls of ReceiveMessage it took to look at them all.
    """

    letters: Mapping[str, Share]
    behind: int = 0
    hidden: int = 0
    receives: int = 0

    @property
    def counts(self) -> Mapping[Share, int]:
        """How many letters of each share go, the most first."""
        return dict(Counter(self.letters.values()).most_common())

    @property
    def tasks(self) -> list[TaskQueues]:
        """The Tasks to whose queues letters go."""
        return list(dict.fromkeys(share.queues for share in self.letters.values()))

    @property
    def has_fifo(self) -> bool:
        """Whether letters of FIFO queues go, of which it may not know all."""
        return any(task.is_fifo for task in self.tasks)


@dataclass(slots=True)
class Redriven:
    """What a redrive has done.

    Attributes:
        moved: How many letters of each share went.
        refused: Those that their queue didn't take, which stay, or that couldn't be deleted.
        unseen: How many of the plan weren't there any more, or in somebody else's hands.
        verdicts: What came of those that went first.
    """

    moved: Counter[Share] = field(default_factory=Counter)
    refused: list[Refusal] = field(default_factory=list)
    unseen: int = 0
    verdicts: list[Verdict] = field(default_factory=list)

    def note(self, letters: Iterable[Taken], refused: Sequence[Refusal]) -> None:
        """Note letters that went, but for those that were refused."""
        self.refused += refused
        stay = {refusal.letter.message_id for refusal in refused if not refusal.went}
        self.moved.update(
            Share.of(taken.letter) for taken in letters if taken.letter.message_id not in stay
        )


class Redrive:
    """A redrive of the dead letters that are meant.

    What fails again and comes back while it lasts isn't moved once more. Letters of a FIFO
    queue go one after the other, and none overtakes another of its message group.

    Args:
        place: Where the queues are. This process has to be led there.
        tasks: The Tasks whose dead-letter queues are looked at.
        selection: Which letters are meant.
        limit: How many go at most.
        rate: How many go in a second at most.
        hold: For how many seconds nobody else gets a letter after this process was killed.

    Attributes:
        done: What it has done so far.

    Example:
        >>> redrive = Redrive(place, tasks, Selection(error="ConnectionError"))  # doctest: +SKIP
        >>> redrive.carry_out(redrive.plan()).moved.total()  # doctest: +SKIP
        3
    """

    def __init__(
        self,
        place: Place,
        tasks: Iterable[TaskQueues],
        selection: Selection | None = None,
        *,
        limit: int | None = None,
        rate: float | None = None,
        hold: int = HOLD_SECONDS,
    ) -> None:
        self._place = place
        self._tasks = list(tasks)
        self._selection = selection or Selection()
        self._limit = limit
        self._pace = _Pace(rate)
        self._hold = hold
        # What went, by SQS's ids and, on FIFO queues, by what tells it again.
        self._gone: set[str] = set()
        self._identities: set[str] = set()
        self._unplanned = 0
        self.done = Redriven()

    def plan(self) -> RedrivePlan:
        """Look at all letters, and return which go; none is moved.

        Raises:
            LetterQueueError, botocore.exceptions.ClientError: As `LetterReader` says.
        """
        letters: dict[str, Share] = {}
        shares: dict[Share, Share] = {}
        lines = _Lines()
        behind = 0
        with self._reading(self._tasks) as reader:
            for taken in reader:
                letter = taken.letter
                is_meant = self._selection.matches(letter)
                if is_meant and lines.is_stopped(letter):
                    behind += 1
                elif is_meant and (self._limit is None or len(letters) < self._limit):
                    share = Share.of(letter)
                    letters[letter.message_id] = shares.setdefault(share, share)
                else:
                    lines.stop(letter)
        return RedrivePlan(letters, behind, reader.waiting, reader.receives)

    def carry_out(self, plan: RedrivePlan, *, edit: Edit | None = None) -> Redriven:
        """Move the letters of a plan.

        Args:
            plan: The plan.
            edit: What gives the letters other keyword arguments, or has them stay.

        Raises:
            LetterQueueError, algernon_storage.StorageError, botocore.exceptions.ClientError:
                As `LetterReader` and `LetterSender` say. What was moved until then `done` has.
        """
        self._move(plan, edit=edit)
        return self.done

    def carry_out_after_canaries(self, plan: RedrivePlan, *, within: float) -> Redriven:
        """Move one letter of each share, and the rest of a share only if that did well.

        A letter whose Task is done already proves nothing: it goes, but not as the first.

        Args:
            plan: The plan.
            within: For how many seconds to wait for what comes of those that go first.

        Raises:
            LetterQueueError, algernon_storage.StorageError, botocore.exceptions.ClientError:
                As for `carry_out`.
        """
        tried: set[Share] = set()
        good: set[Share] = set()
        while True:
            refused = len(self.done.refused)
            verdicts = self._try(plan, tried, within)
            # Behind those of a FIFO queue that went, others may stand of which none was tried; and
            # in the place of one that didn't go, another one of its share is.
            if not verdicts and len(self.done.refused) == refused:
                break
            self.done.verdicts += verdicts
            tried |= {Share.of(verdict.letter) for verdict in verdicts}
            good |= {Share.of(verdict.letter) for verdict in verdicts if verdict.is_good}
            if good:
                self._move(plan, good)
            if not plan.has_fifo and tried.issuperset(plan.letters.values()):
                break
        return self.done

    def _try(self, plan: RedrivePlan, tried: Container[Share], within: float) -> list[Verdict]:
        """Move one letter of each share that wasn't tried, and return what came of them."""
        from algernon_storage import Outcome

        first: dict[Share, Taken] = {}
        lines = _Lines()
        with self._reading(plan.tasks) as reader:
            sender = LetterSender(self._place, reader)
            for taken in reader:
                share = Share.of(taken.letter)
                if not self._goes(taken, plan, lines) or share in tried or share in first:
                    lines.stop(taken.letter)
                elif isinstance(LetterOutcome.of(taken).find(), Outcome):
                    self._send_one(sender, taken, plan)  # it proves nothing
                else:
                    first[share] = taken
            watch = Watch(self._place, plan.tasks)
            canaries = [
                canary
                for taken in first.values()
                for canary in [Canary.of(taken)]
                if self._send_one(sender, taken, plan)
            ]
            # All others are held meanwhile, so that those that come back are soon found.
            return watch.wait(canaries, within=within)

    def _move(
        self,
        plan: RedrivePlan,
        free: Container[Share] | None = None,
        edit: Edit | None = None,
    ) -> None:
        """Move the letters of a plan, or of the shares that are free to go."""
        ahead = {
            message_id
            for message_id, share in plan.letters.items()
            if message_id not in self._gone and (free is None or share in free)
        }
        has_fifo = plan.has_fifo
        if not (ahead or has_fifo):
            self.done.unseen = 0
            return
        lines = _Lines()
        with (
            self._reading(plan.tasks) as reader,
            _Batches(LetterSender(self._place, reader), self._pace, self.done) as batches,
        ):
            for taken in reader:
                ahead.discard(taken.letter.message_id)
                is_free = free is None or Share.of(taken.letter) in free
                goes = is_free and self._goes(taken, plan, lines)
                if not (goes and self._send(batches, taken, plan, edit)):
                    lines.stop(taken.letter)
                if not (ahead or has_fifo):
                    break
        # Each time all are meant that were free the times before, too.
        self.done.unseen = len(ahead)

    def _send(self, batches: _Batches, taken: Taken, plan: RedrivePlan, edit: Edit | None) -> bool:
        """Send a letter, alone or together with others, unless it is to stay."""
        if edit is not None:
            kwargs = edit(taken)
            return kwargs is not None and self._send_one(batches.sender, taken, plan, kwargs)
        if taken.letter.queues.is_fifo:
            return self._send_one(batches.sender, taken, plan)
        self._note_going(taken, plan)
        batches.add(taken)
        return True

    def _reading(self, tasks: Iterable[TaskQueues]) -> LetterReader:
        return LetterReader(self._place, tasks, hold=self._hold)

    def _goes(self, taken: Taken, plan: RedrivePlan, lines: _Lines) -> bool:
        """Tell whether a letter is of the plan, and wasn't moved before."""
        letter = taken.letter
        if letter.message_id in self._gone or lines.is_stopped(letter):
            return False
        if letter.message_id in plan.letters:
            return True
        # Of a FIFO queue, the plan has but the first ones of each message group.
        return (
            letter.queues.is_fifo
            and self._selection.matches(letter)
            and identity_of(taken) not in self._identities
            and (self._limit is None or len(plan.letters) + self._unplanned < self._limit)
        )

    def _send_one(
        self, sender: LetterSender, taken: Taken, plan: RedrivePlan, kwargs: str | None = None
    ) -> bool:
        """Send a letter alone, and tell whether its queue took it."""
        self._pace.wait(1)
        self._note_going(taken, plan)
        refused = sender.send([taken], kwargs=kwargs)
        self.done.note([taken], refused)
        return all(refusal.went for refusal in refused)

    def _note_going(self, taken: Taken, plan: RedrivePlan) -> None:
        letter = taken.letter
        self._gone.add(letter.message_id)
        if letter.queues.is_fifo:
            self._identities.add(identity_of(taken))
            self._unplanned += letter.message_id not in plan.letters


def redrive_all(place: Place, tasks: Iterable[TaskQueues]) -> int:
    """Move all letters of Tasks back to their queues, and return how many went.

    Args:
        place: Where the queues are.
        tasks: The Tasks.

    Raises:
        LetterQueueError, algernon_storage.StorageError, botocore.exceptions.ClientError:
            As `Redrive` says.

    Example:
        >>> redrive_all(place, find_task_queues(place))  # doctest: +SKIP
        3
    """
    with leading_to(place):
        redrive = Redrive(place, tasks)
        return redrive.carry_out(redrive.plan()).moved.total()


class _Lines:
    """The message groups of FIFO queues in which a letter stays, and so do those behind it."""

    def __init__(self) -> None:
        self._stopped: set[tuple[str, str | None]] = set()

    def stop(self, letter: Letter) -> None:
        """Note that a letter stays."""
        if letter.queues.is_fifo:
            self._stopped.add((letter.queues.queue_url, letter.message_group))

    def is_stopped(self, letter: Letter) -> bool:
        """Tell whether one stays that stands before a letter."""
        return (letter.queues.queue_url, letter.message_group) in self._stopped


class _Pace:
    """How fast letters go.

    Args:
        rate: How many a second at most, or None for as many as there can be.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._next = time.monotonic()

    @property
    def most(self) -> int:
        """How many may go at once."""
        return MOST_A_CALL if self._rate is None else max(1, min(MOST_A_CALL, int(self._rate)))

    def wait(self, count: int) -> None:
        """Wait until so many may go."""
        if self._rate is None:
            return
        now = time.monotonic()
        time.sleep(max(self._next - now, 0))
        self._next = max(self._next, now) + count / self._rate


class _Batches:
    """Letters of standard queues, which are sent ten a call, by several threads.

    When its block ends, all are sent; when that was broken off, those that were begun.
    """

    def __init__(self, sender: LetterSender, pace: _Pace, done: Redriven) -> None:
        self.sender = sender
        self._pace = pace
        self._done = done
        self._open: dict[str, list[Taken]] = {}
        self._begun: dict[Future[list[Refusal]], list[Taken]] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                for letters in self._open.values():
                    self._begin(letters)
                self._note_ended(most=0)
        finally:
            self._threads.shutdown(cancel_futures=True)
            for future, letters in self._begun.items():
                if not (future.cancelled() or future.exception()):
                    self._done.note(letters, future.result())

    def add(self, taken: Taken) -> None:
        """Send a letter, together with others of its Task."""
        url = taken.letter.queues.queue_url
        letters = self._open.setdefault(url, [])
        if letters and sum(map(bytes_of, [*letters, taken])) > MOST_BYTES:
            self._begin(letters)
            letters = self._open[url] = []
        letters.append(taken)
        if len(letters) >= self._pace.most:
            self._begin(self._open.pop(url))

    def _begin(self, letters: list[Taken]) -> None:
        self._pace.wait(len(letters))
        self._begun[self._threads.submit(self.sender.send, letters)] = letters
        self._note_ended(most=_MOST_AHEAD)

    def _note_ended(self, *, most: int) -> None:
        """Wait until no more than so many calls are left, and note what came of the others.

        Raises:
            Exception: What one of them raised.
        """
        while self._begun:
            ended = [future for future in self._begun if future.done()]
            for future in ended:
                letters = self._begun.pop(future)
                self._done.note(letters, future.result())
            if len(self._begun) <= most:
                break
            wait(self._begun, return_when=FIRST_COMPLETED)
