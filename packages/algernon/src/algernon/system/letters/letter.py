"""Dead letters: what is known of each, which are meant, and what they have in common."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from algernon_queue.dead_letter import DeadLetter

from ...errors import LetterError

if TYPE_CHECKING:
    from ..task_queues import TaskQueues

# Of what other senders may have written in an attribute, so that all letters' facts fit in memory.
_MOST_OF_A_REASON = 2000
_MOST_OF_A_NAME = 256
# That an error names.
_MOST_IDS = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """What letters have in common that failed alike.

    Attributes:
        task: The Task's name.
        error: The name of the error's class, or None where no worker noted one.
        is_of_task: Whether the letters are messages of a Task, which can be read.
    """

    task: str
    error: str | None
    is_of_task: bool = True

    @property
    def title(self) -> str:
        """The error's name, or what is known instead.

        Example:
            >>> Cause("charge", None).title
            '(moved by SQS)'
        """
        if self.error is not None:
            return self.error
        return "(moved by SQS)" if self.is_of_task else "(not a Task's message)"


@dataclass(frozen=True, slots=True)
class Letter:
    """The facts of a dead letter, without its body.

    Attributes:
        queues: The queues of the Task in whose dead-letter queue it lies.
        message_id: The id by which SQS knows it.
        dead: Whose it is, and why it is there.
        sent_at: When it came into the dead-letter queue, in UTC; one that SQS itself moved,
            when it was first sent.
        message_group: The message group that it is in, or None.
        bytes: The size of its body.
        is_certain: Whether it is known that it came from the queue of this Task, and not of
            another that has the same dead-letter queue.
    """

    queues: TaskQueues
    message_id: str
    dead: DeadLetter
    sent_at: datetime
    message_group: str | None
    bytes: int
    is_certain: bool = True

    @classmethod
    def of(cls, message: Mapping[str, Any], queues: TaskQueues) -> Self:
        """Return the letter that a message of SQS is.

        Args:
            message: The message, as ReceiveMessage gives it with all of its attributes.
            queues: The queues of the Task in whose dead-letter queue it was.
        """
        dead = DeadLetter.of(record_of(message), queues.task)
        attributes = message.get("Attributes", {})
        return cls(
            queues=queues,
            message_id=message["MessageId"],
            dead=replace(
                dead,
                task=_shortened(dead.task, _MOST_OF_A_NAME),
                error=dead.error and _shortened(dead.error, _MOST_OF_A_NAME),
                reason=dead.reason and _shortened(dead.reason, _MOST_OF_A_REASON),
            ),
            sent_at=datetime.fromtimestamp(int(attributes.get("SentTimestamp", 0)) / 1000, UTC),
            message_group=attributes.get("MessageGroupId"),
            bytes=len(message["Body"].encode(errors="replace")),
        )

    @property
    def id(self) -> str:
        """What people call it by: its Task's id, or SQS's where it is no Task's."""
        return self.dead.task_id or self.message_id

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that lead to it."""
        own = (self.dead.task_id, self.dead.result_id, self.message_id)
        return tuple(dict.fromkeys(one for one in own if one is not None))

    @property
    def cause(self) -> Cause:
        """What it has in common with others that failed alike."""
        return Cause(self.dead.task, self.dead.error, self.dead.task_id is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which letters are meant: those that all of it holds for, and all by default.

    Attributes:
        error: The name of their error's class; an empty one means those that have none.
        task: Their Task.
        chain: Their chain's id.
        since: When they came at the earliest.
        ids: What one of their ids begins with.

    Example:
        >>> Selection(task="charge", since=datetime(2026, 1, 1, tzinfo=UTC)).is_of_all
        False
    """

    error: str | None = None
    task: str | None = None
    chain: str | None = None
    since: datetime | None = None
    ids: tuple[str, ...] = ()

    @property
    def is_of_all(self) -> bool:
        """Whether it leaves none out."""
        return self == Selection()

    def matches(self, letter: Letter) -> bool:
        """Tell whether a letter is meant."""
        dead = letter.dead
        return (
            (self.error is None or self.error == (dead.error or ""))
            and (self.task is None or self.task == dead.task)
            and (self.chain is None or self.chain == dead.chain_id)
            and (self.since is None or self.since <= letter.sent_at)
            and (not self.ids or any(one.startswith(self.ids) for one in letter.ids))
        )

    def check_ids(self, letters: Iterable[Letter]) -> None:
        """Refuse ids that lead to no letter, or to several that aren't of one Task's run.

        Args:
            letters: Those that match.

        Raises:
            LetterError: One of `ids` does so.
        """
        found: dict[str, set[str]] = {one: set() for one in self.ids}
        for letter in letters:
            for beginning, ids in found.items():
                if any(one.startswith(beginning) for one in letter.ids):
                    ids.add(letter.id)
        for beginning, ids in found.items():
            check_is_one(beginning, ids)


def check_is_one(beginning: str, ids: Collection[str], *, unseen: int = 0) -> None:
    """Refuse the beginning of an id that no letter has, or several.

    Args:
        beginning: What was given.
        ids: The ids of the letters that have one which begins so.
        unseen: How many letters there are that couldn't be looked at.

    Raises:
        LetterError: There isn't one.
    """
    if not ids:
        others = (
            f"it may be among {unseen:,} that can't be seen now, since somebody else has them in"
            " hand or SQS doesn't give them out; "
            if unseen
            else ""
        )
        raise LetterError(
            f"no dead letter has an id that begins with {beginning}: {others}it may have been"
            " redriven, or be another system's. algernon dead list --each shows which there are"
        )
    if len(ids) > 1:
        some = sorted(ids)[:_MOST_IDS]
        raise LetterError(
            f"{len(ids)} dead letters have ids that begin with {beginning}, such as"
            f" {', '.join(some)}: give more of the id"
        )


@dataclass(frozen=True, slots=True)
class LettersOfCause:
    """How many letters have a cause.

    Attributes:
        cause: What they have in common.
        count: How many there are.
        first: When the first came, in UTC.
        last: When the last came, in UTC.
        example: The last.
    """

    cause: Cause
    count: int
    first: datetime
    last: datetime
    example: Letter


def group_by_cause(letters: Iterable[Letter]) -> list[LettersOfCause]:
    """Return what letters have in common, the most frequent first, and keep none but examples."""
    groups: dict[Cause, LettersOfCause] = {}
    for letter in letters:
        known = groups.get(letter.cause)
        if known is None:
            groups[letter.cause] = LettersOfCause(
                letter.cause, 1, letter.sent_at, letter.sent_at, letter
            )
        else:
            groups[letter.cause] = replace(
                known,
                count=known.count + 1,
                first=min(known.first, letter.sent_at),
                last=max(known.last, letter.sent_at),
                example=max(known.example, letter, key=lambda each: each.sent_at),
            )
    return sorted(groups.values(), key=lambda each: (-each.count, each.cause.task))


def record_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message of SQS as Lambda hands it over."""
    return {
        "messageId": message["MessageId"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _as_lambda_writes(attribute)
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
    }


def _as_lambda_writes(attribute: Mapping[str, Any]) -> dict[str, str]:
    written = {"dataType": attribute["DataType"]}
    if "StringValue" in attribute:
        written["stringValue"] = attribute["StringValue"]
    if (value := attribute.get("BinaryValue")) is not None:
        # ministack shows it in base64 already.
        is_raw = isinstance(value, bytes)
        written["binaryValue"] = b64encode(value).decode() if is_raw else str(value)
    return written


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
