"""AWS X-Ray: what the document of a Task's subsegment says, and how it is sent."""

from __future__ import annotations

import pytest

from .traces import NAPS, Daemon, Workers, record
from .xray import HEADER, SAMPLED, SENDING, SENT, TASKS, of_tasks, subsegments


@pytest.mark.parametrize("define", NAPS)
def test_subsegment_has_the_times_of_its_task(
    define: str, workers: Workers, daemon: Daemon
) -> None:
    """A subsegment begins and ends when its Task does, not when its batch does."""
    function = workers.start("one", TASKS + NAPS[define])
    naps = [record({"task_name": "nap", "task_kwargs": {"n": n}}) for n in (1, 2)]
    function.invoke({"Records": naps}, trace_id=SAMPLED)
    times = [
        (each.document["start_time"], each.document["end_time"])
        for each in of_tasks(daemon.received())
    ]
    (first_start, first_end), (second_start, second_end) = times
    # A clock may be set meanwhile, by a little.
    assert first_end - first_start > 0.09
    assert second_end - second_start > 0.09
    assert (second_start > first_end - 0.05) == (define == "def")
    assert (second_end < first_end - 0.05) == (define == "async def")


@pytest.mark.parametrize(
    ("task_name", "name"),
    [
        ("größe (2) <b>;?*!$~^|", "größe _2_ _b_________"),
        ("shop/eu.orders:ship-it+now@1", "shop/eu.orders:ship-it+now@1"),
        ("x" * 256, "x" * 200),
    ],
    ids=["odd", "rich", "long"],
)
def test_name_is_one_that_x_ray_takes(
    task_name: str, name: str, workers: Workers, daemon: Daemon
) -> None:
    """A subsegment is named as X-Ray's segment documents may be, and annotated with all of it."""
    function = workers.start(
        "one",
        """
from algernon_logging import lambda_logged
from algernon_queue import queued
handler = lambda_logged(queued(lambda event, context: None))
""",
    )
    function.invoke({"Records": [record({"task_name": task_name}, {HEADER: SENT})]})
    (task,) = of_tasks(daemon.received())
    assert (task.name, task.annotations["task_name"]) == (name, task_name)
    assert function.printed() == ""


def test_errors_of_any_kind_are_recorded(workers: Workers, daemon: Daemon) -> None:
    """An error that can't be told, bears no mark, or tells too much still makes a fault."""
    function = workers.start(
        "one",
        TASKS
        + """
from dataclasses import dataclass

class Untold(Exception):
    def __str__(self):
        raise ValueError

@dataclass(frozen=True)
class Frozen(Exception):
    n: int = 1

@router.task
def ship(n):
    if n == 3:
        with xray_recorder.in_subsegment("inside"):
            raise ValueError("once")
    raise (Untold(), Frozen(), ValueError("x" * 1_000_000))[n]
""",
        AWS_LAMBDA_LOG_LEVEL="FATAL",
    )
    event = {
        "Records": [
            record({"task_name": "ship", "task_kwargs": {"n": n}}, {HEADER: SENT}) for n in range(4)
        ]
    }
    assert len(function.invoke(event).result["batchItemFailures"]) == 4
    # The worker asks its queue how often it gives messages out, which isn't the Tasks'.
    found = [
        each for each in subsegments(daemon.received()) if each.document.get("namespace") != "aws"
    ]
    inside, untold, _, talkative, once = found
    assert [each.document["fault"] for each in found] == [True] * 5
    assert untold.document["cause"]["exceptions"][0]["type"] == "Untold"
    assert len(talkative.document["cause"]["exceptions"][0]["message"]) == 4_000
    # An exception is told once; who passes it on refers to it by its id.
    assert once.document["cause"] == inside.document["cause"]["exceptions"][0]["id"]


def test_document_that_is_too_large_loses_what_the_task_added(
    workers: Workers, daemon: Daemon
) -> None:
    """A Task's subsegment that wouldn't fit into a datagram is sent without its metadata."""
    function = workers.start(
        "one",
        TASKS
        + """
@router.task
def ship():
    xray_recorder.current_subsegment().put_metadata("body", "x" * 100_000)
""",
    )
    function.invoke({"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}, trace_id=SAMPLED)
    (ship,) = of_tasks(daemon.received())
    assert ship.annotations["outcome"] == "done"
    assert "metadata" not in ship.document


def test_daemon_that_cannot_be_found_is_no_trouble(workers: Workers) -> None:
    """Where the daemon's name leads nowhere, Tasks are done and nothing is printed."""
    function = workers.start("one", SENDING, AWS_XRAY_DAEMON_ADDRESS="daemon.invalid:2000")
    event = {"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}
    assert function.invoke(event, trace_id=SAMPLED).result == {"batchItemFailures": []}
    assert function.printed() == ""


def test_back_end_that_fails_harms_no_task(workers: Workers) -> None:
    """Whatever the SDK raises, Tasks are done, and a line says what failed."""
    function = workers.start(
        "one",
        TASKS
        + """
class Broken:
    def send_entity(self, entity):
        raise RuntimeError("no emitter")

xray_recorder.emitter = Broken()

@router.task
def ship():
    return None
""",
    )
    event = {"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}
    assert function.invoke(event).result == {"batchItemFailures": []}
    assert "an observer of Tasks failed" in function.printed()
    assert "RuntimeError: no emitter" in function.printed()
