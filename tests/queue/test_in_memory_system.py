"""A system in memory runs Tasks as AWS does, through the same code as in Lambda."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Thread, current_thread
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    Observer,
    PipelineTermination,
    SettingError,
    Task,
    TaskNameError,
    TaskRouter,
    TasksNotSentError,
    UnknownListenerError,
    current_task,
    observers,
    queued,
    send_task,
    send_tasks,
)
from algernon_queue.testing import EndlessSystemError, InMemorySystem, NotEmulatedError
from algernon_storage import S3Ledger, StoredData, aws_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from algernon_queue import MessageFacts

    from ..conftest import LocalAWS
    from .conftest import Listeners

#: What a process has that calls AWS, or a worker.
OF_AWS = ("AWS_", "ALGERNON_", "CACHE_FOLDER_NAME")


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(OF_AWS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def done() -> list[Any]:
    """What the Tasks of a test note."""
    return []


@pytest.fixture
def router(done: list[Any]) -> TaskRouter:
    """A worker with a Task that counts, one that notes and one that sends others."""
    router = TaskRouter()

    @router.task
    def count(items: list[Any]) -> dict[str, Any]:
        return {"number": len(items)}

    @router.task
    def note(**kwargs: Any) -> None:
        done.append(kwargs)

    @router.task
    def send(tasks: list[str]) -> None:
        send_tasks(Task(name, {"of": "send"}) for name in tasks)

    return router


def test_a_chain_runs_to_its_end(router: TaskRouter, done: list[Any]) -> None:
    """What is sent runs, and its result goes to the callback, when the system works."""
    with InMemorySystem(router) as system:
        send_task("count", {"items": [1, 2]}, callback="note")
        assert done == []
        system.run()
        assert done == [{"number": 2}]
        assert system.dead_letters == []


def test_a_chain_ends_early(router: TaskRouter, done: list[Any]) -> None:
    """A Task that ends its chain sends nothing on, and is no dead letter."""

    @router.task
    def stop() -> None:
        raise PipelineTermination

    with InMemorySystem(router) as system:
        send_task("stop", callback="note")
        system.run()
        assert (done, system.dead_letters) == ([], [])


def test_a_result_of_any_size_gets_through(done: list[Any]) -> None:
    """What is larger than a message, or than a part of an upload, goes through S3 as ever."""
    router = TaskRouter()

    @router.task
    def make(length: int) -> dict[str, str]:
        return {"text": "ü" * length}

    @router.task
    def note(text: str) -> None:
        done.append(len(text))

    with InMemorySystem(router) as system:
        for length in (1, 200_000, 5_000_000):
            send_task("make", {"length": length}, callback="note")
        send_task("note", {"text": "." * 300_000})
        system.run()
    assert sorted(done) == [1, 200_000, 300_000, 5_000_000]


def test_tasks_come_in_batches_of_ten_in_turn(done: list[Any]) -> None:
    """Each queue in turn gives out ten messages at most, in the order in which they were sent."""
    router = TaskRouter()

    @router.task(name="one")
    def first(number: int) -> None:
        done.append(("one", number))

    @router.task(name="two")
    def second(number: int) -> None:
        done.append(("two", number))

    with InMemorySystem(router) as system:
        send_tasks(Task(name, {"number": n}) for n in range(12) for name in ("two", "one"))
        system.run()
    expected = [("one", n) for n in range(10)] + [("two", n) for n in range(10)]
    assert done == [*expected, ("one", 10), ("one", 11), ("two", 10), ("two", 11)]


def test_tasks_send_tasks(router: TaskRouter, done: list[Any]) -> None:
    """What a Task sends is done in the same go, and belongs to its chain."""
    chains = []

    @router.task
    def chain() -> None:
        task = current_task()
        assert task is not None
        chains.append(task.chain_id)

    with InMemorySystem(router) as system:
        task_id = send_task("send", {"tasks": ["note", "chain"]})
        system.run()
        assert [letter.task for letter in system.dead_letters] == ["chain"]
        assert system.dead_letters[0].chain_id == task_id
    assert done == [{"of": "send"}]


def test_workers_are_several(done: list[Any]) -> None:
    """A chain leads through several workers, of routers and of handlers of all messages."""
    prices, bills = TaskRouter(), TaskRouter(once=True)

    @prices.task
    def price(items: list[int]) -> dict[str, int]:
        return {"total": sum(items)}

    @bills.task
    def bill(total: int) -> dict[str, Any]:
        return {"text": f"that makes {total}"}

    @queued
    def mail(event: dict[str, Any], context: dict[str, Any]) -> None:
        done.append((event["task_name"], event["task_kwargs"]))

    with InMemorySystem(prices, {"mail": mail, "print": mail}) as system:
        system.add(bills)
        send_task("price", {"items": [3, 4]}, callback="bill#mail")
        send_task("print", {"page": 1})
        system.run()
    assert done == [("print", {"page": 1}), ("mail", {"text": "that makes 7"})]


def test_a_worker_has_an_event_and_a_context_as_of_lambda(done: list[Any]) -> None:
    """A handler gets records as Lambda has them, and a context with its name and time."""

    def handler(event: Any, context: Any) -> None:
        done.append((event, context))

    with InMemorySystem({"price": handler}, timeout=7) as system:
        send_task("price", {"n": 1})
        system.run()
    ((event, context),) = done
    (record,) = event["Records"]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == f"arn:aws:sqs:{record['awsRegion']}:123456789012:price"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SentTimestamp"].isdecimal()
    assert (record["messageAttributes"], '"Type" : "Notification"' in record["body"]) == ({}, True)
    assert context.invoked_function_arn.endswith(f":function:{context.function_name}")
    assert 0 <= context.get_remaining_time_in_millis() <= 7000


@pytest.mark.parametrize(
    ("answer", "runs"),
    [
        (lambda ids: None, 2),
        (lambda ids: {}, 2),
        (lambda ids: {"batchItemFailures": []}, 2),
        (lambda ids: {"batchItemFailures": [{"itemIdentifier": ids[0]}]}, 8),
        (lambda ids: {"batchItemFailures": [{"itemIdentifier": "another"}]}, 14),
        (lambda ids: {"batchItemFailures": [{"itemIdentifier": None}]}, 14),
        (lambda ids: {"batchItemFailures": [{"itemIdentifier": ids}]}, 14),
        (lambda ids: {"batchItemFailures": [{}]}, 14),
        (lambda ids: {"batchItemFailures": ["?"]}, 14),
        (lambda ids: {"batchItemFailures": 7}, 14),
    ],
)
def test_an_answer_counts_as_it_does_for_lambda(
    done: list[Any], answer: Callable[[list[str]], Any], runs: int
) -> None:
    """What a handler names stays in the queue, and all of a batch if its answer means nothing."""

    def handler(event: Any, context: Any) -> Any:
        ids = [record["messageId"] for record in event["Records"]]
        done.extend(ids)
        return answer(ids)

    with InMemorySystem({"price": handler}) as system:
        send_tasks([Task("price"), Task("price")])
        system.run()
    assert len(done) == runs


def test_the_same_code_gives_the_same_order(done: list[Any]) -> None:
    """Deliveries, with the times after which what fails comes back, are the same each time."""
    router = TaskRouter()

    @router.task(retries=4, backoff=7)
    def fail(number: int) -> None:
        task = current_task()
        assert task is not None
        done.append((number, task.receive_count))
        raise ValueError

    def run() -> list[Any]:
        done.clear()
        with InMemorySystem(router) as system:
            send_tasks(Task("fail", {"number": n}) for n in range(30))
            system.run()
        return [*done]

    first = run()
    assert len(first) == 150
    assert first != sorted(first, key=lambda each: (each[1], each[0]))  # as chance has it
    assert run() == first


def test_coroutines_run_at_a_time(done: list[Any]) -> None:
    """Async Tasks of one batch wait for one another."""
    router = TaskRouter()
    barrier: list[asyncio.Barrier] = []

    @router.task
    async def meet(number: int) -> dict[str, Any]:
        if not barrier:
            barrier.append(asyncio.Barrier(10))
        await barrier[0].wait()
        return {"number": number}

    @router.task
    async def note(number: int) -> None:
        await asyncio.to_thread(done.append, number)

    with InMemorySystem(router) as system:
        send_tasks(Task("meet", {"number": n}, callback="note") for n in range(10))
        system.run()
    assert sorted(done) == [*range(10)]


def test_nothing_is_done_in_parallel_within_it(router: TaskRouter, listeners: Listeners) -> None:
    """Messages are written one after the other there, and at once before and after it."""
    arns = listeners.add("note")
    threads: list[set[str]] = []

    class Watching(Observer):
        def sending(self, message: MessageFacts) -> dict[str, str]:
            threads[-1].add(current_thread().name)
            return {}

    def send(**known: Any) -> None:
        threads.append(set())
        send_tasks([Task("note", {"n": n}) for n in range(5)], **known)

    observers.append(Watching())
    send(listeners=arns)
    with InMemorySystem(router):
        send()
    send(listeners=arns)
    before, within, after = threads
    assert within == {current_thread().name}
    assert not within & (before | after)


def test_every_thread_sends_to_it(router: TaskRouter, done: list[Any]) -> None:
    """What threads of a test send, and of Tasks, that know neither, goes to the system."""

    @router.task
    def fan_out() -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda n: send_task("note", {"n": n}), range(20)))

    with InMemorySystem(router) as system:
        thread = Thread(target=send_task, args=("fan_out",))
        thread.start()
        thread.join()
        system.run()
    assert sorted(each["n"] for each in done) == [*range(20)]


def test_a_task_that_is_done_is_not_run_again(done: list[Any]) -> None:
    """With a ledger a Task runs once an id, and each message of it sends its first result on."""
    router = TaskRouter(once=True)

    @router.task
    def charge(amount: int) -> dict[str, Any]:
        done.append(("charge", amount))
        return {"amount": amount}

    @router.task
    def mail(amount: int) -> None:
        done.append(("mail", amount))

    task_id = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
    with InMemorySystem(router) as system:
        for _ in range(3):
            send_task("charge", {"amount": 9}, callback="mail", task_id=task_id)
        system.run()
        send_task("charge", {"amount": 9}, callback="mail", task_id=task_id)
        system.run()
        assert system.dead_letters == []
    assert done == [("charge", 9), ("mail", 9)]


def test_a_system_knows_nothing_of_another(done: list[Any]) -> None:
    """What was done, stored and sent in one system is unknown in the next one of a router."""
    router = TaskRouter(once=True)

    @router.task
    def charge() -> None:
        done.append("charge")

    task_id = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
    for _ in range(2):
        with InMemorySystem(router) as system:
            send_task("charge", task_id=task_id)
            send_task("charge", task_id=task_id)
            system.run()
            send_task("charge")
    assert done == ["charge", "charge"]


def test_a_ledger_of_its_own_has_a_bucket_that_is_made(done: list[Any]) -> None:
    """Where a worker keeps its ledger in another bucket, the test makes that first, as on AWS."""
    router = TaskRouter(once=S3Ledger(bucket="ledgers", folder="of-prices"))

    @router.task
    def price() -> None:
        done.append("price")

    with InMemorySystem(router) as system:
        send_task("price")
        system.run()
        (letter,) = system.dead_letters
        assert (letter.error, "'ledgers'" in str(letter.reason)) == ("MissingBucketError", True)
        aws_client("s3").create_bucket(Bucket="ledgers")
        assert system.redrive() == 1
        system.run()
        assert (done, system.dead_letters) == (["price"], [])


def test_systems_lie_within_one_another(router: TaskRouter, done: list[Any]) -> None:
    """What is sent goes to the innermost system, and to the one around it again afterwards."""
    with InMemorySystem(router) as outer:
        send_task("note", {"to": "outer"})
        with InMemorySystem(router) as inner:
            send_task("note", {"to": "inner"})
            inner.run()
            assert done == [{"to": "inner"}]
        send_task("note", {"to": "outer again"})
        outer.run()
    assert done == [{"to": "inner"}, {"to": "outer"}, {"to": "outer again"}]


def test_a_system_goes_on_where_it_was(router: TaskRouter, done: list[Any]) -> None:
    """A system whose block was left has what was sent to it when it is entered again."""
    system = InMemorySystem(router)
    with system:
        send_task("note")
    with system:
        system.run()
        assert done == [{}]
        with pytest.raises(SettingError, match="runs already"), system:
            pass
        send_task("note")
        system.run()
    assert done == [{}, {}]


def test_the_environment_is_that_of_a_worker(
    router: TaskRouter, monkeypatch: pytest.MonkeyPatch, done: list[Any]
) -> None:
    """Settings that lead elsewhere don't hold within the block, and do again after it."""
    for name, value in (
        ("ALGERNON_BUCKET_NAME", "production"),
        ("ALGERNON_FAILURES", "batch"),
        ("ALGERNON_TOPIC_PREFIX", "production-"),
        ("ALGERNON_TOPIC_PARAMETER_PREFIX", "/production/"),
        ("CACHE_FOLDER_NAME", "elsewhere"),
        ("ALGERNON_INLINE_BYTES", "1000"),
    ):
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with InMemorySystem(router) as system:
        assert os.environ["ALGERNON_BUCKET_NAME"] != "production"
        assert os.environ["ALGERNON_INLINE_BYTES"] == "1000"
        os.environ["CACHE_FOLDER_NAME"] = "within"
        send_task("count", {"items": []}, callback="note")
        system.run()
    assert done == [{"number": 0}]
    assert dict(os.environ) == before


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_nothing_behind(
    router: TaskRouter, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """What leaves the block as an error leaves environment and clients as they were."""
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", "production")
    before = dict(os.environ)
    with pytest.raises(error), InMemorySystem(router):
        raise error
    assert dict(os.environ) == before
    with pytest.raises(Exception, match="region"):
        aws_client("sqs")


def test_a_router_that_knows_topics_by_name_is_led_to_them(done: list[Any]) -> None:
    """Where a worker's option names the topic of a Task of the system, it is this Task's here."""
    arn = "arn:aws:sns:eu-west-1:999999999999:shop-bill"
    elsewhere = "arn:aws:sns:eu-west-1:999999999999:audit"
    router = TaskRouter(listeners={"bill": arn, "audit": elsewhere})

    @router.task
    def price() -> dict[str, Any]:
        return {}

    @router.task
    def bill() -> None:
        done.append("bill")

    with InMemorySystem(router) as system:
        send_task("price", callback="bill")
        send_task("bill")
        send_task("price", callback="audit")
        system.run()
        assert [letter.error for letter in system.dead_letters] == ["UnknownListenerError"]
    assert done == ["bill", "bill"]


def test_a_task_that_nobody_has_is_named(router: TaskRouter) -> None:
    """To send a Task that no worker has raises, and a Task that does so is a dead letter."""
    with InMemorySystem(router) as system:
        with pytest.raises(UnknownListenerError, match="'prcie'"):
            send_task("prcie")
        with pytest.raises(TasksNotSentError, match="'prcie'"):
            send_tasks([Task("prcie"), Task("note")])
        send_task("send", {"tasks": ["prcie"]})
        send_task("count", {"items": []}, callback="prcie")
        system.run()
        letters = [(letter.task, letter.error) for letter in system.dead_letters]
        assert letters == [("count", "UnknownListenerError"), ("send", "TasksNotSentError")]
        said = "no worker of this system has a Task 'prcie'; its Tasks are"
        assert all(said in (letter.reason or "") for letter in system.dead_letters)


@pytest.mark.parametrize("fifo", [(), ("note",)])
def test_a_task_that_nobody_has_is_told_with_those_that_are_there(fifo: tuple[str, ...]) -> None:
    """The error says which Tasks there are and what to do, unless the Task has another topic."""
    worker = TaskRouter()
    worker.task(name="note")(print)
    with InMemorySystem() as system:
        with pytest.raises(UnknownListenerError, match="its Tasks are none"):
            send_task("prcie")
        system.add(worker, fifo=fifo)
        with pytest.raises(UnknownListenerError) as caught:
            send_task("prcie")
        assert str(caught.value).startswith(
            "no worker of this system has a Task 'prcie'; its Tasks are 'note': check the name"
        )
        assert str(caught.value).endswith("by add(router)")
        elsewhere = {"note": "arn:aws:sns:eu-west-1:999999999999:note.fifo"}
        with pytest.raises(UnknownListenerError, match=r"would be the topic arn:.*:note\.fifo"):
            send_task("note", listeners=elsewhere)


def test_a_task_is_no_handler() -> None:
    """What a router returned for a function is refused where the handler of its queue should be."""
    pay: Any = TaskRouter().task(name="pay")(print)
    with pytest.raises(
        SettingError, match=r"<Task pay: .*> is no handler.* InMemorySystem\(router"
    ):
        InMemorySystem({"pay": pay})


def test_tasks_that_send_each_other_come_to_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After so many hops a Task is a dead letter, so that the system has nothing left to do."""
    monkeypatch.setenv("ALGERNON_MAX_HOPS", "50")
    router = TaskRouter()

    @router.task
    def ping() -> None:
        send_task("pong")

    @router.task
    def pong() -> dict[str, Any]:
        send_task("ping")
        return {}

    with InMemorySystem(router) as system:
        send_task("ping")
        system.run()
        assert [letter.error for letter in system.dead_letters] == ["TooManyHopsError"]


def test_a_system_that_never_ends_is_told(
    router: TaskRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where threads that know of no Task send without end, the system gives up."""
    import algernon_queue.testing.in_memory_system as module

    monkeypatch.setattr(module, "_MOST_DELIVERIES", 200)

    @router.task
    def again() -> None:
        thread = Thread(target=send_task, args=("again",))
        thread.start()
        thread.join()

    with InMemorySystem(router) as system:
        send_task("again")
        with pytest.raises(EndlessSystemError, match="again: 1"):
            system.run()


def test_a_task_cannot_have_the_system_work() -> None:
    """A system that works isn't told to work from within."""
    router = TaskRouter()
    system = InMemorySystem(router)

    @router.task
    def work() -> None:
        system.run()

    system.add({"work": router.handler})
    with system:
        send_task("work")
        system.run()
        (letter,) = system.dead_letters
        assert letter.error == "SettingError"


def test_a_system_works_only_within_its_block(router: TaskRouter) -> None:
    """Where it isn't entered, or is left, there is no system to work."""
    system = InMemorySystem(router)
    with pytest.raises(SettingError, match="isn't running"):
        system.run()
    with system:
        system.run()
    with pytest.raises(SettingError, match="isn't running"):
        system.run()


def test_two_workers_cannot_have_one_task(router: TaskRouter) -> None:
    """A Task has one queue and that one worker, whenever the second one comes."""
    other = TaskRouter()
    other.task(name="count")(print)
    with pytest.raises(TaskNameError, match="'count'"):
        InMemorySystem(router, other)
    with InMemorySystem(router) as system:
        with pytest.raises(TaskNameError, match="'count'"):
            system.add(other)
        system.run()


@pytest.mark.parametrize("worker", [print, "price", {"price": "handler"}, None])
def test_what_is_no_worker_is_refused(worker: Any) -> None:
    """A worker is a router, or handlers by Tasks."""
    with pytest.raises(SettingError, match="is no worker"):
        InMemorySystem(worker)


@pytest.mark.parametrize("timeout", [0, -1, 901, "30", None, float("nan")])
def test_what_is_no_timeout_is_refused(timeout: Any) -> None:
    """A function's timeout is one that Lambda has."""
    with pytest.raises(SettingError, match="timeout"):
        InMemorySystem(timeout=timeout)


def test_a_name_that_is_none_is_refused() -> None:
    """A Task by whose name there can be no topic is refused, as it is by a router."""
    with pytest.raises(TaskNameError, match="no topic"):
        InMemorySystem({"no topic": print})


@pytest.mark.parametrize("seconds", [-1, "1", None, float("inf"), float("nan")])
def test_time_only_goes_on(seconds: Any) -> None:
    """The clock goes on by a number of seconds."""
    with pytest.raises(SettingError, match="number of seconds"):
        InMemorySystem().advance(seconds)


def test_what_is_not_there_says_so(router: TaskRouter) -> None:
    """An operation, a parameter or a service that Algernon doesn't call is named, not ignored."""
    with InMemorySystem(router):
        with pytest.raises(NotEmulatedError, match="list_objects_v2 was asked of s3"):
            aws_client("s3").list_objects_v2(Bucket="b")
        with pytest.raises(TypeError, match="ACL"):
            aws_client("s3").put_object(Bucket="b", Key="k", Body=b"", ACL="private")
        with pytest.raises(NotEmulatedError, match="Step Functions"):
            aws_client("stepfunctions")


def test_services_of_ones_own_are_as_ever(aws: LocalAWS, router: TaskRouter) -> None:
    """What a Task asks of a service that Algernon never calls goes where it always does."""
    with InMemorySystem(router):
        assert aws_client("dynamodb").list_tables()["TableNames"] == []


def test_stored_data_is_there_for_the_test(done: list[Any]) -> None:
    """What Tasks store, a test reads, and the other way round."""
    router = TaskRouter()

    @router.task
    def load(pointer: str) -> None:
        done.append(StoredData.retrieve(pointer).data)
        done.append(StoredData("rows", [3]).store())

    with InMemorySystem(router) as system:
        send_task("load", {"pointer": StoredData("rows", [1, 2]).store()})
        system.run()
        assert done[0] == [1, 2]
        assert StoredData.retrieve(done[1]).data == [3]


@pytest.mark.starts
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on Windows")
def test_a_process_of_a_tasks_own_is_told(done: list[Any]) -> None:
    """What a forked process sends would be lost, so it can't send."""
    router = TaskRouter()

    @router.task
    def fork() -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                send_task("fork")
            except Exception as error:  # noqa: BLE001 - the child says what it was
                os.write(writing, type(error).__name__.encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        with os.fdopen(reading) as read:
            done.append(read.read())

    with InMemorySystem(router) as system:
        send_task("fork")
        system.run()
    assert done[:1] == ["PublishError"]


@pytest.mark.starts
def test_boto3_is_not_imported() -> None:
    """A system starts without what takes long to import, and the package without the system."""
    program = """
import sys
import algernon_queue
assert "algernon_queue.testing" not in sys.modules
from algernon_queue import TaskRouter, send_task
from algernon_queue.testing import InMemorySystem
assert "botocore" not in sys.modules
router = TaskRouter(once=True)
router.task(name="work")(lambda: {"n": 1})
router.task(name="note")(print)
with InMemorySystem(router) as system:
    send_task("work")
    system.run()
    assert not system.dead_letters
print("boto3" in sys.modules)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"
