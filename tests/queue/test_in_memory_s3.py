"""S3 in memory answers, and refuses, as S3 does what Algernon asks of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from hashlib import md5, sha256
from io import BytesIO
from typing import Any

import pytest
from algernon_queue.testing import InMemorySystem
from algernon_storage import Claim, Outcome, S3Ledger, StoredData, aws_client
from botocore.exceptions import ClientError

MIB = 1024 * 1024
TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"


@pytest.fixture
def system() -> Iterator[InMemorySystem]:
    """A system whose S3 has a bucket ``shop``."""
    with InMemorySystem() as system:
        aws_client("s3").create_bucket(Bucket="shop")
        yield system


@pytest.fixture
def s3(system: InMemorySystem) -> Any:
    """The client of its S3."""
    return aws_client("s3")


def code_of(call: Any, **parameters: Any) -> tuple[str, int]:
    """Return the code and the status with which S3 refuses a call."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_an_object_comes_back_as_it_was_written(s3: Any) -> None:
    """Body, metadata, type and encoding come back, with ETag, length and date."""
    written = s3.put_object(
        Bucket="shop",
        Key="a/b",
        Body=b"text",
        ContentType="application/json",
        ContentEncoding="gzip",
        Metadata={"Ends-Chain": "yes"},
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=b64encode(sha256(b"text").digest()).decode(),
    )
    assert written["ETag"] == f'"{md5(b"text").hexdigest()}"'
    read = s3.get_object(Bucket="shop", Key="a/b")
    assert read["Body"].read() == b"text"
    told = s3.head_object(Bucket="shop", Key="a/b")
    for answer in (read, told):
        assert answer["ETag"] == written["ETag"]
        assert answer["ContentLength"] == 4
        assert answer["ContentType"] == "application/json"
        assert answer["ContentEncoding"] == "gzip"
        assert answer["Metadata"] == {"ends-chain": "yes"}
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        assert parsedate_to_datetime(date) == answer["LastModified"]


@pytest.mark.parametrize("body", [b"text", bytearray(b"text"), "text", BytesIO(b"text")])
def test_a_body_may_be_what_boto3_takes(s3: Any, body: Any) -> None:
    """Bytes, texts and files are bodies."""
    s3.put_object(Bucket="shop", Key="k", Body=body)
    assert s3.get_object(Bucket="shop", Key="k")["Body"].read() == b"text"


def test_what_is_done_to_an_answer_changes_nothing(s3: Any) -> None:
    """What a caller does to the metadata that it got is no other caller's."""
    s3.put_object(Bucket="shop", Key="k", Metadata={"of": "shop"})
    s3.head_object(Bucket="shop", Key="k")["Metadata"].clear()
    assert s3.head_object(Bucket="shop", Key="k")["Metadata"] == {"of": "shop"}


def test_what_is_not_there_is_refused(s3: Any) -> None:
    """A GET says what isn't there, and a HEAD only that it isn't."""
    assert code_of(s3.get_object, Bucket="shop", Key="k") == ("NoSuchKey", 404)
    assert code_of(s3.head_object, Bucket="shop", Key="k") == ("404", 404)
    assert code_of(s3.get_object, Bucket="none", Key="k") == ("NoSuchBucket", 404)
    assert code_of(s3.head_object, Bucket="none", Key="k") == ("404", 404)
    assert code_of(s3.put_object, Bucket="none", Key="k") == ("NoSuchBucket", 404)
    assert code_of(s3.create_multipart_upload, Bucket="none", Key="k") == ("NoSuchBucket", 404)
    assert code_of(s3.create_bucket, Bucket="shop") == ("BucketAlreadyOwnedByYou", 409)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="shop", Key="k")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.get_object(Bucket="none", Key="k")


def test_an_object_is_removed(s3: Any) -> None:
    """What is removed isn't there any more, and to remove it again is fine."""
    s3.put_object(Bucket="shop", Key="k", Body=b"text")
    for _ in range(2):
        removed = s3.delete_object(Bucket="shop", Key="k")
        assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert code_of(s3.head_object, Bucket="shop", Key="k") == ("404", 404)
    assert code_of(s3.delete_object, Bucket="none", Key="k") == ("NoSuchBucket", 404)


