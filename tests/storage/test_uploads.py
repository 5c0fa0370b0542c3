"""A text can be written now and its parts stored later, as they were when it was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_serialize import AlgObject, UnserializableError, ajson
from algernon_storage import (
    AlreadyStoredError,
    Claim,
    Document,
    S3Ledger,
    StoredData,
    uploads_put_off,
)

from .objects import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..conftest import LocalAWS
    from ..wire import Wire


def test_a_text_is_written_without_storing_its_parts(bucket: str, wire: Wire) -> None:
    """Within the block nothing is stored; afterwards each part can be, and is found."""
    value = {"a": StoredData("a", [1], full_unpack=True), "b": [StoredData("b", [2])]}
    with uploads_put_off() as uploads:
        text = ajson.dumps(value)
    assert wire.calls == []
    for upload in uploads:
        upload.store()
    loaded = ajson.loads(text)
    assert loaded["a"] == [1]
    assert loaded["b"][0].data == [2]


def test_what_becomes_of_the_data_meanwhile_changes_nothing(bucket: str) -> None:
    """The upload has the text of the moment at which the whole was written."""
    rows = [1]
    with uploads_put_off() as uploads:
        text = ajson.dumps(StoredData("rows", rows, full_unpack=True))
    rows.append(2)
    (upload,) = uploads
    upload.store()
    assert ajson.loads(text) == [1]


@pytest.mark.parametrize("options", [{"compress": True}, {"deduplicate": True}])
def test_options_are_kept(aws: LocalAWS, bucket: str, options: dict[str, Any]) -> None:
    """What is stored later is compressed and shared as it would have been at once."""
    at_once = StoredData("rows", [1] * 1000, full_unpack=True, **options)
    with uploads_put_off() as uploads:
        text = ajson.dumps(StoredData("rows", [1] * 1000, full_unpack=True, **options))
    (upload,) = uploads
    upload.store()
    assert ajson.loads(text) == [1] * 1000
    at_once.store()
    assert len(keys(aws, bucket)) == (1 if "deduplicate" in options else 2)


def test_parts_of_parts_are_put_off_too(bucket: str, wire: Wire) -> None:
    """Stored data within stored data is uploaded before what holds it."""
    inner = StoredData("inner", [1], full_unpack=True)
    with uploads_put_off() as uploads:
        text = ajson.dumps(StoredData("outer", {"inner": inner}, full_unpack=True))
    assert wire.calls == []
    assert [upload.place.name for upload in uploads] == ["inner", "outer"]
    for upload in uploads:
        upload.store()
    assert ajson.loads(text) == {"inner": [1]}


def test_what_is_stored_already_is_not_stored_again(bucket: str) -> None:
    """Stored data that was stored before the block leaves nothing to do."""
    stored = StoredData("rows", [1])
    stored.store()
    with uploads_put_off() as uploads:
        ajson.dumps(stored)
    assert uploads == []


def test_after_the_block_all_is_as_before(aws: LocalAWS, bucket: str) -> None:
    """What is written afterwards stores itself, also when the block ended by an error."""
    with pytest.raises(UnserializableError), uploads_put_off():
        ajson.dumps([StoredData("lost", 1), object()])
    ajson.dumps(StoredData("kept", 1))
    (key,) = keys(aws, bucket)
    assert "kept" in key


def test_other_data_in_the_same_place_is_noticed_later(bucket: str) -> None:
    """An upload that was put off overwrites nothing."""
    with uploads_put_off() as uploads:
        ajson.dumps(StoredData("rows", [1], timestamp="0"))
    StoredData("rows", [2], timestamp="0").store()
    with pytest.raises(AlreadyStoredError):
        uploads[0].store()


class Chatty(AlgObject):
    """An object that stores something of its own while it is written."""

    def to_json(self) -> dict[str, Any]:
        """Store something by hand, which is never put off."""
        return {"pointer": StoredData("by-hand", [1]).store()}

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Chatty:
        """Rebuild it."""
        return cls()


def test_what_is_stored_by_hand_is_stored_at_once(bucket: str) -> None:
    """`store` stores, whatever the block says."""
    with uploads_put_off() as uploads:
        text = ajson.dumps(Chatty())
    assert uploads == []
    pointer = ajson.loads(text, rebuild=False)["value"]["pointer"]
    assert StoredData.retrieve(pointer).data == [1]


def test_a_document_is_its_value_at_that_moment(bucket: str) -> None:
    """A document can be stored under a name, and comes back as the value itself."""
    value = {"n": (1, 2)}
    document = Document.of(value)
    value["n"] = (3, 4)
    assert ajson.loads(document.data) == {"n": (1, 2)}
    stored = StoredData.of("name", document, timestamp="0")
    pointer = stored.store()
    assert stored.size == len(document.text)
    assert StoredData.retrieve(pointer).data == {"n": (1, 2)}
    assert json.loads(document.text)["full_unpack"] is True


def test_a_ledger_takes_a_document_for_the_result(bucket: str) -> None:
    """Who has the text of a result already needn't have it written again."""
    ledger = S3Ledger()
    claim = ledger.claim("4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11", 30)
    assert isinstance(claim, Claim)
    outcome = ledger.finish(claim, Document.of({"n": 1}))
    assert StoredData.retrieve(outcome.pointer).data == {"n": 1}


def test_what_cannot_be_sent_has_no_document() -> None:
    """A value that can't come back is refused when its document is made."""
    with pytest.raises(UnserializableError):
        Document.of(object())
