"""Coroutines of a batch run beside each other, and otherwise as any handler."""

from __future__ import annotations

import asyncio
import json
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    GroupStoppedError,
    OutOfTimeError,
    PipelineTermination,
    SettingError,
    TaskRouter,
    queued,
    stated,
)
from algernon_storage import StoredData

from .events import ALL_DONE, TASK_ID, LambdaContext, event, failed, fifo_record, message, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Listeners
    from .lambda_clock import LambdaClock

#: How long what never comes is waited for, on a machine of any speed.
SECONDS = 300


def batch(count: int, **others: Any) -> list[dict[str, Any]]:
    """Return numbered records."""
    return [record(message("work", task_kwargs={"n": n}, **others)) for n in range(count)]


def by_queued(function: Callable[..., Any], **options: Any) -> Any:
    """Return a Lambda handler that calls a function with each record's number and context."""

    @queued(**options)
    async def handler(event: dict[str, Any], context: dict[str, Any]) -> Any:
        return await function(event["task_kwargs"]["n"], context)

    return handler


def by_router(function: Callable[..., Any], **options: Any) -> Any:
    """Return the handler of a router that has a function as its one Task."""
    router = TaskRouter(**options)

    @router.task
    async def work(n: int, context: dict[str, Any]) -> Any:
        return await function(n, context)

    return router.handler


@pytest.fixture(params=[by_queued, by_router])
def make(request: pytest.FixtureRequest) -> Any:
    """How the handler is made."""
    return request.param


class Lambda(LambdaContext):
    """Lambda's own context, of a function that ends some seconds from now."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take."""
        return int((self._end - time.monotonic()) * 1000)


def failures_of(handler: Any, *records: dict[str, Any], context: Any = None) -> dict[int, Any]:
    """Return the errors of a batch that stays in the queue, by the numbers of the records."""
    with pytest.raises(BatchFailedError) as caught:
        handler(event(*records), context or LambdaContext())
    ids = [record["messageId"] for record in records]
    return {ids.index(message_id): error for message_id, error in caught.value.failures.items()}


def test_a_batch_takes_as_long_as_its_longest_record(make: Any) -> None:
    """Ten records that each wait do so at the same time: none ends before all of them began."""
    done = []
    together = asyncio.Barrier(10)

    async def wait(n: int, context: Any) -> None:
        async with asyncio.timeout(SECONDS):
            await together.wait()
        done.append(n)

    assert make(wait)(event(*batch(10)), None) == ALL_DONE
    assert sorted(done) == list(range(10))


@pytest.mark.parametrize(
    ("options", "most"), [({}, 10), ({"concurrency": 3}, 3), ({"concurrency": 1}, 1)]
)
def test_no_more_run_at_a_time_than_was_said(make: Any, options: Any, most: int) -> None:
    """At any moment there are as many records under way as concurrency says, and begin in order."""
    running = 0
    seen, begun = [], []

    async def count(n: int, context: Any) -> None:
        nonlocal running
        running += 1
        begun.append(n)
        seen.append(running)
        await asyncio.sleep(0.01)
        running -= 1

    assert make(count, **options)(event(*batch(15)), LambdaContext()) == ALL_DONE
    assert max(seen) == most
    assert begun == list(range(15))


def test_each_callback_gets_its_own_result(bucket: str, listeners: Listeners, make: Any) -> None:
    """Whatever the order in which they are done, results go to the callbacks of their records."""
    listeners.add(*(f"next-{n}" for n in range(5)))
    records = [
        record(message("work", task_kwargs={"n": n}, callback=f"next-{n}")) for n in range(5)
    ]

    async def slower_first(n: int, context: Any) -> dict[str, int]:
        await asyncio.sleep(0.01 * (5 - n))
        return {"n": n}

    assert make(slower_first)(event(*records), LambdaContext()) == ALL_DONE
    sent = {sent["task_name"]: sent["task_kwargs"] for sent in listeners.messages()}
    assert len(sent) == 5
    for n in range(5):
        pointer = StoredData.pointer_in(sent[f"next-{n}"])
        assert pointer is not None
        assert StoredData.retrieve(pointer).data == {"n": n}


