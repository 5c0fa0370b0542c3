"""A worker reads only from its own bucket and from those that it was told to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from algernon_serialize import ajson
from algernon_storage import StorageError, StoredData, UntrustedBucketError

from .objects import put_document

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire


@pytest.fixture
def foreign(aws: LocalAWS) -> str:
    """The pointer to stored data in somebody else's bucket, to which this worker has access."""
    aws.client("s3").create_bucket(
        Bucket="foreign-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return put_document(aws, "foreign-bucket", "cache/n!1.json", "theirs")


def test_a_foreign_bucket_is_not_read(bucket: str, foreign: str, wire: Wire) -> None:
    """A pointer to a bucket that isn't trusted raises an error, and S3 isn't asked."""
    with pytest.raises(UntrustedBucketError, match=r"'foreign-bucket'.*\(worker-bucket\)"):
        StoredData.retrieve(foreign)
    assert wire.calls == []


def test_a_pointer_in_a_text_is_no_way_round(bucket: str, foreign: str, wire: Wire) -> None:
    """Reading a text with a pointer to a bucket that isn't trusted raises the same error."""
    text = ajson.dumps([StoredData("mine", [1])]).replace(bucket, "foreign-bucket")
    wire.clear()
    with pytest.raises(UntrustedBucketError):
        ajson.loads(text)
    assert wire.calls == []


@pytest.mark.parametrize("setting", ["foreign-bucket", "x,foreign-bucket", " x , foreign-bucket ,"])
def test_named_buckets_are_trusted(
    bucket: str, foreign: str, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """ALGERNON_TRUSTED_BUCKETS is a list, separated by commas, of what may be read besides."""
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", setting)
    assert StoredData.retrieve(foreign).data == "theirs"
    assert StoredData.retrieve(StoredData("mine", 1).store()).data == 1


@pytest.mark.parametrize(
    "setting",
    ["foreign", "foreign-bucket-2", "foreign*", "*", "foreign-bucket x", "FOREIGN-BUCKET"],
)
def test_only_the_whole_name_counts(
    bucket: str, foreign: str, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """A name that is merely like the bucket's doesn't make it trusted."""
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", setting)
    with pytest.raises(UntrustedBucketError):
        StoredData.retrieve(foreign)


def test_without_settings_nothing_is_trusted(foreign: str) -> None:
    """A worker that wasn't told of any bucket reads from none."""
    with pytest.raises(UntrustedBucketError, match=r"\(none\)") as caught:
        StoredData.retrieve(foreign)
    assert isinstance(caught.value, StorageError)


def test_storing_needs_no_trust(foreign: str) -> None:
    """A bucket that is given by argument is written to, since no message named it."""
    assert StoredData("n", 1, bucket="foreign-bucket", timestamp="2").store().startswith("foreign")
