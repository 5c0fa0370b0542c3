"""On a FIFO queue, a message that fails for good takes nothing from those behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import PermanentError, TaskRouter

from .events import ALL_DONE, LambdaContext, event, message
from .queues import SourceQueue, not_allowing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Wire


class Orders:
    """A FIFO queue of numbered messages in one group, and a Task that fails for some."""

    def __init__(
        self, aws: LocalAWS, *bad: int, max_receive_count: int = 100, **options: Any
    ) -> None:
        self.queue = SourceQueue(aws, is_fifo=True, max_receive_count=max_receive_count)
        self.tried: list[int] = []
        self.router = TaskRouter(failures="report")

        @self.router.task(**options)
        def work(n: int) -> None:
            self.tried.append(n)
            if n in bad:
                raise ValueError(f"number {n} is bad")

    def send(self, count: int) -> None:
        """Send so many messages."""
        for n in range(count):
            self.queue.send(
                message("work", task_kwargs={"n": n}),
                MessageGroupId="a",
                MessageDeduplicationId=str(n),
            )

    def work_off(self, handle: Callable[[Any, Any], Any] | None = None) -> int:
        """Work until the queue is empty, and return in how many batches that was."""
        for batches in range(100):
            records = self.queue.receive()
            if not records:
                return batches
            answer = (handle or self.router.handler)(event(*records), LambdaContext())
            left = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            self.queue.delete(*(one for one in records if one["messageId"] not in left))
        return pytest.fail("the queue never got empty")

    def dead(self) -> dict[int, str]:
        """Return the numbers of the dead letters, with the name of their errors."""
        return {
            json.loads(letter["Body"])["task_kwargs"]["n"]: letter["MessageAttributes"][
                "algernon.error"
            ]["StringValue"]
            for letter in self.queue.dead_letters()
        }


def test_a_poison_head_costs_the_others_no_try(aws: LocalAWS) -> None:
    """With three retries, the head is tried four times, and each behind it as often as it needs."""
    orders = Orders(aws, 0, retries=3, backoff=0)
    orders.send(10)
    orders.work_off()
    assert orders.tried == [0, 0, 0, 0, *range(1, 10)]
    assert orders.dead() == {0: "ValueError"}


def test_those_behind_have_all_of_their_own_tries(aws: LocalAWS) -> None:
    """What was handed back untried doesn't count as a try of a message that fails later."""
    orders = Orders(aws, 0, 3, 4, retries=2, backoff=0)
    orders.send(6)
    orders.work_off()
    assert orders.tried == [0, 0, 0, 1, 2, 3, 3, 3, 4, 4, 4, 5]
    assert orders.dead() == dict.fromkeys((0, 3, 4), "ValueError")


@pytest.mark.parametrize("max_receive_count", [1, 2, 5])
def test_none_is_a_dead_letter_untried(aws: LocalAWS, max_receive_count: int) -> None:
    """However seldom the queue gives messages out, each is tried once at least, in order."""
    orders = Orders(aws, 0, 1, 2, 5, max_receive_count=max_receive_count, retries=3, backoff=0)
    orders.send(10)
    orders.work_off()
    assert set(orders.tried) == set(range(10))
    assert orders.tried == sorted(orders.tried)
    assert orders.dead() == dict.fromkeys((0, 1, 2, 5), "ValueError")


def test_what_is_permanent_stops_nobody(aws: LocalAWS) -> None:
    """A head that won't ever succeed is moved at once, and the rest is done in the same batch."""
    orders = Orders(aws)
    handler = TaskRouter(failures="report")

    @handler.task
    def work(n: int) -> None:
        orders.tried.append(n)
        if n % 2 == 0:
            raise PermanentError("no even ones")

    orders.send(6)
    assert orders.work_off(handler.handler) == 1
    assert orders.tried == list(range(6))
    assert orders.dead() == dict.fromkeys((0, 2, 4), "PermanentError")


def test_what_cannot_be_moved_stops_its_group(aws: LocalAWS, wire: Wire) -> None:
    """Where the dead-letter queue takes nothing, the order stays, and so do all behind it."""
    orders = Orders(aws, 0, retries=0)
    orders.send(3)
    records = orders.queue.receive()
    wire.treatment = not_allowing("SendMessageBatch")
    answer = orders.router.handler(event(*records), LambdaContext())
    assert len(answer["batchItemFailures"]) == 3
    assert orders.tried == [0]


def test_unreadable_heads_stop_nobody(aws: LocalAWS) -> None:
    """A body that is no message leaves the queue before those behind it run."""
    orders = Orders(aws)
    orders.queue.send("no JSON", MessageGroupId="a", MessageDeduplicationId="bad")
    orders.send(2)
    assert orders.router.handler(event(*orders.queue.receive()), LambdaContext()) == ALL_DONE
    assert orders.tried == [0, 1]
