"""`sent_tasks` catches what code sends, as its workers would get it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from threading import Thread
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from algernon_queue import Task, TaskRouter, send_task, send_tasks
from algernon_queue.testing import InMemorySystem, lambda_context, sent_tasks, sqs_event
from algernon_serialize import UnserializableError
from algernon_storage import StoredData

from .events import ALL_DONE, failed

#: What would lead to AWS, or say what to do there.
SETTINGS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
)


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


def test_what_is_sent_is_in_the_list() -> None:
    """Each Task that is sent equals one that a test makes, without its id."""
    with sent_tasks() as sent:
        send_task("price", {"items": [1]}, callback="bill#mail")
        send_tasks([Task("bill", {"total": 3}), Task("mail")])
    assert sent == [
        Task("price", {"items": [1]}, "bill#mail"),
        Task("bill", {"total": 3}),
        Task("mail"),
    ]


def test_tasks_that_differ_are_unequal() -> None:
    """A name, an argument, a callback or a message group that is another one counts."""
    with sent_tasks() as sent:
        send_task("price", {"items": [1]}, callback="bill", message_group="shop")
    assert Task("price", {"items": [1]}, "bill", message_group="shop") in sent
    for other in (
        Task("prices", {"items": [1]}, "bill", message_group="shop"),
        Task("price", {"items": (1,)}, "bill", message_group="shop"),
        Task("price", {"items": [1]}, "mail", message_group="shop"),
        Task("price", {"items": [1]}, "bill"),
    ):
        assert other not in sent
    others: list[object] = ["price"]
    assert sent != others


def test_the_sender_gets_the_id_that_is_caught() -> None:
    """The `task_id` of a Task that is caught is a UUID, and what its sender got."""
    with sent_tasks() as sent:
        ids = [send_task("price"), *send_tasks([Task("price"), Task("bill")])]
    assert [task.task_id for task in sent] == ids
    assert len({UUID(each) for each in ids}) == 3


def test_an_id_that_was_given_counts() -> None:
    """A Task whose sender chose its id equals only a Task of this id."""
    chosen = str(uuid4())
    with sent_tasks() as sent:
        send_task("price", task_id=chosen)
    assert sent == [Task("price", task_id=chosen)]
    assert sent != [Task("price")]
    assert sent != [Task("price", task_id=str(uuid4()))]


def test_an_id_that_a_test_names_counts() -> None:
    """A test may say which id it expects, of one that was made, too."""
    with sent_tasks() as sent:
        task_id = send_task("price")
    assert sent == [Task("price", task_id=task_id)]
    assert sent != [Task("price", task_id=str(uuid4()))]


def test_what_two_blocks_caught_can_be_compared() -> None:
    """What is sent twice is equal, though its ids aren't."""
    with sent_tasks() as once:
        send_task("price", {"items": [1]})
    with sent_tasks() as again:
        send_task("price", {"items": [1]})
    assert once == again
    assert once[0].task_id != again[0].task_id


def test_arguments_are_as_a_worker_gets_them() -> None:
    """They come back equal and of the same types, as other objects."""
    when = datetime(2026, 11, 26, tzinfo=UTC)
    order = {"lines": [(1, 2.5)], "tags": {"new"}}
    with sent_tasks() as sent:
        send_task("price", {"when": when, "order": order})
    assert sent == [Task("price", {"when": when, "order": order})]
    assert sent[0].task_kwargs["order"] is not order


def test_what_a_sender_does_later_changes_nothing() -> None:
    """What was sent stays as it was when it was sent."""
    items = [1]
    with sent_tasks() as sent:
        send_task("price", {"items": items})
        items.append(2)
        send_task("price", {"items": items})
    assert sent == [Task("price", {"items": [1]}), Task("price", {"items": [1, 2]})]


def test_constants_are_as_the_workers_get_them() -> None:
    """They are written and read as arguments are, and what can't be sent raises."""
    constants: Any = {1: {"rates": [(1, 2.5)]}}
    wanted = Task("price", {}, "bill#mail", constants={1: {"rates": [(1, 2.5)]}})
    with sent_tasks() as sent:
        send_tasks([Task("price", {}, "bill#mail", constants=constants)])
        constants[1]["rates"].append(3)
        with pytest.raises(UnserializableError, match="rates"):
            send_tasks([Task("price", {}, "bill", constants={0: {"rates": object()}})])
    assert sent == [wanted]
    assert sent != [Task("price", {}, "bill#mail")]


def test_what_cant_be_sent_raises_as_in_production() -> None:
    """An argument that `ajson` can't send is an error of the sender's, and nothing is caught."""
    with sent_tasks() as sent:
        with pytest.raises(UnserializableError, match="task_kwargs"):
            send_task("price", {"items": object()})
        with pytest.raises(UnserializableError):
            send_tasks([Task("price"), Task("price", {"items": object()})])
    assert sent == []


