"""What stands in a bucket of a Task or a group, by its name there: ``ID!WHAT``."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from .buckets import check_trust, own_bucket, own_folder
from .clients import aws_client
from .conditions import check_store, note_refusal
from .multipart import PART_BYTES
from .objects import SmallObject, create_object, delete_object, find_small
from .pointer import Pointer

#: User metadata of an outcome, and of the verdict on a group.
KIND = "kind"
ENDS_CHAIN = "ends-chain"
TASK_NAME = "task-name"
KEPT = "kept"


class Objects:
    """The objects of Tasks and groups in a folder of a bucket, by their names.

    A name is ``ID!WHAT``, such as ``4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11!done``. What
    stands there is JSON text, and created once: what is there already is never changed.

    Args:
        bucket: The bucket; by default the one that `ALGERNON_BUCKET_NAME` names when it
            is used.
        folder: The folder in it; `CACHE_FOLDER_NAME`, or ``cache``, by default.

    Example:
        ``Objects().create(f"{group_id}!node1-0", b"{}")`` tells whether it is new.
    """

    def __init__(self, *, bucket: str | None = None, folder: str | None = None) -> None:
        self._bucket = bucket
        self._folder = folder

    @property
    def bucket(self) -> str:
        """The bucket.

        Raises:
            MissingBucketError: No bucket is named.
        """
        return self._bucket or own_bucket()

    @property
    def folder(self) -> str:
        """The folder in it."""
        return self._folder or own_folder()

    def pointer(self, name: str) -> str:
        """Return where an object is, or would be, as a StoredData's pointer says it.

        Raises:
            MissingBucketError: No bucket is named.
            MalformedPointerError: The name, or the folder, can't stand in a pointer.
        """
        return str(self.place(name))

    def find(self, name: str, *, most: int) -> SmallObject | None:
        """Return an object by one GET, or None where nothing is there.

        Args:
            name: Its name.
            most: How many bytes of body may come along. The body of a longer one is None.

        Raises:
            MissingBucketError: No bucket is named, or it doesn't exist.
            MalformedObjectError: The object is empty.
            DamagedObjectError: It isn't the object that was written there.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        return find_small(self.place(name), most=most)

    def create(
        self,
        name: str,
        body: bytes,
        *,
        kind: str = "done",
        ends_chain: bool = False,
        is_kept: bool = False,
    ) -> bool:
        """Write an object, and tell whether it is new; one that is there stays as it is.

        Where the answer to the write gets lost, what was written is taken for another's.
        The first in a process and bucket costs one PUT more, which has to be refused.

        Args:
            name: Its name.
            body: JSON text.
            kind: What `SmallObject.kind` says of it: that of an outcome or a verdict.
            ends_chain: Whether it is the outcome of a Task that ended its chain early.
                Every kind but ``"done"`` and ``"joined"`` is noted so.
            is_kept: Whether it is a result that was kept for who asks for it.

        Raises:
            MissingBucketError: No bucket is named, or it doesn't exist.
            LedgerError: What answers there ignores conditions.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        ends_chain = ends_chain or kind not in ("done", "joined")
        notes = notes_of(kind=kind, ends_chain=ends_chain, is_kept=is_kept)
        return create_once(self.place(name), body, notes)

    def delete(self, name: str) -> None:
        """Remove an object; that nothing is there is fine.

        Raises:
            MissingBucketError: No bucket is named, or it doesn't exist.
            botocore.exceptions.ClientError: S3 refuses.
        """
        delete_object(self.place(name))

    def check_trust(self) -> None:
        """Refuse a place that a message named and this worker doesn't read from.

        Raises:
            UntrustedBucketError: It is neither the worker's own nor among
                `ALGERNON_TRUSTED_BUCKETS`.
            MissingBucketError: No bucket is named.
            MalformedPointerError: The folder can't stand in a pointer.
        """
        place = self.place("any!object")
        check_trust(place.bucket, place.key)

    def place(self, name: str) -> Pointer:
        """Return where an object is, or would be."""
        task_id, _, what = name.rpartition("!")
        return Pointer.to(self.bucket, self.folder, task_id, what)

    def __repr__(self) -> str:
        return f"Objects(bucket={self._bucket!r}, folder={self._folder!r})"


def create_once(place: Pointer, body: bytes, notes: Mapping[str, str]) -> bool:
    """Write an object where a store has to refuse a second one, and tell whether it is new.

    Raises:
        MissingBucketError: The bucket doesn't exist.
        LedgerError: The store ignores conditions.
        botocore.exceptions.ClientError: S3 refuses for any other reason.
    """
    condition = "IfNoneMatch"
    is_new = create_object(place, body, metadata=notes)
    if not is_new:
        note_refusal(aws_client("s3"), place.bucket, condition)
    # To have a large one refused would cost as much as to write it.
    elif len(body) <= PART_BYTES:
        check_store(
            aws_client("s3"),
            place.bucket,
            condition,
            is_refused=lambda: not create_object(place, body, metadata=notes),
        )
    return is_new


def notes_of(
    *,
    kind: str = "done",
    ends_chain: bool = False,
    is_kept: bool = False,
    task_name: str | None = None,
) -> dict[str, str]:
    """Return the user metadata of an outcome. What older versions don't know is left out."""
    notes = {} if kind == "done" else {KIND: kind}
    if ends_chain:
        notes[ENDS_CHAIN] = "yes"
    if is_kept:
        notes[KEPT] = "yes"
    if task_name is not None:
        notes[TASK_NAME] = quote(task_name, safe="")
    return notes
