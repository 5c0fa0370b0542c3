"""S3 in memory."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import md5, sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from .client import InMemoryClient
from .clock import Clock

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# Amazon S3 User Guide, "Amazon S3 multipart upload limits" and "Working with object metadata".
_LEAST_PART_BYTES = 5 * 1024 * 1024
_MOST_METADATA_BYTES = 2048

_RANGE = re.compile("bytes=([0-9]*)-([0-9]*)")

Description = Mapping[str, Any]


class _Object(NamedTuple):
    """An object, which is never changed: another one takes its place."""

    body: bytes
    etag: str
    modified: datetime
    description: Description


@dataclass(slots=True)
class _Upload:
    """A multipart upload that has begun."""

    bucket: str
    key: str
    description: Description
    parts: dict[int, tuple[bytes, str]] = field(default_factory=dict)


class InMemoryS3(InMemoryClient):
    """S3 in memory, with conditional writes, ranges and uploads in parts.

    Source: Amazon S3 API Reference, PutObject, GetObject, HeadObject, DeleteObject,
    CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload and
    "Error responses"; Amazon S3 User Guide, "Add preconditions to S3 operations with
    conditional requests".

    Args:
        clock: The system's clock.
        bucket: The bucket that is there from the beginning.
    """

    service = "s3"
    own_errors = ("BucketAlreadyOwnedByYou", "NoSuchBucket", "NoSuchKey", "NoSuchUpload")

    def __init__(self, clock: Clock, bucket: str) -> None:
        super().__init__(clock)
        self._buckets: dict[str, dict[str, _Object]] = {bucket: {}}
        self._uploads: dict[str, _Upload] = {}

    def create_bucket(
        self, *, Bucket: str, CreateBucketConfiguration: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make a bucket, such as a ledger's own."""
        del CreateBucketConfiguration  # all are in one place
        with self._lock:
            if Bucket in self._buckets:
                raise self._error(
                    "CreateBucket",
                    "BucketAlreadyOwnedByYou",
                    "Your previous request to create the named bucket succeeded and you already"
                    " own it.",
                    409,
                )
            self._buckets[Bucket] = {}
            return self._answer(Location=f"/{Bucket}")

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: Any = b"",
        ContentType: str = "binary/octet-stream",
        ContentEncoding: str | None = None,
        Metadata: Mapping[str, str] | None = None,
        ChecksumAlgorithm: str | None = None,
        ChecksumSHA256: str | None = None,
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
    ) -> dict[str, Any]:
        """Write an object, under a condition if there is one."""
        operation = "PutObject"
        with self._lock:
            objects = self._objects(operation, Bucket)
            self._check_condition(operation, objects, Key, IfMatch, IfNoneMatch)
            body = _bytes_of(Body)
            checksum = self._checksum(operation, body, ChecksumAlgorithm, ChecksumSHA256)
            description = self._description(operation, ContentType, ContentEncoding, Metadata)
            etag = f'"{md5(body, usedforsecurity=False).hexdigest()}"'
            objects[Key] = _Object(body, etag, self._clock.moment, description)
            return self._answer(ETag=etag, **checksum)

    def get_object(self, *, Bucket: str, Key: str, Range: str | None = None) -> dict[str, Any]:
        """Return an object, or a range of it."""
        with self._lock:
            found = self._objects("GetObject", Bucket).get(Key)
        if found is None:
            raise self._no_such_key("GetObject")
        span = None if Range is None else self._span(Range, len(found.body))
        if span is None:
            return self._answer(**_facts(found), Body=BytesIO(found.body))
        first, last = span
        part = found.body[first : last + 1]
        return self._answer(
            206,
            **{**_facts(found), "ContentLength": len(part)},
            ContentRange=f"bytes {first}-{last}/{len(found.body)}",
            Body=BytesIO(part),
        )

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """Return what is known of an object."""
        with self._lock:
            found = self._buckets.get(Bucket, {}).get(Key)
        if found is None:
            # A HEAD has no body that could say more.
            raise self._error("HeadObject", "404", "Not Found", 404)
        return self._answer(**_facts(found))

    def delete_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """Remove an object; that it isn't there is fine."""
        with self._lock:
            self._objects("DeleteObject", Bucket).pop(Key, None)
            return self._answer(204)

    def create_multipart_upload(
        self,
        *,
        Bucket: str,
        Key: str,
        ContentType: str = "binary/octet-stream",
        ContentEncoding: str | None = None,
        Metadata: Mapping[str, str] | None = None,
        ChecksumAlgorithm: str | None = None,
    ) -> dict[str, Any]:
        """Begin an upload in parts."""
        operation = "CreateMultipartUpload"
        with self._lock:
            self._objects(operation, Bucket)
            description = self._description(operation, ContentType, ContentEncoding, Metadata)
            upload_id = uuid4().hex
            self._uploads[upload_id] = _Upload(Bucket, Key, description)
            algorithm = {"ChecksumAlgorithm": ChecksumAlgorithm} if ChecksumAlgorithm else {}
            return self._answer(Bucket=Bucket, Key=Key, UploadId=upload_id, **algorithm)

    def upload_part(
        self,
        *,
        Bucket: str,
        Key: str,
        UploadId: str,
        PartNumber: int,
        Body: Any = b"",
        ChecksumSHA256: str | None = None,
    ) -> dict[str, Any]:
        """Take a part of an upload."""
        operation = "UploadPart"
        with self._lock:
            upload = self._upload(operation, Bucket, Key, UploadId)
            body = _bytes_of(Body)
            checksum = self._checksum(operation, body, None, ChecksumSHA256)
            etag = f'"{md5(body, usedforsecurity=False).hexdigest()}"'
            upload.parts[PartNumber] = body, etag
            return self._answer(ETag=etag, **checksum)

    def complete_multipart_upload(
        self,
        *,
        Bucket: str,
        Key: str,
        UploadId: str,
        MultipartUpload: Mapping[str, Any],
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
    ) -> dict[str, Any]:
        """Make an object of the parts of an upload, under a condition if there is one."""
        operation = "CompleteMultipartUpload"
        with self._lock:
            upload = self._upload(operation, Bucket, Key, UploadId)
            objects = self._objects(operation, Bucket)
            self._check_condition(operation, objects, Key, IfMatch, IfNoneMatch)
            bodies = self._parts(operation, upload, MultipartUpload["Parts"])
            of_parts = b"".join(md5(body, usedforsecurity=False).digest() for body in bodies)
            digest = md5(of_parts, usedforsecurity=False).hexdigest()
            etag = f'"{digest}-{len(bodies)}"'
            objects[Key] = _Object(b"".join(bodies), etag, self._clock.moment, upload.description)
            del self._uploads[UploadId]
            return self._answer(Bucket=Bucket, Key=Key, ETag=etag)

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> dict[str, Any]:
        """Drop an upload and its parts."""
        with self._lock:
            self._upload("AbortMultipartUpload", Bucket, Key, UploadId)
            del self._uploads[UploadId]
            return self._answer(204)

    def _objects(self, operation: str, bucket: str) -> dict[str, _Object]:
        if bucket not in self._buckets:
            message = "The specified bucket does not exist"
            raise self._error(operation, "NoSuchBucket", message, 404)
        return self._buckets[bucket]

    def _upload(self, operation: str, bucket: str, key: str, upload_id: str) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or (upload.bucket, upload.key) != (bucket, key):
            message = (
                "The specified upload does not exist. The upload ID may be invalid, or the upload"
                " may have been aborted or completed."
            )
            raise self._error(operation, "NoSuchUpload", message, 404)
        return upload

    def _check_condition(
        self,
        operation: str,
        objects: Mapping[str, _Object],
        key: str,
        if_match: str | None,
        if_none_match: str | None,
    ) -> None:
        standing = objects.get(key)
        if if_none_match not in (None, "*"):
            message = "A header you provided implies functionality that is not implemented"
            raise self._error(operation, "NotImplemented", message, 501)
        if if_match is not None and standing is None:
            raise self._no_such_key(operation)
        is_other = standing is not None and if_match not in (None, standing.etag)
        if is_other or (if_none_match is not None and standing is not None):
            message = "At least one of the pre-conditions you specified did not hold"
            raise self._error(operation, "PreconditionFailed", message, 412)

    def _no_such_key(self, operation: str) -> ClientError:
        message = "The specified key does not exist."
        return self._error(operation, "NoSuchKey", message, 404)

    def _checksum(
        self, operation: str, body: bytes, algorithm: str | None, given: str | None
    ) -> dict[str, str]:
        if given is None and algorithm != "SHA256":
            return {}
        found = b64encode(sha256(body).digest()).decode()
        if given not in (None, found):
            message = "The SHA256 you specified did not match the calculated checksum."
            raise self._error(operation, "BadDigest", message)
        return {"ChecksumSHA256": found}

    def _description(
        self,
        operation: str,
        content_type: str,
        content_encoding: str | None,
        metadata: Mapping[str, str] | None,
    ) -> Description:
        metadata = {name.lower(): text for name, text in (metadata or {}).items()}
        if sum(len(part.encode()) for pair in metadata.items() for part in pair) > (
            _MOST_METADATA_BYTES
        ):
            message = "Your metadata headers exceed the maximum allowed metadata size"
            raise self._error(operation, "MetadataTooLarge", message)
        encoding = {"ContentEncoding": content_encoding} if content_encoding else {}
        return {"ContentType": content_type, **encoding, "Metadata": metadata}

    def _span(self, text: str, length: int) -> tuple[int, int] | None:
        """Return the first and the last byte of a range, or None of what is none."""
        parsed = _RANGE.fullmatch(text)
        first, last = parsed.groups() if parsed else ("", "")
        if not (first or last) or (first and last and int(last) < int(first)):
            return None  # S3 ignores it
        if first:
            span = int(first), min(int(last), length - 1) if last else length - 1
        else:
            span = max(0, length - int(last)), length - 1
        if span[0] > span[1]:
            message = "The requested range is not satisfiable"
            raise self._error("GetObject", "InvalidRange", message, 416)
        return span

    def _parts(
        self, operation: str, upload: _Upload, wanted: Sequence[Mapping[str, Any]]
    ) -> list[bytes]:
        numbers = [part["PartNumber"] for part in wanted]
        if numbers != sorted(set(numbers)):
            message = "The list of parts was not in ascending order."
            raise self._error(operation, "InvalidPartOrder", message)
        bodies = []
        for part in wanted:
            body, etag = upload.parts.get(part["PartNumber"], (b"", None))
            if etag != part["ETag"]:
                message = "One or more of the specified parts could not be found."
                raise self._error(operation, "InvalidPart", message)
            bodies.append(body)
        if any(len(body) < _LEAST_PART_BYTES for body in bodies[:-1]):
            message = "Your proposed upload is smaller than the minimum allowed object size."
            raise self._error(operation, "EntityTooSmall", message)
        return bodies


def _facts(found: _Object) -> dict[str, Any]:
    return {
        "ContentLength": len(found.body),
        "ETag": found.etag,
        "LastModified": found.modified,
        **found.description,
        "Metadata": dict(found.description["Metadata"]),
    }


def _bytes_of(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    return bytes(body.read() if hasattr(body, "read") else body)
