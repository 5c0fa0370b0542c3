"""Stored data is gzipped when asked."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from algernon_storage import AlreadyStoredError, MalformedObjectError, StoredData

from .objects import get, keys

if TYPE_CHECKING:
    from ..conftest import LocalAWS

KEY = "cache/n!1.json"
ROWS = [{"n": n, "pair": (n, n)} for n in range(1000)]


def test_compressed_data_comes_back(aws: LocalAWS, bucket: str) -> None:
    """A compressed object is much shorter, says that it is gzip, and is retrieved as it was."""
    pointer = StoredData("n", ROWS, compress=True, timestamp="1").store()
    head = aws.client("s3").head_object(Bucket=bucket, Key=KEY)
    assert head["ContentEncoding"] == "gzip"
    text = gzip.decompress(get(aws, bucket, KEY))
    assert head["ContentLength"] < len(text) / 5
    assert head["Metadata"]["sha256"] == sha256(text).hexdigest()
    assert json.loads(text).keys() == {"data_string", "full_unpack", "safe_mode"}
    assert StoredData.retrieve(pointer).data == ROWS


@pytest.mark.parametrize("data", ["", "x", "0123456789", bytes(range(256)).hex() * 700])
def test_what_gzip_makes_longer_may_be_stored_again(bucket: str, data: str) -> None:
    """The same data may be stored again under its name, however long it is when compressed."""
    stored = StoredData("n", data, compress=True, timestamp="1")
    assert stored.store() == stored.store()
    with pytest.raises(AlreadyStoredError):
        StoredData("n", f"{data}!", compress=True, timestamp="1").store()


def test_the_same_data_compresses_to_the_same_bytes(aws: LocalAWS, bucket: str) -> None:
    """Compressed bytes depend on the data alone."""
    for timestamp in ("1", "2"):
        StoredData("n", ROWS, compress=True, timestamp=timestamp).store()
    first, second = (get(aws, bucket, key) for key in keys(aws, bucket))
    assert first == second


@pytest.mark.parametrize("first", [False, True])
def test_compression_makes_no_other_data(bucket: str, first: bool) -> None:
    """The same data may be stored again the other way, and other data may not."""
    pointer = StoredData("n", ROWS, compress=first, timestamp="1").store()
    assert StoredData("n", ROWS, compress=not first, timestamp="1").store() == pointer
    with pytest.raises(AlreadyStoredError):
        StoredData("n", ROWS[1:], compress=not first, timestamp="1").store()


@pytest.mark.parametrize(
    "body", [b"", b"{}", gzip.compress(b"{}", mtime=0)[:-3], b"\x1f\x8b\x08\x00" * 9]
)
def test_what_only_claims_to_be_gzip_says_so(aws: LocalAWS, bucket: str, body: bytes) -> None:
    """An object with gzip's header that can't be unpacked raises MalformedObjectError."""
    aws.client("s3").put_object(Bucket=bucket, Key=KEY, Body=body, ContentEncoding="gzip")
    with pytest.raises(MalformedObjectError, match=f"{bucket}#{KEY} isn't stored data"):
        StoredData.retrieve(f"{bucket}#{KEY}")
