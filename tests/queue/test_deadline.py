"""When Lambda's time runs short, records that weren't started stay in the queue."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock, Mock

import pytest
from algernon_queue import BatchFailedError, OutOfTimeError, SettingError, TaskRouter, queued

from .events import ALL_DONE, LambdaContext, event, failed, fifo_record, message, record

if TYPE_CHECKING:
    from .conftest import Listeners
    from .lambda_clock import LambdaClock


def batch(count: int, **others: Any) -> list[dict[str, Any]]:
    """Return numbered records."""
    return [record(message("work", task_kwargs={"n": n}, **others)) for n in range(count)]


def taking(millis: int, done: list[int]) -> Any:
    """Return a handler that takes some of the time that Lambda says is left."""

    def handle(event: Any, context: dict[str, Any]) -> Any:
        context["aws"].millis_left -= millis
        done.append(event["task_kwargs"]["n"])
        return {"n": event["task_kwargs"]["n"]}

    return handle


def test_what_was_not_started_in_time_is_handed_back(bucket: str, listeners: Listeners) -> None:
    """Records that there is no time for are returned; the results of the others are sent."""
    listeners.add("next")
    done: list[int] = []
    records = batch(6, callback="next")
    handler = queued(failures="report")(taking(6500, done))
    assert handler(event(*records), LambdaContext(millis_left=20_000)) == failed(*records[3:])
    assert done == [0, 1, 2]
    assert len(listeners.messages()) == 3


def test_a_tenth_of_a_short_time_is_kept_for_sending() -> None:
    """A function with little time uses all but a tenth of it for its records."""
    done: list[int] = []
    records = batch(3)
    # What is left before the second is less than a second, but far more than one record takes.
    handler = queued(failures="report")(taking(450, done))
    assert handler(event(*records), LambdaContext(millis_left=980)) == failed(*records[2:])
    assert done == [0, 1]


def test_the_longest_record_so_far_is_reckoned_with() -> None:
    """A record isn't started when one like the longest before it wouldn't be done in time."""
    done: list[int] = []

    @queued(failures="report", deadline_margin=1)
    def handler(event: Any, context: dict[str, Any]) -> None:
        done.append(event["task_kwargs"]["n"])
        if event["task_kwargs"]["n"] == 1:
            time.sleep(0.2)
            context["aws"].millis_left = 1100

    records = batch(4)
    assert handler(event(*records), LambdaContext()) == failed(*records[2:])
    assert done == [0, 1]


def test_under_batch_a_shortage_keeps_the_whole_batch() -> None:
    """With batch, a shortage of time raises, and the error says so for each record."""
    records = batch(3)
    with pytest.raises(BatchFailedError) as caught:
        queued(taking(1900, []))(event(*records), LambdaContext(millis_left=2000))
    assert list(caught.value.failures) == [record["messageId"] for record in records[1:]]
    for error in caught.value.failures.values():
        assert isinstance(error, OutOfTimeError)
        assert "only 0.100 s of Lambda's time are left" in str(error)


def test_the_first_record_is_always_started() -> None:
    """However little time there is, a batch gets on by one record."""
    done: list[int] = []
    records = batch(3)
    handler = queued(failures="report")(taking(0, done))
    assert handler(event(*records), LambdaContext(millis_left=-10)) == failed(*records[1:])
    assert done == [0]


def test_a_batch_of_one_does_not_mind() -> None:
    """A single record is run whatever time is left."""
    assert queued(taking(0, []))(event(*batch(1)), LambdaContext(millis_left=1)) == ALL_DONE


def test_a_shortage_stops_a_message_group(bucket: str) -> None:
    """On a FIFO queue, what wasn't started in time is returned with the rest of its group."""
    done: list[int] = []
    records = [fifo_record("a", message("work", task_kwargs={"n": n})) for n in range(4)]
    handler = queued(failures="report")(taking(1200, done))
    assert handler(event(*records), LambdaContext(millis_left=2500)) == failed(*records[2:])
    assert done == [0, 1]


@pytest.mark.parametrize("context", [None, object(), {"aws_request_id": "1"}])
def test_without_lambda_there_is_time(context: Any) -> None:
    """A context that doesn't say how much time is left is no reason to stop."""
    done: list[int] = []

    @queued
    def handler(event: Any, context: Any) -> None:
        done.append(event["task_kwargs"]["n"])

    assert handler(event(*batch(3)), context) == ALL_DONE
    assert done == [0, 1, 2]


