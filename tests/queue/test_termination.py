"""A Task may end its chain early, without that being a failure."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import PipelineTermination, TaskRouter, queued, send_task

from .events import ALL_DONE, TASK_ID, LambdaContext, event, failed, fifo_record, message, record

if TYPE_CHECKING:
    from ..wire import Wire
    from .conftest import Listeners

POLICIES = pytest.mark.parametrize("failures", ["batch", "report"])


@POLICIES
def test_nothing_is_sent_on(
    bucket: str, listeners: Listeners, wire: Wire, failures: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The message is done, its result goes nowhere, and others' results go where they should."""
    listeners.add("next")
    caplog.set_level(logging.DEBUG, "algernon_queue")

    @queued(failures=failures)
    def handler(event: Any, context: Any) -> Any:
        if event["task_kwargs"]["n"] == 1:
            raise PipelineTermination({"n": 1})
        return {"n": event["task_kwargs"]["n"]}

    records = [record(message(task_kwargs={"n": n}, callback="next")) for n in range(3)]
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert len(listeners.messages()) == 2
    assert wire.counted() == {"s3 PUT": 2, "sns PublishBatch": 1}
    assert [entry for entry in caplog.records if entry.name.startswith("algernon")] == []


@POLICIES
@pytest.mark.parametrize("result", [None, {"n": 1}, object()], ids=["none", "dict", "object"])
def test_what_it_ends_with_may_be_anything(wire: Wire, failures: Any, result: Any) -> None:
    """A result that nobody gets isn't looked at, and no listener is asked for."""
    router = TaskRouter(failures=failures)

    @router.task
    def work() -> None:
        raise PipelineTermination(result)

    one = record(message(callback="nobody#at#all"))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert wire.calls == []


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("once", [False, True])
def test_a_chain_ends_in_its_middle(
    bucket: str, listeners: Listeners, asynchronous: bool, once: bool
) -> None:
    """Of a chain a, b, c in which b ends it, a and b run, and c doesn't."""
    listeners.add("a", "b", "c")
    ran = []
    router = TaskRouter(failures="report", once=once)

    def run(name: str) -> Any:
        def task(context: dict[str, Any]) -> None:
            ran.append(name)
            if name == "b":
                raise PipelineTermination({"skipped": True})

        async def later(context: dict[str, Any]) -> None:
            task(context)

        return later if asynchronous else task

    for name in "abc":
        router.task(name=name)(run(name))
    send_task("a", {}, "b#c")
    listeners.drive(router.handler, LambdaContext())
    assert ran == ["a", "b"]


def test_a_chain_that_was_ended_stays_ended(bucket: str, listeners: Listeners) -> None:
    """With a ledger, a message that comes again neither runs nor sends anything on."""
    listeners.add("next")
    runs = []
    router = TaskRouter(failures="report", once=True)

    @router.task
    def work() -> None:
        runs.append(1)
        raise PipelineTermination({"n": len(runs)})

    one = record(message(callback="next", task_id=TASK_ID))
    for _ in range(3):
        assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert runs == [1]
    assert listeners.messages() == []


def test_an_early_end_stops_no_group() -> None:
    """On a FIFO queue, the rest of the group goes on."""
    ran = []

    @queued(failures="report")
    def handler(event: Any, context: Any) -> None:
        n = event["task_kwargs"]["n"]
        if n == 2:
            raise ValueError("no")
        ran.append(n)
        raise PipelineTermination

    records = [fifo_record("a", message(task_kwargs={"n": n})) for n in range(4)]
    assert handler(event(*records), LambdaContext()) == failed(*records[2:])
    assert ran == [0, 1]


def test_it_is_no_error_of_the_queue_s_and_says_what_it_is() -> None:
    """It has the result, and a text that doesn't give the result away."""
    end = PipelineTermination({"secret": 1})
    assert end.result == {"secret": 1}
    assert str(end) == "the chain of Tasks ends here"
    assert PipelineTermination().result is None
