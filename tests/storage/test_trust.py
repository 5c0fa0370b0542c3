"""A worker reads only from its own folder and from where it was told to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_serialize import ajson
from algernon_storage import (
    OffloadedPayload,
    S3Ledger,
    StorageError,
    StoredData,
    UntrustedBucketError,
    buckets,
)

from .objects import put_document

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire


@pytest.fixture(autouse=True)
def _no_ledger_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_ledgers", set())


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


def tagged(value: dict[str, Any]) -> str:
    """Return the text of a list with a StoredData in it."""
    tag = {"_alg_class": "StoredData", "_alg_module": "algernon.aws.snakes"}
    return json.dumps([{**tag, "value": value}])


def inline(pointer: str) -> str:
    """Return the text of a list with a StoredData in it whose data travels inline."""
    return tagged({"inline": {"data_string": 1, "full_unpack": False, "pointer": pointer}})


OUTSIDE = [
    "secrets/n!1.json",
    "n!1.json",
    "cache2/n!1.json",
    "cache-old/n!1.json",
    "cach/n!1.json",
    "CACHE/n!1.json",
    "a/cache/n!1.json",
    "/cache/n!1.json",
    "cache//n!1.json",
    "cache/../secrets/n!1.json",
    "cache/a/../../secrets/n!1.json",
    "cache/./n!1.json",
    "./cache/n!1.json",
    "cache/a//n!1.json",
]


@pytest.mark.parametrize("key", OUTSIDE)
def test_a_worker_reads_its_own_folder_only(
    aws: LocalAWS, bucket: str, wire: Wire, key: str
) -> None:
    """A pointer into the worker's own bucket that leads out of its folder is refused unread."""
    put_document(aws, bucket, "secrets/n!1.json", "secret")
    pointer = f"{bucket}#{key}"
    for read in (
        lambda: StoredData.retrieve(pointer),
        lambda: ajson.loads(tagged({"pointer": pointer})),
        lambda: OffloadedPayload(bucket, key).read(),
        # What came inline would be written there when it is sent on.
        lambda: ajson.loads(inline(pointer)),
    ):
        with pytest.raises(
            UntrustedBucketError, match=r"only what is in cache/: .*worker-bucket/FOLDER"
        ):
            read()
    assert wire.calls == []


@pytest.mark.parametrize("folder", ["mine", "/mine/", "a/b"])
def test_the_worker_s_folder_is_what_the_environment_says(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """CACHE_FOLDER_NAME moves what is read with what is written."""
    other = put_document(aws, bucket, "cache/n!1.json", "other")
    monkeypatch.setenv("CACHE_FOLDER_NAME", folder)
    assert StoredData.retrieve(StoredData("n", 1).store()).data == 1
    deeper = put_document(aws, bucket, f"{folder.strip('/')}/deeper/n!1.json", "deeper")
    assert StoredData.retrieve(deeper).data == "deeper"
    with pytest.raises(UntrustedBucketError):
        StoredData.retrieve(other)


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        ("foreign-bucket/cache", ["cache/n", "cache/a/n"]),
        ("foreign-bucket/cache/", ["cache/n", "cache/a/n"]),
        ("foreign-bucket/cache/a", ["cache/a/n"]),
        ("foreign-bucket/cache/a , foreign-bucket/b", ["cache/a/n", "b/n"]),
        ("foreign-bucket/b,foreign-bucket", ["cache/n", "cache/a/n", "b/n", "n"]),
        ("foreign-bucket/", ["cache/n", "cache/a/n", "b/n", "n"]),
        ("foreign-bucket/c", []),
        ("foreign/cache", []),
    ],
)
def test_a_folder_of_a_bucket_can_be_trusted(
    aws: LocalAWS,
    bucket: str,
    foreign: str,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    read: list[str],
) -> None:
    """ALGERNON_TRUSTED_BUCKETS takes a bucket as a whole, and a folder in one."""
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", setting)
    for name in ("cache/n", "cache/a/n", "b/n", "n"):
        pointer = put_document(aws, "foreign-bucket", f"{name}!1.json", name)
        if name in read:
            assert StoredData.retrieve(pointer).data == name
        else:
            with pytest.raises(UntrustedBucketError):
                StoredData.retrieve(pointer)


def test_the_worker_s_own_bucket_can_be_trusted_as_a_whole(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is to read any object of its bucket, as before, names the bucket."""
    pointer = StoredData("n", "by hand", folder="elsewhere").store()
    with pytest.raises(UntrustedBucketError):
        StoredData.retrieve(pointer)
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", bucket)
    assert StoredData.retrieve(pointer).data == "by hand"


def test_an_access_point_is_a_bucket(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ARN of an access point, which has a slash, can be trusted, and a folder behind it."""
    account = "arn:aws:s3:eu-west-1:123456789012"
    arn = f"{account}:accesspoint/mine"
    for setting in (arn, f"{arn}/cache"):
        monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", setting)
        assert ajson.loads(inline(f"{arn}#cache/n!1.json"))[0].data == 1
        for other in (account, f"{account}:accesspoint", f"{arn}-2", arn.replace("mine", "m")):
            with pytest.raises(UntrustedBucketError):
                ajson.loads(inline(f"{other}#cache/n!1.json"))
    with pytest.raises(UntrustedBucketError):
        ajson.loads(inline(f"{arn}#secrets/n!1.json"))


def test_a_ledger_s_folder_is_read(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker reads what its ledger keeps in its bucket, and nothing beside it."""
    pointer = put_document(aws, bucket, "of-one-ledger/n!1.json", "kept")
    with pytest.raises(UntrustedBucketError):
        StoredData.retrieve(pointer)
    S3Ledger(bucket="foreign-bucket", folder="of-one-ledger")
    with pytest.raises(UntrustedBucketError):
        StoredData.retrieve(pointer)
    S3Ledger(folder="of-one-ledger")
    assert StoredData.retrieve(pointer).data == "kept"
    with pytest.raises(UntrustedBucketError):
        StoredData.retrieve(f"{bucket}#of-one-ledger-more/n!1.json")
    # It is in the worker's own bucket, and in no other that is partly trusted.
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "foreign-bucket/cache")
    with pytest.raises(UntrustedBucketError):
        StoredData.retrieve("foreign-bucket#of-one-ledger/n!1.json")


def test_a_folder_without_a_name_is_not_all_of_the_bucket(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CACHE_FOLDER_NAME of slashes alone lets nothing be read."""
    pointer = put_document(aws, bucket, "secrets/n!1.json", "secret")
    monkeypatch.setenv("CACHE_FOLDER_NAME", "/")
    with pytest.raises(UntrustedBucketError):
        StoredData.retrieve(pointer)
