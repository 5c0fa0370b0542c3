"""Stored data knows how long its JSON document is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from algernon_serialize import UnserializableError, ajson
from algernon_storage import AlreadyStoredError, StoredData

from .objects import get, keys, put

if TYPE_CHECKING:
    from ..conftest import LocalAWS

DATA = {"text": "é😀\ud800", "pair": (1, None)}
MIB = 1024 * 1024


def document(aws: LocalAWS, bucket: str) -> bytes:
    """Return the one object that there is."""
    (key,) = keys(aws, bucket)
    return get(aws, bucket, key)


@pytest.mark.parametrize("rebuild", [True, False])
@pytest.mark.parametrize(
    "data", [DATA, None, "", [], "x" * 9 * MIB], ids=["some", "none", "text", "list", "in parts"]
)
def test_it_is_known_once_it_was_stored_or_retrieved(
    aws: LocalAWS, bucket: str, data: Any, rebuild: bool
) -> None:
    """Before it is None, and then the bytes of the object, at both ends and in parts too."""
    stored = StoredData("n", data)
    assert stored.size is None
    stored.store()
    assert stored.size == len(document(aws, bucket))
    assert StoredData.retrieve(stored.pointer, rebuild=rebuild).size == stored.size
    stored.store()
    assert stored.size == len(document(aws, bucket))


def test_being_written_into_a_text_is_being_stored(aws: LocalAWS, bucket: str) -> None:
    """What stores itself inside an object knows its size, and so does what is read of it."""
    stored = StoredData("n", DATA)
    text = ajson.dumps({"inner": stored})
    assert stored.size == len(document(aws, bucket))
    assert ajson.loads(text)["inner"].size == stored.size


def test_compression_does_not_change_it(aws: LocalAWS, bucket: str) -> None:
    """The document is as long as it is before it is gzipped and after it was unpacked."""
    rows = [{"n": n} for n in range(1000)]
    plain, gzipped = StoredData("n", rows), StoredData("m", rows, compress=True)
    for stored in (plain, gzipped):
        stored.store()
    assert plain.size == gzipped.size == StoredData.retrieve(gzipped.pointer).size
    assert gzipped.size is not None
    assert len(get(aws, bucket, gzipped.pointer.partition("#")[2])) < gzipped.size / 2


def test_what_was_there_already_has_one(aws: LocalAWS, bucket: str) -> None:
    """Data that is stored a second time, or deduplicated, knows its size all the same."""
    for _ in range(2):
        for stored in (StoredData("n", DATA, timestamp="1"), StoredData("m", 1, deduplicate=True)):
            stored.store()
            assert stored.size == len(get(aws, bucket, stored.pointer.partition("#")[2]))


def test_an_object_of_somebody_else_has_its_own(aws: LocalAWS, bucket: str) -> None:
    """It is the length of what is there, however that was written."""
    body = '{ "data_string": "\\u00e9",\n  "full_unpack": false, "safe_mode": false }'
    pointer = put(aws, bucket, "cache/a!1.json", body)
    assert StoredData.retrieve(pointer).size == len(body)


def test_what_is_not_stored_has_none(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed to be stored, travels inline or isn't read has no size that is known."""
    StoredData("n", 1, timestamp="1").store()
    other, impossible = StoredData("n", 2, timestamp="1"), StoredData("n", object())
    with pytest.raises(AlreadyStoredError):
        other.store()
    with pytest.raises(UnserializableError):
        impossible.store()
    assert (other.size, impossible.size) == (None, None)
    assert StoredData.at(other.pointer).size is None
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "1000")
    inline = StoredData("m", DATA)
    assert ajson.loads(ajson.dumps([inline]))[0].size is None
    assert inline.size is None


def test_it_is_no_part_of_what_is_equal(bucket: str) -> None:
    """Stored data is equal to itself from before it was stored."""
    before = StoredData("n", DATA, timestamp="1")
    after = StoredData("n", DATA, timestamp="1")
    after.store()
    assert before == after
    assert hash(before) == hash(after)
