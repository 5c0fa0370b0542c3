"""Waiting for the end of one chain of a system on a local AWS."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from algernon import Task, TaskRouter, send_task, send_tasks
from algernon.errors import ChainError, ChainFailedError, ChainTimeoutError, LocalSystemError
from algernon.local import LocalSystem
from algernon.template import logical_id
from algernon_storage import aws_client

from ..waiting import PATIENCE, wait_for

pytestmark = pytest.mark.starts

WORKER = """
import os

from algernon import PermanentError, TaskRouter, current_task, lambda_logged, send_task
from algernon_storage import aws_client

router = TaskRouter()
handler = lambda_logged(router.handler)


@router.task
def step(key, hops=0):
    return {"key": key, "hops": hops + 1}


@router.task
def keep(key, hops):
    bucket = os.environ["ALGERNON_BUCKET_NAME"]
    aws_client("s3").put_object(Bucket=bucket, Key=f"{key}/{hops}")


@router.task
def scatter(key, count):
    for number in range(count):
        send_task("step", {"key": key, "hops": number}, "keep")


@router.task(retries=2, backoff=1)
def fail_twice(key):
    if current_task().receive_count < 3:
        raise ConnectionError("not yet")
    return {"key": key, "hops": 0}


@router.task
def refuse(key):
    raise PermanentError(f"no {key}")


@router.task
def fail(key):
    raise ValueError(f"never {key}")


@router.task
def split(key):
    send_task("refuse", {"key": key})
    send_task("fail_twice", {"key": key}, "keep")
"""

SILENT = """
from algernon import TaskRouter

router = TaskRouter()
handler = router.handler


