"""Objects in S3: created once, and checked on the way in and out."""

from __future__ import annotations

import gzip
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from random import uniform
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar

from .clients import aws_client
from .errors import (
    DamagedObjectError,
    MalformedObjectError,
    MissingBucketError,
    MissingObjectError,
    ReadLimitError,
)
from .limits import too_long
from .multipart import PART_BYTES, upload_in_parts
from .pointer import Pointer

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# The user metadata that holds the body's SHA-256 in hexadecimal, before it was compressed.
_SHA256 = "sha256"
# That which holds the SHA-256 of its file's name, without bucket and folder, so that folders
# can be copied elsewhere.
_FILE_SHA256 = "file-sha256"

# Amazon S3 User Guide, "Conditional writes": a write that meets another one under way
# answers 409, and is to be tried again as a whole. So is a multipart upload that is gone:
# it was removed meanwhile, or finished by a call whose answer got lost.
_TO_BE_TRIED_AGAIN = {"ConditionalRequestConflict", "NoSuchUpload"}
_TRIES = 4
# Botocore tries again what fails before the body begins to come, and no more.
_READS = 4
_FIRST_WAIT_SECONDS = 0.1

# What is unpacked at a time while its length isn't known.
_PIECE_BYTES = 1024 * 1024

Answer = Mapping[str, Any]
T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class SmallObject:
    """An object, with its body where that is small.

    Attributes:
        body: Its body, uncompressed, or None where it is longer than was asked for.
        modified: When it was written, by S3's clock.
        age: How many seconds that is ago, by S3's clock too.
        metadata: Its user metadata.
    """

    body: bytes | None
    modified: datetime
    age: float
    metadata: Mapping[str, str]

    @property
    def kind(self) -> str:
        """What it is as an outcome or a verdict, which one that notes nothing has as done."""
        return self.metadata.get("kind", "done")


def create_object(
    place: Pointer, body: bytes, *, metadata: Mapping[str, str] = {}, compress: bool = False
) -> bool:
    """Write an object, and tell whether it is new; one that is there stays as it is.

    Above 8 MiB it is uploaded in parts.

    Args:
        place: Where to.
        body: JSON text.
        metadata: User metadata besides what is always noted, the SHA-256 of the body
            and of the file's name.
        compress: Whether to keep it gzipped, as its Content-Encoding then says.

    Raises:
        MissingBucketError: The bucket doesn't exist.
        botocore.exceptions.ClientError: S3 refuses for any other reason, such as a
            body that was damaged on its way there.
    """
    from botocore.exceptions import ClientError

    stored, description = _stored_form(place, body, metadata, compress=compress)
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
    stored, description = _stored_form(place, body, {}, compress=compress)
    _write(place, stored, description, {})


def read_object(place: Pointer, *, most: int) -> bytes:
    """Return an object's body, uncompressed, and checked by what its writer noted.

    Args:
        place: Where it is.
        most: The bytes that it may have, packed and unpacked.

    Raises:
        ReadLimitError: It has more. That takes no room for more.
        MissingBucketError: The bucket doesn't exist.
        MissingObjectError: Nothing is there (any more).
        DamagedObjectError: The body isn't the one that was written there.
        MalformedObjectError: It claims to be gzipped and isn't.
        botocore.exceptions.ClientError: S3 refuses for any other reason.
        botocore.exceptions.BotoCoreError: The body is cut off whenever it is read.
    """
    from botocore.exceptions import ClientError

    try:
        return fetch(place, lambda body, answer: _text_of(place, body, answer, most), most=most)
    except ClientError as error:
        if is_missing(error):
            raise MissingObjectError(
                f"nothing is stored at {place}: it was removed, perhaps by the bucket's"
                " lifecycle rule, or never stored"
            ) from error
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise no_such_bucket(place) from error
        raise


def fetch(place: Pointer, take: Callable[[bytes, Answer], T], *, most: int) -> T:
    """Get an object, again where what comes is cut off, damaged, or another object.

    Args:
        place: Where it is.
        take: What is made of its body and S3's answer. It raises DamagedObjectError
            where they aren't what was written.
        most: The bytes that the body may have.

    Raises:
        ReadLimitError: It has more.
        DamagedObjectError: They aren't, however often they are read.
        botocore.exceptions.ClientError: S3 refuses, or nothing is there.
        botocore.exceptions.BotoCoreError: The body is cut off whenever it is read.
    """

    def whole(answer: Answer) -> T:
        if answer.get("ContentLength", 0) > most:
            raise too_long(place, most)
        return take(answer["Body"].read(), answer)

    return _fetched(place, whole)


