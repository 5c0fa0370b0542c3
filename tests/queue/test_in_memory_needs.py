"""What Tasks ask of their functions, in a system in memory."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from algernon_queue import (
    SettingError,
    Task,
    TaskContext,
    TaskRouter,
    current_task,
    send_task,
    send_tasks,
)
from algernon_queue.testing import InMemorySystem
from algernon_storage import aws_client


@pytest.fixture
def batches() -> list[Any]:
    """Return a list for the batches that workers get."""
    return []


def router_of(batches: list[Any], **options: Any) -> TaskRouter:
    """Return a router whose Task work notes its number under the id of its invocation."""
    router = TaskRouter()
    seen: dict[str, list[int]] = {}

    @router.task(**options)
    def work(context: TaskContext, number: int) -> None:
        request_id = context["aws"].aws_request_id
        if request_id not in seen:
            batches.append(seen.setdefault(request_id, []))
        seen[request_id].append(number)

    return router


def now() -> float:
    """Return what AWS in the system takes for the time, in seconds since 1970."""
    answer = aws_client("sts").get_caller_identity()
    date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return parsedate_to_datetime(date).timestamp()


def send(numbers: Iterable[int], name: str = "work") -> None:
    """Send a Task for each number."""
    send_tasks([Task(name, {"number": number}) for number in numbers])


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, [10, 10, 5]),
        ({"batch_size": 1}, [1] * 25),
        ({"batch_size": 4}, [4, 4, 4, 4, 4, 4, 1]),
        ({"batch_size": 20, "batch_window": 1}, [20, 5]),
        ({"batch_size": 10_000, "batch_window": 300}, [25]),
    ],
)
def test_a_batch_has_as_many_messages_as_its_task_asks_for(
    batches: list[Any], options: Any, sizes: list[int]
) -> None:
    """A queue is given out in batches of its Task's batch_size, of ten where it doesn't say."""
    with InMemorySystem(router_of(batches, **options)) as system:
        send(range(25))
        system.run()
    assert [len(batch) for batch in batches] == sizes
    assert [number for batch in batches for number in batch] == list(range(25))


def test_a_batch_is_waited_for_as_long_as_its_window() -> None:
    """What comes within a batch's window goes with it, and the clock goes on by the window."""
    router = TaskRouter()
    batches: list[Any] = []

    @router.task(batch_window=20)
    def gather(context: TaskContext, number: int) -> None:
        batches.append((context["aws"].aws_request_id, number, current_task().receive_count))

    @router.task(backoff=0, retries=3)
    def pass_on(number: int) -> dict[str, int]:
        return {"number": number}

    with InMemorySystem(router) as system:
        began = now()
        send([1], "gather")
        send_tasks([Task("pass_on", {"number": number}, "gather") for number in (2, 3)])
        system.run()
        assert now() == began + 20
        send([4], "gather")
        system.run()
        assert now() == began + 40
    first, *same = batches
    assert [one[1:] for one in batches] == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert [one[0] == first[0] for one in same] == [True, True, False]


def test_a_full_batch_does_not_wait(batches: list[Any]) -> None:
    """A batch with as many messages as it may have goes at once, whatever its window."""
    with InMemorySystem(router_of(batches, batch_size=5, batch_window=300)) as system:
        began = now()
        send(range(5))
        system.run()
        assert now() == began
        send(range(6))
        system.run()
        assert now() == began + 300
    assert [len(batch) for batch in batches] == [5, 5, 1]


@pytest.mark.parametrize(
    ("options", "seconds", "visibility"),
    [
        ({}, 30, 180),
        ({"timeout": 7}, 7, 42),
        ({"timeout": 900, "batch_window": 300}, 900, 5700),
        ({"batch_window": 5}, 30, 185),
    ],
)
def test_a_task_has_the_time_that_it_asks_for(options: Any, seconds: int, visibility: int) -> None:
    """The time that is left is the Task's timeout, of which its queue's is six times, and more."""
    router = TaskRouter()
    left: list[float] = []

    @router.task(**options)
    def work(context: TaskContext) -> None:
        left.append(context["aws"].get_remaining_time_in_millis() / 1000)

    with InMemorySystem(router) as system:
        send_task("work")
        system.run()
        sqs = aws_client("sqs")
        attributes = sqs.get_queue_attributes(
            QueueUrl=sqs.get_queue_url(QueueName="work")["QueueUrl"],
            AttributeNames=["VisibilityTimeout"],
        )["Attributes"]
    assert seconds - 5 < left[0] <= seconds
    assert attributes == {"VisibilityTimeout": str(visibility)}


def test_a_task_is_hidden_by_the_time_that_it_asks_for() -> None:
    """What fails without a backoff comes back after six times its Task's own timeout."""
    router = TaskRouter()
    times: list[float] = []

    @router.task(timeout=10)
    def work() -> None:
        times.append(now())
        if len(times) == 1:
            raise ValueError("not yet")

    with InMemorySystem(router, timeout=900) as system:
        send_task("work")
        system.run()
    assert times[1] - times[0] == 60


def test_tasks_of_the_same_timeout_and_memory_share_a_function() -> None:
    """A function has one timeout and one memory, which its context says, and Tasks of both."""
    router = TaskRouter()
    told: dict[str, Any] = {}

    def note(context: TaskContext) -> None:
        aws = context["aws"]
        told[current_task().task_name] = aws.function_name, aws.memory_limit_in_mb

    asked: dict[str, dict[str, int]] = {
        "plain": {},
        "single": {"batch_size": 1, "max_concurrency": 2},
        "usual": {"timeout": 30, "memory": 256},
        "slow": {"timeout": 60},
        "slower": {"timeout": 60, "batch_size": 2},
        "large": {"timeout": 60, "memory": 512},
    }
    for name, options in asked.items():
        router.task(name=name, **options)(note)
    with InMemorySystem(router) as system:
        send_tasks([Task(name) for name in asked])
        system.run()
    assert {name: memory for name, (_, memory) in told.items()} == {
        **dict.fromkeys(asked, "256"),
        "large": "512",
    }
    functions = {name: function for name, (function, _) in told.items()}
    assert functions["plain"] == functions["single"] == functions["usual"] == "worker-1"
    assert functions["slow"] == functions["slower"] == "worker-1-60s-256MB"
    assert functions["large"] == "worker-1-60s-512MB"


@pytest.mark.parametrize("options", [{"batch_size": 11, "batch_window": 1}, {"batch_window": 5}])
def test_a_fifo_queue_gives_no_large_batches(options: Any) -> None:
    """A FIFO Task's batches have ten messages at most and no window, as Lambda has it."""
    router = router_of([], **options)
    with pytest.raises(SettingError, match="'work' is in fifo=, and has batch_size="):
        InMemorySystem(router, fifo=["work"])
    InMemorySystem(router)


def test_a_fifo_queue_gives_small_batches(batches: list[Any]) -> None:
    """A FIFO Task's batches are as small as it asks for, in their order."""
    with InMemorySystem(router_of(batches, batch_size=2), fifo=["work"]) as system:
        send_tasks([Task("work", {"number": n}, message_group="one") for n in range(5)])
        system.run()
    assert batches == [[0, 1], [2, 3], [4]]
