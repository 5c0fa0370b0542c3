"""What a running Task knows of itself and of its message."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import pickle
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    CurrentTask,
    NoCurrentTaskError,
    Observer,
    QueueError,
    TaskRouter,
    current_task,
    observers,
    queued,
    stated,
)

from .events import (
    ALL_DONE,
    CHAIN_ID,
    QUEUE_ARN,
    TASK_ID,
    LambdaContext,
    enveloped,
    event,
    failed,
    fifo_record,
    message,
    record,
)
from .queues import SourceQueue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..conftest import LocalAWS
    from .conftest import Listeners


def sqs_attributes(**values: str | bytes) -> dict[str, Any]:
    """Return message attributes as Lambda hands them over."""
    return {
        name: {
            **(
                {"binaryValue": b64encode(value).decode(), "dataType": "Binary"}
                if isinstance(value, bytes)
                else {"stringValue": value, "dataType": "String"}
            ),
            "stringListValues": [],
            "binaryListValues": [],
        }
        for name, value in values.items()
    }


def sns_attributes(**values: str | bytes) -> dict[str, Any]:
    """Return message attributes as SNS writes them into its envelope."""
    return {
        name: {"Type": "Binary", "Value": b64encode(value).decode()}
        if isinstance(value, bytes)
        else {"Type": "String", "Value": value}
        for name, value in values.items()
    }


def facts_of(*records: dict[str, Any]) -> list[CurrentTask]:
    """Return the facts that each record's Task has, whose work succeeds."""
    router = TaskRouter(failures="report")
    seen: list[CurrentTask] = []

    def note() -> None:
        seen.append(current_task())

    @router.task
    def work() -> None:
        note()

    @router.task
    async def work_later() -> None:
        await asyncio.sleep(0)
        note()

    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    return seen


def test_a_task_knows_its_facts() -> None:
    """Name, ids, callback, and what SQS and the sender say of its message."""
    one = record(
        message(task_id=TASK_ID, chain_id=CHAIN_ID),
        messageAttributes=sqs_attributes(tenant="blue", key=b"\x00\xff"),
        attributes={
            "ApproximateReceiveCount": "3",
            "SentTimestamp": "1545082650636",
            "MessageGroupId": "blue",
        },
    )
    assert facts_of(one) == [
        CurrentTask(
            task_name="work",
            task_id=TASK_ID,
            chain_id=CHAIN_ID,
            callback=None,
            message_id=one["messageId"],
            receive_count=3,
            queue_arn=QUEUE_ARN,
            message_group="blue",
            sent_at=1545082650.636,
            message_attributes={"tenant": "blue", "key": "AP8="},
            is_bare=False,
        )
    ]


def test_a_record_by_hand_leaves_open_what_it_does_not_say() -> None:
    """What nobody says is None, and the receives are one."""
    (task,) = facts_of({"messageId": "msg-1", "body": message()})
    assert task.message_id == "msg-1"
    assert task.task_id == task.chain_id != "msg-1"
    assert task.receive_count == 1
    assert (task.queue_arn, task.message_group, task.sent_at) == (None, None, None)
    assert task.message_attributes == {}
    assert not task.is_bare


@pytest.mark.parametrize("way", ["raw", "enveloped"])
def test_attributes_are_the_same_through_sns_and_past_it(way: str) -> None:
    """Texts, numbers and what is binary are told alike, with SNS's envelope and without."""
    values: dict[str, str | bytes] = {"tenant": "blue", "n": "1.50", "key": b"\x00\xff"}
    if way == "raw":
        one = record(message(), messageAttributes=sqs_attributes(**values))
    else:
        one = record(enveloped(message(), MessageAttributes=sns_attributes(**values)))
    (task,) = facts_of(one)
    assert task.message_attributes == {"tenant": "blue", "n": "1.50", "key": "AP8="}


@pytest.mark.parametrize("raw", [True, False])
def test_attributes_come_through_sns_and_sqs(
    aws: LocalAWS, listeners: Listeners, raw: bool
) -> None:
    """What a publisher sends beside a message, its Task knows."""
    topic = listeners.add("work", raw=raw)["work"]
    aws.client("sns").publish(
        TopicArn=topic,
        Message=message(),
        MessageAttributes={"tenant": {"DataType": "String", "StringValue": "blue"}},
    )
    (task,) = facts_of(*listeners.take())
    assert task.message_attributes == {"tenant": "blue"}