def find_small(place: Pointer, *, most: int) -> SmallObject | None:
    """Return an object by one GET, with its body if that is small, or None if nothing is there.

    Args:
        place: Where it is.
        most: The bytes that the body may have, packed and unpacked, to come along, at
            least one. Of a longer one no more than these are read.

    Raises:
        MissingBucketError: The bucket doesn't exist.
        MalformedObjectError: It is empty, or claims to be gzipped and isn't.
        DamagedObjectError: It isn't the object that was written there.
        botocore.exceptions.ClientError: S3 refuses for any other reason.
        botocore.exceptions.BotoCoreError: The body is cut off whenever it is read.
    """
    from botocore.exceptions import ClientError

    def small(answer: Answer) -> SmallObject:
        # What is left unread of an answer would cost the connection.
        part = answer["Body"].read()
        _, _, length = answer["ContentRange"].rpartition("/")
        body = part if int(length) <= most else None
        if body is not None:
            try:
                body = _text_of(place, body, answer, most)
            except ReadLimitError:
                body = None
        return SmallObject(body, answer["LastModified"], age(answer), answer["Metadata"])

    # Amazon S3 API Reference, GetObject, "Range".
    try:
        return _fetched(place, small, Range=f"bytes=0-{most - 1}")
    except ClientError as error:
        if is_missing(error):
            return None
        code = error.response["Error"]["Code"]
        if code == "NoSuchBucket":
            raise no_such_bucket(place) from error
        if code == "InvalidRange":
            raise MalformedObjectError(
                f"the object at {place} is empty, which none is that belongs there: look for what"
                " else writes there"
            ) from error
        raise


def age(answer: Answer) -> float:
    """Return how many seconds ago the object was written that S3 answers a GET with.

    Both times are S3's own, to the second, so that no worker's clock matters.
    """
    from email.utils import parsedate_to_datetime

    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    seconds: float = (now - answer["LastModified"]).total_seconds()
    return seconds


def _fetched(place: Pointer, take: Callable[[Answer], T], **parameters: str) -> T:
    """Return what is made of S3's answer to a GET, which is asked again as `fetch` says."""
    from botocore.exceptions import FlexibleChecksumError, HTTPClientError, IncompleteReadError

    reads_left = _READS
    while True:
        reads_left -= 1
        answer = _get(place, **parameters)
        try:
            _check_file(place, answer["Metadata"])
            return take(answer)
        except FlexibleChecksumError as error:
            if not reads_left:
                raise _damaged(place) from error
        except (DamagedObjectError, HTTPClientError, IncompleteReadError, ConnectionError):
            if not reads_left:
                raise
        finally:
            answer["Body"].close()
        longest = _FIRST_WAIT_SECONDS * 2 ** (_READS - reads_left)
        sleep(uniform(longest / 2, longest))  # noqa: S311 - spreads load, keeps no secret


def find_object(place: Pointer) -> ObjectFacts | None:
    """Return what S3 tells of an object without its body, or None where nothing is there.

    Raises:
        DamagedObjectError: It isn't the object that was written there.
        botocore.exceptions.ClientError: S3 refuses for any other reason.
    """
    from botocore.exceptions import ClientError

    try:
        answer = aws_client("s3").head_object(Bucket=place.bucket, Key=place.key)
    except ClientError as error:
        # To who may not know, a HEAD doesn't say why: it has no body. A GET has.
        if is_missing(error) or (is_denied(error) and _is_missing_by_get(place)):
            return None
        if is_denied(error):
            raise _naming_rights_to_read(error, place) from error
        raise
    _check_file(place, answer["Metadata"])
    return ObjectFacts(answer["LastModified"], answer["Metadata"])


