"""The keyword arguments of a chain's Tasks, as far as anything keeps them."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .at_once import at_once
from .letters.content import LetterContent, fetch_kwargs
from .letters.reader import LetterReader
from .place import Place, leading_to
from .task_queues import find_task_queues
from .template.bucket import CACHE_FOLDER

if TYPE_CHECKING:
    from algernon_storage import Outcomes

# Of more nobody reads a line.
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WantedTask:
    """A Task whose keyword arguments are wanted.

    Attributes:
        name: Its name.
        task_id: Its id.
        stored_bytes: What S3 keeps of them, or None where they travelled in its message.
        callback_of: The id of the Task whose result they are, or None.
        may_be_dead: Whether its message may be in a dead-letter queue.
    """

    name: str
    task_id: str
    stored_bytes: int | None
    callback_of: str | None
    may_be_dead: bool

    @property
    def is_read(self) -> bool:
        """Whether its arguments are in S3, and not too large for a line."""
        return self.stored_bytes is not None and self.stored_bytes <= _MOST_BYTES


def read_kwargs(place: Place, chain_id: str, wanted: Collection[WantedTask]) -> dict[str, Any]:
    """Return Tasks' keyword arguments as plain JSON, tags and all, by the Tasks' ids.

    Results and large arguments lie in S3 until they expire, and a message that was given up in
    its dead-letter queue; of others nobody knows any more.

    Args:
        place: The system, whose bucket its environment names.
        chain_id: The chain's id.
        wanted: The Tasks; of one with more than 1 MiB nothing is read in S3.

    Raises:
        NotASystemError, LetterQueueError: As of `find_task_queues` and `LetterReader`.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
            ``s3:GetObject`` and ``s3:ListBucket`` or, where messages may have been given up,
            those of `LetterReader`.

    Example:
        >>> read_kwargs(place, chain_id, wanted)  # doctest: +SKIP
        {'a14c2c7b-fad4-4c82-ba64-6c2e3acb0079': {'order': 7}}
    """
    with leading_to(place):
        found = _in_s3(place, [each for each in wanted if each.is_read])
    missing = [each for each in wanted if each.may_be_dead and each.task_id not in found]
    return found | _in_letters(place, chain_id, missing)


def _in_s3(place: Place, wanted: Collection[WantedTask]) -> dict[str, Any]:
    """Return what S3 has, of the system that this process is led to."""
    from algernon_serialize import SerializeError
    from algernon_storage import Outcomes, StoredData

    outcomes, s3 = Outcomes(), place.client("s3")
    found: dict[str, Any] = {}

    def read(task: WantedTask) -> None:
        with suppress(SerializeError):  # such as a StorageError: it has expired
            if (pointer := _pointer(outcomes, s3, place, task)) is not None:
                found[task.task_id] = StoredData.retrieve(pointer, rebuild=False).data

    for _ in at_once(read, wanted):
        pass
    return found


def _pointer(outcomes: Outcomes, s3: Any, place: Place, task: WantedTask) -> str | None:
    bucket = place.environ["ALGERNON_BUCKET_NAME"]
    folder = place.environ.get("CACHE_FOLDER_NAME") or CACHE_FOLDER
    # What was stored for a Task lies under its id.
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/{task.task_id}!")
    for each in listed.get("Contents", []):
        if each["Size"] == task.stored_bytes:
            return f"{bucket}#{each['Key']}"
    if task.callback_of is not None:
        # Under a ledger a result stays where that keeps it.
        outcome = outcomes.find(task.callback_of)
        return None if outcome is None else outcome.pointer
    return None


def _in_letters(place: Place, chain_id: str, wanted: Collection[WantedTask]) -> dict[str, Any]:
    from algernon_serialize import SerializeError

    names, ids = {each.name for each in wanted}, {each.task_id for each in wanted}
    found: dict[str, Any] = {}
    if not wanted:
        return found
    queues = [each for each in find_task_queues(place) if each.task in names]
    with LetterReader(place, queues) as reader:
        for taken in reader:
            dead = taken.letter.dead
            if dead.task_id is None or dead.task_id not in ids or dead.chain_id != chain_id:
                continue
            ids.remove(dead.task_id)
            content = LetterContent.of(taken.message)
            pointer = content.kwargs_pointer
            with suppress(SerializeError):  # such as a StorageError: it has expired
                found[dead.task_id] = (
                    content.kwargs if pointer is None else fetch_kwargs(pointer, place)
                )
            if not ids:
                break
    return found