def test_attributes_come_through_sqs_alone(aws: LocalAWS) -> None:
    """What was sent straight to the queue has its attributes and its time known, too."""
    queue = SourceQueue(aws)
    before = time.time()
    attributes = {
        "n": {"DataType": "Number", "StringValue": "7"},
        "key": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    queue.send(message(), MessageAttributes=attributes)
    (task,) = facts_of(*queue.receive())
    assert task.message_attributes == {"n": "7", "key": "AP8="}
    assert (task.queue_arn, task.receive_count) == (queue.arn, 1)
    assert task.sent_at is not None
    assert before - 1 < task.sent_at < time.time() + 1


@pytest.mark.parametrize(
    ("arn", "group"), [(f"{QUEUE_ARN}.fifo", "a"), (QUEUE_ARN, "tenant-7"), (QUEUE_ARN, None)]
)
def test_the_message_group_is_known_of_queues_of_either_kind(arn: str, group: str | None) -> None:
    """A FIFO queue has groups, and so has a fair one."""
    one = {**fifo_record(group, message()), "eventSourceARN": arn}
    (task,) = facts_of(one)
    assert (task.message_group, task.queue_arn) == (group, arn)


def test_the_context_has_the_same_facts() -> None:
    """What `current_task` says of the message stands in the context's sqs, too."""
    seen: list[Any] = []

    @queued
    def handler(event: Any, context: dict[str, Any]) -> None:
        seen.append((current_task(), context["sqs"], context["task"]))

    records = [
        record(message(callback=None), messageAttributes=sqs_attributes(tenant=tenant))
        for tenant in ("blue", "red")
    ]
    records[1]["attributes"]["MessageGroupId"] = "red"
    handler(event(*records), LambdaContext())
    for task, sqs, of_the_task in seen:
        facts = dataclasses.asdict(task)
        assert {**of_the_task, **sqs}.items() >= {
            (name, facts[name])
            for name in ("task_name", "task_id", "chain_id", "message_id", "receive_count")
        }
        assert sqs["message_attributes"] == facts["message_attributes"]
        assert (sqs["message_group"], sqs["sent_at"]) == (facts["message_group"], facts["sent_at"])
    assert [sqs["message_attributes"]["tenant"] for _, sqs, _ in seen] == ["blue", "red"]
    assert [sqs["message_group"] for _, sqs, _ in seen] == [None, "red"]


def test_a_bare_message_s_task_knows_its_facts() -> None:
    """What Lambda was called with directly comes from no queue."""
    router = TaskRouter()
    seen: list[Any] = []
    router.task(name="work")(lambda: seen.append(current_task()))
    router.handler(
        {"task_name": "work", "task_id": TASK_ID, "chain_id": CHAIN_ID, "callback": "next"}, None
    )
    router.handler({"task_name": "work"}, None)
    assert seen == [
        CurrentTask(
            task_name="work", task_id=TASK_ID, chain_id=CHAIN_ID, callback="next", is_bare=True
        ),
        CurrentTask(task_name="work", task_id=None, chain_id=None, callback=None, is_bare=True),
    ]
    assert (seen[0].message_id, seen[0].receive_count, seen[0].queue_arn) == (None, 1, None)
    assert (seen[0].message_group, seen[0].sent_at) == (None, None)
    assert seen[0].message_attributes == {}


def is_outside() -> bool:
    """Tell whether no Task is running here."""
    try:
        current_task()
    except NoCurrentTaskError:
        return True
    return False


def test_outside_of_tasks_there_are_none() -> None:
    """Before, between and after batches, and in a stated worker, nobody is told anything."""
    router = TaskRouter(failures="report")
    router.task(name="work")(lambda: None)
    router.task(name="fails")(lambda: 1 / 0)
    assert is_outside()
    one, bad = record(message()), record(message("fails"), eventSourceARN=None)
    assert router.handler(event(one, bad), LambdaContext()) == failed(bad)
    assert is_outside()
    router.handler({"task_name": "work"}, None)
    with pytest.raises(ZeroDivisionError):
        router.handler({"task_name": "fails"}, None)
    assert is_outside()
    seen = []
    stated(lambda event, context: seen.append(is_outside()))({}, None)
    assert seen == [True]


def test_the_error_outside_of_tasks_says_what_to_do() -> None:
    """Whoever asks for what isn't there is told how a thread and a test come to have it."""
    with pytest.raises(NoCurrentTaskError, match="where no Task is running") as caught:
        current_task()
    assert isinstance(caught.value, QueueError)
    assert isinstance(caught.value, LookupError)
    for way in ("copy_context().run", "router.handler("):
        assert way in str(caught.value)


def test_facts_belong_to_the_record_however_many_run() -> None:
    """Coroutines that take turns, and threads, each see the facts of their own message."""
    router = TaskRouter(failures="report", concurrency=8)
    seen: dict[int, set[str | None]] = {}

    def note(n: int) -> None:
        seen.setdefault(n, set()).add(current_task().message_id)

    @router.task
    async def work(n: int) -> None:
        note(n)
        await asyncio.sleep(0.001 * (8 - n))
        note(n)
        await asyncio.to_thread(note, n)
        await asyncio.get_running_loop().run_in_executor(None, note, n)
        await asyncio.create_task(asyncio.sleep(0))
        note(n)

    records = [record(message(task_kwargs={"n": n})) for n in range(8)]
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    assert seen == {n: {one["messageId"]} for n, one in enumerate(records)}


def test_a_handler_that_is_called_by_many_threads_keeps_them_apart() -> None:
    """One router that runs batches in sixteen threads tells every Task its own facts."""
    router = TaskRouter(failures="report")
    wrong: list[Any] = []

    @router.task
    def work(expected: str) -> None:
        for _ in range(20):
            task = current_task()
            if task.task_id != expected:
                wrong.append(task)

    def run(n: int) -> None:
        task_id = f"{n:08}{TASK_ID[8:]}"
        one = record(message(task_id=task_id, task_kwargs={"expected": task_id}))
        assert router.handler(event(one), LambdaContext()) == ALL_DONE

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(run, range(200)))
    assert wrong == []