def test_an_object_is_created_once(s3: Any) -> None:
    """A write under If-None-Match is refused where an object is, and leaves that as it is."""
    s3.put_object(Bucket="shop", Key="k", Body=b"first", IfNoneMatch="*")
    again = {"Bucket": "shop", "Key": "k", "Body": b"second", "IfNoneMatch": "*"}
    assert code_of(s3.put_object, **again) == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket="shop", Key="k")["Body"].read() == b"first"
    assert code_of(s3.put_object, **{**again, "IfNoneMatch": '"etag"'}) == ("NotImplemented", 501)


def test_an_object_is_replaced_as_it_was_seen(s3: Any) -> None:
    """A write under If-Match is refused where the object is another one, or gone."""
    first = s3.put_object(Bucket="shop", Key="k", Body=b"first")["ETag"]
    replace = {"Bucket": "shop", "Key": "k", "Body": b"second", "IfMatch": first}
    s3.put_object(**replace)
    assert code_of(s3.put_object, **replace) == ("PreconditionFailed", 412)
    assert code_of(s3.put_object, **{**replace, "Key": "none"}) == ("NoSuchKey", 404)


def test_a_body_that_is_damaged_is_refused(s3: Any) -> None:
    """A body that isn't what its checksum says is not written."""
    checksum = b64encode(sha256(b"text").digest()).decode()
    damaged = {"Bucket": "shop", "Key": "k", "Body": b"test", "ChecksumSHA256": checksum}
    assert code_of(s3.put_object, **damaged) == ("BadDigest", 400)
    assert code_of(s3.head_object, Bucket="shop", Key="k") == ("404", 404)


def test_metadata_has_a_limit(s3: Any) -> None:
    """More than 2 KB of metadata are refused."""
    large = {"Bucket": "shop", "Key": "k", "Metadata": {"of": "x" * 2047}}
    assert code_of(s3.put_object, **large) == ("MetadataTooLarge", 400)
    s3.put_object(**{**large, "Metadata": {"of": "x" * 2046}})


@pytest.mark.parametrize(
    ("wanted", "part", "told"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-30", b"0123456789", "bytes 0-9/10"),
        ("bytes=5-500", b"56789", "bytes 5-9/10"),
    ],
)
def test_a_range_is_part_of_an_object(s3: Any, wanted: str, part: bytes, told: str) -> None:
    """A range gives its bytes, and says which they are."""
    s3.put_object(Bucket="shop", Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket="shop", Key="k", Range=wanted)
    assert answer["Body"].read() == part
    assert (answer["ContentLength"], answer["ContentRange"]) == (len(part), told)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_beyond_an_object_is_refused(s3: Any, wanted: str) -> None:
    """A range in which there is nothing of the object is an error."""
    s3.put_object(Bucket="shop", Key="k", Body=b"0123456789")
    assert code_of(s3.get_object, Bucket="shop", Key="k", Range=wanted) == ("InvalidRange", 416)


@pytest.mark.parametrize("wanted", ["bytes=-", "bytes=3-1", "lines=1-2"])
def test_a_range_that_is_none_is_ignored(s3: Any, wanted: str) -> None:
    """What means no range gives all of the object."""
    s3.put_object(Bucket="shop", Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket="shop", Key="k", Range=wanted)
    assert answer["Body"].read() == b"0123456789"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.fixture
def upload(s3: Any) -> dict[str, str]:
    """An upload that has begun, of the object ``k``."""
    begun = s3.create_multipart_upload(
        Bucket="shop", Key="k", ContentType="text/plain", ChecksumAlgorithm="SHA256"
    )
    assert begun["ChecksumAlgorithm"] == "SHA256"
    return {"Bucket": "shop", "Key": "k", "UploadId": begun["UploadId"]}


def part(s3: Any, upload: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    """Upload a part, and return what completes the upload by it."""
    return {
        "PartNumber": number,
        "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"],
    }


def test_parts_make_one_object(s3: Any, upload: dict[str, str]) -> None:
    """An object appears all at once, when its parts are all there and the upload is completed."""
    parts = [part(s3, upload, 2, b"end"), part(s3, upload, 1, b"." * 5 * MIB)]
    assert code_of(s3.head_object, Bucket="shop", Key="k") == ("404", 404)
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts[::-1]}, IfNoneMatch="*")
    told = s3.head_object(Bucket="shop", Key="k")
    assert told["ContentLength"] == 5 * MIB + 3
    assert told["ContentType"] == "text/plain"
    assert told["ETag"].endswith('-2"')
    assert code_of(s3.abort_multipart_upload, **upload) == ("NoSuchUpload", 404)


