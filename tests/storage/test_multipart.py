"""Large data is stored in parts, and is created once all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from algernon_storage import (
    AlreadyStoredError,
    DamagedObjectError,
    MissingBucketError,
    StoredData,
)
from botocore.exceptions import ClientError

from ..wire import Answer
from .objects import get, keys, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Call, Wire

MIB = 1024 * 1024
#: What a document has around its data, when that is one text.
AROUND = len('{"data_string":"","full_unpack":false,"safe_mode":false}')
LARGE = "0123456789abcdef" * (17 * MIB // 16)
KEY = "cache/n!1.json"


def kind(call: Call) -> str:
    """Tell the calls of a multipart upload apart."""
    _, _, query = call.path.partition("?")
    if "partNumber=" in query:
        return "part"
    if "uploadId=" in query:
        return {"POST": "complete", "DELETE": "abort"}.get(call.operation, call.operation)
    return "create" if query.startswith("uploads") else call.operation


def kinds(wire: Wire) -> dict[str, int]:
    """Count the calls so far by kind."""
    return Counter(map(kind, wire.calls))


def open_uploads(aws: LocalAWS, bucket: str) -> int:
    """Return how many uploads have been begun, and neither completed nor aborted."""
    return len(aws.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", ()))


def answering(at: str, answer: Answer, times: int = 1) -> Callable[..., Answer]:
    """Answer so many calls of a kind without asking S3."""
    so_far: list[Call] = []

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if kind(call) != at or len(so_far) == times:
            return forward()
        so_far.append(call)
        return answer

    return treat


def test_large_data_comes_back(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """Data above 8 MiB is uploaded in parts of 8 MiB, and is retrieved as it was."""
    pointer = StoredData("n", LARGE, timestamp="1").store()
    assert kinds(wire) == {"create": 1, "part": 3, "complete": 1}
    assert sorted(len(call.body) for call in wire.calls if kind(call) == "part") == [
        MIB + AROUND,
        8 * MIB,
        8 * MIB,
    ]
    assert StoredData.retrieve(pointer).data == LARGE
    head = aws.client("s3").head_object(Bucket=bucket, Key=KEY)
    assert head["ContentType"] == "application/json"
    assert head["Metadata"]["sha256"] == sha256(get(aws, bucket, KEY)).hexdigest()


@pytest.mark.parametrize(("more", "calls"), [(0, {"PUT": 1}), (1, {"create": 1, "part": 2})])
def test_parts_begin_above_8_mib(bucket: str, wire: Wire, more: int, calls: dict[str, int]) -> None:
    """A document of 8 MiB is one PUT, and of a byte more an upload of two parts."""
    stored = StoredData("n", "x" * (8 * MIB - AROUND + more))
    stored.store()
    assert calls.items() <= kinds(wire).items()
    assert StoredData.retrieve(stored.pointer) == stored


def test_few_parts_are_under_way_at_once(bucket: str, wire: Wire) -> None:
    """No more than four parts are in memory and on the way at the same time."""
    # It is created, and of its parts two come at once.
    wire.expect_rounds(1, 2)
    wire.delay = 0.05
    StoredData("n", LARGE * 3).store()
    parts = [call for call in wire.calls if kind(call) == "part"]
    at_once = [sum(a.begin <= b.begin < a.end for a in parts) for b in parts]
    assert 1 < max(at_once) <= 4


def test_other_large_data_is_never_overwritten(aws: LocalAWS, bucket: str) -> None:
    """Large data doesn't replace what is there, and leaves no parts behind."""
    small = StoredData("n", "first", timestamp="1")
    small.store()
    with pytest.raises(AlreadyStoredError):
        StoredData("n", LARGE, timestamp="1").store()
    assert StoredData("n", LARGE, timestamp="1").store(keep_existing=True) == small.pointer
    assert StoredData.retrieve(small.pointer).data == "first"
    assert open_uploads(aws, bucket) == 0


def test_the_same_large_data_may_be_stored_again(aws: LocalAWS, bucket: str) -> None:
    """Storing large data that is there already succeeds, and leaves no parts behind."""
    pointers = {StoredData("n", LARGE, timestamp="1").store() for _ in range(2)}
    assert len(pointers) == 1
    assert open_uploads(aws, bucket) == 0