def test_a_failure_takes_no_other_along(bucket: str, listeners: Listeners, make: Any) -> None:
    """Coroutines that raise, before they wait or after, fail; the others are done and sent on."""
    listeners.add("next")
    done = []

    async def work(n: int, context: Any) -> dict[str, int]:
        if n == 1:
            raise ValueError("at once")
        await asyncio.sleep(0.01)
        if n == 2:
            raise TimeoutError("the Task's own")
        done.append(n)
        return {"n": n}

    records = batch(5, callback="next")
    assert make(work, failures="report")(event(*records), LambdaContext()) == failed(*records[1:3])
    assert sorted(done) == [0, 3, 4]
    assert len(listeners.messages()) == 3
    errors = failures_of(make(work, failures="batch"), *records)
    assert {n: type(error) for n, error in errors.items()} == {1: ValueError, 2: TimeoutError}
    assert listeners.messages() == []


@pytest.mark.parametrize("suspends", [True, False])
@pytest.mark.parametrize("by_task", [True, False])
def test_a_coroutine_that_cancels_itself_fails_alone(
    make: Any, suspends: bool, by_task: bool
) -> None:
    """A coroutine that is cancelled by its own doing fails; the others are done, in this batch."""
    done = []

    async def work(n: int, context: Any) -> None:
        if n == 1:
            task = asyncio.current_task()
            assert task is not None
            if not by_task:
                raise asyncio.CancelledError
            task.cancel()
            if suspends:
                await asyncio.sleep(1)
            return
        await asyncio.sleep(0.01)
        done.append(n)

    errors = failures_of(make(work), *batch(4))
    assert list(errors) == [1]
    assert "cancelled itself" in str(errors[1])
    assert done == [0, 2, 3]
    assert make(work)(event(*batch(1)), LambdaContext()) == ALL_DONE
    assert done == [0, 2, 3, 0]


def test_the_current_record_stays_the_current_one(make: Any) -> None:
    """After it waited, a coroutine still sees the facts of its own record and Task."""
    seen = []

    async def look(n: int, context: dict[str, Any]) -> None:
        for _ in range(3):
            await asyncio.sleep(0.002 * (n % 3))
            seen.append((n, context["sqs"]["message_id"], context["task"]["task_id"]))
            assert {"aws", "sqs", "task"} <= context.keys()
            assert dict(context)["sqs"] == context["sqs"]

    ids = [TASK_ID.replace("4f", f"{n}f") for n in range(9)]
    records = [
        record(message("work", task_kwargs={"n": n}, task_id=task_id))
        for n, task_id in enumerate(ids)
    ]
    assert make(look)(event(*records), LambdaContext()) == ALL_DONE
    assert sorted(seen) == [
        (n, record["messageId"], ids[n]) for n, record in enumerate(records) for _ in range(3)
    ]


def test_the_rest_of_the_context_is_shared(make: Any) -> None:
    """What a coroutine keeps in the context is there for others and for the next batch."""
    lengths, contexts = [], []

    async def keep(n: int, context: dict[str, Any]) -> None:
        context.setdefault("numbers", []).append(n)
        context["latest"] = n
        await asyncio.sleep(0.005)
        assert context["latest"] == 2
        assert "numbers" in context
        lengths.append(len(context["numbers"]))
        contexts.append(context["aws"])
        if n == 2:
            context["gone"] = True
            del context["gone"]
        assert "gone" not in context
        assert context.get("gone") is None
        assert len(context) == len(list(context)) == 5

    handler = make(keep)
    first, second = LambdaContext(), LambdaContext()
    assert handler(event(*batch(3)), first) == ALL_DONE
    assert handler(event(*batch(3)), second) == ALL_DONE
    assert lengths == [3, 3, 3, 6, 6, 6]
    assert [context is first for context in contexts] == 3 * [True] + 3 * [False]


