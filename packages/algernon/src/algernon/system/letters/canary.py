"""What comes of letters that go first: whether what they failed of is mended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from ..looks import looks
from .outcome import LetterOutcome
from .reader import LetterReader

if TYPE_CHECKING:
    from ..place import Place
    from ..task_queues import TaskQueues
    from .letter import Letter
    from .reader import Taken

# Amazon SQS API Reference, GetQueueAttributes: so long may estimates fall behind.
_LAG_SECONDS = 60
# The same: together they are all that a queue holds.
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


@dataclass(frozen=True, slots=True)
class Canary:
    """A letter that went first.

    Attributes:
        letter: The letter, as it lay in its dead-letter queue.
        identity: What tells it from others if it comes back: `identity_of`.
        outcome: What is known of its Task in S3.
        is_expected: Whether an outcome is written there when its Task is done.
    """

    letter: Letter
    identity: str
    outcome: LetterOutcome
    is_expected: bool

    @classmethod
    def of(cls, taken: Taken) -> Self:
        """Return what is to be known of a letter before it goes.

        Raises:
            algernon_storage.StorageError, botocore.exceptions.ClientError: As
                `LetterOutcome` says.
        """
        outcome = LetterOutcome.of(taken)
        return cls(taken.letter, identity_of(taken), outcome, outcome.is_expected())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a letter that went first.

    Attributes:
        letter: The letter.
        is_good: Whether those that failed as it had may go.
        reason: How that is known, or what went wrong, without the credentials of URLs.
    """

    letter: Letter
    is_good: bool
    reason: str


def identity_of(taken: Taken) -> str:
    """Return what tells a letter again that failed once more: SQS knows it by another id then."""
    if (task_id := taken.letter.dead.task_id) is not None:
        return task_id
    return sha256(taken.message["Body"].encode(errors="backslashreplace")).hexdigest()


def longest_until_back(place: Place, tasks: Iterable[TaskQueues]) -> int:
    """Return within how many seconds a message is given up that fails each time it is received.

    That is the queue's visibility timeout, as often as its redrive policy has it received. A
    Task with `retries` of its own may take longer.

    Args:
        place: Where the queues are.
        tasks: The Tasks, of which the slowest counts.

    Raises:
        botocore.exceptions.ClientError: SQS refused, such as for the right
            ``sqs:GetQueueAttributes`` on the Tasks' queues.
    """
    sqs = place.client("sqs")
    longest = 0
    for task in tasks:
        attributes = sqs.get_queue_attributes(
            QueueUrl=task.queue_url, AttributeNames=["VisibilityTimeout", "RedrivePolicy"]
        )["Attributes"]
        receives = int(json.loads(attributes.get("RedrivePolicy", "{}")).get("maxReceiveCount", 1))
        longest = max(longest, receives * int(attributes["VisibilityTimeout"]))
    return longest


class Watch:
    """Looks what comes of letters that go first, beginning before they do.

    Of each that is its outcome in S3, or that it is back in its dead-letter queue. The other
    letters have to be held meanwhile, or they would be looked at again and again.

    Args:
        place: Where the queues are. This process has to be led there.
        tasks: The Tasks whose letters go.

    Raises:
        botocore.exceptions.ClientError: SQS refused, such as for the right
            ``sqs:GetQueueAttributes``.
    """

    def __init__(self, place: Place, tasks: Iterable[TaskQueues]) -> None:
        self._place = place
        self._sqs = place.client("sqs")
        # A local AWS counts.
        self._lag = 0 if place.endpoint_url else _LAG_SECONDS
        self._back: dict[str, Letter] = {}
        # A FIFO queue shows nothing of a message group of which anything is held, so it is the
        # number of all that it holds that has to tell.
        self._before = {
            task.dead_letter_queue_url: self._count(task.dead_letter_queue_url)
            for task in tasks
            if task.is_fifo and task.dead_letter_queue_url is not None
        }
        self._settled: set[str] = set()
        self._grown: set[str] = set()

    def wait(self, canaries: Sequence[Canary], *, within: float) -> list[Verdict]:
        """Wait until it is known what came of the letters, and return it.

        Where neither sign comes in time, it is good if no outcome was to be expected.

        Args:
            canaries: The letters, which were sent and deleted.
            within: For how many seconds.

        Raises:
            algernon_storage.StorageError: What stands in S3 is no outcome.
            botocore.exceptions.ClientError: AWS refused a call.
        """
        verdicts: list[Verdict] = []
        undecided = list(canaries)
        for waited in looks(within):
            is_last = waited >= within
            self._look(canaries, undecided, is_late=is_last or waited >= self._lag)
            for canary in [*undecided]:
                verdict = self._verdict_on(canary)
                if verdict is None and is_last:
                    verdict = _verdict_of_silence(canary, within)
                if verdict is not None:
                    verdicts.append(verdict)
                    undecided.remove(canary)
            if not undecided:
                break
        return verdicts

    def _look(
        self, canaries: Sequence[Canary], undecided: Sequence[Canary], *, is_late: bool
    ) -> None:
        """Look for what came back."""
        tasks = list({each.letter.queues.task: each.letter.queues for each in undecided}.values())
        with LetterReader(self._place, tasks) as reader:
            self._back.update((identity_of(taken), taken.letter) for taken in reader)
        sent = Counter(_url_of(each.letter) for each in canaries)
        for url in {_url_of(each.letter) for each in undecided} & self._before.keys():
            if self._count(url) <= self._before[url] - sent[url]:
                self._settled.add(url)
            elif is_late or url in self._settled:
                self._grown.add(url)

    def _verdict_on(self, canary: Canary) -> Verdict | None:
        """Return what came of a letter, or None where that isn't known yet."""
        from algernon_storage import FailureNote, Outcome

        match canary.outcome.find():
            case Outcome(kind="done"):
                return Verdict(canary.letter, is_good=True, reason="it is done")
            case Outcome(kind=kind):
                return Verdict(canary.letter, is_good=False, reason=f"it is {kind}")
            case FailureNote(error=error, reason=reason):
                return _failed_again(canary, f"{error}: {reason}")
        if canary.identity in self._back:
            dead = self._back[canary.identity].dead
            if dead.error is None:
                return _failed_again(canary, "it is back in the dead-letter queue")
            return _failed_again(canary, f"{dead.error}: {dead.reason}")
        if _url_of(canary.letter) in self._grown:
            return _failed_again(canary, "its dead-letter queue has as many letters as before")
        return None

    def _count(self, url: str) -> int:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*_COUNTS])
        attributes: dict[str, Any] = answer["Attributes"]
        return sum(int(attributes.get(name, 0)) for name in _COUNTS)


def _failed_again(canary: Canary, why: str) -> Verdict:
    from algernon_logging.lines.urls import without_credentials

    reason = without_credentials(f"it failed again: {why}")
    return Verdict(canary.letter, is_good=False, reason=reason)


def _verdict_of_silence(canary: Canary, within: float) -> Verdict:
    if canary.is_expected:
        why = f"nothing came of it within {within:g} s, and it may still wait or run"
        return Verdict(canary.letter, is_good=False, reason=why)
    return Verdict(canary.letter, is_good=True, reason=f"it isn't back after {within:g} s")


def _url_of(letter: Letter) -> str:
    return letter.queues.dead_letter_queue_url or ""
