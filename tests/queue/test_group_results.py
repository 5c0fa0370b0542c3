"""The results of a group are read where they are asked for, and no earlier."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon_queue import Group, ResultError, Results, TaskRouter
from algernon_serialize import MalformedTagError, SerializeError, ajson
from algernon_storage import MissingObjectError, UntrustedBucketError

from .events import LambdaContext

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners

router = TaskRouter(failures="report")


@router.task
def text(n: int, size: int = 1) -> str:
    """Return a text that begins with a number."""
    return f"{n:02}".ljust(size, "x")


def results_of(listeners: Listeners, count: int, *, size: int = 1) -> Results[Any]:
    """Return the results of a group of so many members, which are that long."""
    listeners.add("text")
    sent = Group([text.request(n=n, size=size) for n in range(count)]).send()
    listeners.drive(router.handler, LambdaContext())
    return sent.result(timeout=0)


def tag(**changes: Any) -> str:
    """Return results as a message has them, but for some of it."""
    value = {"group_id": str(uuid4()), "bucket": "b", "folder": "f", "size": 3, "family": 32}
    content = {"_alg_class": "Results", "_alg_module": "algernon_queue"}
    return json.dumps({**content, "value": {**value, **changes}})


def test_nothing_is_read_before_it_is_asked_for(
    listeners: Listeners, bucket: str, wire: Wire
) -> None:
    """Their number, slices and what travels of them take no request, and an item takes few."""
    results = results_of(listeners, 3)
    wire.clear()
    assert len(results) == 3
    view = results[1:]
    assert len(view) == 2
    assert ajson.loads(ajson.dumps({"results": view})) == {"results": view}
    assert wire.calls == []
    assert view[-1] == results[2] == results[-1] == "02"
    # The node above them once, and the result itself where that hasn't got it.
    assert wire.counted()["s3 GET"] <= 1 + 3
    with pytest.raises(IndexError, match="no result 3 of the 3"):
        results[3]
    with pytest.raises(IndexError, match="no result -3 of the 2"):
        view[-3]


def test_they_are_a_sequence(listeners: Listeners, bucket: str) -> None:
    """What one does with a sequence, one does with them."""
    results = results_of(listeners, 4)
    assert [*results] == ["00", "01", "02", "03"]
    assert [*reversed(results)] == ["03", "02", "01", "00"]
    assert [*results[::2]] == ["00", "02"]
    assert [*results[1:3][::-1]] == ["02", "01"]
    assert [*results[4:]] == []
    assert "02" in results
    assert results.index("03") == 3
    assert results == results[:]
    assert results != results[1:]
    assert results != ["00", "01", "02", "03"]
    assert len({results, results[:], results[1:]}) == 2
    assert repr(results[1:]).startswith("<3 results of the group ")


def test_small_results_of_a_family_take_one_request(
    listeners: Listeners, bucket: str, wire: Wire
) -> None:
    """What goes through them all reads the nodes above, and of others the results themselves."""
    results = results_of(listeners, 34)
    wire.clear()
    assert [*results] == [f"{n:02}" for n in range(34)]
    # Two nodes, and what those who wrote them didn't have at hand.
    assert wire.counted()["s3 GET"] < 2 + 15


def test_results_of_any_size_are_read(listeners: Listeners, bucket: str) -> None:
    """Those for which no node has room are read by themselves, the longest one by one."""
    for size in (5_000, 300_000):
        results = results_of(listeners, 3, size=size)
        assert [(result[:2], len(result)) for result in results] == [
            ("00", size),
            ("01", size),
            ("02", size),
        ]
        assert len(results[1]) == size


def test_a_result_that_is_gone_is_named(listeners: Listeners, bucket: str, aws: LocalAWS) -> None:
    """The error says which member's it is, and why."""
    results = results_of(listeners, 3, size=5_000)
    s3 = aws.client("s3")
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    for read in (lambda: results[1], lambda: [*results[1:]]):
        with pytest.raises(ResultError, match=r"^the result 1 of the group") as caught:
            read()
        assert caught.value.index == 1
        assert isinstance(caught.value.__cause__, MissingObjectError)


def test_a_result_that_cannot_be_rebuilt_is_named(listeners: Listeners, bucket: str) -> None:
    """The others can be had all the same."""
    other = TaskRouter(failures="report")

    @other.task(name="text")
    def odd(n: int, size: int) -> Any:
        content = {"_alg_class": "Nobody", "_alg_module": "nowhere", "value": {}}
        return ajson.loads(json.dumps(content), rebuild=False) if n else "fine"

    listeners.add("text")
    sent = Group([text.request(n=n, size=1) for n in range(2)]).send()
    listeners.drive(other.handler, LambdaContext())
    results = sent.result(timeout=0)
    assert results[0] == "fine"
    with pytest.raises(ResultError, match=r"the result 1 of .* UnknownClassError"):
        results[1]


def test_only_places_that_are_trusted_are_read(bucket: str, wire: Wire) -> None:
    """A message may say anything of where results are, and its worker reads none of it."""
    results = ajson.loads(tag())
    assert len(results) == 3
    with pytest.raises(ResultError) as caught:
        results[0]
    assert isinstance(caught.value.__cause__, UntrustedBucketError)
    with pytest.raises(ResultError):
        list(results)
    assert wire.calls == []


@pytest.mark.parametrize(
    "changes",
    [
        {"group_id": "7"},
        {"group_id": 7},
        {"bucket": None},
        {"size": -1},
        {"size": 10**9},
        {"size": "3"},
        {"family": 0},
        {"shown": [0, 4, 1]},
        {"shown": [-1, 3, 1]},
        {"shown": [0, 3, 0]},
        {"shown": [0, 3]},
        {"shown": "all"},
    ],
)
def test_what_tells_of_no_results_is_refused(changes: dict[str, Any]) -> None:
    """Reading a message that lies about results is an error like any other text's."""
    with pytest.raises(SerializeError):
        ajson.loads(tag(**changes))


def test_what_lacks_something_tells_of_no_results() -> None:
    """Results without a place are none."""
    text = json.dumps({"_alg_class": "Results", "_alg_module": "algernon_queue", "value": {}})
    with pytest.raises(MalformedTagError, match="isn't what says where they are"):
        ajson.loads(text)
