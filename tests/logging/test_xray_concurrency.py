"""AWS X-Ray outside records: what runs at the same time has a place each in the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .traces import IN_LAMBDA
from .xray import SAMPLED, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .traces import Daemon

pytestmark = pytest.mark.starts

#: Steps that begin in order and end in the same order, so that each ends while others are open.
STEPS = """
import asyncio, threading
from algernon_logging import lambda_logged
from aws_xray_sdk.core import xray_recorder

class Turns:
    def __init__(self, count):
        self.began = threading.Barrier(count)
        self.waiting = 0
        self.turns = [threading.Event() for _ in range(count)]
        self.turns[0].set()
    def end(self, number):
        self.turns[number].wait()
    def pass_on(self, number):
        if number + 1 < len(self.turns):
            self.turns[number + 1].set()

def blocking(turns, number):
    with xray_recorder.in_subsegment(f"step {number}"):
        turns.began.wait()
        xray_recorder.put_annotation("number", number)
        turns.end(number)
    turns.pass_on(number)

async def step(turns, number):
    with xray_recorder.in_subsegment(f"step {number}"):
        xray_recorder.put_annotation("number", number)
        turns.waiting += 1
        while turns.waiting < len(turns.turns) or not turns.turns[number].is_set():
            await asyncio.sleep(0)
            assert xray_recorder.current_subsegment().name == f"step {number}"
    turns.pass_on(number)
"""
WAYS = {
    "gather": """
async def main():
    turns = Turns(3)
    await asyncio.gather(*(step(turns, n) for n in range(3)))
""",
    "task group": """
async def main():
    turns = Turns(3)
    async with asyncio.TaskGroup() as group:
        for n in range(3):
            group.create_task(step(turns, n))
""",
    "to_thread": """
async def main():
    turns = Turns(3)
    await asyncio.gather(*(asyncio.to_thread(blocking, turns, n) for n in range(3)))
""",
    "as_completed": """
async def main():
    turns = Turns(3)
    for each in asyncio.as_completed([step(turns, n) for n in range(3)]):
        await asyncio.wait_for(each, None)
""",
    "nested gather": """
async def main():
    turns = Turns(3)
    async def some(*numbers):
        await asyncio.gather(*(step(turns, n) for n in numbers))
    await asyncio.gather(some(0, 2), some(1))
""",
}
#: Runs them below Lambda's segment, and below a subsegment.
HANDLER = """
async def around():
    with xray_recorder.in_subsegment("around"):
        await main()

@lambda_logged
def handler(event, context):
    asyncio.run(main())
    asyncio.run(around())

handler({}, None)
"""


@pytest.mark.parametrize("way", WAYS)
def test_steps_at_the_same_time_have_a_place_each(
    way: str, run: Callable[..., str], daemon: Daemon
) -> None:
    """Steps that overlap in any way are below what started them, and end in any order."""
    code = f"{STEPS}{WAYS[way]}{HANDLER}"
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == ""
    documents = daemon.received()
    names = {each["id"]: each["name"] for each in documents}
    assert sorted(
        (each["name"], names.get(each["parent_id"], each["parent_id"])) for each in documents
    ) == [
        ("around", SEGMENT),
        *((f"step {n}", place) for n in range(3) for place in (SEGMENT, "around")),
    ]
    for each in documents:
        assert each["name"] in ("around", f"step {each.get('annotations', {}).get('number')}")
    assert not [each["name"] for each in documents if each.get("in_progress")]


def test_threads_of_a_handler_begin_below_lambdas_segment(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """A thread that nothing was handed to belongs to the invocation, beside what is open."""
    code = f"""{STEPS}
@lambda_logged
def handler(event, context):
    turns = Turns(3)
    with xray_recorder.in_subsegment("around"):
        threads = [threading.Thread(target=blocking, args=(turns, n)) for n in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
handler({{}}, None)
"""
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == ""
    assert sorted((each["name"], each["parent_id"]) for each in daemon.received()) == [
        ("around", SEGMENT),
        *((f"step {n}", SEGMENT) for n in range(3)),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_a_segment_of_ones_own_is_sent_whole(
    way: str, run: Callable[..., str], daemon: Daemon
) -> None:
    """Outside Lambda, one segment goes out with all that ran at the same time below it."""
    code = f"""{STEPS}{WAYS[way]}
lambda_logged(trace=True)(print)
with xray_recorder.in_segment("job", sampling=1):
    asyncio.run(main())
print(xray_recorder.current_segment())
"""
    assert run(code) == "None\n"
    (segment,) = daemon.received()
    assert segment["name"] == "job"
    assert sorted(each["name"] for each in segment["subsegments"]) == [
        f"step {n}" for n in range(3)
    ]


@pytest.mark.parametrize("environment", [{}, IN_LAMBDA], ids=["elsewhere", "in Lambda"])
def test_what_outlives_what_started_it_goes_on(
    environment: dict[str, str], run: Callable[..., str], daemon: Daemon
) -> None:
    """A task whose subsegment, or whole segment, was closed before it ends without an error."""
    segment = (
        "contextlib.nullcontext()" if environment else 'xray_recorder.in_segment("job", sampling=1)'
    )
    code = f"""{STEPS}
import contextlib
lambda_logged(trace=True)(print)

async def background(began, go):
    with xray_recorder.in_subsegment("early"):
        began.set()
        await go.wait()
    for _ in range(2):
        with xray_recorder.in_subsegment("late"):
            xray_recorder.put_annotation("late", True)
            await asyncio.sleep(0)

async def main():
    began, go = asyncio.Event(), asyncio.Event()
    with {segment}, xray_recorder.in_subsegment("around"):
        task = asyncio.create_task(background(began, go))
        await began.wait()
    go.set()
    await task

asyncio.run(main())
"""
    assert run(code, **environment, _X_AMZN_TRACE_ID=SAMPLED) == ""
    documents = daemon.received()
    everything = [each for document in documents for each in flat(document)]
    assert {"around", "early"} <= set(everything)
    assert everything.count("late") == (2 if environment else 0)


def flat(document: dict[str, Any]) -> list[str]:
    """Return the names in a document."""
    return [document["name"], *(n for each in document.get("subsegments", []) for n in flat(each))]
