"""In a system in memory FIFO Tasks keep the order of their message groups."""

from __future__ import annotations

import os
from typing import Any

import pytest
from algernon_queue import (
    SettingError,
    Task,
    TaskRouter,
    UnknownListenerError,
    current_task,
    send_task,
    send_tasks,
)
from algernon_queue.testing import InMemorySystem


@pytest.fixture
def done() -> list[Any]:
    """What the Tasks of a test note."""
    return []


def test_a_group_waits_for_its_first(done: list[Any]) -> None:
    """What is behind a message that comes back later waits, and other groups don't."""
    router = TaskRouter()

    @router.task(retries=3, backoff=60)
    def book(account: str, number: int) -> None:
        done.append(f"{account}{number}")
        if done.count("a0") in (1, 2) and (account, number) == ("a", 0):
            raise ConnectionError

    with InMemorySystem(router, fifo=("book",)) as system:
        send_tasks(
            Task("book", {"account": account, "number": n}, message_group=account)
            for n in range(2)
            for account in ("a", "b")
        )
        system.run()
        assert system.dead_letters == []
    assert done == ["a0", "b0", "b1", "a0", "a0", "a1"]


def test_a_group_goes_on_when_its_first_is_given_up(done: list[Any]) -> None:
    """A message that is a dead letter holds nobody up, and comes back behind the others."""
    router = TaskRouter()

    @router.task(retries=1)
    def book(number: int) -> None:
        task = current_task()
        assert task is not None
        assert task.message_group == "a"
        done.append(number)
        if done.count(0) < 3 and number == 0:
            raise ConnectionError

    with InMemorySystem(router, fifo=["book"]) as system:
        send_tasks(Task("book", {"number": n}, message_group="a") for n in range(3))
        system.run()
        assert done == [0, 0, 1, 2]
        assert [letter.error for letter in system.dead_letters] == ["ConnectionError"]
        assert system.redrive() == 1
        system.run()
        assert (done, system.dead_letters) == ([0, 0, 1, 2, 0], [])


def test_a_duplicate_is_dropped_for_five_minutes(done: list[Any]) -> None:
    """A Task that is sent again under its id is sent once, unless it is after five minutes."""
    router = TaskRouter()
    router.task(name="book")(lambda **kwargs: done.append(kwargs))
    task_id = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
    with InMemorySystem(router, fifo=("book",)) as system:
        for number in range(2):
            send_task("book", {"number": number}, task_id=task_id)
        system.run()
        system.advance(299)
        send_task("book", {"number": 2}, task_id=task_id)
        system.run()
        assert done == [{"number": 0}]
        system.advance(1)
        send_task("book", {"number": 3}, task_id=task_id)
        system.run()
        assert done == [{"number": 0}, {"number": 3}]


def test_a_chain_keeps_its_group(done: list[Any]) -> None:
    """From one FIFO Task to the next the message group stays, and to others there is none."""
    router = TaskRouter()

    def task(name: str) -> None:
        def note() -> dict[str, Any]:
            running = current_task()
            assert running is not None
            done.append((name, running.message_group, running.queue_arn))
            return {}

        router.task(name=name)(note)

    for name in ("book", "check", "mail"):
        task(name)
    with InMemorySystem(router, fifo=("book", "check")) as system:
        send_task("book", callback="check#mail", message_group="a")
        system.run()
    assert [(name, group) for name, group, _ in done] == [
        ("book", "a"),
        ("check", "a"),
        ("mail", None),
    ]
    assert [arn.rpartition(":")[2] for _, _, arn in done] == ["book.fifo", "check.fifo", "mail"]


def test_a_fifo_task_may_be_added_later(done: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that come within the block are found as those from the beginning."""
    router = TaskRouter()
    router.task(name="book")(lambda: done.append("book"))
    with InMemorySystem({"mail": lambda event, context: done.append("mail")}) as system:
        send_task("mail")
        monkeypatch.setitem(os.environ, "CACHE_FOLDER_NAME", "of-this-test")
        system.add(router, fifo=("book",))
        assert os.environ["CACHE_FOLDER_NAME"] == "of-this-test"
        send_task("book")
        send_task("mail")
        system.run()
    assert sorted(done) == ["book", "mail"]
    assert "ALGERNON_TOPIC_PARAMETER_PREFIX" not in os.environ


def test_a_task_without_a_fifo_topic_has_no_groups() -> None:
    """To send in a message group to a Task that isn't FIFO raises, as on AWS."""
    router = TaskRouter()
    router.task(name="mail")(print)
    with InMemorySystem(router), pytest.raises(SettingError, match="no FIFO topic"):
        send_task("mail", message_group="a")


@pytest.mark.parametrize("name", ["boook", ""])
def test_a_fifo_task_that_nobody_has_is_refused(name: str) -> None:
    """What is to be FIFO is a Task of one of the workers."""
    router = TaskRouter()
    router.task(name="book")(print)
    with pytest.raises(SettingError, match="which no worker has"):
        InMemorySystem(router, fifo=("book", name))


@pytest.mark.parametrize(("topic", "fifo"), [("book.fifo", ()), ("book", ("book",))])
def test_what_a_worker_says_of_topics_fits(topic: str, fifo: tuple[str, ...]) -> None:
    """Where a worker names a topic of one kind for a Task of the other, there is no such system."""
    router = TaskRouter(listeners={"book": f"arn:aws:sns:eu-west-1:999999999999:{topic}"})
    router.task(name="book")(print)
    with pytest.raises(SettingError, match=r"ends with \.fifo"):
        InMemorySystem(router, fifo=fifo)
    with InMemorySystem() as system:
        with pytest.raises(SettingError, match=r"ends with \.fifo"):
            system.add(router, fifo=fifo)
        with pytest.raises(UnknownListenerError):
            send_task("book")


def test_a_batch_that_raises_keeps_its_groups_order(done: list[Any]) -> None:
    """Where a handler fails with a batch, no message of its groups overtakes another."""

    def handler(event: Any, context: Any) -> None:
        done.append(len(event["Records"]))
        if len(done) == 1:
            raise ZeroDivisionError

    with InMemorySystem({"book": handler}, fifo=("book",)) as system:
        send_tasks(Task("book", message_group="a") for _ in range(12))
        system.run()
    assert done == [10, 10, 2]
