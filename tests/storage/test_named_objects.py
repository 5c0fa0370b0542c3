"""Small objects are created once, found with their bodies by one call, and removed, by name."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import algernon_storage
import pytest
from algernon_storage import (
    DamagedObjectError,
    LedgerError,
    MalformedObjectError,
    MalformedPointerError,
    MissingBucketError,
    Objects,
    StoredData,
    UntrustedBucketError,
)

from ..s3_clock import S3Clock
from ..wire import Answer
from .objects import keys, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Call, Wire

NAME = "aa3a8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11!node1-3"
KEY = f"cache/{NAME}.json"
BODY = b'{"results":{}}'


def test_an_object_is_created_once(used_bucket: str, wire: Wire) -> None:
    """Whoever writes it first is told so, by one PUT, and the second one changes nothing."""
    assert Objects().create(NAME, BODY)
    assert not Objects().create(NAME, b"{}")
    assert wire.counted() == {"s3 PUT": 2}
    found = Objects().find(NAME, most=100)
    assert found is not None
    assert found.body == BODY


def test_a_small_one_comes_with_its_body_by_one_get(used_bucket: str, wire: Wire) -> None:
    """One with no more bytes than were asked for; of a longer one there is none."""
    Objects().create(NAME, BODY)
    wire.clear()
    bodies = []
    for most in (1, len(BODY) - 1, len(BODY), len(BODY) + 1):
        found = Objects().find(NAME, most=most)
        assert found is not None
        bodies.append(found.body)
    assert bodies == [None, None, BODY, BODY]
    assert wire.counted() == {"s3 GET": 4}


def test_a_long_one_costs_no_connection(used_bucket: str, wire: Wire) -> None:
    """Of a body that is too long no more is asked for than may come, and all of that is read."""
    StoredData("long", "x" * 1_000_000, timestamp="1").store()
    Objects().find("long!1", most=4096)
    wire.connections = 0
    for _ in range(5):
        found = Objects().find("long!1", most=4096)
        assert found is not None
        assert found.body is None
    assert wire.connections == 0


def test_what_is_not_there_is_none(bucket: str) -> None:
    """Nothing is found under a name that nobody has written."""
    assert Objects().find(NAME, most=100) is None


def test_its_age_is_told_by_s3_s_clock(bucket: str, wire: Wire) -> None:
    """It was written when S3 says, and so long ago, whatever the worker's clock says."""
    clock = S3Clock(wire)
    Objects().create(NAME, BODY)
    clock.goes_on(90)
    found = Objects().find(NAME, most=100)
    assert found is not None
    assert found.age == 90
    assert found.modified < datetime(2008, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "ends_chain"),
    [("done", False), ("joined", False), ("failed", True), ("cancelled", True), ("expired", True)],
)
def test_its_kind_is_known(bucket: str, kind: str, ends_chain: bool) -> None:
    """What isn't done ends its chain for those who know no kinds."""
    Objects().create(NAME, BODY, kind=kind, is_kept=True)
    found = Objects().find(NAME, most=100)
    assert found is not None
    assert found.kind == kind
    assert ("ends-chain" in found.metadata) is ends_chain
    assert found.metadata["kept"] == "yes"


def test_what_notes_no_kind_is_done(aws: LocalAWS, bucket: str) -> None:
    """So it is with what older versions wrote."""
    put(aws, bucket, KEY, BODY)
    found = Objects().find(NAME, most=100)
    assert found is not None
    assert (found.kind, found.metadata) == ("done", {})


def test_a_packed_one_is_unpacked(bucket: str) -> None:
    """It is small where it is so unpacked too."""
    StoredData("packed", "x" * 1000, timestamp="1", compress=True).store()
    small, long = (Objects().find("packed!1", most=most) for most in (500, 2000))
    assert small is not None
    assert small.body is None
    assert long is not None
    assert long.body is not None
    assert b"x" * 1000 in long.body


def test_what_claims_to_be_packed_is_told(aws: LocalAWS, bucket: str) -> None:
    """What isn't gzip, and says so, is somebody else's."""
    aws.client("s3").put_object(Bucket=bucket, Key=KEY, Body=BODY, ContentEncoding="gzip")
    with pytest.raises(MalformedObjectError, match="claims to be gzipped"):
        Objects().find(NAME, most=100)
    packed = gzip.compress(BODY)
    aws.client("s3").put_object(Bucket=bucket, Key=KEY, Body=packed, ContentEncoding="gzip")
    found = Objects().find(NAME, most=100)
    assert found is not None
    assert found.body == BODY


