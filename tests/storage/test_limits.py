"""What one pointer leads to is read up to limits, which no sender can have a worker exceed."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from algernon_serialize import NestingError, ajson
from algernon_storage import (
    AlreadyStoredError,
    LedgerError,
    OffloadedPayload,
    ReadLimitError,
    S3Ledger,
    StorageError,
    StorageSettingError,
    StoredData,
)

from .objects import put, put_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Answer, Call, Wire

MIB = 1024 * 1024
TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
#: What a document has around its data, when that is one text.
AROUND = len('{"data_string":"","full_unpack":false,"safe_mode":false}')


def leading_to(*pointers: str) -> list[dict[str, Any]]:
    """Return the plain JSON of stored data."""
    tag = {"_alg_class": "StoredData", "_alg_module": "algernon.aws.snakes"}
    return [{**tag, "value": {"pointer": pointer}} for pointer in pointers]


def put_tree(aws: LocalAWS, bucket: str, depth: int, width: int) -> str:
    """Write so many objects, each of so many pointers to the next one."""
    pointer = put_document(aws, bucket, f"cache/{depth}!1.json", "leaf", full_unpack=True)
    for level in reversed(range(depth)):
        data = leading_to(*[pointer] * width)
        pointer = put_document(aws, bucket, f"cache/{level}!1.json", data, full_unpack=True)
    return pointer


def test_a_few_objects_cannot_cost_thousands_of_calls(
    aws: LocalAWS, bucket: str, wire: Wire
) -> None:
    """Six objects that lead to 3,906 are read no further than a thousand, and the error says so."""
    pointer = put_tree(aws, bucket, depth=5, width=5)
    answers: dict[str, Answer] = {}

    def answer_at_once(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.path not in answers:
            answers[call.path] = forward()
        return answers[call.path]

    wire.treatment = answer_at_once
    message = f"{bucket}#cache/0!1.json leads to more than 1000 objects.*ALGERNON_MAX_READ_OBJECTS"
    with pytest.raises(ReadLimitError, match=message) as caught:
        ajson.loads(json.dumps(leading_to(pointer)))
    assert isinstance(caught.value, StorageError)
    assert wire.counted() == {"s3 GET": 1000}


@pytest.mark.parametrize(("most", "is_read"), [("31", True), ("30", False), ("1", False)])
def test_the_number_of_objects_can_be_set(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch, most: str, is_read: bool
) -> None:
    """ALGERNON_MAX_READ_OBJECTS counts the object itself and each time that one is led to."""
    pointer = put_tree(aws, bucket, depth=2, width=5)
    monkeypatch.setenv("ALGERNON_MAX_READ_OBJECTS", most)
    for _ in range(2):  # each pointer is counted anew
        if is_read:
            assert StoredData.retrieve(pointer).data == [["leaf"] * 5] * 5
        else:
            with pytest.raises(ReadLimitError, match=f"more than {most} objects"):
                StoredData.retrieve(pointer)


def test_what_others_read_does_not_count(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that read at once, and pointers beside one another, have their limits each."""
    pointer = put_tree(aws, bucket, depth=1, width=5)
    monkeypatch.setenv("ALGERNON_MAX_READ_OBJECTS", "6")
    with ThreadPoolExecutor(4) as threads:
        assert (
            list(
                threads.map(
                    lambda _: ajson.loads(json.dumps(leading_to(pointer, pointer))), range(8)
                )
            )
            == [[["leaf"] * 5] * 2] * 8
        )


