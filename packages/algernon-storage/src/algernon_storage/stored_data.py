"""Data that is kept in S3 while a pointer to it travels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from algernon_serialize import AlgObject, MalformedJSONError, NestingError, ajson, rebuild_event

from .buckets import check_trust, own_bucket
from .clients import aws_client
from .errors import (
    AlreadyStoredError,
    MalformedObjectError,
    MissingBucketError,
    MissingObjectError,
)
from .pointer import Pointer

_CLASS = "StoredData"
# Where moncrief 7.0.0 defines its StoredData, so that either reads the other's.
_MODULE = "algernon.aws.snakes"

# Amazon S3 User Guide, "Conditional writes": a write that meets another one under
# way answers 409, and is to be tried again.
_TRIES = 4


class StoredData(AlgObject, wire_name=f"{_MODULE}:{_CLASS}"):
    """Data of any size under a name, kept in the worker's bucket.

    It can be stored and retrieved by hand. Inside another object it stores
    itself when that object is written by `ajson.dumps`, leaving a pointer of a
    hundred bytes in the text, and comes back when the text is read.

    Args:
        name: What the object is called in the bucket; any text.
        data: Anything that `ajson` can send.
        full_unpack: True makes the data itself come back from `ajson.loads`,
            instead of a StoredData that holds it.
        bucket: The bucket; the one that `ALGERNON_BUCKET_NAME` names by default.
        folder: The folder in the bucket; `CACHE_FOLDER_NAME`, or ``cache``, by default.
        timestamp: What tells objects of the same name apart; the current time,
            in seconds since 1970, by default.

    Raises:
        MissingBucketError: No bucket is named.
        MalformedPointerError: The name, folder or timestamp can't stand in a pointer.

    Example:
        ``StoredData("march", rows).store()`` returns the pointer, and
        ``StoredData.retrieve(pointer).data`` the rows.
    """

    def __init__(
        self,
        name: object,
        data: Any,
        *,
        full_unpack: bool = False,
        bucket: str | None = None,
        folder: str | None = None,
        timestamp: str | None = None,
    ) -> None:
        self._data = data
        self._full_unpack = full_unpack
        self._pointer = Pointer.to(
            bucket or own_bucket(),
            folder or os.environ.get("CACHE_FOLDER_NAME") or "cache",
            str(name),
            timestamp or str(datetime.now(UTC).timestamp()),
        )
        self._stored = False

    @property
    def name(self) -> str:
        """What the object is called in the bucket."""
        return self._pointer.name

    @property
    def data(self) -> Any:
        """The data itself."""
        return self._data

    @property
    def full_unpack(self) -> bool:
        """Whether the data itself comes back from `ajson.loads`."""
        return self._full_unpack

    @property
    def pointer(self) -> str:
        """Where the object is, or will be: ``BUCKET#FOLDER/NAME!TIMESTAMP.json``."""
        return str(self._pointer)

    def store(self, *, keep_existing: bool = False) -> str:
        """Write the data to the bucket, once, and return the pointer to it.

        An object that is there already is never overwritten. If it holds the
        same bytes, as after an answer that got lost, all is well.

        Args:
            keep_existing: True takes whatever is there already for this data.

        Raises:
            AlreadyStoredError: Other data is there already, and `keep_existing` is False.
            MissingBucketError: The bucket doesn't exist.
            algernon_serialize.UnserializableError: `ajson` can't send the data.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        if not self._stored:
            document = {
                "data_string": self._data,
                "full_unpack": self._full_unpack,
                "safe_mode": False,
            }
            body = ajson.dumpb(document)
            if not _create(self._pointer, body) and not keep_existing:
                _check_same(self._pointer, body)
            self._stored = True
        return self.pointer

    @classmethod
    def retrieve(cls, pointer: str, *, rebuild: bool = True) -> Self:
        """Read stored data back.

        Args:
            pointer: What `store` returned.
            rebuild: False leaves the data as plain JSON, tags and all.

        Raises:
            MalformedPointerError: The pointer isn't one.
            UntrustedBucketError: It leads to a bucket that this worker doesn't trust.
            MissingBucketError: The bucket doesn't exist.
            MissingObjectError: Nothing is there (any more).
            MalformedObjectError: What is there isn't stored data.
            algernon_serialize.SerializeError: The data can't be rebuilt here.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        place = Pointer.parse(pointer)
        check_trust(place.bucket)
        document = _read_document(place)
        if rebuild and not document.get("safe_mode"):
            document = rebuild_event(document)
        stored = cls.__new__(cls)
        stored._data = document["data_string"]
        stored._full_unpack = document["full_unpack"]
        stored._pointer = place
        stored._stored = True
        return stored

    @classmethod
    def pointer_in(cls, tree: Any) -> str | None:
        """Return the pointer in a piece of plain JSON, if it stands for stored data, else None.

        Example:
            >>> StoredData.pointer_in({"rows": [1, 2]}) is None
            True
        """
        match tree:
            case {
                "_alg_class": name,
                "_alg_module": module,
                "value": {"pointer": str(pointer)},
            } if name == _CLASS and module == _MODULE:
                return pointer
        return None

    def to_json(self) -> Mapping[str, Any]:
        """Store the data, if it isn't yet, and return the pointer to it."""
        return {"pointer": self.store()}

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Any:
        """Retrieve the data that a pointer leads to."""
        stored = cls.retrieve(json_dict.get("pointer", ""))
        return stored.data if stored.full_unpack else stored

    def __repr__(self) -> str:
        return f"StoredData({self.pointer!r})"


def _create(place: Pointer, body: bytes) -> bool:
    """Write an object, and tell whether it is new; one that is there stays as it is."""
    from botocore.exceptions import ClientError

    tries_left = _TRIES
    while True:
        tries_left -= 1
        try:
            aws_client("s3").put_object(
                Bucket=place.bucket,
                Key=place.key,
                Body=body,
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "PreconditionFailed":
                return False
            if code == "NoSuchBucket":
                raise _no_such_bucket(place) from error
            if code != "ConditionalRequestConflict" or not tries_left:
                raise
        else:
            return True


def _check_same(place: Pointer, body: bytes) -> None:
    if _read(place) != body:
        raise AlreadyStoredError(
            f"other data is stored at {place} already, and stored data is never overwritten:"
            " choose another name or timestamp"
        )


def _read(place: Pointer) -> bytes:
    from botocore.exceptions import ClientError

    try:
        answer = aws_client("s3").get_object(Bucket=place.bucket, Key=place.key)
        body: bytes = answer["Body"].read()
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "NoSuchKey":
                raise MissingObjectError(
                    f"nothing is stored at {place}: it was removed, perhaps by the bucket's"
                    " lifecycle rule, or never stored"
                ) from error
            case "NoSuchBucket":
                raise _no_such_bucket(place) from error
        raise
    return body


def _read_document(place: Pointer) -> dict[str, Any]:
    try:
        document: dict[str, Any] = ajson.loads(_read(place), rebuild=False)
    except (MalformedJSONError, NestingError) as error:
        raise MalformedObjectError(f"the object at {place} isn't stored data: {error}") from error
    match document:
        case {"data_string": _, "full_unpack": bool()}:
            return document
    raise MalformedObjectError(
        f"the object at {place} isn't stored data, which is a JSON object with 'data_string',"
        " 'full_unpack' and 'safe_mode': look for what else writes there"
    )


def _no_such_bucket(place: Pointer) -> MissingBucketError:
    return MissingBucketError(
        f"the bucket {place.bucket!r} doesn't exist: check ALGERNON_BUCKET_NAME and the region"
    )
