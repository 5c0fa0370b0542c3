"""What comes of letters that go first: whether what they failed of is mended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from .letter_outcome import LetterOutcome
from .letter_reader import LetterReader

if TYPE_CHECKING:
    from .letter_reader import Taken
    from .letters import Letter
    from .place import Place
    from .task_queues import TaskQueues

# Often for what is soon told, seldom for what takes its minutes.
_SHORTEST_PAUSE = 0.05
_LONGEST_PAUSE = 5
_PAUSE_SHARE = 0.15

# Amazon SQS API Reference, GetQueueAttributes: together they are all that a queue holds.
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
        reason: How that is known, or what went wrong.
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


def watch(place: Place, canaries: Sequence[Canary], *, within: float) -> list[Verdict]:
    """Wait until it is known what came of letters that went first.

    Of each that is its outcome in S3, or that it is back in its dead-letter queue. Where
    neither is so in time, it is good if no outcome was to be expected. The other letters have
    to be held meanwhile, or they would be looked at again and again.

    Args:
        place: Where the queues are. This process has to be led there.
        canaries: The letters, which were sent and deleted.
        within: For how many seconds.

    Raises:
        algernon_storage.StorageError: What stands in S3 is no outcome.
        botocore.exceptions.ClientError: AWS refused a call.
    """
    watched = _Watched(place, canaries)
    verdicts: list[Verdict] = []
    began = time.monotonic()
    while len(verdicts) < len(canaries):
        waited = time.monotonic() - began
        decided = {verdict.letter.message_id for verdict in verdicts}
        undecided = [each for each in canaries if each.letter.message_id not in decided]
        watched.look(undecided)
        for canary in undecided:
            verdict = watched.verdict_on(canary)
            if verdict is None and waited >= within:
                verdict = _verdict_of_silence(canary, within)
            if verdict is not None:
                verdicts.append(verdict)
        pause = min(max(_SHORTEST_PAUSE, waited * _PAUSE_SHARE), _LONGEST_PAUSE)
        if len(verdicts) < len(canaries):
            time.sleep(max(min(pause, within - waited), 0))
    return verdicts


class _Watched:
    """The dead-letter queues to which letters that went first may come back."""

    def __init__(self, place: Place, canaries: Sequence[Canary]) -> None:
        self._place = place
        self._sqs = place.client("sqs")
        self._back: dict[str, Letter] = {}
        # A FIFO queue shows nothing of a message group of which anything is held, so the
        # number of all that it holds has to tell. Estimates fall behind, so the least counts.
        self._least = {
            url: self._count(url)
            for url in {_url_of(each.letter) for each in canaries if each.letter.queues.is_fifo}
        }
        self._grown: set[str] = set()

    def look(self, canaries: Sequence[Canary]) -> None:
        """Look for what came back."""
        tasks = list({each.letter.queues.task: each.letter.queues for each in canaries}.values())
        with LetterReader(self._place, tasks) as reader:
            self._back.update((identity_of(taken), taken.letter) for taken in reader)
        for url in {_url_of(each.letter) for each in canaries} & self._least.keys():
            count = self._count(url)
            if count > self._least[url]:
                self._grown.add(url)
            self._least[url] = min(count, self._least[url])

    def verdict_on(self, canary: Canary) -> Verdict | None:
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
            return _failed_again(canary, "its FIFO dead-letter queue has one letter more")
        return None

    def _count(self, url: str) -> int:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*_COUNTS])
        attributes: dict[str, Any] = answer["Attributes"]
        return sum(int(attributes.get(name, 0)) for name in _COUNTS)


def _failed_again(canary: Canary, why: str) -> Verdict:
    return Verdict(canary.letter, is_good=False, reason=f"it failed again: {why}")


def _verdict_of_silence(canary: Canary, within: float) -> Verdict:
    if canary.is_expected:
        why = f"nothing came of it within {within:g} s, and it may still wait or run"
        return Verdict(canary.letter, is_good=False, reason=why)
    return Verdict(canary.letter, is_good=True, reason=f"it isn't back after {within:g} s")


def _url_of(letter: Letter) -> str:
    return letter.queues.dead_letter_queue_url or ""
