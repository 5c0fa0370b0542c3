"""In a system in memory what fails comes back in its time, or is a dead letter with a reason."""

from __future__ import annotations

import logging
import os
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import PermanentError, Task, TaskRouter, current_task, send_task, send_tasks
from algernon_queue.testing import DeadLetter, InMemorySystem
from algernon_storage import aws_client

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def done() -> list[Any]:
    """What the Tasks of a test note."""
    return []


def now() -> float:
    """Return the time by the clock of the system that runs."""
    answer = aws_client("sts").get_caller_identity()
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()


def receives() -> int:
    """Return how often the message of the running Task was received."""
    task = current_task()
    assert task is not None
    return task.receive_count


def test_backoffs_take_no_time(done: list[Any]) -> None:
    """What is tried again after an hour, and two, is so at once, and the clock has gone on."""
    router = TaskRouter()

    @router.task(retries=3, backoff=3600)
    def charge() -> None:
        done.append(now())
        if len(done) < 4:
            raise ConnectionError

    with InMemorySystem(router) as system:
        send_task("charge")
        system.run()
        assert system.dead_letters == []
    waits = [round(later - earlier) for earlier, later in pairwise(done)]
    for wait, longest in zip(waits, (3600, 7200, 14400), strict=True):
        assert longest / 2 <= wait <= longest


def test_what_comes_back_sooner_is_done_sooner(done: list[Any]) -> None:
    """Retries of different Tasks are done in the order of their times, whichever was sent first."""
    router = TaskRouter()

    def failing_once(name: str, backoff: float) -> None:
        def fail() -> None:
            done.append(name)
            if receives() == 1:
                raise ConnectionError

        router.task(name=name, retries=1, backoff=backoff)(fail)

    failing_once("slow", 500)
    failing_once("quick", 2)
    with InMemorySystem(router) as system:
        send_tasks([Task("slow"), Task("quick")])
        system.run()
    assert done == ["slow", "quick", "quick", "slow"]


def test_a_task_that_says_nothing_is_tried_five_times(done: list[Any]) -> None:
    """Without retries of its own a Task is tried as often as the template's queues have it."""
    router = TaskRouter()

    @router.task
    def fail() -> None:
        done.append(now())
        raise ConnectionError

    with InMemorySystem(router, timeout=10) as system:
        send_task("fail")
        system.run()
        (letter,) = system.dead_letters
        assert (letter.error, letter.receive_count) == ("ConnectionError", 5)
    assert [round(time - done[0]) for time in done] == [0, 60, 120, 180, 240]


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 2), (9, 10)])
def test_a_task_is_tried_as_often_as_it_says(done: list[Any], retries: int, tries: int) -> None:
    """The tries are those of the Task, fewer or more than the template's."""
    router = TaskRouter()

    @router.task(retries=retries)
    def fail() -> None:
        done.append(receives())
        raise ConnectionError

    with InMemorySystem(router) as system:
        send_task("fail")
        system.run()
        assert [letter.receive_count for letter in system.dead_letters] == [tries]
    assert done == [*range(1, tries + 1)]


def test_a_dead_letter_says_why(done: list[Any]) -> None:
    """It has its Task, the error, what that says, how often it was received, and its ids."""
    router = TaskRouter()

    @router.task
    def start() -> dict[str, str]:
        return {"card": "ü"}

    @router.task(retries=2)
    def charge(card: str) -> None:
        raise ConnectionError(f"no bank for {card}")

    @router.task
    def refuse() -> None:
        raise PermanentError("the card is stolen")

    with InMemorySystem(router) as system:
        chain_id = send_task("start", callback="charge")
        refused = send_task("refuse")
        system.run()
        charged, refusal = system.dead_letters
        assert charged == DeadLetter(
            task="charge",
            error="ConnectionError",
            reason="no bank for ü",
            receive_count=3,
            task_id=charged.task_id,
            chain_id=chain_id,
        )
        assert charged.task_id not in (chain_id, None)
        assert refusal == DeadLetter(
            task="refuse",
            error="PermanentError",
            reason="the card is stolen",
            receive_count=1,
            task_id=refused,
            chain_id=refused,
        )


