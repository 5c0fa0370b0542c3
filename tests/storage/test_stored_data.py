"""Stored data is written under its name and comes back as it was."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from algernon_serialize import UnserializableError
from algernon_storage import MissingBucketError, StoredData
from botocore.exceptions import ClientError

from .objects import get, keys, moncrief_parts, put_document, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Answer, Call, Wire

DATA = {
    "total": Decimal("9.90"),
    "tags": {"paid", "new"},
    "pair": (1, [2, None]),
    "at": datetime(2026, 11, 24, tzinfo=UTC),
    "_alg_class": "the user's own key",
    "text": "é\u2028😀\ud800",
}


@pytest.mark.parametrize("full_unpack", [True, False])
def test_stored_data_comes_back(bucket: str, full_unpack: bool) -> None:
    """What was stored is retrieved by its pointer: name, data and full_unpack."""
    stored = StoredData("march", DATA, full_unpack=full_unpack)
    pointer = stored.store()
    back = StoredData.retrieve(pointer)
    assert (back.name, back.data, back.full_unpack) == ("march", DATA, full_unpack)
    assert back.pointer == pointer == stored.pointer
    assert back == stored


def test_the_object_has_the_recorded_form(aws: LocalAWS, bucket: str) -> None:
    """The object in S3 is JSON with data_string, full_unpack and safe_mode."""
    StoredData("rows", {"pair": (1, 2)}, timestamp="5").store()
    assert json.loads(get(aws, bucket, "cache/rows!5.json")) == {
        "data_string": {"pair": {"_alg_class": "tuple", "value": [1, 2]}},
        "full_unpack": False,
        "safe_mode": False,
    }
    head = aws.client("s3").head_object(Bucket=bucket, Key="cache/rows!5.json")
    assert head["ContentType"] == "application/json"


def test_the_timestamp_is_now_by_default(bucket: str) -> None:
    """Without a timestamp of its own, an object bears the seconds since 1970."""
    before = time.time()
    stored = StoredData("now", 1)
    assert before <= float(moncrief_parts(stored.pointer)["timestamp"]) <= time.time()


def test_the_environment_names_bucket_and_folder(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data goes to ALGERNON_BUCKET_NAME, into the folder that CACHE_FOLDER_NAME names."""
    monkeypatch.setenv("CACHE_FOLDER_NAME", "results")
    assert StoredData("a", 1, timestamp="1").store() == f"{bucket}#results/a!1.json"
    assert keys(aws, bucket) == ["results/a!1.json"]


def test_bucket_and_folder_can_be_given(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket and a folder by argument take precedence over the environment."""
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", "another")
    monkeypatch.setenv("CACHE_FOLDER_NAME", "another")
    StoredData("a", 1, bucket=bucket, folder="of/mine", timestamp="1").store()
    assert keys(aws, bucket) == ["of/mine/a!1.json"]


@pytest.mark.parametrize("setting", [None, ""])
def test_an_unnamed_bucket_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, setting: str | None
) -> None:
    """Without a bucket, making a StoredData raises MissingBucketError."""
    if setting is not None:
        monkeypatch.setenv("ALGERNON_BUCKET_NAME", setting)
    with pytest.raises(MissingBucketError, match="ALGERNON_BUCKET_NAME"):
        StoredData("a", 1)


def test_a_bucket_that_does_not_exist_is_named(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that isn't there raises MissingBucketError, on the way in and out."""
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", "nowhere")
    stored = StoredData("a", 1)
    with pytest.raises(MissingBucketError, match="'nowhere' doesn't exist") as caught:
        stored.store()
    assert isinstance(caught.value.__cause__, ClientError)
    with pytest.raises(MissingBucketError, match="'nowhere' doesn't exist"):
        StoredData.retrieve(stored.pointer)


def test_data_that_cannot_travel_is_not_stored(aws: LocalAWS, bucket: str) -> None:
    """Data that ajson can't send raises its error with the path, and nothing is stored."""
    with pytest.raises(UnserializableError) as caught:
        StoredData("a", {"rows": [object()]}).store()
    assert caught.value.path == "$.data_string.rows[0]"
    assert keys(aws, bucket) == []


def test_storing_again_costs_no_call(bucket: str, wire: Wire) -> None:
    """A StoredData is written once, however often it is stored."""
    stored = StoredData("a", 1)
    assert stored.store() == stored.store()
    assert StoredData.retrieve(stored.pointer).store() == stored.pointer
    assert wire.counted() == {"s3 PUT": 1, "s3 GET": 1}


def test_data_can_be_had_unbuilt(aws: LocalAWS, bucket: str) -> None:
    """With rebuild=False, the data comes back as plain JSON, classes unknown here included."""
    data = {"who": {"_alg_class": "Nobody", "_alg_module": "nowhere", "value": {}}, "t": [1]}
    pointer = put_document(aws, bucket, "cache/a!1.json", data)
    assert StoredData.retrieve(pointer, rebuild=False).data == data


@pytest.mark.parametrize(
    "ask_s3",
    [
        lambda: StoredData("a", 1).store(),
        lambda: StoredData.retrieve("worker-bucket#cache/a!1.json"),
    ],
    ids=["store", "retrieve"],
)
def test_other_refusals_of_s3_come_through(
    bucket: str, wire: Wire, ask_s3: Callable[[], object]
) -> None:
    """What S3 refuses for a reason of its own raises botocore's ClientError."""

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        return refusal(403, "AccessDenied")

    wire.treatment = refuse
    with pytest.raises(ClientError, match="AccessDenied"):
        ask_s3()
