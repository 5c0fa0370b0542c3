"""A system on a local AWS, run until nothing is left to do, and sent to as the default."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from algernon import Task, send_task, send_tasks
from algernon.errors import LocalSystemError
from algernon.local import LocalSystem
from algernon_storage import aws_client

from ..waiting import PATIENCE, wait_for

pytestmark = pytest.mark.starts

WORKER = """
import os

from algernon import PermanentError, TaskRouter
from algernon_storage import aws_client

router = TaskRouter()
handler = router.handler


@router.task
def ping(key, hops):
    return {"key": key, "hops": hops + 1}


@router.task
def pong(key, hops):
    return {"key": key, "hops": hops + 1}


@router.task
def keep(key, hops):
    bucket = os.environ["ALGERNON_BUCKET_NAME"]
    aws_client("s3").put_object(Bucket=bucket, Key=f"{key}/{hops}")


@router.task(retries=2, backoff=1)
def fail_twice(key, context):
    if context["sqs"]["receive_count"] < 3:
        raise ConnectionError("not yet")
    return {"key": key, "hops": 0}


@router.task
def fail():
    raise ValueError("never")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the worker."""
    folder = tmp_path_factory.mktemp("backlog")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[LocalSystem]:
    """The worker's system."""
    with LocalSystem("worker:router", directory=folder) as system:
        yield system


@pytest.fixture
def system(running: LocalSystem) -> Iterator[LocalSystem]:
    """The worker's system, which this process sends to."""
    with running.as_default():
        yield running


def kept(system: LocalSystem, key: str) -> list[str]:
    """Return what was kept under a key."""
    answer = aws_client("s3").list_objects_v2(Bucket=system.bucket_name, Prefix=f"{key}/")
    return [found["Key"].removeprefix(f"{key}/") for found in answer.get("Contents", [])]


def hidden(system: LocalSystem, task: str) -> int:
    """Return how many messages of a Task are hidden."""
    name = "ApproximateNumberOfMessagesNotVisible"
    answer = aws_client("sqs").get_queue_attributes(
        QueueUrl=system.queue_url(task), AttributeNames=[name]
    )
    return int(answer["Attributes"][name])


def test_a_run_lasts_until_all_chains_are_done(system: LocalSystem) -> None:
    """Messages that go to and fro between two queues don't look as if there were none."""
    chain = "#".join(["pong", "ping"] * 10 + ["keep"])
    chains = [Task("ping", {"key": f"chain-{number}", "hops": 0}, chain) for number in range(5)]

    send_tasks(chains)
    system.run(timeout=PATIENCE)

    assert [kept(system, f"chain-{number}") for number in range(5)] == [["21"]] * 5


def test_a_run_waits_for_what_is_tried_again(system: LocalSystem) -> None:
    """A message that is hidden for a backoff counts as left to do."""
    send_task("fail_twice", {"key": "flaky"}, "keep")
    system.run(timeout=PATIENCE)

    assert kept(system, "flaky") == ["0"]


def test_a_run_of_which_nothing_is_left_returns_at_once(system: LocalSystem) -> None:
    """It needs no time to find that out, so that none need be given."""
    system.run(timeout=0)


def test_a_run_says_what_is_left_when_time_is_up(folder: Path) -> None:
    """A Task without retries comes again after the queue's visibility timeout: too late."""
    with LocalSystem("worker:router", directory=folder) as system, system.as_default():
        send_task("fail")
        wait_for(lambda: hidden(system, "fail"))

        with pytest.raises(
            LocalSystemError,
            match=r"'worker' isn't done after 1 s\. Left are, by Task: fail: 1 running or hidden,"
            r" for 1\d\d s at most\. Wait longer .* it comes again after 180 s",
        ):
            system.run(timeout=1)


def test_a_run_says_that_the_local_aws_has_ended(folder: Path) -> None:
    """It isn't waited for when nobody can do anything any more."""
    with LocalSystem("worker:router", directory=folder) as system, system.as_default():
        send_task("fail")
        os.kill(system._aws._process.pid, signal.SIGKILL)

        with pytest.raises(LocalSystemError, match="ended with status -9"):
            system.run(timeout=PATIENCE)


def test_a_process_is_led_to_a_system_for_a_block(running: LocalSystem) -> None:
    """Within the block sends and calls go to it, and afterwards where they went before."""
    before = {**os.environ}

    with running.as_default():
        endpoint = aws_client("sns").meta.endpoint_url

    assert endpoint == running.endpoint_url
    assert {**os.environ} == before