def test_there_is_one_event_loop(make: Any) -> None:
    """All batches of a process run on the same loop, so what is connected there stays."""
    loops = []

    async def note(n: int, context: Any) -> None:
        loops.append(asyncio.get_running_loop())
        lock = context.setdefault("lock", asyncio.Lock())
        async with lock:
            await asyncio.sleep(0.001)

    for _ in range(3):
        handler = make(note)
        for _ in range(2):
            assert handler(event(*batch(2)), LambdaContext()) == ALL_DONE
    assert len(loops) == 12
    assert len(set(map(id, loops))) == 1


def test_what_goes_on_after_its_record_is_not_waited_for(make: Any) -> None:
    """A task of asyncio that a coroutine leaves behind goes on with the next batch."""
    went_on = []

    async def leave(n: int, context: dict[str, Any]) -> None:
        async def later() -> None:
            async with asyncio.timeout(SECONDS):
                await context["next_batch"].wait()
            await asyncio.sleep(0.01)
            went_on.append(n)

        if n == 0 and "left" not in context:
            context["next_batch"] = asyncio.Event()
            context["left"] = asyncio.create_task(later())
        elif n == 1:
            context["next_batch"].set()
            await context["left"]

    handler = make(leave)
    assert handler(event(*batch(1)), LambdaContext()) == ALL_DONE
    assert went_on == []
    assert handler(event(*batch(2)), LambdaContext()) == ALL_DONE
    assert went_on == [0]


def test_a_chain_can_end_early(bucket: str, listeners: Listeners, make: Any) -> None:
    """PipelineTermination in a coroutine is no failure, and nothing goes to its callback."""
    listeners.add("next")

    async def work(n: int, context: Any) -> dict[str, int]:
        await asyncio.sleep(0.001)
        if n == 1:
            raise PipelineTermination({"skipped": n})
        return {"n": n}

    assert make(work)(event(*batch(3, callback="next")), LambdaContext()) == ALL_DONE
    assert len(listeners.messages()) == 2


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_what_takes_too_long_is_handed_back(
    bucket: str, listeners: Listeners, make: Any, clock: LambdaClock, failures: Any
) -> None:
    """A coroutine that Lambda's time is too short for is cancelled in time; others are sent on."""
    listeners.add("next")
    steps: list[str] = []

    async def work(n: int, context: Any) -> dict[str, int]:
        try:
            while n == 1 and len(steps) < 2:
                await asyncio.sleep(0)
            for _ in range(3 * (n == 1)):
                clock.goes_on(10)
                await asyncio.sleep(0.001)
                steps.append("there is time")
        finally:
            steps.append(f"{n} ends")
        return {"n": n}

    records = batch(3, callback="next")
    handler = make(work, failures=failures)
    if failures == "report":
        assert handler(event(*records), clock.context) == failed(records[1])
    else:
        errors = failures_of(handler, *records, context=clock.context)
        assert {n: type(error) for n, error in errors.items()} == {1: OutOfTimeError}
    assert steps == ["0 ends", "2 ends", "there is time", "there is time", "1 ends"]
    assert len(listeners.messages()) == (2 if failures == "report" else 0)


def test_what_ends_together_with_the_time_is_done(make: Any, clock: LambdaClock) -> None:
    """A coroutine that ends before it could be cancelled has its result, and isn't run again."""

    async def work(n: int, context: Any) -> None:
        if n == 0:
            clock.goes_on(30)
        else:
            await asyncio.sleep(0)

    assert make(work)(event(*batch(3)), clock.context) == ALL_DONE


@pytest.mark.parametrize("wait", [asyncio.sleep, None], ids=["waiting", "busy"])
def test_what_there_is_no_time_for_is_not_begun(make: Any, wait: Any) -> None:
    """Coroutines whose turn comes when the time is over are handed back, none of them begun."""
    begun = []

    async def work(n: int, context: Any) -> None:
        begun.append(n)
        if wait is None:
            time.sleep(0.05)
        else:
            await wait(0.05)

    errors = failures_of(make(work, concurrency=1), *batch(6), context=Lambda(0.12))
    assert len(begun) <= 3
    assert set(range(len(begun), 6)) <= errors.keys()
    assert {type(error) for error in errors.values()} == {OutOfTimeError}


