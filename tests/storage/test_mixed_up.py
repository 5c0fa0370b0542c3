"""What comes from S3 is checked to be what was asked for, and not only to be whole."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from algernon_storage import Claim, DamagedObjectError, S3Ledger, StoredData

from ..wire import Answer, Call
from .objects import get, put_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Wire

TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
OTHER_ID = "8f0c3c5e-02b3-4c55-a2fb-0f1dd0a0a8b3"
ALWAYS = 100


def answering_with(
    other: str, asked: str, times: int = ALWAYS
) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Answer what is asked of one object with what was answered last of another, so often."""
    answers: dict[str, Answer] = {}
    left = [*range(times)]

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        path = unquote(call.path)
        if call.operation in {"GET", "HEAD"} and asked in path and left:
            left.pop()
            return answers[call.operation]
        answer = forward()
        if other in path:
            answers[call.operation] = answer
        return answer

    return treat


def test_another_object_is_never_taken_for_the_one(bucket: str, wire: Wire) -> None:
    """When S3's answers get mixed up, the object is asked for again, and never another's taken."""
    first, second = (StoredData(name, {"for": name}).store() for name in ("first", "second"))
    wire.treatment = answering_with("first", "second", times=2)
    StoredData.retrieve(first)
    assert StoredData.retrieve(second).data == {"for": "second"}
    wire.treatment = answering_with("first", "second")
    StoredData.retrieve(first)
    with pytest.raises(DamagedObjectError, match="was stored under another name"):
        StoredData.retrieve(second)


def test_a_name_that_is_stored_anew_is_another_object(bucket: str, wire: Wire) -> None:
    """Two objects of one name are told apart by their timestamps, names in any writing too."""
    first, second = (StoredData("köln #1", n, timestamp=n).store() for n in ("1", "٢"))
    assert StoredData.retrieve(second).data == "٢"
    wire.treatment = answering_with("!1.json", "!٢.json")
    StoredData.retrieve(first)
    with pytest.raises(DamagedObjectError):
        StoredData.retrieve(second)


def test_another_task_s_outcome_is_never_taken_for_the_one(bucket: str, wire: Wire) -> None:
    """A mixed-up answer about an outcome, or a claim, ends no Task."""
    ledger = S3Ledger()
    other = ledger.claim(OTHER_ID, 30)
    assert isinstance(other, Claim)
    ledger.release(other)
    claim = ledger.claim(TASK_ID, 30)
    assert isinstance(claim, Claim)
    ledger.finish(other, {"n": 1})
    # The other Task is free, which doesn't make this one free.
    wire.treatment = answering_with(f"{OTHER_ID}!claim", f"{TASK_ID}!claim")
    ledger.claim(OTHER_ID, 30)
    with pytest.raises(DamagedObjectError):
        ledger.claim(TASK_ID, 30)
    # The other Task is done, which doesn't make this one done.
    ledger.release(claim)
    wire.treatment = answering_with(f"{OTHER_ID}!done", f"{TASK_ID}!done")
    ledger.claim(OTHER_ID, 30)
    with pytest.raises(DamagedObjectError):
        ledger.claim(TASK_ID, 30)


def test_folders_can_be_copied(aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that was copied to another folder or bucket is read there."""
    pointer = StoredData("n", "mine", timestamp="1").store()
    s3 = aws.client("s3")
    s3.copy_object(Bucket=bucket, Key="old/n!1.json", CopySource=pointer.replace("#", "/"))
    monkeypatch.setenv("CACHE_FOLDER_NAME", "old")
    assert StoredData.retrieve(f"{bucket}#old/n!1.json").data == "mine"


def test_a_copy_under_another_name_says_so(aws: LocalAWS, bucket: str) -> None:
    """An object that was copied by hand to another name raises an error that explains it."""
    pointer = StoredData("n", "mine", timestamp="1").store()
    s3 = aws.client("s3")
    s3.copy_object(Bucket=bucket, Key="cache/m!1.json", CopySource=pointer.replace("#", "/"))
    with pytest.raises(DamagedObjectError, match="it was copied there, and its metadata"):
        StoredData.retrieve(f"{bucket}#cache/m!1.json")
    body = get(aws, bucket, "cache/m!1.json")
    s3.put_object(Bucket=bucket, Key="cache/m!1.json", Body=body)
    assert StoredData.retrieve(f"{bucket}#cache/m!1.json").data == "mine"


def test_objects_without_the_note_are_read(aws: LocalAWS, bucket: str) -> None:
    """What moncrief or an older algernon-storage wrote bears no such note, and is read."""
    assert StoredData.retrieve(put_document(aws, bucket, "cache/n!1.json", [1])).data == [1]