def test_large_arguments_need_no_bucket() -> None:
    """What would go through S3 is caught like any other."""
    items = ["x" * 1000] * 1000
    with sent_tasks() as sent:
        send_task("price", {"items": items})
    assert sent == [Task("price", {"items": items})]


def test_all_threads_are_heard() -> None:
    """What another thread sends is caught too."""
    with sent_tasks() as sent:
        threads = [Thread(target=send_task, args=("price", {"n": n})) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(task.task_kwargs["n"] for task in sent) == [0, 1, 2, 3, 4]


def test_the_innermost_block_catches() -> None:
    """Of blocks in one another, the innermost gets what is sent, and then the outer one again."""
    with sent_tasks() as outer:
        send_task("price")
        with sent_tasks() as inner:
            send_task("bill")
        send_task("mail")
    assert outer == [Task("price"), Task("mail")]
    assert inner == [Task("bill")]


def test_a_block_may_be_left_by_an_exception() -> None:
    """The exception goes on, and nothing is caught any more."""
    caught: list[list[Task]] = []

    def fail_in_a_block() -> None:
        with sent_tasks() as sent:
            caught.append(sent)
            send_task("price")
            raise ZeroDivisionError

    with sent_tasks() as outer:
        with pytest.raises(ZeroDivisionError):
            fail_in_a_block()
        send_task("bill")
    assert (outer, caught) == ([Task("bill")], [[Task("price")]])


def test_what_a_task_sends_is_caught() -> None:
    """A worker's handler may be called within the block; its Tasks' ids are as ever."""
    router = TaskRouter(failures="report")

    @router.task
    def order(items: list[int]) -> None:
        for item in items:
            send_task("price", {"item": item})

    task_id = str(uuid4())
    with sent_tasks() as sent:
        event = sqs_event(Task("order", {"items": [1, 2]}, task_id=task_id))
        assert router.handler(event, lambda_context()) == {"batchItemFailures": []}
        again = router.handler(event, lambda_context())
    assert again == {"batchItemFailures": []}
    assert sent == [Task("price", {"item": item}) for item in (1, 2, 1, 2)]
    assert [task.task_id for task in sent[:2]] == [task.task_id for task in sent[2:]]
    assert all(UUID(str(task.task_id)).version == uuid5(UUID(task_id), "").version for task in sent)


def test_a_failed_send_frees_its_id() -> None:
    """A Task that sends again after an error sends under the id that it would have had."""
    router = TaskRouter(failures="report")
    wrong: list[Any] = [object()]

    @router.task
    def order() -> None:
        if wrong:
            with pytest.raises(UnserializableError):
                send_tasks([Task("price"), Task("price", {"items": wrong.pop()})])
        send_task("price")

    event = sqs_event(Task("order"))
    with sent_tasks() as sent:
        router.handler(event, lambda_context())
        router.handler(event, lambda_context())
    assert len({task.task_id for task in sent}) == 1


def test_a_difference_is_readable() -> None:
    """A failing test shows what was sent as what was expected, without ids that were made."""
    chosen = str(uuid4())
    with sent_tasks() as sent:
        send_task("price", {"items": [1]}, callback="bill")
        send_task("price", task_id=chosen)
    assert repr(sent[0]) == "Task('price', {'items': [1]}, callback='bill')"
    assert repr(sent[1]) == f"Task('price', {{}}, task_id='{chosen}')"
    expected = [Task("price", {"items": [1]}, "bill"), Task("price", task_id=chosen)]
    assert repr(sent) == repr(expected)


def test_constants_count() -> None:
    """What later Tasks of the chain get besides is caught with the Task, as they would get it."""
    when = datetime(2026, 11, 26, tzinfo=UTC)
    with sent_tasks() as sent:
        send_tasks([Task("price", {}, "bill#mail", constants={1: {"when": when}})])
    assert sent == [Task("price", {}, "bill#mail", constants={1: {"when": when}})]
    assert sent != [Task("price", {}, "bill#mail")]


def test_constants_that_cant_be_sent_raise() -> None:
    """They are checked as the Task's own arguments are."""
    with sent_tasks() as sent, pytest.raises(UnserializableError):
        send_tasks([Task("price", {}, "bill", constants={0: {"items": object()}})])
    assert sent == []


def test_callbacks_are_caught() -> None:
    """What a Task returns is caught as the Task that gets it, with the rest of the chain."""
    router = TaskRouter(failures="report")

    @router.task
    def price(items: list[int]) -> dict[str, Any]:
        return {"total": sum(items), "parts": (1, 2)}

    event = sqs_event(
        Task("price", {"items": [1, 2]}, "bill"),
        Task("price", {"items": [3]}, "price#bill#mail"),
        Task("price", {"items": [4]}, "bill#mail", constants={0: {"n": 1}, 1: {"n": {2}}}),
        Task("price", {"items": [5]}),
    )
    with sent_tasks() as sent:
        assert router.handler(event, lambda_context()) == ALL_DONE
    assert sent == [
        Task("bill", {"total": 3, "parts": (1, 2)}),
        Task("bill", {"total": 3, "parts": (1, 2)}, "mail"),
        Task("bill", {"total": 4, "parts": (1, 2), "n": 1}, "mail", constants={0: {"n": {2}}}),
    ]


def test_a_ledger_is_in_memory() -> None:
    """A worker with a ledger needs no AWS either, and knows within the block what is done."""
    router = TaskRouter(failures="report", once=True)
    runs: list[int] = []

    @router.task
    def price(n: int) -> dict[str, Any]:
        runs.append(n)
        return {"text": "x" * 400_000}

    event = sqs_event(Task("price", {"n": 1}, "bill"))
    for expected in ([1], [1, 1]):
        with sent_tasks() as sent:
            for _ in range(2):
                assert router.handler(event, lambda_context()) == ALL_DONE
        # The callback is sent again, under the same id.
        assert sent == [Task("bill", {"text": "x" * 400_000})] * 2
        assert sent[0].task_id == sent[1].task_id
        assert runs == expected


def test_a_result_of_any_kind_is_caught() -> None:
    """What no Task could take is caught as it is, since it is that Task's worker's to refuse."""
    router = TaskRouter(failures="report")
    router.task(name="price")(lambda: [1, 2])
    router.task(name="mail")(lambda: None)
    event = sqs_event(Task("price", {}, "bill"), Task("mail", {}, "bill"))
    with sent_tasks() as sent:
        assert router.handler(event, lambda_context()) == ALL_DONE
    assert repr(sent) == "[Task('bill', [1, 2]), Task('bill', {})]"
    assert sent[1:] == [Task("bill")]


def test_a_message_group_goes_on() -> None:
    """On a FIFO topic the callback is in its Task's message group."""
    fifo = {"bill": "arn:aws:sns:eu-west-1:123456789012:bill.fifo"}
    router = TaskRouter(failures="report", listeners=fifo)
    router.task(name="price")(lambda: {"total": 1})
    with sent_tasks() as sent:
        for group in ("shop", None):
            router.handler(
                sqs_event(Task("price", {}, "bill", message_group=group)), lambda_context()
            )
    assert sent == [Task("bill", {"total": 1}, message_group="shop"), Task("bill", {"total": 1})]


def test_a_task_that_fails_stays_in_its_queue() -> None:
    """A failure is told to Lambda as ever, and nothing goes to the callback."""
    router = TaskRouter(failures="report")

    @router.task(retries=3)
    def price() -> None:
        raise ConnectionError

    event = sqs_event(Task("price", {}, "bill"))
    with sent_tasks() as sent:
        assert router.handler(event, lambda_context()) == failed(*event["Records"])
    assert sent == []


def test_stored_data_needs_no_bucket() -> None:
    """What is stored comes back within the block, as an argument and by hand."""
    rows = [*range(1000)]
    with sent_tasks() as sent:
        pointer = StoredData("rows", rows).store()
        assert StoredData.retrieve(pointer).data == rows
        send_task("price", {"rows": StoredData("rows", rows, full_unpack=True)})
    assert sent == [Task("price", {"rows": rows})]


def test_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that is named is named within the block as well; what isn't set isn't afterwards."""
    with sent_tasks():
        assert os.environ["ALGERNON_BUCKET_NAME"]
    assert "ALGERNON_BUCKET_NAME" not in os.environ
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", "own")
    with sent_tasks():
        assert StoredData("rows", []).store().startswith("own#")


def test_a_system_within_the_block_runs_what_is_sent() -> None:
    """The innermost of a block and a system gets what is sent."""
    router = TaskRouter()
    runs: list[int] = []

    @router.task
    def price(n: int) -> None:
        runs.append(n)

    with sent_tasks() as outer, InMemorySystem(router) as system:
        send_task("price", {"n": 1})
        with sent_tasks() as inner:
            send_task("price", {"n": 2})
        system.run()
    assert (outer, runs, inner) == ([], [1], [Task("price", {"n": 2})])


def test_what_a_routed_task_sends_is_caught() -> None:
    """It equals what the same Task requests, with its chain and all that was said of it."""
    router = TaskRouter()

    @router.task
    def price(items: list[int]) -> dict[str, int]:
        return {"total": sum(items)}

    @router.task
    def bill(total: int, currency: str = "USD") -> None: ...

    chain = price.then(bill.using(kwargs={"currency": "EUR"}))
    shop = price.using(message_group="shop")
    with sent_tasks() as sent:
        ids = [price.send(items=[1]), chain.send(items=[2]), shop.send(items=[3])]
    assert sent == [price.request(items=[1]), chain.request(items=[2]), shop.request(items=[3])]
    assert sent[1] == Task("price", {"items": [2]}, "bill", constants={0: {"currency": "EUR"}})
    assert [task.task_id for task in sent] == [each.task_id for each in ids]