@router.task
def whisper(key):
    return {"key": key, "hops": 0}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a worker that logs what becomes of its Tasks, and one that doesn't."""
    folder = tmp_path_factory.mktemp("wait")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    (folder / "silent.py").write_text(SILENT, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[LocalSystem]:
    """The workers' system."""
    with LocalSystem("worker:router", "silent:router", directory=folder) as system:
        yield system


@pytest.fixture
def system(running: LocalSystem) -> Iterator[LocalSystem]:
    """The workers' system, which this process sends to."""
    with running.as_default():
        yield running


def kept(system: LocalSystem, key: str) -> set[str]:
    """Return what was kept under a key."""
    answer = aws_client("s3").list_objects_v2(Bucket=system.bucket_name, Prefix=f"{key}/")
    return {found["Key"].removeprefix(f"{key}/") for found in answer.get("Contents", [])}


def test_a_chain_is_done_when_its_last_task_is(system: LocalSystem) -> None:
    """Its messages that go from queue to queue don't look as if there were none."""
    system.wait(
        send_task("step", {"key": "line"}, "#".join(["step"] * 10 + ["keep"])), timeout=PATIENCE
    )

    assert kept(system, "line") == {"10"}


def test_what_send_returns_is_waited_for(system: LocalSystem) -> None:
    """Nobody has to take the id out of it."""

    def step(key: str) -> dict[str, object]:
        raise NotImplementedError

    system.wait(TaskRouter().task(step).then("keep").send(key="sent"), timeout=PATIENCE)

    assert kept(system, "sent") == {"1"}


def test_each_of_many_chains_is_waited_for_alone(system: LocalSystem) -> None:
    """Those that ended before their turn are done, and one that is left doesn't matter."""
    send_task("fail", {"key": "other"})
    chain_ids = send_tasks(
        Task("step", {"key": "many", "hops": number}, "keep") for number in range(20)
    )
    for chain_id in chain_ids:
        system.wait(chain_id, timeout=PATIENCE)

    assert kept(system, "many") == {str(number + 1) for number in range(20)}


def test_what_tasks_send_belongs_to_it(system: LocalSystem) -> None:
    """A chain that spreads ends with its last branch."""
    system.wait(send_task("scatter", {"key": "spread", "count": 5}), timeout=PATIENCE)

    assert kept(system, "spread") == {"1", "2", "3", "4", "5"}


def test_what_is_tried_again_is_waited_for(system: LocalSystem) -> None:
    """A message that is hidden for a backoff is left to do."""
    system.wait(send_task("fail_twice", {"key": "flaky"}, "keep"), timeout=PATIENCE)

    assert kept(system, "flaky") == {"0"}


def test_workers_that_log_nothing_are_waited_for_too(system: LocalSystem) -> None:
    """The end is told by the queues, of which no worker has to tell anything."""
    system.wait(send_task("whisper", {"key": "silent"}, "keep"), timeout=PATIENCE)

    assert kept(system, "silent") == {"0"}


def test_its_lines_stay_for_who_asks_for_them(system: LocalSystem) -> None:
    """Whoever waits takes no line from `log_lines`, so that all of the chain come by that."""
    chain_id = send_task("step", {"key": "lines"}, "keep")
    system.wait(chain_id, timeout=PATIENCE)

    lines: list[str] = []

    def all_are_there() -> bool:
        lines.extend(system.log_lines())
        of_chain = [line for line in lines if chain_id in line]
        return all(
            any(f"Task {task}: done" in line for line in of_chain) for task in ("step", "keep")
        )

    wait_for(all_are_there, lambda: len(lines))


def test_a_chain_that_failed_says_why(system: LocalSystem) -> None:
    """What became a dead letter is told, with its Task, error and reason, and is there to see."""
    chain_id = send_task("step", {"key": "wrong"}, "refuse#keep")
    with pytest.raises(ChainFailedError) as caught:
        system.wait(chain_id, timeout=PATIENCE)

    (letter,) = caught.value.dead_letters
    assert (letter.task, letter.chain_id) == ("refuse", chain_id)
    assert f"the chain {chain_id} has failed" in str(caught.value)


def test_a_chain_that_failed_in_part_is_waited_for_whole(system: LocalSystem) -> None:
    """A dead letter of one branch leaves the other time to come to its end."""
    with pytest.raises(ChainFailedError) as caught:
        system.wait(send_task("split", {"key": "halves"}), timeout=PATIENCE)

    assert [letter.task for letter in caught.value.dead_letters] == ["refuse"]
    assert "refuse is a dead letter after 1 receive (PermanentError: no halves)" in str(
        caught.value
    )
    assert kept(system, "halves") == {"0"}


def test_a_redriven_chain_is_waited_for_again(system: LocalSystem) -> None:
    """What goes back to its queue is left to do."""
    chain_id = send_task("refuse", {"key": "stubborn"})
    for _ in range(2):
        with pytest.raises(ChainFailedError, match="no stubborn"):
            system.wait(chain_id, timeout=PATIENCE)
        system.redrive()


def test_other_chains_that_name_it_are_none_of_it(system: LocalSystem) -> None:
    """A chain's id may be an argument of another chain's Task."""
    chain_id = send_task("step", {"key": "named"}, "keep")
    with pytest.raises(ChainFailedError):
        system.wait(send_task("refuse", {"key": chain_id}), timeout=PATIENCE)
    send_task("fail", {"key": chain_id})

    system.wait(chain_id, timeout=PATIENCE)


def test_a_message_without_ids_has_that_of_its_notification(system: LocalSystem) -> None:
    """Whatever publishes a message knows its chain by SNS's MessageId."""
    topic = system._resources[logical_id("Topic", "refuse")]
    published = aws_client("sns").publish(
        TopicArn=topic, Message='{"task_name": "refuse", "task_kwargs": {"key": "raw"}}'
    )
    with pytest.raises(ChainFailedError, match="PermanentError: no raw"):
        system.wait(published["MessageId"], timeout=PATIENCE)


def test_it_says_what_is_known_when_time_is_up(system: LocalSystem) -> None:
    """Which Tasks are left, until when they are hidden, and how they failed."""
    chain_id = send_task("fail", {"key": "late"}, "keep")
    wait_for(lambda: [line for line in system.log_lines() if "never late" in line])
    with pytest.raises(ChainTimeoutError) as caught:
        system.wait(chain_id, timeout=0.5)

    assert isinstance(caught.value, LocalSystemError)
    assert isinstance(caught.value, TimeoutError)
    text = str(caught.value)
    assert f"the chain {chain_id} hasn't come to its end after 0.5 s" in text
    assert "fail failed last with ValueError: never late (worker.py:" in text
    assert "Left are, by Task: fail: 1 running or hidden, for 1" in text
    assert "keep" not in text


@pytest.mark.parametrize("chain_id", ["", "step", "9e107d9d"])
def test_what_can_be_no_id_is_refused(system: LocalSystem, chain_id: str) -> None:
    """A chain's id is a UUID."""
    with pytest.raises(ChainError, match="is no chain_id"):
        system.wait(chain_id, timeout=PATIENCE)


def test_of_a_chain_that_nobody_sent_nothing_is_left(system: LocalSystem) -> None:
    """It needs no time to find that out."""
    system.wait(str(uuid4()), timeout=0)


def test_an_id_may_be_written_in_any_way_of_a_uuid(system: LocalSystem) -> None:
    """Upper case and without hyphens, it is the same."""
    chain_id = send_task("refuse", {"key": "loud"})
    with pytest.raises(ChainFailedError, match="no loud"):
        system.wait(chain_id.upper().replace("-", ""), timeout=PATIENCE)


def test_it_says_that_the_local_aws_has_ended(folder: Path) -> None:
    """Nobody can do anything any more."""
    with LocalSystem("silent:router", directory=folder) as system, system.as_default():
        os.kill(system._aws._process.pid, signal.SIGKILL)
        system._aws._process.wait()
        with pytest.raises(LocalSystemError, match="ended with status -9"):
            system.wait(str(uuid4()), timeout=PATIENCE)