def test_a_letter_with_many_attributes_says_why_too(done: list[Any]) -> None:
    """Where the sender's attributes leave no room for each reason, one has them all."""
    router = TaskRouter()

    @router.task(retries=0)
    def fail() -> None:
        raise ConnectionError("no bank")

    # Straight to the queue, beside which SNS's envelope has room of its own.
    with InMemorySystem(router) as system:
        sqs = aws_client("sqs")
        url = sqs.get_queue_url(QueueName="fail")["QueueUrl"]
        attributes: dict[str, dict[str, Any]] = {
            f"n{n}": {"DataType": "Number", "StringValue": str(n)} for n in range(8)
        }
        attributes["picture"] = {"DataType": "Binary", "BinaryValue": b"\0\1"}
        body = '{"task_name": "fail"}'
        entry = {"Id": "0", "MessageBody": body, "MessageAttributes": attributes}
        assert len(sqs.send_message_batch(QueueUrl=url, Entries=[entry])["Successful"]) == 1
        system.run()
        (letter,) = system.dead_letters
        assert (letter.error, letter.reason, letter.receive_count) == (
            "ConnectionError",
            "no bank",
            1,
        )


def test_a_message_that_cannot_be_read_is_a_dead_letter_of_its_queue() -> None:
    """A letter without a Task that can be told has the name of the one whose queue it was in."""
    router = TaskRouter()
    router.task(name="price")(print)
    with InMemorySystem(router) as system:
        sqs = aws_client("sqs")
        url = sqs.get_queue_url(QueueName="price")["QueueUrl"]
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "0", "MessageBody": "no JSON"}])
        system.run()
        (letter,) = system.dead_letters
        assert (letter.task, letter.error, letter.task_id, letter.chain_id) == (
            "price",
            "MalformedMessageError",
            None,
            None,
        )


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("once", [False, True])
def test_a_worker_that_dies_leaves_its_batch(
    done: list[Any], error: type[BaseException], once: bool
) -> None:
    """What ends a process comes out of the run, and its messages come again until they are lost."""
    router = TaskRouter(once=once)

    @router.task(retries=2)
    def die() -> None:
        done.append(receives())
        raise error

    with InMemorySystem(router) as system:
        send_task("die")
        for _ in range(5):
            with pytest.raises(error):
                system.run()
        assert system.dead_letters == []
        system.run()
        (letter,) = system.dead_letters
        assert (letter.task, letter.error, letter.receive_count) == ("die", "WorkerLostError", 6)
        assert done == [1, 2, 3, 4, 5]


def test_a_worker_that_died_once_is_done_by_the_next(done: list[Any]) -> None:
    """A claim of a worker that died lapses before its message comes again, by the same clock."""
    router = TaskRouter(once=True)

    @router.task
    def charge() -> None:
        done.append(receives())
        if receives() == 1:
            raise KeyboardInterrupt

    with InMemorySystem(router) as system:
        send_task("charge")
        with pytest.raises(KeyboardInterrupt):
            system.run()
        system.run()
        assert (done, system.dead_letters) == ([1, 2], [])


def test_redrive_moves_dead_letters_back(done: list[Any]) -> None:
    """All are moved back, as new messages, under their Tasks' ids, and may succeed by then."""
    router = TaskRouter()
    is_open: list[bool] = []

    @router.task(retries=1)
    def charge(number: int) -> dict[str, Any]:
        task = current_task()
        assert task is not None
        done.append((number, task.task_id, task.receive_count))
        if not is_open:
            raise ConnectionError
        return {"number": number}

    @router.task
    def mail(number: int) -> None:
        done.append(number)

    with InMemorySystem(router) as system:
        assert system.redrive() == 0
        ids = send_tasks(Task("charge", {"number": n}, callback="mail") for n in range(3))
        system.run()
        assert done == [(n, ids[n], count) for count in (1, 2) for n in range(3)]
        assert [letter.task_id for letter in system.dead_letters] == ids
        is_open.append(True)
        done.clear()
        assert system.redrive() == 3
        assert system.dead_letters == []
        assert done == []
        system.run()
        assert done == [*((n, ids[n], 1) for n in range(3)), 0, 1, 2]
        assert system.dead_letters == []