def test_a_conflict_begins_the_upload_anew(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """After a conflict with a write under way, all parts are uploaded again."""
    wire.treatment = answering("complete", refusal(409, "ConditionalRequestConflict"))
    pointer = StoredData("n", LARGE).store()
    assert kinds(wire) == {"create": 2, "part": 6, "complete": 2, "abort": 1}
    assert StoredData.retrieve(pointer).data == LARGE
    assert open_uploads(aws, bucket) == 0


def test_a_conflict_that_stays_is_raised(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """A conflict that doesn't go away comes through, and nothing is left behind."""
    wire.treatment = answering("complete", refusal(409, "ConditionalRequestConflict"), times=100)
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        StoredData("n", LARGE).store()
    assert kinds(wire)["complete"] == 4
    assert (open_uploads(aws, bucket), keys(aws, bucket)) == (0, [])


def test_a_lost_answer_is_no_failure(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """When the answer to the last call gets lost, the data is there and is found the same."""
    lost: list[Call] = []

    def lose_the_first(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        answer = forward()
        if kind(call) == "complete" and not lost:
            assert answer.status == 200
            lost.append(call)
            return None
        return answer

    wire.treatment = lose_the_first
    pointer = StoredData("n", LARGE, timestamp="1").store()
    assert lost
    assert StoredData.retrieve(pointer).data == LARGE
    assert open_uploads(aws, bucket) == 0


@pytest.mark.parametrize("at", ["part", "complete"])
def test_a_failed_upload_leaves_nothing_behind(
    aws: LocalAWS, bucket: str, wire: Wire, at: str
) -> None:
    """When a call of an upload fails, its error comes through and S3 drops the parts."""
    wire.treatment = answering(at, refusal(403, "AccessDenied"))
    with pytest.raises(ClientError, match="AccessDenied"):
        StoredData("n", LARGE).store()
    assert kinds(wire)["abort"] == 1
    assert (open_uploads(aws, bucket), keys(aws, bucket)) == (0, [])


def test_the_first_error_is_kept(bucket: str, wire: Wire) -> None:
    """When dropping the parts fails too, the first error is raised, with a note on the other."""

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        if kind(call) == "part":
            return refusal(400, "InvalidRequest")
        return refusal(403, "AccessDenied") if kind(call) == "abort" else forward()

    wire.treatment = refuse
    with pytest.raises(ClientError, match="InvalidRequest") as caught:
        StoredData("n", LARGE).store()
    (note,) = caught.value.__notes__
    assert "stay in the bucket" in note
    assert "AccessDenied" in note


def test_a_bucket_that_does_not_exist_is_named(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that isn't there raises MissingBucketError for large data too."""
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", "nowhere")
    with pytest.raises(MissingBucketError, match="'nowhere' doesn't exist"):
        StoredData("n", LARGE).store()


def test_damage_to_large_data_is_found(bucket: str, wire: Wire) -> None:
    """A bit that flips in an object of several parts raises DamagedObjectError."""
    pointer = StoredData("n", LARGE).store()

    def flip(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        body = bytearray(answer.body)
        body[9 * MIB] ^= 1
        return Answer(answer.status, answer.headers, bytes(body))

    wire.treatment = flip
    with pytest.raises(DamagedObjectError):
        StoredData.retrieve(pointer)


# What is resident counts, as it does on Lambda: orjson sets aside much more than it touches.
PROGRAM = """
import re
from pathlib import Path
from algernon_storage import StoredData, aws_client

SIZE = 64 * 1024 * 1024


def resident(field):
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\\s+(\\d+) kB", status)[1]) * 1024 / SIZE


def peak_of(function, *args):
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = resident("VmRSS")
    return function(*args), resident("VmHWM") - before


aws_client("s3").list_buckets()
data = "x" * SIZE
pointer, storing = peak_of(StoredData("n", data).store)
back, retrieving = peak_of(StoredData.retrieve, pointer)
assert back.data == data
print(storing, retrieving - 1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_memory_stays_within_bounds(aws: LocalAWS, bucket: str) -> None:
    """Storing and retrieving 64 MiB takes at most 2.5 times as much beyond the data itself."""
    environment = {**os.environ, "AWS_ENDPOINT_URL": aws.url}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    storing, retrieving = map(float, run.stdout.split())
    assert 1 <= storing <= 2.5
    assert 1 <= retrieving <= 2.5
