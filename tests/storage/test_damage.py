"""Objects are checked by their SHA-256 on the way in and out."""

from __future__ import annotations

import gzip
from base64 import b64decode
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from algernon_storage import DamagedObjectError, StorageError, StoredData
from botocore.config import Config
from botocore.exceptions import ClientError, FlexibleChecksumError

from ..wire import Answer
from .objects import get, put_document, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Call, Wire

KEY = "cache/n!1.json"
#: What S3 tells about checksums of its own, which only some of its kind do.
CHECKSUMS = "x-amz-checksum"


def flipping_a_bit(*, hidden_from_boto: bool) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Damage what is read, with or without the checksums by which boto3 would see it too."""

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if call.operation != "GET" or answer.status != 200:
            return answer
        middle = len(answer.body) // 2
        body = bytearray(answer.body)
        body[middle] ^= 1
        headers = [
            (name, value)
            for name, value in answer.headers
            if not (hidden_from_boto and name.lower().startswith(CHECKSUMS))
        ]
        return Answer(answer.status, headers, bytes(body))

    return treat


def test_an_object_bears_its_sha_256(aws: LocalAWS, bucket: str) -> None:
    """Its metadata has the SHA-256 of body and file name, and S3 gets the first one to check."""
    StoredData("n", [1], timestamp="1").store()
    head = aws.client("s3").head_object(Bucket=bucket, Key=KEY, ChecksumMode="ENABLED")
    digest = sha256(get(aws, bucket, KEY))
    assert head["Metadata"] == {
        "sha256": digest.hexdigest(),
        "file-sha256": sha256(b"n!1.json").hexdigest(),
    }
    assert b64decode(head["ChecksumSHA256"]) == digest.digest()


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("rebuild", [False, True])
def test_what_is_damaged_on_the_way_is_refused(
    bucket: str, wire: Wire, compress: bool, rebuild: bool
) -> None:
    """A bit that flips on the way out raises DamagedObjectError, whatever boto3 sees of it."""
    pointer = StoredData("n", "x" * 1000, compress=compress).store()
    wire.treatment = flipping_a_bit(hidden_from_boto=True)
    with pytest.raises(DamagedObjectError, match=f"what came from {pointer} isn't") as caught:
        StoredData.retrieve(pointer, rebuild=rebuild)
    assert isinstance(caught.value, StorageError)


@pytest.mark.skipif(
    not hasattr(Config(), "response_checksum_validation"),
    reason="boto3 checks what it reads since 1.36",
)
def test_what_boto3_finds_damaged_says_the_same(bucket: str, wire: Wire) -> None:
    """Damage that boto3 finds first raises the same error, with boto3's as its cause."""
    pointer = StoredData("n", "x" * 1000).store()
    wire.treatment = flipping_a_bit(hidden_from_boto=False)
    with pytest.raises(DamagedObjectError) as caught:
        StoredData.retrieve(pointer)
    assert isinstance(caught.value.__cause__, FlexibleChecksumError)


def test_an_object_that_was_changed_in_the_bucket_is_refused(aws: LocalAWS, bucket: str) -> None:
    """An object whose body was replaced under its old metadata raises DamagedObjectError."""
    pointer = StoredData("n", [1], timestamp="1").store()
    s3 = aws.client("s3")
    metadata = s3.head_object(Bucket=bucket, Key=KEY)["Metadata"]
    changed = get(aws, bucket, KEY).replace(b"1", b"2")
    s3.put_object(Bucket=bucket, Key=KEY, Body=changed, Metadata=metadata)
    with pytest.raises(DamagedObjectError, match="try again"):
        StoredData.retrieve(pointer)


def test_storing_over_a_damaged_object_says_so(aws: LocalAWS, bucket: str) -> None:
    """Storing where a damaged object is raises DamagedObjectError, and leaves it."""
    StoredData("n", [1], timestamp="1").store()
    s3 = aws.client("s3")
    metadata = s3.head_object(Bucket=bucket, Key=KEY)["Metadata"]
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"?", Metadata=metadata)
    with pytest.raises(DamagedObjectError):
        StoredData("n", [1], timestamp="1").store()
    assert get(aws, bucket, KEY) == b"?"


def test_objects_without_a_sha_256_are_read(aws: LocalAWS, bucket: str) -> None:
    """An object of moncrief's, which bears no SHA-256, is read as it is."""
    pointer = put_document(aws, bucket, KEY, [1])
    assert StoredData.retrieve(pointer).data == [1]


def test_a_gzip_that_is_damaged_says_so(aws: LocalAWS, bucket: str) -> None:
    """A compressed object that can't be unpacked raises DamagedObjectError, cause and all."""
    pointer = StoredData("n", "x" * 1000, compress=True, timestamp="1").store()
    s3 = aws.client("s3")
    head = s3.head_object(Bucket=bucket, Key=KEY)
    half = gzip.compress(b"{}")[:-6]
    s3.put_object(
        Bucket=bucket, Key=KEY, Body=half, ContentEncoding="gzip", Metadata=head["Metadata"]
    )
    with pytest.raises(DamagedObjectError) as caught:
        StoredData.retrieve(pointer)
    assert isinstance(caught.value.__cause__, EOFError)


def test_what_s3_finds_damaged_is_not_stored(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """When S3 refuses a body that doesn't have its checksum, the error comes through."""

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        return refusal(400, "InvalidRequest")

    wire.treatment = refuse
    with pytest.raises(ClientError, match="InvalidRequest"):
        StoredData("n", [1]).store()
