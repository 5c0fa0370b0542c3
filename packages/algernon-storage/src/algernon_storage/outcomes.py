"""What came of Tasks: one outcome each that stands for good, and the failures until then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args
from urllib.parse import unquote
from uuid import uuid4

from algernon_serialize import MalformedJSONError, NestingError, ajson

from .buckets import check_trust
from .document import Document
from .errors import LedgerError, MalformedObjectError, OtherTaskError
from .limits import reading_of
from .named_objects import ENDS_CHAIN, KEPT, KIND, TASK_NAME, Objects, create_once, notes_of
from .objects import find_object, overwrite_object, read_object
from .pointer import Pointer

#: What a Task can come to. Only what is done has a result.
Kind = Literal["done", "failed", "cancelled", "expired"]

#: What is known of a Task.
State = Literal["unknown", "running", "done", "failed", "cancelled", "expired"]

# Which of several writers wrote what stands, where the answer to its write got lost.
_WRITER = "written-by"

# How often an outcome is looked at again that others remove meanwhile.
_LOOKS = 5

# A failure's reason is cut at 1,024 characters by who notes it.
_MOST_FAILURE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a Task, for good.

    Attributes:
        pointer: Where its result is stored, as a StoredData.
        ends_chain: Whether its callback gets nothing: the Task ended its chain early, or
            isn't done.
        kind: What the Task came to. ``"cancelled"`` and ``"expired"`` say that it wasn't
            to run any more, and ``"failed"`` that its failure counts as its result.
        is_kept: Whether its result was kept for who asks for it.
    """

    pointer: str
    ends_chain: bool = False
    kind: Kind = "done"
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class FailureNote:
    """Why a Task lies in its dead-letter queue.

    Attributes:
        error: The name of the error's class.
        reason: What it says.
        task_id: The id of the Task that failed, which in a chain is one of its Tasks.
        attempts: How often it was run.
        task_name: Its name.
    """

    error: str
    reason: str
    task_id: str
    attempts: int
    task_name: str | None = None


