"""Those who watch are told how Tasks fare."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import pytest
from algernon_queue import Observer, Task, TaskRouter, observers, queued, send_task, send_tasks
from algernon_serialize import ajson
from algernon_storage import Objects, StoredData

from ..wire import Answer
from .events import (
    ALL_DONE,
    CHAIN_ID,
    QUEUE_ARN,
    TASK_ID,
    LambdaContext,
    enveloped,
    event,
    message,
    record,
)
from .handlers import returning, returning_later
from .watching import OF_THE_BATCH, OF_THE_RECORD, Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..wire import Call, Wire
    from .conftest import Listeners


@pytest.mark.parametrize("make", [returning, returning_later], ids=["def", "async def"])
def test_one_record_is_told_from_its_receipt_to_its_end(
    bucket: str, listeners: Listeners, notes: Notes, make: Any
) -> None:
    """All is said once, in order, with the same facts of the record and of its message."""
    topics = listeners.add("next")
    body = message(task_id=TASK_ID, chain_id=CHAIN_ID, callback="next", task_kwargs={"ä": 1})
    one = record(body)
    before = time.time()
    assert make({"n": 1})(event(one), LambdaContext()) == ALL_DONE
    assert notes.order == [
        "received",
        "started",
        "stopped",
        "sending",
        "publishing",
        "sent",
        "ended",
        "batch_ended",
    ]
    facts = {
        "message_id": one["messageId"],
        "receive_count": 1,
        "queue_arn": QUEUE_ARN,
        "sent_at": 1545082650.636,
        "message_bytes": len(body.encode()),
        "attributes": {},
        "trace_header": None,
        "task_name": "work",
        "task_id": TASK_ID,
        "chain_id": CHAIN_ID,
        "callback": "next",
    }
    assert notes.of("received") == notes.of("started") == notes.of("stopped") == [facts]
    (sent,) = listeners.messages()
    outgoing = {
        "task_name": "next",
        "task_id": sent["task_id"],
        "chain_id": CHAIN_ID,
        "topic_arn": topics["next"],
        "is_callback": True,
    }
    assert notes.of("sending") == [outgoing]
    assert notes.of("sent") == [(outgoing, None)]
    ((told, end),) = notes.of("ended")
    assert told == facts
    assert before <= end.pop("started_at") <= time.time()
    assert 0 <= end.pop("seconds") <= time.time() - before
    pointer = StoredData.pointer_in(sent["task_kwargs"])
    assert pointer is not None
    assert end == {
        "outcome": "done",
        "error": None,
        "arguments_bytes": None,
        "next_task_name": "next",
        "next_task_id": sent["task_id"],
        "sent_bytes": len(json.dumps(sent, separators=(",", ":")).encode()),
        "result_bytes": StoredData.retrieve(pointer).size,
        "comes_back_at": None,
    }


def test_a_member_of_a_group_is_told_as_such(
    bucket: str, listeners: Listeners, notes: Notes
) -> None:
    """The group and the number in it are facts of a record, and of the message that goes on."""
    listeners.add("next")
    group = {"id": CHAIN_ID, "index": 7, "bucket": bucket, "folder": "cache"}
    header: dict[str, Any] = {
        "tally": {"size": 8, "family": 32, "then": False, "outer": None},
        "blocks": [],
        "then": None,
        "failures": "hold",
        "result_id": CHAIN_ID,
        "chain_id": CHAIN_ID,
        "hops": 0,
        "message_group": None,
        "made_at": time.time(),
    }
    assert Objects().create(f"{CHAIN_ID}!header", json.dumps(header).encode())
    task_id = str(uuid5(uuid5(UUID(CHAIN_ID), "7"), "0#work"))
    callback = {"chain": "next", "group": group}
    body = message(task_id=task_id, callback=callback, callback_position=-1)
    returning({"n": 1})(event(record(body)), LambdaContext())
    for told in (notes.of("received")[0], notes.of("sending")[0]):
        assert (told["group_id"], told["group_index"]) == (CHAIN_ID, 7)


def test_a_batch_is_told_record_by_record(notes: Notes) -> None:
    """Records are received before any starts, run one by one, and end when all is done."""
    records = [record(message(task_kwargs={"n": n})) for n in range(3)]
    assert returning(None, None, None)(event(*records), LambdaContext()) == ALL_DONE
    assert notes.order == (
        ["received"] * 3 + ["started", "stopped"] * 3 + ["ended"] * 3 + ["batch_ended"]
    )
    ids = [one["messageId"] for one in records]
    for what in ("received", "started", "stopped"):
        assert [told["message_id"] for told in notes.of(what)] == ids
    assert [told["message_id"] for told, _ in notes.of("ended")] == ids
    assert all(end["next_task_id"] is None for end in notes.ends)


def test_an_empty_batch_is_told_nothing_of(notes: Notes) -> None:
    """Where there is no record, there is nothing to say."""
    assert returning()(event(), LambdaContext()) == ALL_DONE
    assert notes.said == []


def test_coroutines_start_when_their_turn_comes(notes: Notes) -> None:
    """Of async Tasks, one that waits for another hasn't started; its time is its own."""

    @queued(concurrency=1)
    async def handler(event: Any, context: Any) -> None:
        await asyncio.sleep(0.2)

    records = [record(message()) for _ in range(3)]
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert notes.order == (
        ["received"] * 3 + ["started", "stopped"] * 3 + ["ended"] * 3 + ["batch_ended"]
    )
    ends = notes.ends
    assert all(end["seconds"] > 0.19 for end in ends)
    for one, following in pairwise(ends):
        assert one["started_at"] + one["seconds"] < following["started_at"] + 0.15