def test_an_empty_one_is_told(aws: LocalAWS, bucket: str) -> None:
    """Nobody writes one, so it is somebody else's."""
    place = put(aws, bucket, KEY, b"")
    with pytest.raises(MalformedObjectError, match=f"{place} is empty"):
        Objects().find(NAME, most=100)


def test_what_comes_damaged_is_asked_for_again(used_bucket: str, wire: Wire) -> None:
    """An answer that isn't what was written is no object, and the next one is."""
    Objects().create(NAME, BODY)
    wire.clear()

    def damage(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        headers = [each for each in answer.headers if "checksum" not in each[0].lower()]
        body = answer.body if len(wire.calls) > 1 else answer.body.replace(b"r", b"R")
        return Answer(answer.status, headers, body)

    wire.treatment = damage
    found = Objects().find(NAME, most=100)
    assert found is not None
    assert found.body == BODY
    assert wire.counted() == {"s3 GET": 2}


def test_what_was_copied_under_another_name_is_refused(aws: LocalAWS, bucket: str) -> None:
    """The object of another name, in its place, is none."""
    Objects().create("other!node1-3", BODY)
    source = {"Bucket": bucket, "Key": "cache/other!node1-3.json"}
    aws.client("s3").copy_object(Bucket=bucket, Key=KEY, CopySource=source)
    with pytest.raises(DamagedObjectError, match="was stored under another name"):
        Objects().find(NAME, most=100)


def test_one_is_removed(aws: LocalAWS, bucket: str) -> None:
    """Afterwards it isn't there, and to remove what isn't there is fine."""
    Objects().create(NAME, BODY)
    for _ in range(2):
        Objects().delete(NAME)
        assert keys(aws, bucket) == []


def test_a_place_can_be_chosen(aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bucket and folder are the options, or the worker's own, and pointers lead there."""
    objects = Objects(folder="a/b")
    assert (objects.bucket, objects.folder) == (bucket, "a/b")
    assert objects.pointer(NAME) == f"{bucket}#a/b/{NAME}.json"
    objects.create(NAME, BODY)
    assert keys(aws, bucket) == [f"a/b/{NAME}.json"]
    monkeypatch.setenv("CACHE_FOLDER_NAME", "mine")
    assert Objects().folder == "mine"
    assert repr(Objects(folder="a")) == "Objects(bucket=None, folder='a')"


@pytest.mark.usefixtures("aws")
def test_a_bucket_that_is_missing_is_told() -> None:
    """One that isn't named, and one that doesn't exist."""
    with pytest.raises(MissingBucketError, match="ALGERNON_BUCKET_NAME"):
        Objects().find(NAME, most=1)
    objects = Objects(bucket="nowhere")
    for call in (
        lambda: objects.find(NAME, most=1),
        lambda: objects.create(NAME, BODY),
        lambda: objects.delete(NAME),
    ):
        with pytest.raises(MissingBucketError, match="the bucket 'nowhere' doesn't exist"):
            call()


@pytest.mark.parametrize("name", ["", "no separator", "!what", "id!", "id!a/b", "id!a#b"])
def test_what_can_be_no_name_is_refused(bucket: str, wire: Wire, name: str) -> None:
    """A name has an id and says what of it, in what can stand in a pointer."""
    with pytest.raises(MalformedPointerError):
        Objects().find(name, most=1)
    assert wire.calls == []


def test_a_place_that_a_message_names_has_to_be_trusted(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's own place is, and what it is told to trust, and no other."""
    Objects().check_trust()
    Objects(bucket=bucket, folder="cache/pay").check_trust()
    theirs = Objects(bucket="theirs", folder="cache")
    for other in (theirs, Objects(folder="secret"), Objects(folder="cache/../secret")):
        with pytest.raises(UntrustedBucketError, match="ALGERNON_TRUSTED_BUCKETS"):
            other.check_trust()
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "theirs/cache")
    theirs.check_trust()


def test_a_store_that_ignores_conditions_is_refused(bucket: str, wire: Wire) -> None:
    """Where two would both be told that theirs is new, neither is."""
    algernon_storage.reset()

    def ignore(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        return Answer(200, [("ETag", '"1"')], b"") if answer.status == 412 else answer

    wire.treatment = ignore
    with pytest.raises(LedgerError, match="'worker-bucket' ignores If-None-Match"):
        Objects().create(NAME, BODY)


def test_a_store_that_refused_once_need_prove_no_more(bucket: str, wire: Wire) -> None:
    """Whoever met what was there already has seen the condition hold."""
    Objects().create(NAME, BODY)
    algernon_storage.reset()
    wire.clear()
    assert not Objects().create(NAME, BODY)
    assert Objects().create("other!node1-3", BODY)
    assert wire.counted() == {"s3 PUT": 2}
