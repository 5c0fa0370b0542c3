"""Uploads that are put off, from when a text is written to when its objects are stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from .errors import AlreadyStoredError, MissingObjectError, ReadLimitError
from .objects import create_object, find_object, overwrite_object, read_object
from .pointer import Pointer

# A lifecycle rule counts in days: an object that is younger has all of its time before it.
_FRESH = timedelta(days=1)

# How often what is there already is looked at, should it be gone by then.
_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Upload:
    """A document on its way to the bucket.

    Attributes:
        place: Where to.
        text: The document.
        compress: Whether it is kept gzipped.
        deduplicate: Whether it shares its place with the same document of others.
    """

    place: Pointer
    text: bytes
    compress: bool = False
    deduplicate: bool = False

    def store(self, *, keep_existing: bool = False) -> None:
        """Write the document, once.

        Args:
            keep_existing: True takes whatever is there already for this document.

        Raises:
            AlreadyStoredError: Another document is there already, and `keep_existing`
                is False.
            MissingBucketError: The bucket doesn't exist.
            DamagedObjectError: What is there already isn't what was written there.
            MissingObjectError: What is there is gone whenever it is looked at.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        for looks_left in reversed(range(_LOOKS)):
            if create_object(self.place, self.text, compress=self.compress):
                return
            try:
                if self.deduplicate:
                    self._share(keep_existing=keep_existing)
                elif not keep_existing:
                    self._check_same()
            except MissingObjectError:
                # It was removed since, by the bucket's lifecycle rule, say.
                if not looks_left:
                    raise
            else:
                return

    def _share(self, *, keep_existing: bool) -> None:
        """Take the object that is there for this document, and write it again once it is old."""
        facts = find_object(self.place)
        if facts is not None and facts.sha256 != sha256(self.text).hexdigest():
            if keep_existing:
                return
            self._check_same()
        if facts is None or datetime.now(UTC) - facts.modified > _FRESH:
            overwrite_object(self.place, self.text, compress=self.compress)

    def _check_same(self) -> None:
        try:
            is_same = read_object(self.place, most=_longest_stored(self.text)) == self.text
        except ReadLimitError:
            is_same = False
        if not is_same:
            raise AlreadyStoredError(
                f"other data is stored at {self.place} already, and stored data is never"
                " overwritten: choose another name or timestamp"
            )


def _longest_stored(text: bytes) -> int:
    """Return how many bytes a text may take in S3, where gzip may make it longer."""
    # RFC 1952, "File format", and RFC 1951, "Non-compressed blocks": what stands around the
    # text, and before each 32 KiB of it.
    return len(text) + 64 + 5 * (len(text) // 32_768)


_put_off: ContextVar[list[Upload] | None] = ContextVar("algernon_uploads", default=None)


@contextmanager
def uploads_put_off() -> Iterator[list[Upload]]:
    """Put off the uploads of the StoredData in what is written meanwhile.

    The texts that `ajson` writes within the block have the pointers, and what is
    there afterwards to be stored is in the list that the block gets. Who writes a
    text may so write it at once, and store its parts later, in parallel.

    Example:
        >>> from algernon_serialize import ajson
        >>> from algernon_storage import StoredData
        >>> rows = StoredData("rows", [1, 2], bucket="my-bucket", timestamp="0")
        >>> with uploads_put_off() as uploads:
        ...     text = ajson.dumps({"rows": rows})
        >>> [str(upload.place) for upload in uploads]
        ['my-bucket#cache/rows!0.json']
    """
    uploads: list[Upload] = []
    before = _put_off.set(uploads)
    try:
        yield uploads
    finally:
        _put_off.reset(before)


def store_or_put_off(upload: Upload) -> bool:
    """Store a document, unless uploads are put off; tell whether it is stored now."""
    uploads = _put_off.get()
    if uploads is None:
        upload.store()
        return True
    # A value may be looked at twice until its text is written.
    if upload not in uploads:
        uploads.append(upload)
    return False
