"""Objects in S3: created once, and checked on the way in and out."""

from __future__ import annotations

import gzip
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from .clients import aws_client
from .errors import (
    DamagedObjectError,
    MalformedObjectError,
    MissingBucketError,
    MissingObjectError,
)
from .multipart import PART_BYTES, upload_in_parts
from .pointer import Pointer

# The user metadata that holds the body's SHA-256 in hexadecimal, before it was compressed.
_SHA256 = "sha256"

# Amazon S3 User Guide, "Conditional writes": a write that meets another one under way
# answers 409, and is to be tried again as a whole. So is a multipart upload that is gone:
# it was removed meanwhile, or finished by a call whose answer got lost.
_TO_BE_TRIED_AGAIN = {"ConditionalRequestConflict", "NoSuchUpload"}
_TRIES = 4


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What S3 tells of an object without its body.

    Attributes:
        modified: When it was written.
        metadata: Its user metadata.
    """

    modified: datetime
    metadata: Mapping[str, str]

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of its body, uncompressed, in hexadecimal, where its writer noted it."""
        return self.metadata.get(_SHA256)


def create_object(
    place: Pointer, body: bytes, *, metadata: Mapping[str, str] = {}, compress: bool = False
) -> bool:
    """Write an object, and tell whether it is new; one that is there stays as it is.

    Above 8 MiB it is uploaded in parts.

    Args:
        place: Where to.
        body: JSON text.
        metadata: User metadata besides the body's SHA-256, which is always noted.
        compress: Whether to keep it gzipped, as its Content-Encoding then says.

    Raises:
        MissingBucketError: The bucket doesn't exist.
        botocore.exceptions.ClientError: S3 refuses for any other reason, such as a
            body that was damaged on its way there.
    """
    from botocore.exceptions import ClientError

    stored, description = _stored_form(body, metadata, compress=compress)
    tries_left = _TRIES
    while True:
        tries_left -= 1
        try:
            _write(place, stored, description, {"IfNoneMatch": "*"})
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "PreconditionFailed":
                return False
            if code not in _TO_BE_TRIED_AGAIN or not tries_left:
                raise
        else:
            return True


def overwrite_object(place: Pointer, body: bytes, *, compress: bool = False) -> None:
    """Write an object in the place of one that may be there, so that its age starts anew.

    Raises:
        MissingBucketError: The bucket doesn't exist.
        botocore.exceptions.ClientError: S3 refuses for any other reason.
    """
    stored, description = _stored_form(body, {}, compress=compress)
    _write(place, stored, description, {})


def read_object(place: Pointer) -> bytes:
    """Return an object's body, uncompressed, and checked where its writer noted its SHA-256.

    Raises:
        MissingBucketError: The bucket doesn't exist.
        MissingObjectError: Nothing is there (any more).
        DamagedObjectError: The body isn't the one that was written.
        MalformedObjectError: It claims to be gzipped and isn't.
        botocore.exceptions.ClientError: S3 refuses for any other reason.
    """
    from botocore.exceptions import ClientError, FlexibleChecksumError

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
                raise no_such_bucket(place) from error
        raise
    except FlexibleChecksumError as error:
        raise _damaged(place) from error
    noted = answer["Metadata"].get(_SHA256)
    if answer.get("ContentEncoding") == "gzip":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            if noted:
                raise _damaged(place) from error
            raise MalformedObjectError(
                f"the object at {place} isn't stored data: it claims to be gzipped, and isn't"
            ) from error
    if noted and sha256(body).hexdigest() != noted:
        raise _damaged(place)
    return body


def find_object(place: Pointer) -> ObjectFacts | None:
    """Return what S3 tells of an object without its body, or None where nothing is there.

    Raises:
        botocore.exceptions.ClientError: S3 refuses for any other reason.
    """
    from botocore.exceptions import ClientError

    try:
        answer = aws_client("s3").head_object(Bucket=place.bucket, Key=place.key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            return None
        raise
    return ObjectFacts(answer["LastModified"], answer["Metadata"])


def _stored_form(
    body: bytes, metadata: Mapping[str, str], *, compress: bool
) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes that go to S3 for a body, and what is said of them there."""
    description: dict[str, Any] = {
        "ContentType": "application/json",
        "Metadata": {**metadata, _SHA256: sha256(body).hexdigest()},
    }
    if not compress:
        return body, description
    # Without a time in it, the same text always makes the same bytes.
    return gzip.compress(body, 6, mtime=0), {**description, "ContentEncoding": "gzip"}


def _write(
    place: Pointer, stored: bytes, description: Mapping[str, Any], condition: Mapping[str, str]
) -> None:
    client = aws_client("s3")
    try:
        if len(stored) > PART_BYTES:
            upload_in_parts(place, stored, description, condition)
        else:
            client.put_object(
                Bucket=place.bucket,
                Key=place.key,
                Body=stored,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=b64encode(sha256(stored).digest()).decode(),
                **description,
                **condition,
            )
    except client.exceptions.NoSuchBucket as error:
        raise no_such_bucket(place) from error


def no_such_bucket(place: Pointer) -> MissingBucketError:
    """Return the error that says that a bucket doesn't exist."""
    return MissingBucketError(
        f"the bucket {place.bucket!r} doesn't exist: check ALGERNON_BUCKET_NAME and the region"
    )


def _damaged(place: Pointer) -> DamagedObjectError:
    return DamagedObjectError(
        f"what came from {place} isn't what was written there, by its SHA-256: try again, since"
        " it may have been damaged on the way; if it fails again, the object itself was changed"
    )