def delete_object(place: Pointer) -> None:
    """Remove an object; that nothing is there is fine.

    Raises:
        MissingBucketError: The bucket doesn't exist.
        botocore.exceptions.ClientError: S3 refuses for any other reason.
    """
    from botocore.exceptions import ClientError

    try:
        aws_client("s3").delete_object(Bucket=place.bucket, Key=place.key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise no_such_bucket(place) from error
        if is_denied(error):
            raise _naming_right_to_delete(error, place) from error
        raise


def is_missing(error: ClientError) -> bool:
    """Tell whether S3 says, in the answer to a GET or HEAD, that nothing is there.

    To who lacks `s3:ListBucket` it says so by denying that right, for which these
    calls have no other use (Amazon S3 API Reference, GetObject, "Permissions"; Amazon
    S3 User Guide, "Troubleshoot access denied (403 Forbidden) errors").
    """
    reason = error.response["Error"]
    return reason["Code"] in {"NoSuchKey", "404"} or (
        is_denied(error) and "to perform: s3:ListBucket" in reason.get("Message", "")
    )


def is_denied(error: ClientError) -> bool:
    """Tell whether S3 denies a call; it may be because nothing is there (see `is_missing`)."""
    return error.response["Error"]["Code"] in {"AccessDenied", "403"}


def _is_missing_by_get(place: Pointer) -> bool:
    from botocore.exceptions import ClientError

    try:
        _get(place)["Body"].close()
    except ClientError as error:
        return is_missing(error)
    return False


def _get(place: Pointer, **parameters: str) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    try:
        answer: dict[str, Any] = aws_client("s3").get_object(
            Bucket=place.bucket, Key=place.key, **parameters
        )
    except ClientError as error:
        if is_denied(error) and not is_missing(error):
            raise _naming_rights_to_read(error, place) from error
        raise
    return answer


def file_note(place: Pointer) -> dict[str, str]:
    """Return the user metadata by which an object is known for the one that was asked for."""
    _, _, file = place.key.rpartition("/")
    return {_FILE_SHA256: sha256(file.encode()).hexdigest()}


def _check_file(place: Pointer, metadata: Mapping[str, str]) -> None:
    noted = metadata.get(_FILE_SHA256)
    if noted is not None and noted != file_note(place)[_FILE_SHA256]:
        raise DamagedObjectError(
            f"what came from {place} was stored under another name: it was copied there, and its"
            f" metadata {_FILE_SHA256!r} with it, which says so; or another object's answer came"
            " in the place of its own, so try again"
        )


def _text_of(place: Pointer, body: bytes, answer: Answer, most: int) -> bytes:
    """Return the body of an answer, uncompressed, checked by what its writer noted."""
    noted = answer["Metadata"].get(_SHA256)
    if answer.get("ContentEncoding") == "gzip":
        body = _unpacked(body, place, most=most, is_ours=noted is not None)
    if noted and sha256(body).hexdigest() != noted:
        raise _damaged(place)
    return body


def _unpacked(body: bytes, place: Pointer, *, most: int, is_ours: bool) -> bytes:
    try:
        with gzip.open(BytesIO(body)) as file:
            length = 0
            while piece := file.read(_PIECE_BYTES):
                length += len(piece)
                if length > most:
                    raise too_long(place, most)
            # A few bytes may unpack to any number: now it is known that there is room.
            file.rewind()
            return file.read()
    except (OSError, EOFError, zlib.error) as error:
        if is_ours:
            raise _damaged(place) from error
        raise MalformedObjectError(
            f"the object at {place} isn't stored data: it claims to be gzipped, and isn't"
        ) from error


def _stored_form(
    place: Pointer, body: bytes, metadata: Mapping[str, str], *, compress: bool
) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes that go to S3 for a body, and what is said of them there."""
    notes = {**metadata, _SHA256: sha256(body).hexdigest(), **file_note(place)}
    description: dict[str, Any] = {"ContentType": "application/json", "Metadata": notes}
    if not compress:
        return body, description
    # Without a time in it, the same text always makes the same bytes.
    return gzip.compress(body, 6, mtime=0), {**description, "ContentEncoding": "gzip"}


def _write(
    place: Pointer, stored: bytes, description: Mapping[str, Any], condition: Mapping[str, str]
) -> None:
    from botocore.exceptions import ClientError

    try:
        if len(stored) > PART_BYTES:
            upload_in_parts(place, stored, description, condition)
        else:
            aws_client("s3").put_object(
                Bucket=place.bucket,
                Key=place.key,
                Body=stored,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=b64encode(sha256(stored).digest()).decode(),
                **description,
                **condition,
            )
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise no_such_bucket(place) from error
        if is_denied(error):
            raise naming_rights_to_write(error, place) from error
        raise


def no_such_bucket(place: Pointer) -> MissingBucketError:
    """Return the error that says that a bucket doesn't exist."""
    return MissingBucketError(
        f"the bucket {place.bucket!r} doesn't exist: check ALGERNON_BUCKET_NAME and the region"
    )


def naming_rights_to_write(error: ClientError, place: Pointer) -> ClientError:
    """Return S3's denial of a write, which says besides which rights a role needs for it."""
    return _saying(
        error,
        f"to write {place}, the worker's role needs s3:PutObject on the objects there, and"
        " kms:GenerateDataKey where a key of one's own encrypts them",
    )


def _naming_rights_to_read(error: ClientError, place: Pointer) -> ClientError:
    return _saying(
        error,
        f"to read {place}, the worker's role needs s3:GetObject on the objects there,"
        f" s3:ListBucket on the bucket {place.bucket!r}, without which S3 denies also what isn't"
        " there (any more), and kms:Decrypt where a key of one's own encrypts it",
    )


def _naming_right_to_delete(error: ClientError, place: Pointer) -> ClientError:
    return _saying(
        error,
        f"to remove {place}, the worker's role needs s3:DeleteObject on the objects there",
    )


def _saying(error: ClientError, more: str) -> ClientError:
    reason = error.response["Error"]
    told = {**reason, "Message": f"{reason.get('Message', '')}: {more}"}
    return type(error)({**error.response, "Error": told}, error.operation_name)


def _damaged(place: Pointer) -> DamagedObjectError:
    return DamagedObjectError(
        f"what came from {place} isn't what was written there, by its SHA-256, each of the"
        f" {_READS} times that it was read: either the object itself was changed, or it is damaged"
        " on the way and worth it to try again"
    )
