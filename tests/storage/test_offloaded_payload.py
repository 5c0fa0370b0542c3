"""What clients of amazon-sqs-extended-client put in S3 is found and read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_storage import (
    MalformedObjectError,
    MissingBucketError,
    MissingObjectError,
    OffloadedPayload,
    UntrustedBucketError,
)

from .objects import put

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire

# As amazon-sqs-extended-client 1.0.1 for Python sent it, and as it did with use_legacy_attribute.
SENT = (
    '["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "payloads",'
    ' "s3Key": "c32b2f89-ecaa-4d40-839a-c46488bb065b"}]'
)
SENT_BY_OLDER = (
    '["com.amazon.sqs.javamessaging.MessageS3Pointer", {"s3BucketName": "payloads",'
    ' "s3Key": "9acd3bbb-3cc5-4cc5-a944-ac60dda21d03"}]'
)
NAME = "software.amazon.payloadoffloading.PayloadS3Pointer"
PLACE = {"s3BucketName": "b", "s3Key": "k"}


@pytest.fixture
def payloads(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket of the extended client, trusted."""
    aws.client("s3").create_bucket(
        Bucket="payloads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "payloads")
    return "payloads"


@pytest.mark.parametrize("sent", [SENT, SENT_BY_OLDER])
def test_what_the_extended_client_sent_is_read(aws: LocalAWS, payloads: str, sent: str) -> None:
    """The body of a message that the extended client kept in S3 is read from there."""
    payload = OffloadedPayload.found_in(json.loads(sent))
    assert payload is not None
    put(aws, payload.bucket, payload.key, '{"task_name": "a", "task_kwargs": {"text": "é"}}')
    assert json.loads(payload.read()) == {"task_name": "a", "task_kwargs": {"text": "é"}}


def test_keys_that_are_unknown_here_are_ignored() -> None:
    """A pointer with more in it than bucket and key is one all the same."""
    found = OffloadedPayload.found_in([NAME, {**PLACE, "version": 3}])
    assert found == OffloadedPayload("b", "k")


@pytest.mark.parametrize(
    "tree",
    [
        None,
        NAME,
        {},
        {"task_name": "a"},
        PLACE,
        [],
        [NAME],
        [PLACE],
        [PLACE, NAME],
        [NAME, PLACE, PLACE],
        [NAME, [PLACE]],
        [NAME, "b#k"],
        [NAME, None],
        [NAME, {}],
        [NAME, {"s3BucketName": "b"}],
        [NAME, {"s3Key": "k"}],
        [NAME, {**PLACE, "s3BucketName": ""}],
        [NAME, {**PLACE, "s3Key": ""}],
        [NAME, {**PLACE, "s3BucketName": 5}],
        [NAME, {**PLACE, "s3Key": None}],
        [NAME, {**PLACE, "s3Key": ["k"]}],
        [NAME, {**PLACE, "s3Key": "\ud800"}],
        [[NAME], PLACE],
        [7, PLACE],
        ["subprocess.Popen", PLACE],
        [NAME.lower(), PLACE],
    ],
    ids=repr,
)
def test_anything_else_is_none(tree: Any) -> None:
    """A body that isn't exactly such a pointer is none."""
    assert OffloadedPayload.found_in(tree) is None


def test_a_foreign_bucket_is_not_read(bucket: str, wire: Wire) -> None:
    """A payload in a bucket that isn't trusted raises an error, and S3 isn't asked."""
    for name in ("foreign", "../foreign", "arn:aws:s3:::foreign"):
        with pytest.raises(UntrustedBucketError):
            OffloadedPayload(name, "k").read()
    assert wire.calls == []


def test_a_gone_payload_says_where_it_was(payloads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload, or a bucket, that isn't there raises an error with its place."""
    with pytest.raises(MissingObjectError, match="nothing is stored at payloads#k"):
        OffloadedPayload(payloads, "k").read()
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "nowhere")
    with pytest.raises(MissingBucketError, match="'nowhere' doesn't exist"):
        OffloadedPayload("nowhere", "k").read()


def test_a_payload_that_is_no_text_says_so(aws: LocalAWS, payloads: str) -> None:
    """A payload that isn't UTF-8 raises MalformedObjectError, with the cause."""
    put(aws, payloads, "k", b"\xff\xfe")
    with pytest.raises(MalformedObjectError, match="text in UTF-8") as caught:
        OffloadedPayload(payloads, "k").read()
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)