@pytest.mark.parametrize("make", ["def", "async def"])
def test_the_time_that_observers_take_is_none_of_a_task_s(
    watch: Callable[..., Notes], monkeypatch: pytest.MonkeyPatch, make: str
) -> None:
    """A Task that waited for an observer to be told hasn't ended after it was over."""
    notes = watch()
    monkeypatch.setattr(notes, "started", lambda _: time.sleep(0.2))
    over: list[float] = []

    def handler(event: Any, context: Any) -> None:
        over.append(time.time())

    async def waiting(event: Any, context: Any) -> None:
        handler(event, context)

    worker = queued(handler if make == "def" else waiting)
    begin = time.monotonic()
    assert worker(event(record(message())), LambdaContext()) == ALL_DONE
    took = time.monotonic() - begin
    (end,) = notes.ends
    assert end["started_at"] <= over[0]
    assert end["seconds"] <= took - 0.2


@pytest.mark.parametrize("make", ["router, def", "router, async def", "lambda"])
def test_a_task_starts_and_stops_once(notes: Notes, make: str) -> None:
    """However a coroutine came about, its start and its stop are told once."""

    async def work_later() -> None:
        await asyncio.sleep(0.01)

    router = TaskRouter()
    if make == "router, async def":
        router.task(name="work")(work_later)
    elif make == "router, def":
        router.task(name="work")(lambda: work_later())  # noqa: PLW0108 - no async function
    handler: Any = router.handler
    if make == "lambda":
        handler = queued(lambda event, context: work_later())
    assert handler(event(record(message())), LambdaContext()) == ALL_DONE
    assert notes.order == ["received", "started", "stopped", "ended", "batch_ended"]
    assert notes.ends[0]["seconds"] > 0.005


def test_what_a_task_sends_is_told_while_it_runs(listeners: Listeners, notes: Notes) -> None:
    """Messages of send_task and send_tasks are told, with the chain that they belong to."""
    listeners.add("a", "b")

    @queued
    def handler(event: Any, context: Any) -> None:
        send_task("a")
        send_tasks([Task("b"), Task("b")])

    handler(event(record(message(chain_id=CHAIN_ID))), LambdaContext())
    assert [sent["task_name"] for sent in notes.of("sending")] == ["a", "b", "b"]
    assert {sent["chain_id"] for sent in notes.of("sending")} == {CHAIN_ID}
    assert not any(sent["is_callback"] for sent in notes.of("sending"))
    assert [error for _, error in notes.of("sent")] == [None] * 3
    assert notes.order[:2] == ["received", "started"]
    assert notes.order[-3:] == ["stopped", "ended", "batch_ended"]


def test_what_is_sent_from_outside_is_told(listeners: Listeners, notes: Notes) -> None:
    """Whoever starts a chain has observers too."""
    topics = listeners.add("work")
    task_id = send_task("work", {"n": 1})
    outgoing = {
        "task_name": "work",
        "task_id": task_id,
        "chain_id": task_id,
        "topic_arn": topics["work"],
        "is_callback": False,
    }
    assert notes.said == [("sending", outgoing), ("publishing",), ("sent", outgoing, None)]


def test_stored_arguments_have_a_size(bucket: str, notes: Notes) -> None:
    """What was fetched of S3 for a record is told in bytes, and the message's own as well."""
    stored = StoredData("kwargs", {"text": "é" * 1000}, full_unpack=True)
    pointer = json.loads(ajson.dumps(stored))
    body = message(task_kwargs=pointer)
    assert returning(None)(event(record(body)), LambdaContext()) == ALL_DONE
    assert notes.ends[0]["arguments_bytes"] == stored.size
    assert stored.size is not None
    assert stored.size > 2000
    assert notes.of("received")[0]["message_bytes"] == len(body.encode()) < 400


