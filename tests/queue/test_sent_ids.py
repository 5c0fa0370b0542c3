"""What a Task sends has ids that are the same when the Task runs again."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from algernon_queue import PublishError, SettingError, Task, TaskRouter, send_task, send_tasks
from algernon_storage import StoredData

from ..wire import Answer
from .events import ALL_DONE, TASK_ID, LambdaContext, event, message, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


def running(work: Callable[[], Any], task_id: str = TASK_ID, **options: Any) -> Any:
    """Run a Task that does some work, and return what the work gave."""
    given: list[Any] = []
    router = TaskRouter(failures="report", **options)

    @router.task(name="work")
    def run() -> None:
        given.append(work())

    one = record(message(task_id=task_id))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    return given[0]


def mixed(*tasks: Task) -> list[Task]:
    """Return Tasks in an order of chance."""
    return random.sample(tasks, len(tasks))


def sent_by(tasks: list[Task]) -> dict[str, Any]:
    """Send Tasks one by one, and return what was sent by its id."""
    return {
        send_task(task.task_name, task.task_kwargs, task.callback): task.task_kwargs
        for task in tasks
    }


def test_a_task_that_runs_twice_sends_the_same_ids(bucket: str, listeners: Listeners) -> None:
    """Whatever the order, by send_task and by send_tasks, the ids are the same."""
    listeners.add("a", "b")
    tasks = [
        Task("a", {"n": 1}),
        Task("a", {"n": 2, "price": Decimal("9.90")}, "b"),
        Task("a", {"n": 2, "price": Decimal("9.90")}),
        Task("b", {"names": {"ada", "bob", "eve"}, "more": {"x": 1, "y": 2}}),
        Task("b", {"rows": StoredData("rows", [1, 2, 3])}),
    ]
    first = running(lambda: set(sent_by(mixed(*tasks))))
    second = running(lambda: set(send_tasks(mixed(*tasks))))
    assert first == second
    assert len(first) == len(tasks)


def test_stored_data_is_told_apart_by_its_content(bucket: str, listeners: Listeners) -> None:
    """A StoredData that is made anew in each run is the same one; another content isn't."""
    listeners.add("a")

    def send(rows: list[int]) -> str:
        return send_task("a", {"rows": StoredData("rows", rows)})

    first = running(lambda: send([1]))
    assert running(lambda: send([1])) == first
    assert running(lambda: send([2])) != first


def test_keys_have_no_order(listeners: Listeners) -> None:
    """Two dicts that are equal are one message."""
    listeners.add("a")
    first = running(lambda: send_task("a", {"x": 1, "y": {"p": 1, "q": 2}}))
    assert running(lambda: send_task("a", {"y": {"q": 2, "p": 1}, "x": 1})) == first


def test_who_sends_other_things_the_second_time_loses_none(listeners: Listeners) -> None:
    """A message that only the second run sends has an id of its own, wherever it comes."""
    listeners.add("a")
    first = running(lambda: sent_by([Task("a", {"n": n}) for n in (1, 2)]))
    second = running(lambda: sent_by([Task("a", {"n": n}) for n in (0, 1, 3, 2)]))
    assert len(first) == 2
    assert len(second) == 4
    assert first.items() <= second.items()


def test_equal_messages_are_counted(listeners: Listeners) -> None:
    """What is sent three times has three ids, the same ones in each run."""
    listeners.add("a")
    first = running(lambda: [send_task("a", {"n": 1}) for _ in range(3)])
    assert len(set(first)) == 3
    # Which of the equal ones gets which, is all the same.
    again = running(lambda: send_tasks([Task("a", {"n": 1})] * 3))
    assert sorted(again) == sorted(first)


def test_a_message_that_was_not_taken_leaves_its_number(listeners: Listeners, wire: Wire) -> None:
    """A Task that catches a refusal and tries again sends the same id, and no other."""
    listeners.add("a")
    first = running(lambda: [send_task("a", {"n": 1}) for _ in range(2)])
    refused: list[int] = []

    def refuse_once(call: Any, forward: Any) -> Answer | None:
        if call.operation == "PublishBatch" and not refused:
            refused.append(1)
            return Answer(
                403, [], b"<ErrorResponse><Error><Code>Odd</Code></Error></ErrorResponse>"
            )
        answer: Answer = forward()
        return answer

    def work() -> list[str]:
        wire.treatment = refuse_once
        with pytest.raises(PublishError):
            send_task("a", {"n": 1})
        return [send_task("a", {"n": 1}) for _ in range(2)]

    assert running(work) == first


def test_tasks_of_different_ids_send_different_ids(listeners: Listeners) -> None:
    """The id of the sender is part of what it sends."""
    listeners.add("a")
    first = running(lambda: send_task("a", {"n": 1}))
    assert running(lambda: send_task("a", {"n": 1}), task_id=str(uuid4())) != first


