"""The groups that dead letters hold: their members among the letters, and how far they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from .letters.body import LetterBody
from .letters.letter import Cause
from .letters.reader import LetterReader
from .place import Place, leading_to
from .task_queues import TaskQueues

if TYPE_CHECKING:
    from algernon_queue import Progress

# Each asks S3 in up to ten threads of its own.
_AT_ONCE = 4
# Each takes a request of S3 for every 32 of its members, at least.
_MOST_GROUPS = 50

#: How a group is. It is held while it is running; of one that has ended, letters are only left
#: over. One that is unknown has no objects any more, and one elsewhere lies in another bucket.
HeldState: TypeAlias = Literal["running", "done", "failed", "cancelled", "unknown", "elsewhere"]


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """A group of which members lie in dead-letter queues.

    Attributes:
        group_id: Its id.
        state: How it is.
        causes: How many of its members' letters have each cause, the most frequent first.
        progress: How many of its members are done, and how many there are; None where that
            isn't known, or wasn't looked at.
    """

    group_id: str
    state: HeldState
    causes: Mapping[Cause, int]
    progress: Progress | None = None

    @property
    def letters(self) -> int:
        """How many letters of its members there are."""
        return sum(self.causes.values())


@dataclass(frozen=True, slots=True)
class HeldGroups:
    """The groups that dead letters name.

    Attributes:
        groups: Those of the most letters, these first.
        others: How many more there are, which weren't looked at.
        letters: How many letters were looked at.
        receives: How many calls of ReceiveMessage that took, each of which counts as a receive
            of the letters that it gave.
    """

    groups: Sequence[HeldGroup]
    others: int
    letters: int
    receives: int


class _Named(NamedTuple):
    """A group, as a message names it."""

    group_id: str
    bucket: str
    folder: str


def find_held_groups(place: Place, tasks: Sequence[TaskQueues]) -> HeldGroups:
    """Return the groups that dead letters of Tasks name, and what holds them.

    The letters stay where they are; meanwhile nobody else gets them.

    Args:
        place: The system, in whose environment its bucket is named.
        tasks: Its Tasks.

    Raises:
        LetterQueueError: As `LetterReader` says.
        algernon_storage.StorageError: The system's bucket isn't there.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights of
            `LetterReader`, ``s3:GetObject`` or ``s3:ListBucket``.
    """
    causes: dict[_Named, Counter[Cause]] = {}
    with LetterReader(place, tasks) as reader:
        for taken in reader:
            if (group := _group_of(taken.message["Body"])) is not None:
                causes.setdefault(group, Counter())[taken.letter.cause] += 1
    most = sorted(causes, key=lambda group: (-causes[group].total(), group))
    looked_at = most[:_MOST_GROUPS]
    with leading_to(place), ThreadPoolExecutor(_AT_ONCE) as pool:
        look = partial(_look, place.environ.get("ALGERNON_BUCKET_NAME"))
        groups = [*pool.map(look, looked_at, [causes[group] for group in looked_at])]
    return HeldGroups(groups, len(most) - len(groups), reader.count, reader.receives)


def _group_of(body: str) -> _Named | None:
    """Return the group whose member a message is, if it is one's."""
    match LetterBody(body).message:
        case {"callback": {"group": {"id": str(group_id), "bucket": str(bucket), **rest}}}:
            folder = rest.get("folder")
            return _Named(group_id, bucket, folder) if isinstance(folder, str) else None
    return None


def _look(own_bucket: str | None, group: _Named, counted: Counter[Cause]) -> HeldGroup:
    from algernon_queue import QueueError, SentGroup
    from algernon_storage import MissingObjectError

    causes = dict(counted.most_common())
    # Whoever can send messages could name any bucket.
    if group.bucket != own_bucket:
        return HeldGroup(group.group_id, "elsewhere", causes)
    try:
        sent: SentGroup[Any] = SentGroup(group.group_id, bucket=group.bucket, folder=group.folder)
        return HeldGroup(sent.group_id, sent.state(), causes, sent.progress())
    except (MissingObjectError, QueueError):
        return HeldGroup(group.group_id, "unknown", causes)
