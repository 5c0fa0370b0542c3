"""Stored data is created once, and never overwritten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import TYPE_CHECKING, Any

import pytest
from algernon_storage import AlreadyStoredError, StoredData
from botocore.exceptions import ClientError

from .objects import get, keys, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Answer, Call, Wire


def test_other_data_is_never_overwritten(bucket: str) -> None:
    """Storing under a key that holds other data raises an error, and leaves that data."""
    first = StoredData("a", "first", timestamp="1")
    first.store()
    with pytest.raises(AlreadyStoredError, match=r"never overwritten: choose another name"):
        StoredData("a", "second", timestamp="1").store()
    assert StoredData.retrieve(first.pointer).data == "first"


def test_the_same_data_may_be_stored_again(bucket: str) -> None:
    """Storing what is there already, byte for byte, succeeds."""
    pointers = {StoredData("a", ["same"], timestamp="1").store() for _ in range(3)}
    assert len(pointers) == 1


def test_an_existing_object_can_be_kept(bucket: str) -> None:
    """With keep_existing, the first data stays and the second writer is content with it."""
    StoredData("a", "first", timestamp="1").store()
    second = StoredData("a", "second", timestamp="1")
    assert StoredData.retrieve(second.store(keep_existing=True)).data == "first"


@pytest.fixture
def orderly_s3(wire: Wire) -> None:
    """S3 takes conditional writes one after another; moto may let two of them pass."""
    lock = Lock()

    def one_at_a_time(call: Call, forward: Callable[[], Answer]) -> Answer:
        with lock:
            return forward()

    wire.treatment = one_at_a_time


def store_at_once(writers: list[StoredData]) -> list[str | Exception]:
    """Store all at the same time, and return each one's pointer or error."""
    barrier = Barrier(len(writers))

    def store(writer: StoredData) -> str | Exception:
        barrier.wait()
        try:
            return writer.store()
        except AlreadyStoredError as error:
            return error

    with ThreadPoolExecutor(len(writers)) as threads:
        return list(threads.map(store, writers))


@pytest.mark.usefixtures("orderly_s3")
def test_of_two_writers_one_wins(aws: LocalAWS, bucket: str) -> None:
    """Of writers with one key and different data, exactly one wins, and its data stays."""
    for timestamp in map(str, range(5)):
        writers = [StoredData("a", {"writer": number}, timestamp=timestamp) for number in range(4)]
        outcomes = store_at_once(writers)
        winners = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, str)]
        assert len(winners) == 1
        assert StoredData.retrieve(writers[0].pointer).data == {"writer": winners[0]}
    assert len(keys(aws, bucket)) == 5


@pytest.mark.usefixtures("orderly_s3")
def test_writers_of_the_same_all_win(bucket: str) -> None:
    """Writers with one key and the same data all succeed."""
    outcomes = store_at_once([StoredData("a", ["same"], timestamp="1") for _ in range(8)])
    assert set(outcomes) == {f"{bucket}#cache/a!1.json"}


def test_a_lost_answer_is_no_failure(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """When the answer to a write gets lost, the retry finds the data in place."""
    lost: list[Call] = []

    def lose_the_first_answer(call: Call, forward: Callable[[], Answer]) -> Answer | None:
        answer = forward()
        if call.operation == "PUT" and not lost:
            assert answer.status == 200
            lost.append(call)
            return None
        return answer

    wire.treatment = lose_the_first_answer
    pointer = StoredData("a", {"n": 1}, timestamp="1").store()
    assert wire.counted() == {"s3 PUT": 2, "s3 GET": 1}
    assert StoredData.retrieve(pointer).data == {"n": 1}
    assert b'"n":1' in get(aws, bucket, "cache/a!1.json")


def conflicts(times: int) -> Callable[[Any, Callable[[], Answer]], Answer]:
    """Answer as S3 does when a conditional write meets another one under way."""
    so_far: list[Call] = []

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation != "PUT" or len(so_far) == times:
            return forward()
        so_far.append(call)
        return refusal(409, "ConditionalRequestConflict")

    return treat


def test_a_write_that_meets_another_is_tried_again(bucket: str, wire: Wire) -> None:
    """A conflict with a write that is under way is tried again."""
    wire.treatment = conflicts(2)
    pointer = StoredData("a", 1).store()
    assert wire.counted() == {"s3 PUT": 3}
    assert StoredData.retrieve(pointer).data == 1


def test_a_conflict_that_stays_is_raised(bucket: str, wire: Wire) -> None:
    """A conflict that doesn't go away comes through, after a few tries."""
    wire.treatment = conflicts(100)
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        StoredData("a", 1).store()
    assert wire.counted() == {"s3 PUT": 4}