def test_records_of_one_batch_are_kept_apart(listeners: Listeners) -> None:
    """Two Tasks of a batch that send the same have ids of their own, and so have coroutines."""
    listeners.add("a")
    router = TaskRouter(failures="report")
    sent: list[str] = []

    @router.task
    async def work() -> None:
        sent.append(send_task("a", {"n": 1}))

    ids = [str(uuid4()) for _ in range(3)]
    records = [record(message(task_id=one)) for one in ids]
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    assert len(set(sent)) == 3
    again = sent.copy()
    sent.clear()
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    assert sorted(sent) == sorted(again)


def test_threads_of_a_task_share_its_numbers(listeners: Listeners) -> None:
    """Equal messages from many threads have the same ids as from one."""
    listeners.add("a")
    first = running(lambda: [send_task("a", {"n": 1}) for _ in range(8)])

    def work() -> list[str]:
        with ThreadPoolExecutor(8) as threads:
            sends = [threads.submit(copy_context().run, send_task, "a", {"n": 1}) for _ in range(8)]
        return [send.result() for send in sends]

    assert sorted(running(work)) == sorted(first)


def test_outside_of_tasks_ids_are_new(listeners: Listeners) -> None:
    """Who isn't a Task sends a new id each time."""
    listeners.add("a")
    assert send_task("a", {"n": 1}) != send_task("a", {"n": 1})


def test_a_bare_message_without_an_id_sends_new_ids(listeners: Listeners) -> None:
    """A Task that was called by a bare message has no id that others could be made from."""
    listeners.add("a")
    router = TaskRouter()
    router.task(name="work")(lambda: {"sent": send_task("a", {"n": 1})})
    sent = {router.handler({"task_name": "work"}, None)["sent"] for _ in range(2)}
    assert len(sent) == 2


def test_once_runs_what_a_repeated_task_sends_once(bucket: str, listeners: Listeners) -> None:
    """Under the ledger, what both runs of a Task send is run once."""
    listeners.add("work", "child")
    router = TaskRouter(failures="report", once=True)
    ran: list[int] = []
    failures = [True, False]

    @router.task
    def work() -> None:
        send_tasks([Task("child", {"n": n}) for n in range(2)])
        if failures.pop(0):
            raise ValueError("after it has sent")

    @router.task
    def child(n: int) -> None:
        ran.append(n)

    one = record(message(task_id=TASK_ID))
    assert router.handler(event(one), LambdaContext()) != ALL_DONE
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    taken = listeners.take()
    assert len(taken) == 4
    for each in taken:  # one by one, since moto may grant one claim to two at once
        assert router.handler(event(each), LambdaContext()) == ALL_DONE
    assert sorted(ran) == [0, 1]


def test_an_id_can_be_given(listeners: Listeners) -> None:
    """A sender may say the id, as a text or a UUID, in or out of a Task."""
    listeners.add("a")
    one = uuid4()
    assert send_task("a", task_id=one) == str(one)
    assert send_task("a", task_id=str(one).upper()) == str(one)
    assert send_tasks([Task("a", task_id=str(one))]) == [str(one)]
    assert running(lambda: send_task("a", task_id=one)) == str(one)
    sent = listeners.messages()
    assert {found["task_id"] for found in sent} == {str(one)}
    assert {found["chain_id"] for found in sent} == {str(one), TASK_ID}


@pytest.mark.parametrize("task_id", ["", "seven", "4f8d8a4e", b"4f8d"])
def test_an_id_is_a_uuid(wire: Wire, task_id: Any) -> None:
    """What is no UUID is refused before anything is sent, and the error says what to do."""
    with pytest.raises(SettingError, match="is no UUID: make one by"):
        send_task("a", task_id=task_id)
    assert wire.calls == []


def test_large_arguments_have_derived_ids_too(bucket: str, listeners: Listeners) -> None:
    """What goes through S3, and isn't sorted any more, is known again all the same."""
    listeners.add("a")
    text = "x" * 2_000_000
    first = running(lambda: send_task("a", {"text": text}))
    assert running(lambda: send_task("a", {"text": text})) == first
    assert running(lambda: send_task("a", {"text": text + "y"})) != first
    assert {UUID(sent["task_id"]).version for sent in listeners.messages()} == {5}


def test_one_id_is_one_task_s(aws: LocalAWS, bucket: str) -> None:
    """Under the ledger, two Tasks of one id aren't taken for each other: the second is refused."""
    from .queues import SourceQueue

    queue = SourceQueue(aws)
    router = TaskRouter(failures="report", once=True)
    ran: list[str] = []
    router.task(name="pay")(lambda: ran.append("pay"))
    router.task(name="refund")(lambda: ran.append("refund"))
    queue.send(message("pay", task_id=TASK_ID))
    assert router.handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    queue.send(message("refund", task_id=TASK_ID))
    (second,) = [one for one in queue.receive() if "refund" in one["body"]]
    assert router.handler(event(second), LambdaContext()) == ALL_DONE
    assert ran == ["pay"]
    (dead,) = queue.dead_letters()
    assert dead["MessageAttributes"]["algernon.error"]["StringValue"] == "OtherTaskError"
