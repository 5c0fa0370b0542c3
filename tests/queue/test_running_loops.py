"""Coroutines run from wherever a handler is called: in event loops, threads, other coroutines."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from threading import Barrier, Event
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, OutOfTimeError, TaskRouter, queued, stated

from .events import ALL_DONE, LambdaContext, event, failed, message, record

if TYPE_CHECKING:
    from .lambda_clock import LambdaClock

#: How long what never comes is waited for, on a machine of any speed.
SECONDS = 300


def by_router(function: Callable[..., Any], **options: Any) -> Any:
    """Return the handler of a router whose Task work is the function."""
    router = TaskRouter(**options)

    @router.task
    async def work(n: int) -> Any:
        return await function(n)

    return router.handler


def by_queued(function: Callable[..., Any], **options: Any) -> Any:
    """Return a Lambda handler that calls the function."""

    @queued(**options)
    async def handler(event: dict[str, Any], context: dict[str, Any]) -> Any:
        return await function(event["task_kwargs"]["n"])

    return handler


@pytest.fixture(params=[by_queued, by_router])
def make(request: pytest.FixtureRequest) -> Any:
    """How the handler is made."""
    return request.param


def batch(*numbers: int) -> dict[str, Any]:
    """Return a batch of numbered records."""
    return event(*(record(message(task_kwargs={"n": n})) for n in numbers))


def in_a_loop(function: Callable[[], Any]) -> Any:
    """Call a function where an event loop runs, and return what it returns."""

    async def call() -> Any:
        await asyncio.sleep(0)
        answer = function()
        await asyncio.sleep(0)
        return answer

    return asyncio.run(call())


def test_a_batch_can_be_handled_where_a_loop_runs(make: Any) -> None:
    """A handler that is called in an event loop, as in Jupyter, runs its coroutines."""
    done: list[Any] = []

    async def work(n: int) -> None:
        await asyncio.sleep(0.001 * (3 - n))
        done.append(n)

    handler = make(work)
    assert in_a_loop(lambda: handler(batch(0, 1, 2), LambdaContext())) == ALL_DONE
    assert in_a_loop(lambda: handler(batch(0, 1, 2), LambdaContext())) == ALL_DONE
    assert sorted(done) == [0, 0, 1, 1, 2, 2]


def test_single_messages_can_be_run_where_a_loop_runs() -> None:
    """A bare message and a state machine's input are awaited there as well."""

    async def double(n: int) -> dict[str, int]:
        await asyncio.sleep(0)
        return {"doubled": 2 * n}

    handler = by_router(double)
    bare = {"task_name": "work", "task_kwargs": {"n": 21}}
    assert in_a_loop(lambda: handler(bare, None)) == {"doubled": 42}

    @stated
    async def state(event: Any, context: Any) -> dict[str, int]:
        return await double(event["n"])

    assert in_a_loop(lambda: state({"n": 21}, None)) == {"doubled": 42}


def test_failures_come_out_where_a_loop_runs(make: Any) -> None:
    """What a coroutine raises is its record's error there, and the others are done."""
    done: list[Any] = []

    async def work(n: int) -> None:
        await asyncio.sleep(0)
        if n == 1:
            raise ValueError("no")
        done.append(n)

    with pytest.raises(BatchFailedError, match="ValueError: no"):
        in_a_loop(lambda: make(work)(batch(0, 1, 2), LambdaContext()))
    records = batch(0, 1, 2)
    handler = make(work, failures="report")
    for one in records["Records"]:
        del one["eventSourceARN"]
    assert in_a_loop(lambda: handler(records, LambdaContext())) == failed(records["Records"][1])
    assert done == [0, 2, 0, 2]


def test_lambda_s_time_ends_coroutines_where_a_loop_runs(make: Any, clock: LambdaClock) -> None:
    """What there is no time for is cancelled and handed back there."""
    ended = []

    async def work(n: int) -> None:
        clock.goes_on(30)
        try:
            await asyncio.sleep(0.01)
        finally:
            ended.append(n)

    with pytest.raises(BatchFailedError) as caught:
        in_a_loop(lambda: make(work)(batch(1), clock.context))
    assert [type(error) for error in caught.value.failures.values()] == [OutOfTimeError]
    assert ended == [1]