def test_a_task_that_runs_another_message_has_its_own_facts_again() -> None:
    """What a Task hands to a handler has facts of its own, and the Task keeps its."""
    router = TaskRouter(failures="report")
    seen: list[Any] = []

    @router.task
    def outer(context: dict[str, Any]) -> None:
        before = current_task()
        router.handler({"task_name": "inner", "task_id": TASK_ID}, None)
        router.handler(event(record(message("inner", task_id=CHAIN_ID))), None)
        assert current_task() == before
        seen.append(before.task_name)

    @router.task
    def inner() -> None:
        task = current_task()
        seen.append((task.task_id, task.is_bare))

    assert router.handler(event(record(message("outer"))), LambdaContext()) == ALL_DONE
    assert seen == [(TASK_ID, True), (CHAIN_ID, False), "outer"]


def test_threads_of_one_s_own_know_them_in_the_task_s_context() -> None:
    """A thread that is given the Task's context variables has its facts, another has none."""
    router = TaskRouter(failures="report")
    seen: list[Any] = []

    @router.task
    def work() -> None:
        with ThreadPoolExecutor(1) as threads:
            seen.append(threads.submit(copy_context().run, current_task).result())
            seen.append(threads.submit(is_outside).result())

    one = record(message())
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert (seen[0].message_id, seen[1]) == (one["messageId"], True)


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    """What an observer asks for while it is told of a record, by what it is told."""
    heard: list[Any] = []

    class Asking(Observer):
        def received(self, record: Any) -> None:
            heard.append(("received", None if is_outside() else current_task()))

        def ended(self, record: Any, end: Any) -> None:
            heard.append(("ended", None if is_outside() else current_task()))

    observer = Asking()
    observers.append(observer)
    yield heard
    observers.remove(observer)


def test_observers_can_ask_too(heard: list[Any]) -> None:
    """While something is said of a record, its Task is the current one; without one, none is."""
    one, bad = record(message(task_id=TASK_ID)), record("no message", eventSourceARN=None)
    handler = queued(failures="report")(lambda event, context: None)
    assert handler(event(one, bad), LambdaContext()) == failed(bad)
    assert [(what, task and task.task_id) for what, task in heard] == [
        ("received", TASK_ID),
        ("received", None),
        ("ended", TASK_ID),
        ("ended", None),
    ]


def test_facts_cannot_be_changed() -> None:
    """Facts are facts."""
    (task,) = facts_of(record(message("work_later")))
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.task_id = CHAIN_ID  # type: ignore[misc]


def test_seconds_left_are_lambda_s_and_grow_fewer() -> None:
    """They are told as they are at the time, to one and the same `CurrentTask` too."""
    router = TaskRouter(failures="report", deadline_margin=1)
    seen: list[float] = []
    context = LambdaContext(millis_left=9000)

    def note() -> None:
        task = current_task()
        seen.append(task.seconds_left)
        context.millis_left -= 500
        seen.append(task.seconds_left)

    @router.task
    def work() -> None:
        note()

    @router.task
    async def work_later() -> None:
        await asyncio.to_thread(note)

    assert router.handler(event(record(message())), context) == ALL_DONE
    assert router.handler(event(record(message("work_later"))), context) == ALL_DONE
    router.handler({"task_name": "work"}, context)
    assert seen == [9, 8.5, 8.5, 8, 8, 7.5]


@pytest.mark.parametrize("context", [None, object(), {"aws_request_id": "1"}])
def test_seconds_left_are_without_end_where_nobody_ends_it(context: Any) -> None:
    """Outside Lambda there is always enough time."""
    router = TaskRouter()
    seen: list[float] = []
    router.task(name="work")(lambda: seen.append(current_task().seconds_left))
    router.handler(event(record(message())), context)
    router.handler({"task_name": "work"}, context)
    assert seen == [inf, inf]


def test_what_it_has_left_is_no_fact() -> None:
    """Two `CurrentTask`s with the same facts are equal, and are written alike, copied or not."""
    (task,) = facts_of(record(message(task_id=TASK_ID)))
    by_hand = CurrentTask(**dataclasses.asdict(task))
    copied = copy.deepcopy(task)
    assert task == by_hand == copied == pickle.loads(pickle.dumps(task))
    assert repr(task) == repr(by_hand) == repr(copied)
    assert "left" not in repr(task)
    assert task.seconds_left == 30
    assert {(each.tries_left, each.seconds_left) for each in (by_hand, copied)} == {(None, inf)}