def test_a_letter_that_fails_again_says_why_it_did(done: list[Any]) -> None:
    """A message that was moved back and fails otherwise has the reasons of the last time alone."""
    router = TaskRouter()
    errors = [ConnectionError("no bank"), LookupError("no account")]

    @router.task(retries=0)
    def charge() -> None:
        raise errors.pop(0)

    with InMemorySystem(router) as system:
        send_task("charge")
        system.run()
        system.redrive()
        system.run()
        assert [letter.error for letter in system.dead_letters] == ["LookupError"]


def test_a_batch_that_stays_whole_comes_back_whole(
    done: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Under "batch" one failure keeps all of it, SQS itself moves it, and nobody says why."""
    router = TaskRouter(failures="batch")

    @router.task
    def note(number: int) -> dict[str, Any]:
        done.append(number)
        if number == 1:
            raise ConnectionError
        return {"number": 7}

    with InMemorySystem(router) as system, caplog.at_level(logging.CRITICAL):
        ids = send_tasks(Task("note", {"number": n}, callback="note") for n in (0, 1))
        system.run()
        assert done == [0, 1] * 7
        assert system.dead_letters == [
            DeadLetter(
                task="note",
                error=None,
                reason=None,
                receive_count=7,
                task_id=task_id,
                chain_id=task_id,
            )
            for task_id in ids
        ]
        assert system.redrive() == 2


def test_a_handler_that_raises_is_told_of(
    done: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An error that comes out of a handler is in the log, and its batch comes again."""

    def handler(event: Any, context: Any) -> None:
        done.append(now())
        if len(done) == 1:
            raise ZeroDivisionError

    with InMemorySystem({"price": handler}) as system:
        send_task("price")
        system.run()
        assert system.dead_letters == []
    assert round(done[1] - done[0]) == 180
    (line,) = caplog.records
    assert line.exc_info is not None
    assert line.exc_info[0] is ZeroDivisionError


def test_a_setting_that_means_nothing_is_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that can't work for its settings says so each time, as in Lambda."""
    router = TaskRouter()
    router.task(name="price")(print)
    with InMemorySystem(router) as system:
        monkeypatch.setitem(os.environ, "ALGERNON_EXTRA_RECEIVES", "two")
        send_task("price")
        system.run()
        assert [letter.error for letter in system.dead_letters] == [None]
    assert "ALGERNON_EXTRA_RECEIVES is 'two'" in caplog.text


def test_time_that_passes_ends_what_lasts(done: list[Any]) -> None:
    """What is hidden when time passes is due by then, and a run needn't jump to it."""
    router = TaskRouter()

    @router.task(retries=1, backoff=100)
    def fail() -> None:
        done.append(now())
        if len(done) == 1:
            raise KeyboardInterrupt

    with InMemorySystem(router) as system:
        send_task("fail")
        with pytest.raises(KeyboardInterrupt):
            system.run()
        system.advance(86_400)
        system.run()
    assert round(done[1] - done[0]) == 86_400


def test_a_deadline_hands_back_what_there_is_no_time_for(done: list[Any]) -> None:
    """What a function has no time for comes in its next batch, and counts as no failure."""
    from time import sleep

    router = TaskRouter(deadline_margin=0.0)

    @router.task(retries=0)
    def work(number: int) -> None:
        done.append(number)
        sleep(0.4)

    with InMemorySystem(router, timeout=1) as system:
        send_tasks(Task("work", {"number": n}) for n in range(4))
        system.run()
        assert system.dead_letters == []
    assert sorted(done) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["retries", "message"])
def test_systems_leave_chance_alone(kind: str) -> None:
    """The random numbers of the program are the same with a system as without."""
    import random

    router = TaskRouter()

    @router.task(retries=2)
    def fail() -> None:
        raise ConnectionError

    def draw(between: Callable[[], None]) -> float:
        random.seed(7)
        between()
        return random.random()

    def use() -> None:
        with InMemorySystem(router) as system:
            if kind == "retries":
                send_task("fail")
            system.run()

    assert draw(use) == draw(lambda: None)