@pytest.mark.parametrize(
    ("margin", "count"), [(None, 9), (0, 10), (0.5, 10), (1, 9), (3, 7), (7.5, 3), (10, 1), (60, 1)]
)
def test_the_margin_is_what_was_said(margin: float | None, count: int) -> None:
    """Records are started while more than the margin is left, and one is in any case."""
    done: list[int] = []
    records = batch(12)
    handler = queued(failures="report", deadline_margin=margin)(taking(1000, done))
    assert handler(event(*records), LambdaContext(millis_left=9_900)) == failed(*records[count:])
    assert done == list(range(count))


def test_a_router_keeps_the_margin_too() -> None:
    """The option means the same to a router, and the error says how much time is left."""
    router = TaskRouter(failures="batch", deadline_margin=5)

    @router.task
    def work(n: int, context: dict[str, Any]) -> None:
        context["aws"].millis_left -= 2000

    records = batch(3)
    with pytest.raises(BatchFailedError, match=r"only 4.000 s of Lambda's time are left") as caught:
        router.handler(event(*records), LambdaContext(millis_left=6_000))
    assert list(caught.value.failures) == [record["messageId"] for record in records[1:]]


@pytest.mark.parametrize(("margin", "steps"), [(None, 4), (15, 3)])
def test_a_coroutine_leaves_the_margin_alone(
    margin: float | None, steps: int, clock: LambdaClock
) -> None:
    """A coroutine is cancelled when only the margin is left, however long that is."""
    begun = []

    @queued(failures="report", deadline_margin=margin)
    async def handler(event: Any, context: Any) -> None:
        for step in range(9 if event["task_kwargs"]["n"] == 1 else 0):
            begun.append(step)
            await asyncio.sleep(0.001)
            clock.goes_on(9.8)

    records = batch(3)
    assert handler(event(*records), clock.context) == failed(records[1])
    assert begun == list(range(steps))


@pytest.mark.parametrize(
    "margin", [-1, -0.001, float("nan"), float("inf"), "1", True, [1], 1j], ids=repr
)
@pytest.mark.parametrize("decorate", [queued, TaskRouter])
def test_a_margin_that_means_nothing_is_refused_at_once(decorate: Any, margin: Any) -> None:
    """A value of deadline_margin that is no number of seconds raises where it stands."""
    with pytest.raises(SettingError, match=r"deadline_margin is .*, but it is a number of seconds"):
        decorate(deadline_margin=margin)


class Untimed:
    """A context of a test's own that has Lambda's attributes, and nothing in them."""

    get_remaining_time_in_millis = None
    invoked_function_arn = None


class Wordy:
    """A context of a test's own that says how much time is left in words."""

    def get_remaining_time_in_millis(self) -> str:
        """Return no number."""
        return "enough"


@pytest.mark.parametrize("make", [MagicMock, Mock, Untimed, Wordy, object, lambda: None])
def test_a_context_that_tells_no_time_leaves_enough(
    make: Any, bucket: str, listeners: Listeners
) -> None:
    """With a test's own context, a mock say, all records are done and their results sent on."""
    topics = listeners.add("next")
    router = TaskRouter(failures="report", listeners=topics, once=True)
    router.task(name="work")(lambda n: {"n": n})

    @router.task
    async def waiting(n: int) -> dict[str, int]:
        await asyncio.sleep(0)
        return {"n": n}

    kwargs = {"n": 1}
    records = [
        record(message(name, task_kwargs=kwargs, callback="next"))
        for name in ("work", "waiting", "work")
    ]
    assert router.handler(event(*records), make()) == ALL_DONE
    assert len(listeners.messages()) == 3


def test_a_mocked_context_has_no_function_beside_which_topics_are(
    bucket: str, listeners: Listeners
) -> None:
    """An ARN that is none doesn't count: the account that asks is where the topics are."""
    listeners.add("next")
    router = TaskRouter(failures="report")
    router.task(name="work")(lambda: {"n": 1})
    assert router.handler(event(record(message(callback="next"))), MagicMock()) == ALL_DONE
    assert len(listeners.messages()) == 1