def test_a_result_that_travels_inline_is_not_stored(
    bucket: str, listeners: Listeners, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short result and none at all leave nothing in S3; the message has all the bytes."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "1000")
    listeners.add("next")
    records = [record(message(callback="next")) for _ in range(2)]
    assert returning({"text": "é" * 100}, None)(event(*records), LambdaContext()) == ALL_DONE
    assert [end["result_bytes"] for end in notes.ends] == [None, None]
    first, second = (end["sent_bytes"] for end in notes.ends)
    assert first - second == len('"text":""') + 200


def test_an_envelope_counts_as_received(notes: Notes) -> None:
    """The bytes of a message are those that came, envelope and all."""
    body = enveloped(message(task_id=TASK_ID))
    assert returning(None)(event(record(body)), LambdaContext()) == ALL_DONE
    assert notes.of("received")[0]["message_bytes"] == len(body.encode())
    assert notes.of("received")[0]["task_id"] == TASK_ID


def test_x_ray_s_header_is_told(notes: Notes) -> None:
    """The tracing header that SQS knows of is told, apart from what the sender sent."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    one = record(message(), messageAttributes={"a": {"dataType": "String", "stringValue": "1"}})
    one["attributes"]["AWSTraceHeader"] = trace
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    (told,) = notes.of("received")
    assert (told["trace_header"], told["attributes"]) == (trace, {"a": "1"})


def test_an_event_by_hand_is_told_as_any_other(notes: Notes) -> None:
    """What SQS would have said of a record, and an event by hand doesn't, is left open."""
    odd = record(message())
    odd["attributes"] = {"SentTimestamp": "yesterday", "ApproximateReceiveCount": "often"}
    short = {"messageId": odd["messageId"], "body": message()}
    assert returning(None, None)(event(odd, short), LambdaContext()) == ALL_DONE
    assert notes.order == (
        ["received"] * 2 + ["started", "stopped"] * 2 + ["ended"] * 2 + ["batch_ended"]
    )
    assert [
        (told["receive_count"], told["sent_at"], told["queue_arn"]) for told in notes.of("received")
    ] == [(1, None, QUEUE_ARN), (1, None, "")]


def test_a_bare_message_is_no_record(notes: Notes) -> None:
    """A message that a router is called with directly is in no batch, and nobody is told."""
    router = TaskRouter()
    router.task(name="work")(lambda: {"n": 1})
    assert router.handler({"task_name": "work"}, LambdaContext()) == {"n": 1}
    assert notes.said == []


def test_an_observer_need_not_say_all(watch: Callable[..., Notes], listeners: Listeners) -> None:
    """One that inherits from Observer says only what it wants to."""
    listeners.add("next")
    told: list[str] = []

    class Ends(Observer):
        def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
            told.append(end["outcome"])

    observers.append(Ends())
    one = record(message(callback="next"))
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    assert told == ["done"]
    assert len(listeners.messages()) == 1


def test_two_observers_are_told_the_same_in_order(watch: Callable[..., Notes]) -> None:
    """Each is told all, the first one first."""
    order: list[str] = []

    class Named(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def received(self, record: Mapping[str, Any]) -> None:
            order.append(f"{self.name} received")

        def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
            order.append(f"{self.name} ended")

    observers.extend([Named("first"), Named("second")])
    notes, others = watch(), watch()
    assert returning(None)(event(record(message())), LambdaContext()) == ALL_DONE
    assert order == ["first received", "second received", "first ended", "second ended"]
    assert notes.said == others.said


def test_whoever_comes_in_the_middle_is_told_of_the_next_batch(
    bucket: str, listeners: Listeners, watch: Callable[..., Notes]
) -> None:
    """An observer that a Task brings in is told whole stories only, but for messages."""
    listeners.add("next")
    came: list[Notes] = []

    @queued
    def handler(event: Any, context: Any) -> None:
        if not came:
            came.append(watch())

    records = [record(message(callback="next")) for _ in range(2)]
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert came[0].order == ["sending", "sending", "publishing", "sent", "sent"]
    assert handler(event(records[0]), LambdaContext()) == ALL_DONE
    assert sorted(came[0].order[5:]) == sorted(OF_THE_RECORD + OF_THE_BATCH)


def test_whoever_comes_while_sns_is_called_harms_nothing(
    listeners: Listeners, wire: Wire, watch: Callable[..., Notes]
) -> None:
    """An observer that wasn't there when a message was written isn't told that it was sent."""
    listeners.add("work")
    came: list[Notes] = []

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.service == "sns":
            came.append(watch())
        return forward()

    wire.treatment = treat
    send_task("work")
    assert [notes.said for notes in came] == [[]]
    assert len(listeners.messages()) == 1


def test_whoever_leaves_in_the_middle_is_told_nothing_more(
    bucket: str, listeners: Listeners, notes: Notes
) -> None:
    """An observer that a Task takes out hears no more, and nothing is harmed."""
    listeners.add("next")

    @queued
    def handler(event: Any, context: Any) -> None:
        observers.remove(notes)

    assert handler(event(record(message(callback="next"))), LambdaContext()) == ALL_DONE
    assert notes.order == ["received", "started"]
    assert len(listeners.messages()) == 1


def test_an_observer_that_leaves_itself_keeps_no_other_from_hearing(
    watch: Callable[..., Notes],
) -> None:
    """The list may change while it is gone through."""

    class Leaving(Observer):
        def received(self, record: Mapping[str, Any]) -> None:
            observers.remove(self)

    observers.append(Leaving())
    notes = watch()
    assert returning(None)(event(record(message())), LambdaContext()) == ALL_DONE
    assert notes.order == ["received", "started", "stopped", "ended", "batch_ended"]
