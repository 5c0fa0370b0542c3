"""The keyword arguments of a chain's Tasks, as far as anything keeps them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .kwargs_editing import kwargs_to_edit
from .letter_reader import LetterReader
from .place import Place, leading_to
from .task_queues import find_task_queues
from .template.bucket import CACHE_FOLDER

if TYPE_CHECKING:
    from algernon_storage import Outcomes

# No more than a boto3 client has connections for.
_THREADS = 10
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


def read_kwargs(place: Place, chain_id: str, wanted: Collection[WantedTask]) -> dict[str, str]:
    """Return the JSON text of Tasks' keyword arguments, tags and all, by the Tasks' ids.

    Results and large arguments lie in S3 until they expire, and a message that was given up in
    its dead-letter queue; of others nobody knows any more.

    Args:
        place: The system, in whose environment its bucket is named.
        chain_id: The chain's id.
        wanted: The Tasks; of one with more than 1 MiB nothing is returned.

    Raises:
        NotASystemError, LetterQueueError: As of `find_task_queues` and `LetterReader`.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
            ``s3:GetObject`` and ``s3:ListBucket`` or, where messages may have been given up,
            those of `LetterReader`.

    Example:
        >>> read_kwargs(place, chain_id, wanted)  # doctest: +SKIP
        {'a14c2c7b-fad4-4c82-ba64-6c2e3acb0079': '{"order": 7}'}
    """
    with leading_to(place):
        found = _in_s3(place, [each for each in wanted if each.stored_bytes is not None])
        missing = [each for each in wanted if each.may_be_dead and each.task_id not in found]
        return found | _in_letters(place, chain_id, missing)


def _in_s3(place: Place, wanted: Iterable[WantedTask]) -> dict[str, str]:
    from algernon_storage import Outcomes

    outcomes, s3 = Outcomes(), place.client("s3")
    small = [each for each in wanted if (each.stored_bytes or 0) <= _MOST_BYTES]
    with ThreadPoolExecutor(_THREADS) as pool:
        texts = pool.map(lambda each: _stored(outcomes, s3, place, each), small)
        return {
            each.task_id: text for each, text in zip(small, texts, strict=True) if text is not None
        }


def _stored(outcomes: Outcomes, s3: Any, place: Place, task: WantedTask) -> str | None:
    from algernon_storage import MissingObjectError, Outcome, StorageError

    pointer = _pointer(s3, place, task)
    if pointer is None and task.callback_of is not None:
        # Under a ledger a result stays where that keeps it.
        with suppress(StorageError):
            outcome = outcomes.find(task.callback_of)
            pointer = None if outcome is None else outcome.pointer
    if pointer is None:
        return None
    try:
        return outcomes.document(Outcome(pointer)).decode()
    except MissingObjectError:
        return None  # it has expired


def _pointer(s3: Any, place: Place, task: WantedTask) -> str | None:
    """Return where arguments were stored for a Task: under its id, and with their size."""
    bucket = place.environ["ALGERNON_BUCKET_NAME"]
    folder = place.environ.get("CACHE_FOLDER_NAME") or CACHE_FOLDER
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/{task.task_id}!")
    for each in listed.get("Contents", []):
        if each["Size"] == task.stored_bytes:
            return f"{bucket}#{each['Key']}"
    return None


def _in_letters(place: Place, chain_id: str, wanted: Collection[WantedTask]) -> dict[str, str]:
    from algernon_storage import StorageError

    names, ids = {each.name for each in wanted}, {each.task_id for each in wanted}
    queues = [each for each in find_task_queues(place) if each.task in names] if names else []
    found: dict[str, str] = {}
    if not queues:
        return found
    with LetterReader(place, queues) as reader:
        for taken in reader:
            dead = taken.letter.dead
            if dead.chain_id == chain_id and dead.task_id in ids and dead.task_id is not None:
                with suppress(StorageError):  # they have expired
                    found[dead.task_id] = kwargs_to_edit(taken)
            if found.keys() == ids:
                break
    return found
