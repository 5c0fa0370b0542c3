"""Batches of hundreds: AWS takes ten entries a call, and Lambda's time is for all of them."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from algernon_queue import (
    BatchFailedError,
    Group,
    PermanentError,
    Results,
    Task,
    TaskContext,
    TaskRouter,
    current_task,
    queued,
    send_tasks,
)
from algernon_queue.testing import InMemorySystem
from algernon_storage import StoredData

from .events import ALL_DONE, LambdaContext, event, failed, message, record
from .queues import SourceQueue, entries_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Answer, Call, Wire
    from .conftest import Listeners

LARGE: Any = {"batch_size": 1000, "batch_window": 1}


class Most:
    """Counts how many calls of one method are under way at a time, at most.

    Args:
        operation: The operation that counts.
    """

    def __init__(self, operation: str) -> None:
        self.most = 0
        self._operation = operation
        self._now = 0
        self._lock = threading.Lock()

    def treat(self, call: Call, forward: Callable[[], Answer]) -> Answer:
        """Count a call that is on its way."""
        by = int(call.operation == self._operation)
        self._add(by)
        try:
            return forward()
        finally:
            self._add(-by)

    def _add(self, by: int) -> None:
        with self._lock:
            self._now += by
            self.most = max(self.most, self._now)


def received(queue: SourceQueue, *bodies: str) -> list[dict[str, Any]]:
    """Send messages to a queue, and return all of them as one batch."""
    queue.send(*bodies)
    records: list[dict[str, Any]] = []
    while len(records) < len(bodies):
        records += queue.receive()
    return records


def test_hundreds_are_run_and_sent_on_once() -> None:
    """A batch of hundreds under a ledger runs each Task once, and hands each result on."""
    router = TaskRouter(once=True)
    batches: Counter[str] = Counter()
    done: list[int] = []

    @router.task(**LARGE)
    def double(context: TaskContext, number: int) -> dict[str, int]:
        batches[context["aws"].aws_request_id] += 1
        return {"number": 2 * number}

    @router.task(**LARGE)
    def note(context: TaskContext, number: int) -> None:
        batches[context["aws"].aws_request_id] += 1
        done.append(number)

    with InMemorySystem(router) as system:
        send_tasks([Task("double", {"number": number}, "note") for number in range(350)])
        system.run()
        assert system.dead_letters == []
    assert sorted(done) == [2 * number for number in range(350)]
    assert list(batches.values()) == [350, 350]


def test_what_fails_among_hundreds_is_tried_again_alone() -> None:
    """Of hundreds in a batch only those that failed come again, or are moved, each for its own."""
    router = TaskRouter()
    tried: Counter[int] = Counter()

    @router.task(retries=2, backoff=5, **LARGE)
    def work(number: int) -> None:
        tried[number] += 1
        if number % 3 == 1 and current_task().receive_count < 3:
            raise ConnectionError(f"{number} can't be had yet")
        if number % 3 == 2:
            raise PermanentError(f"{number} is wrong")

    with InMemorySystem(router) as system:
        send_tasks([Task("work", {"number": number}) for number in range(300)])
        system.run()
        reasons = {letter.reason for letter in system.dead_letters}
    assert tried == {number: 3 if number % 3 == 1 else 1 for number in range(300)}
    assert reasons == {f"{number} is wrong" for number in range(2, 300, 3)}


@pytest.mark.parametrize("size", [1, 300])
def test_groups_are_joined_by_hundreds(size: int) -> None:
    """Hundreds of members in a batch join their groups once, whether they have one or many."""
    router = TaskRouter()
    joined: list[list[int]] = []

    @router.task(**LARGE)
    def double(number: int) -> int:
        return 2 * number

    @router.task(**LARGE)
    def note(results: Results[int]) -> None:
        joined.append(list(results))

    with InMemorySystem(router) as system:
        for start in range(0, 300, size):
            members = [double.request(number=number) for number in range(start, start + size)]
            Group(members, then=note).send()
        system.run()
        assert system.dead_letters == []
    assert len(joined) == 300 // size
    assert sorted(number for results in joined for number in results) == list(range(0, 600, 2))


def test_hundreds_are_moved_and_hidden_ten_a_call(aws: LocalAWS, wire: Wire) -> None:
    """What fails is moved to the dead-letter queue, or hidden, in calls of ten at the most."""
    queue = SourceQueue(aws)
    router = TaskRouter(failures="report")

    @router.task(retries=1, backoff=100)
    def work(number: int) -> None:
        if number % 2:
            raise PermanentError("not that one")
        raise ConnectionError("not now")

    records = received(queue, *(message("work", task_kwargs={"number": n}) for n in range(130)))
    wire.clear()
    answer = router.handler(event(*records), LambdaContext())
    hidden = entries_of(wire, "ChangeMessageVisibilityBatch")
    moved = entries_of(wire, "SendMessageBatch")
    assert sorted(map(len, hidden)) == sorted(map(len, moved)) == [5, *[10] * 6]
    handles = [entry["ReceiptHandle"] for call in hidden for entry in call]
    stay = [
        one for one in records if '"number": 0' in one["body"] or one["receiptHandle"] in handles
    ]
    assert answer == failed(*stay)
    assert len(stay) == 65
    letters = 0
    while got := queue.dead_letters():
        letters += len(got)
    assert letters == 65


def test_hundreds_are_fetched_and_stored_twenty_at_once(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """Stored arguments and results of a large batch are twenty calls at once, and no more."""
    listeners.add("next")
    pointers = [StoredData("kwargs", {"n": n}, timestamp=str(n)).store() for n in range(100)]
    stored = {"_alg_class": "StoredData", "_alg_module": "algernon.aws.snakes"}
    records = [
        record(
            message("work", callback="next", task_kwargs={**stored, "value": {"pointer": pointer}})
        )
        for pointer in pointers
    ]
    handler = queued(lambda event, context: {"n": event["task_kwargs"]["n"]})
    for operation in ("GET", "PUT"):
        wire.clear()
        wire.expect_rounds(20)
        most = Most(operation)
        wire.treatment = most.treat
        assert handler(event(*records), LambdaContext()) == ALL_DONE
        assert most.most <= 20
        assert wire.counted() == {"s3 GET": 100, "s3 PUT": 100, "sns PublishBatch": 10}


def test_hundreds_are_claimed_once(bucket: str, listeners: Listeners, wire: Wire) -> None:
    """A large batch that comes twice runs each Task once, and claims twenty at once at most."""
    listeners.add("next")
    done: list[int] = []

    @queued(failures="report", once=True)
    def handler(event: Any, context: Any) -> dict[str, int]:
        done.append(event["task_kwargs"]["n"])
        return {"n": event["task_kwargs"]["n"]}

    records = [
        record(message("work", callback="next", task_id=str(UUID(int=n + 1)), task_kwargs={"n": n}))
        for n in range(120)
    ]
    most = Most("PUT")
    wire.treatment = most.treat
    for _ in range(2):
        assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert done == list(range(120))
    assert most.most <= 20
    assert wire.counted()["sns PublishBatch"] == 24
    sent = Counter(one["task_id"] for one in listeners.messages())
    assert [*sent.values()] == [2] * 120


@pytest.mark.parametrize(
    ("count", "millis", "margin"),
    [
        (20, 30_000, 1.0),
        (21, 30_000, 2.0),
        (300, 30_000, 3.0),
        (300, 900_000, 15.0),
        (10, 5000, 0.5),
    ],
)
def test_more_time_is_kept_back_for_more_records(count: int, millis: int, margin: float) -> None:
    """A tenth of the time is kept for sending on, at most a second for every twenty records."""
    done: list[int] = []

    @queued(failures="report")
    def handler(event: Any, context: dict[str, Any]) -> None:
        done.append(event["task_kwargs"]["n"])
        context["aws"].millis_left = 1000 * margin + (2000 if len(done) < 3 else -10)

    records = [record(message("work", task_kwargs={"n": n})) for n in range(count)]
    assert handler(event(*records), LambdaContext(millis_left=millis)) == failed(*records[3:])
    assert done == [0, 1, 2]


def test_a_margin_that_is_given_is_for_any_batch() -> None:
    """A worker's own deadline_margin stands, however many records there are."""

    @queued(failures="report", deadline_margin=0.5)
    def handler(event: Any, context: dict[str, Any]) -> None:
        context["aws"].millis_left = 600

    records = [record(message("work")) for _ in range(100)]
    assert handler(event(*records), LambdaContext()) == ALL_DONE


def test_hundreds_stay_whole_under_batch() -> None:
    """Under "batch", one of hundreds that fails keeps all of them, and is named alone."""
    records = [record(message("work", task_kwargs={"n": n})) for n in range(300)]

    @queued
    def handler(event: Any, context: Any) -> None:
        if event["task_kwargs"]["n"] == 299:
            raise ValueError("the last one")

    with pytest.raises(BatchFailedError, match="1 of 300 records failed") as caught:
        handler(event(*records), LambdaContext())
    assert list(caught.value.failures) == [records[-1]["messageId"]]
