"""AWS X-Ray: what a Task itself records is below it, and harms no other."""

from __future__ import annotations

import pytest

from .traces import Daemon, Workers, record
from .xray import HEADER, ROOT, SAMPLED, SENDER, SENT, TASKS, of_tasks, subsegments


def test_subsegments_at_the_same_time_have_the_right_parents(
    workers: Workers, daemon: Daemon
) -> None:
    """What runs under asyncio.gather, or in threads, is below what it was started in."""
    function = workers.start(
        "one",
        TASKS
        + """
async def part(name):
    async with xray_recorder.in_subsegment_async(name):
        await asyncio.sleep(0.02)
        await asyncio.to_thread(step, f"{name}, thread")
        async with xray_recorder.in_subsegment_async(f"{name}, inside"):
            await asyncio.sleep(0.02)

def step(name):
    with xray_recorder.in_subsegment(name):
        time.sleep(0.02)

@router.task
async def ship(n):
    await asyncio.gather(*(part(f"{n}.{number}") for number in range(3)))
    xray_recorder.put_annotation("mine", n)
""",
    )
    event = {
        "Records": [
            record({"task_name": "ship", "task_kwargs": {"n": n}}, {HEADER: SENT}) for n in range(3)
        ]
    }
    function.invoke(event, trace_id=SAMPLED)
    found = subsegments(daemon.received())
    by_id = {each.id: each for each in found}
    assert len(found) == len(by_id) == 3 + 3 * 9
    for each in found:
        if each.name == "ship":
            assert each.parent_id == "463ac35c9f6413ad"
        elif "," in each.name:
            assert by_id[each.parent_id or ""].name == each.name.partition(",")[0]
        else:
            ship = by_id[each.parent_id or ""]
            assert each.name.startswith(f"{ship.annotations['mine']}.")
        assert each.document["end_time"] >= each.document["start_time"]


def test_thread_that_is_told_its_segment_is_in_the_record_s_trace(
    workers: Workers, daemon: Daemon
) -> None:
    """A thread of any kind joins the Task by set_trace_entity, and not a moment longer."""
    function = workers.start(
        "one",
        TASKS
        + """
from concurrent.futures import ThreadPoolExecutor
thread = ThreadPoolExecutor(1)

def step(name, entity):
    if entity is not None:
        xray_recorder.set_trace_entity(entity)
    with xray_recorder.in_subsegment(name):
        pass

@router.task
def ship(told):
    entity = xray_recorder.get_trace_entity() if told else None
    thread.submit(step, f"told: {told}", entity).result()
""",
    )
    for told in (True, False):
        message = {"task_name": "ship", "task_kwargs": {"told": told}}
        event = {"Records": [record(message, {HEADER: SENT})]}
        assert function.invoke(event, trace_id=SAMPLED).result == {"batchItemFailures": []}
    joined, ship, apart, _ = subsegments(daemon.received())
    assert (joined.name, joined.parent_id) == ("told: True", ship.id)
    # As before: the invocation's.
    assert (apart.name, apart.trace_id) == ("told: False", ROOT)


def test_subsegments_that_code_leaves_open_stay_in_their_record(
    workers: Workers, daemon: Daemon
) -> None:
    """What a Task leaves open ends with it, and what it closes too often does no harm."""
    function = workers.start(
        "one",
        TASKS
        + """
@router.task
def leak():
    xray_recorder.begin_subsegment("left open")

@router.task
def close():
    for _ in range(3):
        xray_recorder.end_subsegment()
    xray_recorder.clear_trace_entities()
    with xray_recorder.in_subsegment("after"):
        pass
""",
    )
    event = {"Records": [record({"task_name": name}, {HEADER: SENT}) for name in ("leak", "close")]}
    for _ in range(2):
        assert function.invoke(event, trace_id=SAMPLED).result == {"batchItemFailures": []}
    assert function.printed() == ""
    after, leak, left, close, *second_time = subsegments(daemon.received())
    assert (left.name, left.parent_id) == ("left open", leak.id)
    assert left.document["in_progress"] is True
    assert (after.parent_id, close.parent_id) == (close.id, "463ac35c9f6413ad")
    assert [each.name for each in second_time] == ["after", "leak", "left open", "close"]


def test_work_that_goes_on_after_its_record_does_no_harm(workers: Workers, daemon: Daemon) -> None:
    """An asyncio task that outlives its Task still makes its calls, which aren't recorded."""
    function = workers.start(
        "one",
        TASKS
        + """
background, outcomes = [], []
next_invocation = asyncio.Event()

async def go_on():
    try:
        await next_invocation.wait()
        for name in ("late", "later"):
            async with xray_recorder.in_subsegment_async(name):
                boto3.client("sqs").list_queues()
        outcomes.append("well")
    except BaseException as error:
        outcomes.append(repr(error))

@router.task
async def begin():
    background.append(asyncio.create_task(go_on()))
    async with xray_recorder.in_subsegment_async("part"):
        background.append(asyncio.create_task(go_on()))

@router.task
async def finish():
    next_invocation.set()
    await asyncio.gather(*background)
    return {"outcomes": outcomes}
""",
    )
    for name in ("begin", "finish"):
        event = {"Records": [record({"task_name": name}, {HEADER: SENT})]}
        assert function.invoke(event, trace_id=SAMPLED).result == {"batchItemFailures": []}
    assert [each.name for each in subsegments(daemon.received())] == ["part", "begin", "finish"]
    outcomes = function.invoke({"task_name": "finish"}).result
    assert outcomes == {"outcomes": ["well", "well"]}
    assert function.printed() == ""


@pytest.mark.parametrize("sampled", [0, 1])
def test_current_subsegment_can_always_be_annotated(
    sampled: int, workers: Workers, daemon: Daemon
) -> None:
    """Code that annotates its Task's subsegment works in traces that aren't sampled, too."""
    function = workers.start(
        "one",
        TASKS
        + """
@router.task
def ship():
    xray_recorder.current_subsegment().put_annotation("customer", "ada")
    with xray_recorder.in_subsegment("inner") as inner:
        inner.put_annotation("n", 1)
""",
    )
    sent = record({"task_name": "ship"}, {HEADER: SENT.replace("Sampled=1", f"Sampled={sampled}")})
    assert function.invoke({"Records": [sent]}, trace_id=SAMPLED).result == {
        "batchItemFailures": []
    }
    ships = of_tasks(daemon.received())
    assert [each.annotations.get("customer") for each in ships] == ["ada"] * sampled


@pytest.mark.parametrize("when", ["before", "after"])
def test_context_that_the_user_configures_is_watched(
    when: str, workers: Workers, daemon: Daemon
) -> None:
    """The SDK's context for asyncio, which code configures at any time, keeps the chain's trace."""
    configure = """
from aws_xray_sdk.core.async_context import AsyncContext
asyncio.set_event_loop(asyncio.new_event_loop())
xray_recorder.configure(context=AsyncContext())
"""
    decorated = "handler = lambda_logged(router.handler)\n"
    source = TASKS.replace(
        decorated, configure + decorated if when == "before" else decorated + configure
    )
    function = workers.start(
        "one",
        source
        + """
@router.task
async def ship():
    with xray_recorder.in_subsegment("inner"):
        await asyncio.sleep(0)
""",
    )
    function.invoke({"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}, trace_id=SAMPLED)
    found = {each.name: each for each in subsegments(daemon.received())}
    assert found["inner"].parent_id == found["ship"].id
    assert {each.trace_id for each in (found["inner"], found["ship"])} == {SENDER}