def test_the_loop_of_the_process_is_the_one_that_serves_there_too(make: Any) -> None:
    """Whether a loop runs or not, coroutines run on one and the same, so what is open stays."""
    loops = []

    async def note(n: int) -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0.001)

    handler = make(note)
    for _ in range(2):
        assert in_a_loop(lambda: handler(batch(0, 1), LambdaContext())) == ALL_DONE
        assert handler(batch(0, 1), LambdaContext()) == ALL_DONE
    assert len(loops) == 8
    assert len(set(map(id, loops))) == 1


request_id: ContextVar[str] = ContextVar("request_id", default="none")


def test_context_variables_are_seen_where_a_loop_runs(make: Any) -> None:
    """A coroutine sees what its caller has set there, and what it sets itself is its own."""
    seen = []

    async def look(n: int) -> None:
        seen.append(request_id.get())
        request_id.set("mine")

    handler = make(look)

    def call() -> None:
        token = request_id.set("the caller's")
        assert handler(batch(0, 1), LambdaContext()) == ALL_DONE
        assert request_id.get() == "the caller's"
        request_id.reset(token)

    in_a_loop(call)
    assert seen == ["the caller's", "the caller's"]


def test_a_coroutine_may_have_others_run(make: Any) -> None:
    """A coroutine that calls a handler, whose coroutine calls one, waits for them all."""
    done: list[Any] = []

    async def work(n: int) -> None:
        await asyncio.sleep(0)
        if n < 4:
            assert handler(batch(n + 1), LambdaContext()) == ALL_DONE
        done.append(n)

    handler = make(work)
    assert handler(batch(0), LambdaContext()) == ALL_DONE
    assert in_a_loop(lambda: handler(batch(2), LambdaContext())) == ALL_DONE
    assert done == [4, 3, 2, 1, 0, 4, 3, 2]


def test_a_thread_of_a_coroutine_may_have_others_run(make: Any) -> None:
    """A coroutine may wait for a thread in which a handler is called."""
    done: list[Any] = []

    async def work(n: int) -> None:
        if n == 0:
            assert await asyncio.to_thread(handler, batch(1), LambdaContext()) == ALL_DONE
        done.append(n)

    handler = make(work)
    assert handler(batch(0), LambdaContext()) == ALL_DONE
    assert done == [1, 0]


def test_a_plain_function_may_have_coroutines_run() -> None:
    """A function of the same router may call its handler for coroutines."""
    router = TaskRouter()
    done: list[Any] = []

    @router.task
    def plain() -> None:
        assert router.handler({"task_name": "waiting"}, None) is None
        done.append("plain")

    @router.task
    async def waiting() -> None:
        await asyncio.sleep(0)
        done.append("waiting")

    assert router.handler(event(record(message("plain"))), None) == ALL_DONE
    assert in_a_loop(lambda: router.handler(event(record(message("plain"))), None)) == ALL_DONE
    assert done == ["waiting", "plain", "waiting", "plain"]


def test_a_second_thread_is_served_while_the_first_runs(make: Any) -> None:
    """A call from another thread is worked off, once, while a coroutine of the first one waits."""
    is_running, may_end = Event(), Event()
    done: list[Any] = []

    async def work(n: int) -> None:
        if n == 0:
            is_running.set()
            assert await asyncio.to_thread(may_end.wait, SECONDS)
        await asyncio.sleep(0)
        done.append(n)

    handler = make(work)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(handler, batch(0), LambdaContext())
        assert is_running.wait(SECONDS)
        assert handler(batch(1), LambdaContext()) == ALL_DONE
        assert in_a_loop(lambda: handler(batch(2), LambdaContext())) == ALL_DONE
        may_end.set()
        assert first.result() == ALL_DONE
    assert done == [1, 2, 0]


def test_many_threads_are_served_at_once(make: Any) -> None:
    """Threads that are all in the middle of their coroutines each have a loop, which is kept."""
    together = Barrier(8, timeout=SECONDS)
    loops = []

    async def work(n: int) -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.to_thread(together.wait)

    handler = make(work)

    def call(n: int) -> Any:
        if n % 2:
            return in_a_loop(lambda: handler(batch(n), LambdaContext()))
        return handler(batch(n), LambdaContext())

    for _ in range(3):
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(call, range(8))) == 8 * [ALL_DONE]
    assert len(loops) == 24
    assert len(set(map(id, loops))) == 8


