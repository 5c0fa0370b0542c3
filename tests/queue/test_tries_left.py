"""How often a running Task would be tried again is told as its queue and its retries have it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    TaskRouter,
    current_task,
    queued,
)

from .events import TASK_ID, LambdaContext, event, failed, message, record
from .queues import SourceQueue, not_allowing, received_times

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire


class FailingTask:
    """A Task that notes how many tries it has left, and fails."""

    def __init__(self, *, retries: int | None = None, **options: Any) -> None:
        self.router = TaskRouter(**options)
        self.tries_left: list[int | None] = []
        self.router.task(name="work", retries=retries)(self.work)

    def work(self) -> None:
        """Fail."""
        self.tries_left.append(current_task().tries_left)
        raise ValueError("no")

    def receive(self, one: dict[str, Any], times: int = 1) -> Any:
        """Have it receive a record that says that it was received so often."""
        return self.router.handler(event(received_times(times, one)), LambdaContext())


def received(queue: SourceQueue) -> dict[str, Any]:
    """Return the record of a Task that was sent to a queue."""
    group = {"MessageGroupId": "a", "MessageDeduplicationId": "1"}
    queue.send(message(task_id=TASK_ID), **(group if queue.arn.endswith(".fifo") else {}))
    (one,) = queue.receive()
    return one


@pytest.mark.parametrize(
    ("max_receive_count", "retries", "extra"),
    [
        (5, None, 0),
        (5, None, 2),
        (5, 2, 0),
        (5, 2, 2),
        (5, 9, 0),
        (5, 9, 2),
        (1, None, 0),
        (5, 0, 2),
    ],
)
@pytest.mark.parametrize("is_fifo", [False, True], ids=["standard", "fifo"])
def test_it_counts_down_to_the_dead_letter(
    aws: LocalAWS,
    monkeypatch: pytest.MonkeyPatch,
    max_receive_count: int,
    retries: int | None,
    extra: int,
    *,
    is_fifo: bool,
) -> None:
    """Each time it is as many as there really come, by whichever of the two ends first."""
    monkeypatch.setenv("ALGERNON_EXTRA_RECEIVES", str(extra))
    queue = SourceQueue(aws, is_fifo=is_fifo, max_receive_count=max_receive_count)
    task, one = FailingTask(retries=retries, failures="report"), received(queue)
    times = 1
    while task.receive(one, times) == failed(one):
        times += 1
    assert len(queue.dead_letters()) == 1
    assert task.tries_left == [*range(times - 1, -1, -1)]


def test_under_batch_the_queue_alone_decides(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is moved, retries and receives beyond the tries mean nothing."""
    monkeypatch.setenv("ALGERNON_FAILURES", "batch")
    monkeypatch.setenv("ALGERNON_EXTRA_RECEIVES", "2")
    task, one = FailingTask(retries=1), received(SourceQueue(aws, max_receive_count=5))
    for times in (1, 2, 5):
        with pytest.raises(BatchFailedError):
            task.receive(one, times)
    assert task.tries_left == [4, 3, 0]


def test_a_receive_without_a_try_takes_none_of_the_retries(aws: LocalAWS) -> None:
    """What this worker handed back untried, for lack of time, it may retry as often as before."""
    queue, context = SourceQueue(aws), LambdaContext()
    task = FailingTask(retries=3, failures="report")
    task.router.task(name="slow")(lambda: setattr(context, "millis_left", 0))
    slow, one = record(message("slow")), received(queue)
    assert task.router.handler(event(slow, one), context) == failed(one)
    assert task.tries_left == []
    task.receive(one, 2)
    assert task.tries_left == [3]


def test_a_queue_that_cannot_be_asked_leaves_it_to_retries(aws: LocalAWS, wire: Wire) -> None:
    """Where the worker may not look at its queue, what the Task says counts, if it says it."""
    wire.treatment = not_allowing("GetQueueAttributes")
    one = received(SourceQueue(aws))
    for retries in (4, None):
        task = FailingTask(retries=retries, failures="report")
        task.receive(one)
        assert task.tries_left == [retries]


def test_a_queue_without_a_redrive_policy_leaves_it_to_retries(aws: LocalAWS) -> None:
    """What is given out for ever is tried as often as the Task says, if it says so."""
    one = received(SourceQueue(aws, has_dead_letters=False))
    for retries in (4, None):
        task = FailingTask(retries=retries, failures="report")
        task.receive(one, 2)
        assert task.tries_left == [None if retries is None else retries - 1]


def test_of_a_bare_message_nobody_knows() -> None:
    """Whoever calls the worker directly tries again as it likes."""
    task = FailingTask(retries=3, failures="report")
    with pytest.raises(ValueError, match="no"):
        task.router.handler({"task_name": "work"}, None)
    assert task.tries_left == [None]


def test_what_a_state_machine_waits_for_is_its_business(aws: LocalAWS) -> None:
    """A state machine is told of the failure, and tries again as it likes."""
    task, one = FailingTask(retries=3, failures="report"), received(SourceQueue(aws))
    one["body"] = message(TaskToken="AQCEAAAAKg")
    task.receive(one)
    assert task.tries_left == [None]


def test_a_handler_of_messages_has_its_queue_s(aws: LocalAWS) -> None:
    """`@queued` has no retries, so that the queue's receives alone count."""
    seen: list[int | None] = []
    handler = queued(failures="report")(
        lambda event, context: seen.append(current_task().tries_left)
    )
    handler(event(received(SourceQueue(aws, max_receive_count=3))), LambdaContext())
    assert seen == [2]


def test_coroutines_and_threads_have_their_own_message_s(aws: LocalAWS) -> None:
    """Whatever runs beside it, each Task is told of its own message."""
    queue = SourceQueue(aws, max_receive_count=9)
    records = [received_times(n + 1, received(queue)) for n in range(4)]
    router = TaskRouter(failures="report", concurrency=4)
    seen: list[tuple[int, int | None, int | None]] = []

    @router.task
    async def work() -> None:
        await asyncio.sleep(0)
        task = current_task()
        in_thread = await asyncio.to_thread(lambda: current_task().tries_left)
        seen.append((task.receive_count, task.tries_left, in_thread))

    router.handler(event(*records), LambdaContext())
    assert sorted(seen) == [(n, 9 - n, 9 - n) for n in range(1, 5)]


def test_the_queue_is_asked_once_and_only_if_somebody_wants_to_know(
    aws: LocalAWS, wire: Wire
) -> None:
    """What is known of a Task costs no call, and what it has left one for many Tasks."""
    queue = SourceQueue(aws)
    records = [received(queue) for _ in range(3)]
    router = TaskRouter(failures="report")
    ask: list[bool] = [False]

    @router.task
    def work() -> None:
        task = current_task()
        assert "tries_left" not in repr(task)
        assert task == current_task()
        if ask[0]:
            assert task.tries_left == current_task().tries_left == 99

    wire.clear()
    router.handler(event(*records), LambdaContext())
    assert wire.calls == []
    ask[0] = True
    router.handler(event(*records), LambdaContext())
    assert sorted(call.operation for call in wire.calls) == ["GetQueueAttributes", "GetQueueUrl"]


def test_an_event_by_hand_asks_nobody() -> None:
    """A record that names no queue, as in a test, has its Task's retries."""
    one = record(message(), eventSourceARN=None)
    for retries in (2, None):
        task = FailingTask(retries=retries, failures="report")
        task.receive(one)
        assert task.tries_left == [retries]