def test_unread_data_counts_nothing(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is retrieved as plain JSON is one object, whatever it leads to."""
    pointer = put_tree(aws, bucket, depth=3, width=5)
    monkeypatch.setenv("ALGERNON_MAX_READ_OBJECTS", "1")
    assert len(StoredData.retrieve(pointer, rebuild=False).data) == 5


def test_stored_data_nests_twenty_deep(aws: LocalAWS, bucket: str) -> None:
    """Twenty stored data in one another are read, and the twenty-first is an error."""
    leaf = ajson.loads(json.dumps(leading_to(put_tree(aws, bucket, depth=19, width=1))))
    for _ in range(20):
        (leaf,) = leaf
    assert leaf == "leaf"
    with pytest.raises(NestingError, match=r"cache/0!1.json leads to nests deeper than 20 stored"):
        StoredData.retrieve(put_tree(aws, bucket, depth=20, width=1))
    # Nothing is left counted by that.
    StoredData.retrieve(put_tree(aws, bucket, depth=19, width=1))


BOMB = """
import re
from pathlib import Path
from algernon_storage import ReadLimitError, StoredData, aws_client

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024

aws_client("s3").list_buckets()
before = peak()
try:
    StoredData.retrieve("worker-bucket#cache/bomb!1.json")
except ReadLimitError as error:
    print(peak() - before, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
@pytest.mark.parametrize("noted", [True, False])
def test_what_unpacks_to_gigabytes_takes_no_memory(aws: LocalAWS, bucket: str, noted: bool) -> None:
    """A few bytes that unpack to more than may be read are refused before they take the room."""
    # A gzip file may consist of several, which unpack to one text.
    half = gzip.compress(b"[" * (600 * MIB), 1)
    aws.client("s3").put_object(
        Bucket=bucket,
        Key="cache/bomb!1.json",
        Body=half * 2,
        ContentEncoding="gzip",
        Metadata={"sha256": "0" * 64} if noted else {},
    )
    run = subprocess.run(
        [sys.executable, "-c", BOMB],
        env={**os.environ, "AWS_ENDPOINT_URL": aws.url},
        capture_output=True,
        text=True,
        check=True,
    )
    taken, _, error = run.stdout.partition(" ")
    assert int(taken) < 100
    assert f"longer than the {1024 * MIB} bytes" in error
    assert "ALGERNON_MAX_READ_BYTES" in error


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(("less", "is_read"), [(0, True), (1, False)])
def test_the_number_of_bytes_can_be_set(
    bucket: str, monkeypatch: pytest.MonkeyPatch, compress: bool, less: int, is_read: bool
) -> None:
    """ALGERNON_MAX_READ_BYTES is what a document may have, unpacked, whatever it is packed to."""
    pointer = StoredData("n", "x" * 10_000, compress=compress).store()
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", str(10_000 + AROUND - less))
    if is_read:
        assert StoredData.retrieve(pointer).data == "x" * 10_000
    else:
        with pytest.raises(ReadLimitError, match=f"longer than the {10_000 + AROUND - 1} bytes"):
            StoredData.retrieve(pointer)


def test_the_bytes_of_all_that_is_led_to_count(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many objects of some length are one of that length many times."""
    large = StoredData("large", "x" * 10_000, full_unpack=True).store()
    pointer = put_document(aws, bucket, "cache/n!1.json", leading_to(*[large] * 5))
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", "40000")
    with pytest.raises(ReadLimitError):
        StoredData.retrieve(pointer)
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", "60000")
    assert StoredData.retrieve(pointer).data == ["x" * 10_000] * 5


def test_too_long_a_body_is_not_read(
    bucket: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What S3 says is too long is asked for once, and its connection given up."""
    pointer = StoredData("n", "x" * MIB).store()
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", "1000")
    wire.clear()
    with pytest.raises(ReadLimitError):
        StoredData.retrieve(pointer)
    assert wire.counted() == {"s3 GET": 1}
    assert StoredData.retrieve(StoredData("m", 1).store()).data == 1


def test_an_extended_client_s_payload_has_the_limit(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body of a message that an extended client kept in S3 may be no longer either."""
    put(aws, bucket, "cache/key", "x" * 1001)
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", "1001")
    assert OffloadedPayload(bucket, "cache/key").read() == "x" * 1001
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", "1000")
    with pytest.raises(ReadLimitError):
        OffloadedPayload(bucket, "cache/key").read()


def test_what_is_there_already_is_compared_up_to_its_own_length(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storing where there is something longer is other data, and where the same is, no error."""
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", "10")
    for _ in range(2):
        StoredData("n", "x" * 1000, timestamp="1").store()
    put(aws, bucket, "cache/n!2.json", "x" * 10_000)
    with pytest.raises(AlreadyStoredError):
        StoredData("n", "x" * 1000, timestamp="2").store()


def test_a_claim_is_short(aws: LocalAWS, bucket: str) -> None:
    """What stands in a claim's place and is much longer is no claim, and isn't read."""
    place = put(aws, bucket, f"cache/{TASK_ID}!claim.json", b" " * MIB)
    with pytest.raises(LedgerError, match=f"what stands at {place} is no claim: .* is longer"):
        S3Ledger().claim(TASK_ID, 30)


@pytest.mark.parametrize("variable", ["ALGERNON_MAX_READ_BYTES", "ALGERNON_MAX_READ_OBJECTS"])
@pytest.mark.parametrize("value", ["many", "-1", "1e3", "1 GB", "0x10", "9" * 30])
def test_a_limit_is_a_number(
    bucket: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A setting that is no number is an error, and nothing is read under a limit of chance."""
    pointer = StoredData("n", 1).store()
    monkeypatch.setenv(variable, value)
    with pytest.raises(StorageSettingError, match=f"{variable} is '{value}', which is no number"):
        StoredData.retrieve(pointer)
    monkeypatch.setenv(variable, "")
    assert StoredData.retrieve(pointer).data == 1
