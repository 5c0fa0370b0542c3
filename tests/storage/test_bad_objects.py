"""An object that is gone, or that isn't stored data, raises an error of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from algernon_serialize import MalformedTagError, NestingError, UnknownClassError
from algernon_storage import MalformedObjectError, MissingObjectError, StorageError, StoredData
from botocore.exceptions import ClientError

from .objects import put, put_document

if TYPE_CHECKING:
    from ..conftest import LocalAWS

KEY = "cache/n!1.json"


def test_a_gone_object_says_where_it_was(aws: LocalAWS, bucket: str) -> None:
    """An object that was deleted raises MissingObjectError with its place."""
    pointer = StoredData("n", 1, timestamp="1").store()
    aws.client("s3").delete_object(Bucket=bucket, Key=KEY)
    with pytest.raises(MissingObjectError, match=f"nothing is stored at {pointer}") as caught:
        StoredData.retrieve(pointer)
    assert isinstance(caught.value, LookupError)
    assert isinstance(caught.value.__cause__, ClientError)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"\xff\xfe\x00",
        b'{"data_string": "\xe9", "full_unpack": true, "safe_mode": false}',
        b'{"data_string": [1], "full_unpack": true',
        b"\x1f\x8b\x08\x00",
        b"[" * 200_000,
        b'{"data_string":' + b"[" * 200_000 + b"]" * 200_000 + b',"full_unpack":true}',
        b"null",
        b"[1]",
        b'"text"',
        b"{}",
        b'{"data_string": 1}',
        b'{"full_unpack": true, "safe_mode": false}',
        b'{"data_string": 1, "full_unpack": "yes", "safe_mode": false}',
        b'{"data_string": 1, "full_unpack": null, "safe_mode": false}',
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("rebuild", [True, False])
def test_an_object_that_is_not_ours_says_so(
    aws: LocalAWS, bucket: str, body: bytes, rebuild: bool
) -> None:
    """An object that no StoredData wrote raises MalformedObjectError with its place."""
    pointer = put(aws, bucket, KEY, body)
    with pytest.raises(MalformedObjectError, match=f"{pointer} isn't stored data") as caught:
        StoredData.retrieve(pointer, rebuild=rebuild)
    assert isinstance(caught.value, StorageError)
    assert isinstance(caught.value, ValueError)


def test_an_unknown_class_in_the_data_is_named(aws: LocalAWS, bucket: str) -> None:
    """Data with an object of a class that isn't imported raises its error."""
    data = [{"_alg_class": "Popen", "_alg_module": "subprocess", "value": {}}]
    pointer = put_document(aws, bucket, KEY, data)
    with pytest.raises(UnknownClassError, match="subprocess:Popen"):
        StoredData.retrieve(pointer)


def test_a_malformed_tag_in_the_data_is_named(aws: LocalAWS, bucket: str) -> None:
    """Data with a tag that isn't as it should be raises its error, with the path."""
    pointer = put_document(aws, bucket, KEY, [{"_alg_class": "set", "value": 1}])
    with pytest.raises(MalformedTagError) as caught:
        StoredData.retrieve(pointer)
    assert caught.value.path == "$.data_string[0]"


def test_data_that_nests_deeper_than_is_ever_sent_is_refused(aws: LocalAWS, bucket: str) -> None:
    """Data that could be parsed, but is deeper than ajson sends, raises NestingError."""
    pointer = put(
        aws,
        bucket,
        KEY,
        '{"data_string":' + "[" * 600 + "]" * 600 + ',"full_unpack":true,"safe_mode":false}',
    )
    with pytest.raises(NestingError):
        StoredData.retrieve(pointer)


def test_errors_show_none_of_the_data(aws: LocalAWS, bucket: str) -> None:
    """The error of an object that isn't ours has the place of it, and nothing out of it."""
    for body in ("MARKER", json.dumps({"MARKER": "MARKER"}), '{"data_string": "MARKER'):
        pointer = put(aws, bucket, KEY, body)
        with pytest.raises(MalformedObjectError) as caught:
            StoredData.retrieve(pointer)
        assert "MARKER" not in f"{caught.value} {caught.value.__cause__}"
