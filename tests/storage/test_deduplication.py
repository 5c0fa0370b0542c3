"""The same data under the same name is one object, when asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from algernon_serialize import UnserializableError, ajson
from algernon_storage import (
    AlreadyStoredError,
    MalformedPointerError,
    StorageError,
    StorageSettingError,
    StoredData,
)

from ..wire import Answer
from .objects import get, keys, moncrief_parts, put, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Call, Wire


def deduplicated(data: object, name: str = "n") -> StoredData:
    """Return data that is to be stored by its content."""
    return StoredData(name, data, deduplicate=True)


def aged(age: timedelta) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Let objects seem to have been written some time ago."""

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if call.operation != "HEAD":
            return answer
        modified = format_datetime(datetime.now(UTC) - age, usegmt=True)
        headers = [header for header in answer.headers if header[0].lower() != "last-modified"]
        return Answer(answer.status, [*headers, ("Last-Modified", modified)], answer.body)

    return treat


def test_the_same_data_is_one_object(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """Storing the same data under the same name again gives the same pointer."""
    pointers = {deduplicated({"rows": [1, 2]}).store() for _ in range(3)}
    assert len(pointers) == len(keys(aws, bucket)) == 1
    assert wire.counted() == {"s3 PUT": 3, "s3 HEAD": 2}
    assert StoredData.retrieve(pointers.pop()).data == {"rows": [1, 2]}


def test_the_timestamp_is_the_sha_256_of_the_content(aws: LocalAWS, bucket: str) -> None:
    """The pointer bears the SHA-256 of the object, and is known before it is stored."""
    stored = deduplicated([1])
    parts = moncrief_parts(stored.pointer)
    assert keys(aws, bucket) == []
    assert stored.store() == stored.pointer
    assert parts["timestamp"] == sha256(get(aws, bucket, parts["key"])).hexdigest()


@pytest.mark.parametrize(
    "other", [deduplicated, lambda data: StoredData("n", data, full_unpack=True, deduplicate=True)]
)
def test_what_differs_is_another_object(
    aws: LocalAWS, bucket: str, other: Callable[[object], StoredData]
) -> None:
    """Other data, another name, or unpacking makes another object."""
    pointers = {
        deduplicated([1]).store(),
        deduplicated([2]).store(),
        deduplicated([1], "m").store(),
        other([3]).store(),
    }
    assert len(pointers) == len(keys(aws, bucket)) == 4


def test_compressed_or_not_is_the_same(aws: LocalAWS, bucket: str) -> None:
    """Data that is there uncompressed is taken for the same data that is to be compressed."""
    pointers = {
        StoredData("n", [1], deduplicate=True, compress=compress).store()
        for compress in (True, False)
    }
    assert len(pointers) == len(keys(aws, bucket)) == 1


@pytest.mark.parametrize(("hours", "puts"), [(23, 2), (25, 3)])
def test_an_old_object_is_written_anew(bucket: str, wire: Wire, hours: int, puts: int) -> None:
    """An object older than a day is written again, and a younger one isn't."""
    pointer = deduplicated([1]).store()
    wire.treatment = aged(timedelta(hours=hours))
    assert deduplicated([1]).store() == pointer
    assert wire.counted() == {"s3 PUT": puts, "s3 HEAD": 1}
    assert StoredData.retrieve(pointer).data == [1]


def test_an_object_that_goes_meanwhile_is_written_anew(
    aws: LocalAWS, bucket: str, wire: Wire
) -> None:
    """An object that is removed right after it was found is written again."""
    pointer = deduplicated([1]).store()

    def remove_before_head(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation == "HEAD":
            aws.client("s3").delete_object(Bucket=bucket, Key=keys(aws, bucket)[0])
        return forward()

    wire.treatment = remove_before_head
    assert deduplicated([1]).store() == pointer
    wire.treatment = None
    assert StoredData.retrieve(pointer).data == [1]


def test_other_content_in_its_place_is_left(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """An object by that key with other content raises an error, or is kept, however old."""
    stored = deduplicated([1])
    key = moncrief_parts(stored.pointer)["key"]
    put(aws, bucket, key, "forged")
    wire.treatment = aged(timedelta(days=9))
    with pytest.raises(AlreadyStoredError):
        stored.store()
    stored.store(keep_existing=True)
    assert get(aws, bucket, key) == b"forged"


def test_an_object_without_its_sha_256_is_compared(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """An object whose writer noted no SHA-256 is read to see whether it is the same."""
    stored = deduplicated([1])
    key = moncrief_parts(stored.pointer)["key"]
    put(aws, bucket, key, '{"data_string":[1],"full_unpack":false,"safe_mode":false}')
    stored.store()
    assert wire.counted() == {"s3 PUT": 1, "s3 HEAD": 1, "s3 GET": 1}


def test_a_timestamp_besides_is_refused(bucket: str) -> None:
    """A timestamp together with deduplicate=True is refused, whatever it is."""
    for timestamp in ("1", ""):
        with pytest.raises(StorageSettingError, match="leave one of them out") as caught:
            StoredData("n", 1, timestamp=timestamp, deduplicate=True)
        assert isinstance(caught.value, StorageError)
        assert isinstance(caught.value, ValueError)


def test_a_name_that_is_too_long_is_refused_at_once(bucket: str) -> None:
    """A name that has no room beside a SHA-256 is refused before there is a text."""
    with pytest.raises(MalformedPointerError, match="choose a shorter name"):
        StoredData("x" * 960, object(), deduplicate=True)


def test_data_that_cannot_travel_has_no_pointer(bucket: str) -> None:
    """The pointer of data that ajson can't send isn't known, but its repr is harmless."""
    stored = deduplicated(object())
    assert repr(stored) == "StoredData('n', …, deduplicate=True)"
    with pytest.raises(UnserializableError):
        _ = stored.pointer


def test_it_comes_back_from_a_text(bucket: str) -> None:
    """Deduplicated data inside another object stores itself, and comes back equal."""
    stored = deduplicated([(1, 2)])
    (back,) = ajson.loads(ajson.dumps([stored]))
    assert back == stored
    assert (hash(back), repr(back)) == (hash(stored), f"StoredData({stored.pointer!r})")


def test_a_refusal_to_say_how_old_it_is_comes_through(bucket: str, wire: Wire) -> None:
    """When S3 refuses to tell of the object that is there, its error comes through."""
    from botocore.exceptions import ClientError

    deduplicated([1]).store()

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        return refusal(403, "AccessDenied") if call.operation == "HEAD" else forward()

    wire.treatment = refuse
    with pytest.raises(ClientError, match="403"):
        deduplicated([1]).store()