def test_parts_that_do_not_fit_are_refused(s3: Any, upload: dict[str, str]) -> None:
    """Parts that are in disorder, unknown or too small make no object, and the upload stays."""
    small, other = part(s3, upload, 1, b"small"), part(s3, upload, 2, b"other")

    def refusal(*parts: dict[str, Any]) -> str:
        completion = {**upload, "MultipartUpload": {"Parts": [*parts]}}
        return code_of(s3.complete_multipart_upload, **completion)[0]

    assert refusal(other, small) == "InvalidPartOrder"
    assert refusal(small, {**other, "PartNumber": 3}) == "InvalidPart"
    assert refusal({**small, "ETag": other["ETag"]}) == "InvalidPart"
    assert refusal(small, other) == "EntityTooSmall"
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [other]})
    assert s3.get_object(Bucket="shop", Key="k")["Body"].read() == b"other"


def test_an_upload_has_conditions(s3: Any, upload: dict[str, str]) -> None:
    """An upload is completed under a condition as an object is written, and can be dropped."""
    parts = {"Parts": [part(s3, upload, 1, b"text")]}
    s3.put_object(Bucket="shop", Key="k", Body=b"first")
    completion = {**upload, "MultipartUpload": parts, "IfNoneMatch": "*"}
    assert code_of(s3.complete_multipart_upload, **completion) == ("PreconditionFailed", 412)
    s3.abort_multipart_upload(**upload)
    with pytest.raises(s3.exceptions.NoSuchUpload):
        s3.upload_part(**upload, PartNumber=1, Body=b"text")
    damaged = {"Bucket": "shop", "Key": "other", "UploadId": upload["UploadId"]}
    assert code_of(s3.abort_multipart_upload, **damaged) == ("NoSuchUpload", 404)


def test_a_part_that_is_damaged_is_refused(s3: Any, upload: dict[str, str]) -> None:
    """A part that isn't what its checksum says is not taken."""
    checksum = b64encode(sha256(b"text").digest()).decode()
    damaged = {**upload, "PartNumber": 1, "Body": b"test", "ChecksumSHA256": checksum}
    assert code_of(s3.upload_part, **damaged) == ("BadDigest", 400)


def test_times_are_those_of_the_system(system: InMemorySystem, s3: Any) -> None:
    """An object keeps its date while the clock goes on, which its answers tell."""
    s3.put_object(Bucket="shop", Key="k")
    system.advance(90)
    answer = s3.head_object(Bucket="shop", Key="k")
    date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    assert (date - answer["LastModified"]).total_seconds() == 90


def test_a_ledger_is_right_on_it(system: InMemorySystem) -> None:
    """One has a claim until it lapses by the system's clock, and the first outcome stands."""
    ledger = S3Ledger()
    first = ledger.claim(TASK_ID, 30, task_name="charge")
    assert isinstance(first, Claim)
    assert ledger.claim(TASK_ID, 30) is None
    system.advance(31)
    assert ledger.claim(TASK_ID, 30) is None
    system.advance(1)
    second = ledger.claim(TASK_ID, 30)
    assert isinstance(second, Claim)
    assert second.may_have_run
    outcome = ledger.finish(second, {"n": 2})
    assert ledger.finish(first, {"n": 1}) == outcome
    assert isinstance(ledger.claim(TASK_ID, 30), Outcome)
    assert StoredData.retrieve(outcome.pointer).data == {"n": 2}


@pytest.mark.parametrize("length", [1000, 17 * MIB])
@pytest.mark.parametrize("compress", [False, True])
def test_stored_data_comes_back(system: InMemorySystem, length: int, compress: bool) -> None:
    """Data of any size, compressed or not, is stored once and comes back."""
    data = "ü" * (length // 2)
    stored = StoredData("rows", data, compress=compress, timestamp="1")
    assert StoredData.retrieve(stored.store()).data == data
    assert StoredData("rows", data, timestamp="1").store() == stored.pointer