def test_once_the_time_is_over_no_coroutine_begins(make: Any) -> None:
    """When one was stopped by the end of the time, the next isn't begun for the last moment.

    Lambda tells whole milliseconds, so that less than one of them may seem to be left.
    """
    begun: list[int] = []

    class Scripted(LambdaContext):
        def get_remaining_time_in_millis(self) -> int:
            return 12 if begun else 30

    async def work(n: int, context: Any) -> None:
        begun.append(n)
        await asyncio.sleep(600)

    handler = make(work, concurrency=1, deadline_margin=0.0115)
    errors = failures_of(handler, *batch(3), context=Scripted())
    assert begun == [0]
    assert {type(error) for error in errors.values()} == {OutOfTimeError}


def test_a_coroutine_may_finish_in_spite_of_being_late(make: Any, clock: LambdaClock) -> None:
    """One that tidies up when it is cancelled, and returns a result, is done."""
    cancelled = []

    async def work(n: int, context: Any) -> dict[str, int]:
        if n == 1:
            clock.goes_on(30)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(n)
        return {"n": n}

    assert make(work)(event(*batch(2)), clock.context) == ALL_DONE
    assert cancelled == [0, 1]


def fifo_batch(groups: str) -> list[dict[str, Any]]:
    """Return numbered records of a FIFO queue."""
    return [
        fifo_record(group, message("work", task_kwargs={"n": n})) for n, group in enumerate(groups)
    ]


def test_a_fifo_queue_s_records_run_one_after_the_other(make: Any) -> None:
    """Records of a FIFO queue don't overlap, and keep their order."""
    steps = []

    async def work(n: int, context: Any) -> None:
        steps.append((n, "begins"))
        await asyncio.sleep(0.005 * (4 - n))
        steps.append((n, "ends"))

    assert make(work)(event(*fifo_batch("aabb")), LambdaContext()) == ALL_DONE
    assert steps == [(n, step) for n in range(4) for step in ("begins", "ends")]


def test_a_coroutine_s_failure_stops_its_message_group(make: Any) -> None:
    """What comes after a failed coroutine in its group isn't run; other groups are done."""
    done = []

    async def work(n: int, context: Any) -> None:
        await asyncio.sleep(0.001)
        if n == 1:
            raise ValueError("no")
        done.append(n)

    errors = failures_of(make(work), *fifo_batch("aaba"))
    assert {n: type(error) for n, error in errors.items()} == {1: ValueError, 3: GroupStoppedError}
    assert done == [0, 2]


def test_functions_of_both_kinds_share_a_router(bucket: str, listeners: Listeners) -> None:
    """A batch may hold Tasks of both kinds; each result and failure is its own record's."""
    listeners.add("next")
    router = TaskRouter(failures="report")

    @router.task
    def plain(n: int, context: dict[str, Any]) -> dict[str, Any]:
        context["plain"] = n
        if n == 4:
            raise ValueError("no")
        return {"n": n, "kind": "plain"}

    @router.task
    async def waiting(n: int, context: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.001)
        assert context["plain"] == 4
        if n == 3:
            raise ValueError("no")
        return {"n": n, "kind": "waiting"}

    names = ("plain", "waiting", "plain", "waiting", "plain", "waiting")
    records = [
        record(message(name, task_kwargs={"n": n}, callback="next")) for n, name in enumerate(names)
    ]
    assert router.handler(event(*records), LambdaContext()) == failed(records[3], records[4])
    pointers = [StoredData.pointer_in(sent["task_kwargs"]) for sent in listeners.messages()]
    results = [StoredData.retrieve(pointer).data for pointer in pointers if pointer]
    assert sorted((result["n"], result["kind"]) for result in results) == [
        (0, "plain"),
        (1, "waiting"),
        (2, "plain"),
        (5, "waiting"),
    ]


