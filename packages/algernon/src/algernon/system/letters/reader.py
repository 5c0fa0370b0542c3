"""Dead letters where they lie: all of them looked at, each held for a while, none lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Event, Lock, Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ...errors import LetterQueueError
from .letter import Letter

if TYPE_CHECKING:
    from algernon_queue.dead_letter import DeadLetter

    from ..place import Place
    from ..task_queues import TaskQueues

#: So long, in seconds, nobody else gets what a reader holds, if its process is killed.
HOLD_SECONDS = 60

# Amazon SQS API Reference, ReceiveMessage, ChangeMessageVisibilityBatch and DeleteMessageBatch:
# messages a call.
_MOST_A_CALL = 10
# Amazon SQS Developer Guide, "Amazon SQS short and long polling": only a receive that waits
# asks all of SQS's servers.
_WAIT_SECONDS = 1
# Of a standard queue that says that it holds something, and gives nothing.
_MOST_EMPTY_ANSWERS = 5
_AT_ONCE = 8
# For the threads that receive, as many of a redrive that delete, the caller's and the renewer.
_CONNECTIONS = 2 * _AT_ONCE + 2
# What all answers that are awaited may hold together, if the next letters are as large as the
# largest so far. It is what bounds the memory, whatever the letters' number and size.
_ROOM = 16 * 1024 * 1024
# Amazon SQS Developer Guide, "Amazon SQS visibility timeout": from the receive on.
_LONGEST_HOLD = 12 * 60 * 60 - 60
# Amazon SQS pricing: the first tier of US regions, in US$; a request is of 64 KiB.
_PRICE, _PRICE_FIFO = 0.40e-6, 0.50e-6
_BYTES_A_REQUEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """A letter that a reader holds.

    Attributes:
        letter: Its facts.
        message: The message, as ReceiveMessage gave it with all of its attributes.
    """

    letter: Letter
    message: Mapping[str, Any] = field(repr=False)

    @property
    def receipt(self) -> str:
        """What SQS wants to see from whoever deletes or hides the message."""
        return str(self.message["ReceiptHandle"])


@dataclass(slots=True)
class _Held:
    """A message that nobody else gets."""

    receipt: str
    received: float
    until: float


@dataclass(slots=True, eq=False)
class _LetterQueue:
    """A dead-letter queue that is read.

    Attributes:
        url: Its URL.
        tasks: The Tasks whose letters it holds, by name.
        held: What is held of it, by SQS's id.
        seen: The ids of all that was received.
        awaited: How many receives haven't been answered.
        empty: How many answers in a row had nothing new.
        deleted: How many letters were deleted.
        waiting: How many it still has to give when it is read to its end, as SQS estimates.
        in_flight: How many somebody else holds then, as SQS estimates.
    """

    url: str
    tasks: dict[str, TaskQueues]
    held: dict[str, _Held] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    awaited: int = 0
    empty: int = 0
    deleted: int = 0
    is_open: bool = True
    waiting: int = 0
    in_flight: int = 0

    @property
    def is_fifo(self) -> bool:
        return self.url.endswith(".fifo")

    @property
    def first(self) -> TaskQueues:
        return next(iter(self.tasks.values()))

    def letter_of(self, message: Mapping[str, Any]) -> Letter:
        """Return the letter that a message is, of the Task from whose queue it came.

        Where several Tasks share this queue, SQS says so of what it moved itself, and of other
        letters the Task that they name. What neither tells is of a Task that isn't certain.
        """
        # Amazon SQS API Reference, ReceiveMessage.
        source = message.get("Attributes", {}).get("DeadLetterQueueSourceArn", "")
        name = source.rpartition(":")[2]
        own = next((each for each in self.tasks.values() if each.queue_name == name), None)
        if own is not None or len(self.tasks) == 1:
            return Letter.of(message, own or self.first)
        letter = Letter.of(message, replace(self.first, task=""))
        if (named := self.tasks.get(letter.dead.task)) is not None:
            return replace(letter, queues=named)
        return replace(Letter.of(message, self.first), is_certain=False)


class LetterReader:
    """Reads all letters of dead-letter queues, and holds them hidden until its block ends.

    Then it gives back what wasn't deleted. Where its process is killed, they come back of
    themselves after the hold; where it takes longer than that, the hold is renewed, each time
    for as long as the reading has lasted. Each letter is given once, and only what the loop
    keeps of it stays in memory. Those of a message group come in order.

    Args:
        place: Where the queues are.
        tasks: The Tasks whose dead-letter queues are read. Those that have none are left out.
        hold: For how many seconds nobody else gets a letter after this process was killed.

    Attributes:
        expected: How many letters SQS estimated there are to be read, before the first.
        count: How many were read.
        receives: How many calls of ReceiveMessage that took: each raises the receive count
            of the letters that it gives.
        calls: How many calls of SQS there were in all.
        tasks_without_queue: The Tasks that have no dead-letter queue.
        cost: What SQS charges for them, in US$: about, since prices depend on the region.

    Raises:
        LetterQueueError: A dead-letter queue isn't there, or has a redrive policy of its own,
            by which SQS would move letters on because they were looked at.
        botocore.exceptions.ClientError: SQS refused a call, such as for one of the rights
            ``sqs:ChangeMessageVisibility``, ``sqs:GetQueueAttributes`` and
            ``sqs:ReceiveMessage``.

    Example:
        >>> with LetterReader(place, tasks) as reader:  # doctest: +SKIP
        ...     causes = group_by_cause(taken.letter for taken in reader)
        >>> reader.count, reader.receives  # doctest: +SKIP
        (5000, 502)
    """

    def __init__(
        self, place: Place, tasks: Iterable[TaskQueues], *, hold: int = HOLD_SECONDS
    ) -> None:
        self._place = place
        self._queues: dict[str, _LetterQueue] = {}
        self.tasks_without_queue: list[str] = []
        for task in tasks:
            url = task.dead_letter_queue_url
            if url is None:
                self.tasks_without_queue.append(task.task)
            else:
                self._queues.setdefault(url, _LetterQueue(url, {})).tasks[task.task] = task
        self._hold = hold
        # All of a local AWS is on this machine.
        self._is_local = place.endpoint_url is not None
        self._largest = 1
        # It guards what several threads change.
        self._lock = Lock()
        self._ended = Event()
        self._renewal_error: Exception | None = None
        self.expected = 0
        self.count = 0
        self.receives = 0
        self.calls = 0
        self.cost = 0.0

    def __enter__(self) -> Self:
        self._sqs = self._place.client("sqs", connections=_CONNECTIONS)
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        queues = [*self._queues.values()]
        try:
            self._latest = max(self._pool.map(self._estimate, queues), default=datetime.now(UTC))
        except BaseException:
            self._pool.shutdown(cancel_futures=True)
            raise
        self.expected = sum(queue.waiting for queue in queues)
        for queue in queues:
            # SQS's estimate may be behind by a minute; a local AWS counts.
            queue.is_open = queue.waiting > 0 or not self._is_local
        self._began = monotonic()
        self._renewer = Thread(target=self._renew_until_the_end, daemon=True)
        self._renewer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._pool.shutdown(cancel_futures=True)
        self._renewer.join()
        try:
            with ThreadPoolExecutor(_AT_ONCE) as self._pool:
                self._give_back()
        except Exception:
            # What went wrong first says more, and what is held comes back of itself.
            if error is None:
                raise

    def __iter__(self) -> Iterator[Taken]:
        """Give each letter once; what is given may be deleted before the next."""
        awaited: dict[Future[list[dict[str, Any]]], tuple[_LetterQueue, int]] = {}
        while awaited or not self.is_at_end:
            self._ask(awaited)
            answered, _ = wait(awaited, return_when=FIRST_COMPLETED)
            for answer in answered:
                queue, deleted = awaited.pop(answer)
                queue.awaited -= 1
                messages = answer.result()
                queue.empty = 0 if messages else queue.empty + 1
                # An answer may have been empty because of what was deleted since it was asked for.
                if queue.empty and not queue.awaited and queue.deleted == deleted:
                    self._end_of(queue)
                # What comes next is asked for while this is looked at.
                self._ask(awaited)
                while messages:
                    self._check_renewal()
                    taken = self._taken(queue, messages.pop(0))
                    if taken is not None:
                        yield taken
                    del taken

    @property
    def queue_urls(self) -> list[str]:
        """The URLs of the dead-letter queues that it reads."""
        return [*self._queues]

    @property
    def is_at_end(self) -> bool:
        """Whether all queues were read to their end."""
        return not any(queue.is_open for queue in self._queues.values())

    @property
    def waiting(self) -> int:
        """How many letters SQS didn't give, as it estimates, in queues that were read to the end.

        Of a message group of a FIFO queue it gives no more than ten at a time.
        """
        return sum(queue.waiting for queue in self._queues.values() if not queue.is_open)

    @property
    def in_flight(self) -> int:
        """How many letters somebody else held when all others were read, as SQS estimates."""
        return sum(queue.in_flight for queue in self._queues.values() if not queue.is_open)

    def delete(self, taken: Taken) -> None:
        """Delete a letter that this reader holds.

        Raises:
            LetterQueueError: SQS didn't delete it.
            botocore.exceptions.ClientError: SQS refused, such as for the right
                ``sqs:DeleteMessage``.
        """
        self.delete_all([taken])

    def delete_all(self, letters: Sequence[Taken]) -> None:
        """Delete letters that this reader holds.

        Raises:
            LetterQueueError: SQS didn't delete some; the others are gone.
            botocore.exceptions.ClientError: As for `delete`.
        """
        by_queue: dict[str, dict[str, str]] = {}
        left: dict[str, str] = {}
        for taken in letters:
            letter = taken.letter
            url = letter.queues.dead_letter_queue_url or ""
            with self._lock:
                held = self._queues[url].held.get(letter.message_id)
            receipt = taken.receipt if held is None else held.receipt
            by_queue.setdefault(url, {})[letter.message_id] = receipt
        for url, receipts in by_queue.items():
            for some in _in_tens([*receipts.items()]):
                left |= self._delete(self._queues[url], dict(some))
        for message_id, reason in left.items():
            more = f" (and {len(left) - 1:,} more)" if len(left) > 1 else ""
            raise LetterQueueError(f"SQS didn't delete the letter {message_id}{more}: {reason}")

    def _delete(self, queue: _LetterQueue, receipts: Mapping[str, str]) -> dict[str, str]:
        """Delete up to ten letters of a queue, by SQS's ids and what it wants to see.

        Returns:
            Those that are left, and why.
        """
        entries = [
            {"Id": f"{number}", "ReceiptHandle": receipt}
            for number, receipt in enumerate(receipts.values())
        ]
        try:
            answer = self._call("delete_message_batch", queue, Entries=entries)
        except LetterQueueError as error:
            return dict.fromkeys(receipts, str(error))
        failed = {int(failure["Id"]): failure for failure in answer.get("Failed", [])}
        with self._lock:
            for number, message_id in enumerate(receipts):
                if number not in failed:
                    queue.held.pop(message_id, None)
                    queue.deleted += 1
        return {
            message_id: f"{queue.url} answers {failed[number].get('Code')}:"
            f" {failed[number].get('Message') or 'it gives no reason'}"
            for number, message_id in enumerate(receipts)
            if number in failed
        }

    def _ask(self, awaited: dict[Future[list[dict[str, Any]]], tuple[_LetterQueue, int]]) -> None:
        """Begin to receive, of each queue that is open, as much at once as there is room for."""
        open_queues = [queue for queue in self._queues.values() if queue.is_open]
        at_once = max(1, min(_AT_ONCE, _ROOM // (_MOST_A_CALL * self._largest)))
        for share in range(1, at_once + 1):
            for queue in open_queues:
                # One that may be empty isn't asked by several. How large letters are isn't known
                # before the first answer.
                left = 0 if queue.empty or not queue.seen else queue.waiting - len(queue.seen)
                most = max(1, min(share, -(-left // _MOST_A_CALL)))
                if len(awaited) < at_once and queue.awaited < most:
                    queue.awaited += 1
                    awaited[self._pool.submit(self._receive, queue)] = queue, queue.deleted

    def _receive(self, queue: _LetterQueue) -> list[dict[str, Any]]:
        """Return the next messages of a queue that were in no answer before, and hold them."""
        asked = monotonic()
        answer = self._call(
            "receive_message",
            queue,
            MaxNumberOfMessages=_MOST_A_CALL,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
            VisibilityTimeout=self._hold,
            WaitTimeSeconds=0 if self._is_local else _WAIT_SECONDS,
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        with self._lock:
            self.receives += 1
            new = [each for each in messages if each["MessageId"] not in queue.seen]
            for message in messages:
                held = _Held(message["ReceiptHandle"], asked, asked + self._hold)
                queue.held[message["MessageId"]] = held
                queue.seen.add(message["MessageId"])
                self._largest = max(self._largest, len(message["Body"]))
        return new

    def _taken(self, queue: _LetterQueue, message: dict[str, Any]) -> Taken | None:
        """Return a letter that was received, unless it came since the reading began.

        Otherwise what is redriven, fails and comes back meanwhile would be given once more, and
        so on without end.
        """
        letter = queue.letter_of(message)
        if letter.sent_at > self._latest:
            return None
        self.count += 1
        return Taken(letter, message)

    def _end_of(self, queue: _LetterQueue) -> None:
        """Close a queue that has nothing more to give, or doesn't give it."""
        self._estimate(queue)
        if not queue.waiting or queue.is_fifo or queue.empty >= _MOST_EMPTY_ANSWERS:
            queue.is_open = False

    def _estimate(self, queue: _LetterQueue) -> datetime:
        """Ask SQS how many letters a queue holds, and return when that was by its clock.

        Raises:
            LetterQueueError: The letters may not be looked at.
        """
        asked = datetime.now(UTC)
        waiting, in_flight = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        )
        answer = self._call(
            "get_queue_attributes", queue, AttributeNames=[waiting, in_flight, "RedrivePolicy"]
        )
        attributes = answer["Attributes"]
        if policy := attributes.get("RedrivePolicy"):
            raise LetterQueueError(
                f"the dead-letter queue {queue.url} of the Task {queue.first.task!r} has a redrive"
                f" policy of its own, {policy}: SQS would move letters on from there because they"
                " were looked at. Take the policy off the queue, or name other Tasks with --task"
            )
        queue.waiting = int(attributes[waiting])
        queue.in_flight = max(int(attributes[in_flight]) - len(queue.held), 0)
        if self._is_local:
            return asked
        # It has no fractions of a second.
        stated = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return stated + timedelta(seconds=1)

    def _renew_until_the_end(self) -> None:
        """Keep what is held from coming back while it is looked at."""
        while not self._ended.wait(self._hold / 6):
            try:
                self._renew()
            except Exception as error:  # noqa: BLE001 - it is raised where the letters are read
                self._renewal_error = error
                return

    def _check_renewal(self) -> None:
        if (error := self._renewal_error) is not None:
            raise error

    def _renew(self) -> None:
        now = monotonic()
        # Each time for as long as all lasted so far, so that many letters need few renewals.
        hold = max(self._hold, now - self._began)
        for queue in self._queues.values():
            with self._lock:
                due = [
                    message_id
                    for message_id, held in queue.held.items()
                    if held.until - now < self._hold / 2
                ]
            for some in _in_tens(due):
                if self._ended.is_set():
                    return
                self._hide(queue, some, hold)

    def _give_back(self) -> None:
        parts = [
            (queue, some) for queue in self._queues.values() for some in _in_tens([*queue.held])
        ]
        for _ in self._pool.map(lambda part: self._hide(part[0], part[1], 0), parts):
            pass

    def _hide(self, queue: _LetterQueue, message_ids: Sequence[str], hold: float) -> None:
        """Hide up to ten messages for so many seconds from now on, and forget which are lost."""
        now = monotonic()
        with self._lock:
            held = {each: queue.held[each] for each in message_ids if each in queue.held}
        if not held:
            return
        entries = [
            {
                "Id": f"{number}",
                "ReceiptHandle": one.receipt,
                "VisibilityTimeout": int(max(min(hold, one.received + _LONGEST_HOLD - now), 0)),
            }
            for number, one in enumerate(held.values())
        ]
        answer = self._call("change_message_visibility_batch", queue, Entries=entries)
        failed = {int(failure["Id"]) for failure in answer.get("Failed", [])}
        with self._lock:
            for number, (message_id, one) in enumerate(held.items()):
                if number in failed or not hold:
                    queue.held.pop(message_id, None)
                else:
                    one.until = now + hold

    def _call(self, operation: str, queue: _LetterQueue, **parameters: Any) -> dict[str, Any]:
        """Call SQS, and count what that costs."""
        try:
            answer: dict[str, Any] = getattr(self._sqs, operation)(QueueUrl=queue.url, **parameters)
        except self._sqs.exceptions.QueueDoesNotExist as error:
            raise LetterQueueError(
                f"the dead-letter queue {queue.url} of the Task {queue.first.task!r} is gone:"
                " deploy the system again, or name other Tasks with --task"
            ) from error
        payload = sum(len(message["Body"]) for message in answer.get("Messages", []))
        requests = max(1, -(-payload // _BYTES_A_REQUEST))
        with self._lock:
            self.calls += 1
            self.cost += requests * (_PRICE_FIFO if queue.is_fifo else _PRICE)
        return answer


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


def _in_tens(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _MOST_A_CALL):
        yield items[start : start + _MOST_A_CALL]