@pytest.mark.parametrize("where", [in_a_loop, lambda function: function()])
def test_what_ends_the_process_comes_out(make: Any, where: Any) -> None:
    """A coroutine that exits the process does so, and what is called next works."""

    async def work(n: int) -> None:
        await asyncio.sleep(0)
        if n == 1:
            sys.exit(7)

    handler = make(work)
    with pytest.raises(SystemExit) as caught:
        where(lambda: handler(batch(1), LambdaContext()))
    assert caught.value.code == 7
    assert where(lambda: handler(batch(0), LambdaContext())) == ALL_DONE


def is_waited_for() -> bool:
    """Return whether the main thread waits for a result, and not on its way to that or from it."""
    frame = sys._current_frames()[threading.main_thread().ident or 0]
    caller = frame.f_back
    return (frame.f_code, caller and caller.f_code) == (
        threading.Condition.wait.__code__,
        Future.result.__code__,
    )


def test_an_interrupted_caller_leaves_nothing_running(make: Any) -> None:
    """Who interrupts a call in a loop, as in Jupyter, cancels its coroutines, and goes on."""
    ended = []

    async def work(n: int) -> None:
        try:
            while n == 1:
                while not is_waited_for():
                    await asyncio.sleep(0)
                await asyncio.sleep(0.05)
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                # Once more where it was only about to wait even now, which misses a signal.
                await asyncio.sleep(5)
        finally:
            ended.append(n)

    handler = make(work)

    async def call() -> None:
        with pytest.raises(KeyboardInterrupt):
            handler(batch(1), LambdaContext())
        assert ended == [1]
        assert handler(batch(0), LambdaContext()) == ALL_DONE
        assert ended == [1, 0]

    loop = asyncio.new_event_loop()  # asyncio.run has its own way with interrupts
    loop.run_until_complete(call())
    loop.close()


FORKING = """
import asyncio, os, sys, threading, time, warnings
from algernon_queue import TaskRouter

warnings.simplefilter("ignore", DeprecationWarning)  # of forks where there are threads
router = TaskRouter()
loops = []

@router.task
async def work(what="pass"):
    loops.append(id(asyncio.get_running_loop()))
    if what == "fork":
        run_in_child(lambda: sys.exit(0))
        run_in_child(lambda: os._exit(int(handle() != {"batchItemFailures": []})))
    if what == "wait":
        waits.set()
        await asyncio.sleep(1)
    await asyncio.to_thread(time.sleep, 0.01)

waits = threading.Event()

def handle(what="pass"):
    body = '{"task_name": "work", "task_kwargs": {"what": "%s"}}' % what
    record = {"messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "body": body}
    return router.handler({"Records": [record]}, None)

def run_in_child(function):
    if (pid := os.fork()) == 0:
        function()
        os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == 0, status

def child():
    handle()
    handle()
    assert loops[-2] == loops[-1]
    assert loops[-1] not in loops[:-2]

def child_that_ends_as_usual():
    child()
    sys.exit(0)

def child_that_ends_at_once():
    child()
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system knows no fork")
@pytest.mark.starts
@pytest.mark.parametrize(
    "program",
    [
        # The loop was made before the fork, and the child ends one way or the other.
        "handle(); run_in_child(child_that_ends_as_usual); handle()",
        "handle(); run_in_child(child_that_ends_at_once); handle()",
        "handle(); run_in_child(lambda: sys.exit(0)); handle(); assert loops[0] == loops[1]",
        "run_in_child(child_that_ends_as_usual); handle()",
        # The loop is taken by another thread while the process forks.
        """
thread = threading.Thread(target=handle, args=["wait"])
thread.start()
waits.wait()
run_in_child(child_that_ends_as_usual)
run_in_child(child_that_ends_at_once)
thread.join()
handle()
assert loops[0] == loops[1]
""",
        # The coroutine itself forks.
        "handle('fork'); handle(); assert loops[0] == loops[1]",
        # Children of children.
        """
def child_with_a_child():
    child()
    run_in_child(child_that_ends_as_usual)
    handle()
    sys.exit(0)

handle()
run_in_child(child_with_a_child)
handle()
""",
    ],
)
def test_a_forked_process_has_loops_of_its_own(program: str) -> None:
    """Parent and child each run their coroutines, however the child ends."""
    ran = subprocess.run(
        [sys.executable, "-c", f"{FORKING}\n{program}\nprint('done')"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("done\n", "", 0)