class Outcomes:
    """What came of Tasks, by their ids, in a folder of a bucket.

    Of all that write an outcome of one id, the first one's stands, for good. A failure
    is none: it can be noted, noted again and forgotten, and means nothing any more once
    there is an outcome.

    Args:
        bucket: The bucket; by default the one that `ALGERNON_BUCKET_NAME` names when it
            is used.
        folder: The folder in it; `CACHE_FOLDER_NAME`, or ``cache``, by default.

    Example:
        ``Outcomes().find("4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11")``
    """

    def __init__(self, *, bucket: str | None = None, folder: str | None = None) -> None:
        self._objects = Objects(bucket=bucket, folder=folder)

    def find(self, task_id: str, *, task_name: str | None = None) -> Outcome | None:
        """Return what came of a Task, or None where that isn't known yet, by one HEAD.

        Without `s3:ListBucket` it takes a GET more. In a bucket that doesn't exist nothing
        is known.

        Args:
            task_id: The Task's id.
            task_name: Its name, if an outcome of another name's is to be refused.

        Raises:
            OtherTaskError: The outcome is that of a Task of another name.
            LedgerError: It is of a kind that this version doesn't know.
            MissingBucketError: No bucket is named.
            DamagedObjectError: What stands there was written for another id.
            botocore.exceptions.ClientError: S3 refuses.
        """
        standing = self._standing(task_id, task_name)
        return standing.outcome if standing else None

    def write(
        self,
        task_id: str,
        document: Document,
        *,
        kind: Kind = "done",
        ends_chain: bool = False,
        is_kept: bool = False,
        task_name: str | None = None,
    ) -> tuple[Outcome, bool]:
        """Write what came of a Task, unless that is known already.

        Args:
            task_id: The Task's id.
            document: Its result; of what isn't done, anything that says more.
            kind: What it came to.
            ends_chain: Whether its callback gets nothing. That of what isn't done never
                does, whatever this says.
            is_kept: Whether the result is kept for who asks for it.
            task_name: The Task's name, which the outcome notes.

        Returns:
            The outcome that stands, and whether it is this one, also where the answer
            to its write got lost.

        Raises:
            OtherTaskError: The outcome that is there is that of a Task of another name.
            LedgerError: It is there whenever it is to be written, and gone whenever it
                is looked at; or it is of a kind that this version doesn't know; or what
                answers there isn't S3 and ignores conditions.
            MissingBucketError: No bucket is named, or it doesn't exist.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        place = self._objects.place(f"{task_id}!done")
        ends_chain = ends_chain or kind != "done"
        notes = notes_of(kind=kind, ends_chain=ends_chain, is_kept=is_kept, task_name=task_name)
        writer = notes[_WRITER] = str(uuid4())
        for _ in range(_LOOKS):
            if create_once(place, document.text, notes):
                return Outcome(str(place), ends_chain, kind, is_kept), True
            standing = self._standing(task_id, task_name)
            if standing is not None:
                return standing.outcome, standing.writer == writer
        raise LedgerError(
            f"{place} was there each of the {_LOOKS} times that it was to be written, and gone each"
            " time that it was looked at: look for what removes it"
        )

    def copy(self, task_id: str, outcome: Outcome, *, is_kept: bool = True) -> tuple[Outcome, bool]:
        """Write what a ledger has as an outcome, elsewhere or under another id, as this id's.

        It is read from wherever that is: a ledger is the worker's own, other than a pointer
        that came in a message.

        Args:
            task_id: The id whose outcome it becomes.
            outcome: The outcome, as the ledger has it.
            is_kept: Whether the result is kept for who asks for it.

        Returns:
            The outcome that stands, and whether it is this one.

        Raises:
            MissingObjectError: Nothing is where the outcome is to be (any more).
            ReadLimitError, DamagedObjectError, MalformedObjectError: As with
                `StoredData.retrieve`.
            LedgerError, MissingBucketError, botocore.exceptions.ClientError: As with
                `write`.
        """
        place = Pointer.parse(outcome.pointer)
        if place == self._objects.place(f"{task_id}!done"):
            return outcome, True
        return self.write(
            task_id,
            _document_at(place),
            kind=outcome.kind,
            ends_chain=outcome.ends_chain,
            is_kept=is_kept,
        )

    def document(self, outcome: Outcome) -> bytes:
        """Return an outcome's result as its JSON text, such as `ajson.loads` reads.

        Raises:
            UntrustedBucketError: It is where this worker doesn't read from.
            MissingObjectError: Nothing is there (any more).
            ReadLimitError: It is longer than this worker reads: `ALGERNON_MAX_READ_BYTES`.
            MalformedObjectError: What is there isn't stored data.
            DamagedObjectError: It isn't what was written there.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        place = Pointer.parse(outcome.pointer)
        check_trust(place.bucket, place.key)
        return _document_at(place).data

    def failure(self, task_id: str) -> FailureNote | None:
        """Return why a Task lies in its dead-letter queue, if it does, by one GET.

        It means nothing where there is an outcome.

        Raises:
            MalformedObjectError: What stands there is no such note.
            MissingBucketError: No bucket is named, or it doesn't exist.
            botocore.exceptions.ClientError: S3 refuses.
        """
        name = f"{task_id}!failed"
        found = self._objects.find(name, most=_MOST_FAILURE_BYTES)
        return None if found is None else _failure_in(found.body, self._objects.pointer(name))

    def note_failure(self, task_id: str, note: FailureNote) -> None:
        """Note why a Task goes to its dead-letter queue, in the place of an earlier note.

        Args:
            task_id: The Task's id, or that of the chain in which it failed.
            note: Why.

        Raises:
            MissingBucketError: No bucket is named, or it doesn't exist.
            botocore.exceptions.ClientError: S3 refuses.
        """
        overwrite_object(self._objects.place(f"{task_id}!failed"), ajson.dumpb(asdict(note)))

    def forget_failure(self, task_id: str) -> None:
        """Forget a failure, because its Task is tried again; that there is none is fine.

        Raises:
            MissingBucketError: No bucket is named, or it doesn't exist.
            botocore.exceptions.ClientError: S3 refuses.
        """
        self._objects.delete(f"{task_id}!failed")

    def _standing(self, task_id: str, task_name: str | None) -> _Standing | None:
        place = self._objects.place(f"{task_id}!done")
        facts = find_object(place)
        if facts is None:
            return None
        noted = facts.metadata.get(TASK_NAME)
        check_name(task_id, task_name, None if noted is None else unquote(noted))
        return _Standing(_outcome_of(place, facts.metadata), facts.metadata.get(_WRITER))


@dataclass(frozen=True, slots=True)
class _Standing:
    outcome: Outcome
    writer: str | None


def check_name(task_id: str, task_name: str | None, noted: str | None) -> None:
    """Refuse an id that is noted as that of a Task of another name.

    Raises:
        OtherTaskError: It is.
    """
    # Claims and outcomes of older versions note no name.
    if None not in (task_name, noted) and task_name != noted:
        raise OtherTaskError(
            f"the id {task_id} of the Task {task_name!r} is that of a Task {noted!r} already, and"
            " one id is one Task's: send each under an id of its own"
        )


def _outcome_of(place: Pointer, notes: Mapping[str, str]) -> Outcome:
    kind = notes.get(KIND, "done")
    if kind not in get_args(Kind):
        raise LedgerError(
            f"the outcome at {place} is of the kind {kind[:40]!r}, which this version of"
            " algernon-storage doesn't know: update it, or look for what else writes there"
        )
    return Outcome(str(place), ENDS_CHAIN in notes, cast("Kind", kind), KEPT in notes)


def _document_at(place: Pointer) -> Document:
    with reading_of(place) as reading:
        text = read_object(place, most=reading.bytes_left)
        reading.bytes_left -= len(text)
        return Document.found(text, place)


def _failure_in(body: bytes | None, place: str) -> FailureNote:
    try:
        note: Any = ajson.loads(body or b"", rebuild=False)
    except (MalformedJSONError, NestingError) as problem:
        raise MalformedObjectError(
            f"what stands at {place} notes no failure: {problem}"
        ) from problem
    match note:
        case {
            "error": str(error),
            "reason": str(reason),
            "task_id": str(task_id),
            "attempts": int(attempts),
            "task_name": str() | None as task_name,
        }:
            return FailureNote(error, reason, task_id, attempts, task_name)
    raise MalformedObjectError(
        f"what stands at {place} notes no failure: look for what else writes there"
    )
