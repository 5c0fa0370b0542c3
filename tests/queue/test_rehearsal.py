"""The Task of a record runs as its worker would run it, and nothing of it leaves the process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    Group,
    PipelineTermination,
    Task,
    TaskRouter,
    UnregisteredTaskError,
    current_task,
    send_task,
)
from algernon_queue.testing import sqs_event
from algernon_queue.testing.rehearsal import rehearse
from algernon_serialize import AlgObject, ajson
from algernon_storage import MissingObjectError, StoredData, aws_client

from .events import TASK_ID, fifo_record, message, record

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire
    from .watching import Notes


@dataclass
class Item(AlgObject):
    """A class of the user's."""

    name: str
    price: Decimal


@pytest.fixture
def router() -> TaskRouter:
    """A worker under a ledger, so far without Tasks."""
    return TaskRouter(once=True, failures="report")


def sent(task: Task) -> dict[str, Any]:
    """Return the record that brings a Task."""
    found: dict[str, Any] = sqs_event(task)["Records"][0]
    return found


def writes(wire: Wire) -> list[str]:
    """Return the calls that may change something."""
    return [call.path for call in wire.calls if f"{call.service} {call.operation}" != "s3 GET"]


def test_a_task_gets_its_real_arguments_and_nothing_is_written(
    router: TaskRouter, bucket: str, wire: Wire
) -> None:
    """Stored arguments are fetched, objects rebuilt; no claim, outcome, result or message goes."""

    @router.task
    def price(item: Item, rows: list[int], currency: str) -> dict[str, Any]:
        send_task("audit", {"price": item.price})
        return {
            "total": item.price * sum(rows),
            "currency": currency,
            "who": current_task().task_id,
        }

    stored = StoredData("kwargs", {"item": Item("tea", Decimal("9.90")), "rows": [1, 2]})
    text = message(
        "price",
        task_kwargs=json.loads(ajson.dumps(stored)),
        task_id=TASK_ID,
        callback={"chain": "price#bill", "steps": {"0": {"kwargs": {"currency": "EUR"}}}},
        callback_position=0,
    )
    wire.clear()

    found = rehearse(router, record(text))

    assert found.error is None
    assert found.returned == {"total": Decimal("29.70"), "currency": "EUR", "who": TASK_ID}
    assert found.sent == (
        Task("audit", {"price": Decimal("9.90")}),
        Task("bill", found.returned),
    )
    assert (found.task_name, found.task_id) == ("price", TASK_ID)
    assert writes(wire) == []


def test_a_large_result_goes_to_its_callback_and_is_stored_nowhere(
    router: TaskRouter, bucket: str, wire: Wire
) -> None:
    """What S3 would have to keep is kept in memory, and can be read from there."""

    @router.task
    def load() -> dict[str, Any]:
        StoredData("note", "x").store()
        return {"rows": "x" * 300_000, "part": StoredData("part", [1], full_unpack=True)}

    found = rehearse(router, sent(Task("load", {}, "count")))
    assert found.error is None
    assert found.sent == (Task("count", {"rows": "x" * 300_000, "part": [1]}),)
    assert writes(wire) == []


def test_what_the_task_writes_by_the_client_of_algernon_is_there_for_it(
    router: TaskRouter, bucket: str, wire: Wire, aws: LocalAWS
) -> None:
    """A Task reads what is in S3, and what it has written itself."""
    aws.client("s3").put_object(Bucket=bucket, Key="there", Body=b"there")
    wire.clear()

    @router.task
    def copy() -> list[str]:
        s3 = aws_client("s3")
        there = s3.get_object(Bucket=bucket, Key="there")["Body"].read()
        s3.put_object(Bucket=bucket, Key="here", Body=there, ServerSideEncryption="AES256")
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket=bucket, Key="nowhere")
        return [s3.get_object(Bucket=bucket, Key="here")["Body"].read().decode()]

    assert rehearse(router, sent(Task("copy", {}))).returned == ["there"]
    assert writes(wire) == []