def test_both_kinds_keep_the_order_of_a_message_group() -> None:
    """On a FIFO queue a function waits for the coroutine that is before it."""
    router = TaskRouter()
    done = []

    @router.task
    def plain(n: int) -> None:
        done.append(n)

    @router.task
    async def waiting(n: int) -> None:
        await asyncio.sleep(0.005)
        done.append(n)

    names = ("waiting", "plain", "waiting", "plain")
    records = [
        fifo_record("a", message(name, task_kwargs={"n": n})) for n, name in enumerate(names)
    ]
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    assert done == [0, 1, 2, 3]


def test_arguments_that_do_not_fit_fail_their_record_alone() -> None:
    """A coroutine function that can't be called as sent is its record's failure."""
    router = TaskRouter(failures="batch")

    @router.task
    async def work(n: int) -> None:
        await asyncio.sleep(0)

    bad = record(message("work", task_kwargs={"m": 1}))
    errors = failures_of(router.handler, *batch(1), bad)
    assert list(errors) == [1]


def test_a_bare_message_of_a_coroutine_is_run() -> None:
    """Called with one message, a router returns the coroutine's result, as @stated does."""
    router = TaskRouter()

    @router.task
    async def work(n: int) -> dict[str, int]:
        await asyncio.sleep(0)
        return {"doubled": 2 * n}

    @stated
    async def state(event: Any, context: Any) -> dict[str, int]:
        await asyncio.sleep(0)
        return {"doubled": 2 * event["n"]}

    @stated
    async def ending(event: Any, context: Any) -> None:
        await asyncio.sleep(0)
        raise PipelineTermination({"skipped": True})

    bare = {"task_name": "work", "task_kwargs": {"n": 21}}
    assert router.handler(bare, LambdaContext()) == {"doubled": 42}
    assert state({"n": 21}, LambdaContext()) == {"doubled": 42}
    assert ending({}, LambdaContext()) == {"skipped": True}


request_id: ContextVar[str] = ContextVar("request_id", default="none")


def test_the_caller_s_context_variables_are_seen(make: Any) -> None:
    """A coroutine sees what its caller has set, and what it sets itself is its own."""
    seen = []

    async def look(n: int, context: Any) -> None:
        seen.append(request_id.get())
        request_id.set(f"mine {n}")
        await asyncio.sleep(0.001)
        assert request_id.get() == f"mine {n}"

    handler = make(look)
    for value in ("first", "second"):
        token = request_id.set(value)
        assert handler(event(*batch(2)), LambdaContext()) == ALL_DONE
        assert request_id.get() == value
        request_id.reset(token)
    assert seen == ["first", "first", "second", "second"]


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_a_coroutine_that_is_done_is_not_run_again(
    bucket: str, listeners: Listeners, make: Any, failures: Any
) -> None:
    """With once=True coroutines are noted in the ledger as any Task, and failed ones released."""
    listeners.add("next")
    runs: list[int] = []

    async def work(n: int, context: Any) -> dict[str, int]:
        await asyncio.sleep(0.001)
        runs.append(n)
        if runs.count(1) == 1 and n == 1:
            raise ValueError("no")
        return {"n": n}

    handler = make(work, once=True, failures=failures)
    bodies = [json.loads(one["body"]) for one in batch(3, callback="next")]
    records = [
        record(json.dumps({**body, "task_id": TASK_ID.replace("4f", f"{n}f")}))
        for n, body in enumerate(bodies)
    ]
    if failures == "batch":
        assert list(failures_of(handler, *records)) == [1]
        assert listeners.messages() == []
    else:
        assert handler(event(*records), LambdaContext()) == failed(records[1])
        assert len(listeners.messages()) == 2
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert sorted(runs) == [0, 1, 1, 2]
    assert len(listeners.messages()) == 3


@pytest.mark.parametrize("concurrency", [0, -1, 1.0, 2.5, True, "10", None, float("inf")])
@pytest.mark.parametrize("decorate", [queued, TaskRouter])
def test_a_concurrency_that_means_nothing_is_refused_at_once(
    decorate: Any, concurrency: Any
) -> None:
    """A value of concurrency that is no int from 1 on raises where it stands."""
    with pytest.raises(SettingError, match=r"concurrency is .*, but it is an int from 1 on"):
        decorate(concurrency=concurrency)