def test_a_group_that_is_returned_shows_its_members(
    router: TaskRouter, bucket: str, wire: Wire
) -> None:
    """The members of a group that a Task returns or sends are caught."""

    @router.task
    def part(number: int) -> int:
        return number

    @router.task
    def split() -> Group[Any]:
        Group([part.request(number=9)]).send()
        return Group([part.request(number=n) for n in range(2)])

    found = rehearse(router, sent(Task("split", {})))
    assert found.error is None
    assert [each.task_kwargs for each in found.sent] == [{"number": n} for n in (9, 0, 1)]
    assert isinstance(found.returned, Group)
    assert writes(wire) == []


def test_a_coroutine_is_awaited(router: TaskRouter, bucket: str) -> None:
    """An async Task runs to its end."""

    @router.task
    async def price(n: int) -> int:
        return 2 * n

    assert rehearse(router, sent(Task("price", {"n": 21}))).returned == 42


def test_a_chain_that_ends_early_sends_nothing_on(router: TaskRouter, bucket: str) -> None:
    """What ends a chain is what the Task returned, and its callback gets nothing."""

    @router.task
    def price() -> None:
        raise PipelineTermination({"total": 0})

    @router.task
    async def later() -> None:
        raise PipelineTermination({"total": 1})

    found = rehearse(router, sent(Task("price", {}, "bill")))
    assert (found.returned, found.sent, found.error) == ({"total": 0}, (), None)
    assert rehearse(router, sent(Task("later", {}))).returned == {"total": 1}


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
@pytest.mark.parametrize("is_async", [False, True])
def test_an_error_is_kept_with_its_traceback_and_nothing_is_moved(
    router: TaskRouter, bucket: str, wire: Wire, kind: type[BaseException], *, is_async: bool
) -> None:
    """A failure, on a FIFO queue too, moves and hides no message and notes no failure."""

    def fail() -> None:
        send_task("audit")
        raise kind("no card")

    if is_async:

        @router.task
        async def charge() -> None:
            fail()
    else:
        router.task(name="charge")(fail)

    letter = fifo_record("customer", message("charge", callback="bill"))
    found = rehearse(router, letter)
    assert type(found.error) is kind
    trace = found.error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    assert trace is not None
    assert trace.tb_frame.f_code is fail.__code__
    assert [task.task_name for task in found.sent] == ["audit"]
    assert writes(wire) == []


def test_a_task_that_is_done_runs_all_the_same(router: TaskRouter, bucket: str) -> None:
    """What the ledger knows of a Task is neither asked nor changed."""
    runs: list[int] = []

    @router.task
    def price() -> int:
        runs.append(1)
        return len(runs)

    letter = sent(Task("price", {}, task_id=TASK_ID))
    router.handler({"Records": [letter]}, None)
    assert rehearse(router, letter).returned == 2
    router.handler({"Records": [letter]}, None)
    assert len(runs) == 2


def test_what_keeps_the_task_from_running_is_the_error(router: TaskRouter, bucket: str) -> None:
    """It is told what can't be read, which arguments are gone, and which Task isn't there."""
    gone = StoredData("kwargs", {"n": 1}).pointer
    kwargs = {"_alg_class": "StoredData", "_alg_module": "algernon.aws.snakes"}
    letter = record(message("price", task_kwargs={**kwargs, "value": {"pointer": gone}}))
    assert isinstance(rehearse(router, letter).error, MissingObjectError)
    assert isinstance(rehearse(router, record(message("price"))).error, UnregisteredTaskError)
    unread = rehearse(router, record("hello"))
    assert unread.task_name is unread.task_id is None
    assert "can't be read" in str(unread.error)


def test_a_state_machine_that_waits_hears_nothing(
    router: TaskRouter, bucket: str, wire: Wire
) -> None:
    """Neither the result nor the failure of a Task is told under its token."""

    @router.task
    def price(*, fails: bool) -> int:
        if fails:
            raise ValueError
        return 1

    for fails in (False, True):
        text = json.dumps(
            {
                "Input": {"task_name": "price", "task_kwargs": {"fails": fails}},
                "TaskToken": "AQ",
            }
        )
        rehearse(router, record(text))
    assert writes(wire) == []


def test_observers_hear_nothing(router: TaskRouter, bucket: str, notes: Notes) -> None:
    """A rehearsal counts in no metric and no trace, and whoever watched still does afterwards."""

    @router.task
    def price() -> None: ...

    letter = sent(Task("price", {}))
    rehearse(router, letter)
    assert notes.said == []
    router.handler({"Records": [letter]}, None)
    assert notes.said
