"""`algernon send --wait`, `result`, `cancel` and `group`, of a system on a local AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from algernon import Group, SentGroup, Task, TaskRouter, send_task
from algernon.local import LocalSystem
from algernon.local.entries import RunningSystem, reserve_entry
from algernon_storage import aws_client

from ..waiting import PATIENCE, wait_for

pytestmark = pytest.mark.starts

WORKER = """
import os

from algernon import Group, PermanentError, TaskRouter, lambda_logged
from algernon_storage import aws_client

router = TaskRouter()
handler = lambda_logged(router.handler)


@router.task
def price(items):
    return {"total": sum(items)}


@router.task
def double(total):
    return {"doubled": 2 * total}


@router.task
def refuse(**kwargs):
    raise PermanentError("the bank said no")


@router.task
def part(number, key=None):
    if key is not None:
        found = aws_client("s3").list_objects_v2(
            Bucket=os.environ["ALGERNON_BUCKET_NAME"], Prefix=key
        )
        if not found["KeyCount"]:
            raise PermanentError(f"there is no {key}")
    return number


@router.task
def add(results):
    return {"sum": sum(results)}


@router.task
def split(count):
    return Group([part.request(number=number) for number in range(count)])
"""

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """The worker's system."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    with LocalSystem("worker:router", directory=folder) as system:
        yield system


@pytest.fixture
def system(running: LocalSystem) -> Iterator[LocalSystem]:
    """The worker's system, which this process sends to."""
    with running.as_default():
        yield running


@pytest.fixture(scope="module")
def algernon(running: LocalSystem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command, which finds the worker's system as if `algernon run` ran it."""
    state = tmp_path_factory.mktemp("state")
    environ = {**os.environ, "XDG_STATE_HOME": str(state)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "algernon.commands", *arguments],
            cwd=state,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state))
        with reserve_entry(running.stack_name) as entry:
            entry.announce(RunningSystem(running.tasks, running.environ, running.log_group))
            yield run


def ends_with(done: subprocess.CompletedProcess[str], status: int, *, stderr: str = "") -> str:
    """Check how a command ended, and return what it printed."""
    assert done.returncode == status, done
    assert stderr in done.stderr
    return done.stdout


def test_a_result_is_waited_for_and_printed(algernon: Command) -> None:
    """It comes as JSON on standard output, and the id on the other stream."""
    done = algernon("send", "price", "--kwargs", '{"items": [1, 2]}', "--wait")

    assert ends_with(done, 0) == '{"total": 3}\n'
    (line,) = done.stderr.splitlines()
    task_id = line.removeprefix("algernon: sent as ")
    assert ends_with(algernon("result", task_id), 0) == '{"total": 3}\n'
    assert json.loads(ends_with(algernon("result", task_id, "--json"), 0)) == {
        "state": "done",
        "result": {"total": 3},
    }


def test_the_result_of_a_chain_is_that_of_its_last_task(algernon: Command) -> None:
    """A Task in the middle is nobody's result."""
    chain = ("send", "price", "--kwargs", '{"items": [1, 2]}', "--callback", "double")

    assert ends_with(algernon(*chain, "--wait", "--timeout", "60"), 0) == '{"doubled": 6}\n'


def test_what_has_failed_ends_it_with_3(algernon: Command) -> None:
    """The line says why, and for programs so does an object."""
    done = algernon("send", "refuse", "--wait")

    assert ends_with(done, 3, stderr="PermanentError: the bank said no") == ""
    task_id = done.stderr.splitlines()[0].removeprefix("algernon: sent as ")
    told = json.loads(ends_with(algernon("result", task_id, "--json"), 3))
    assert told["state"] == "failed"
    assert told["failure"]["error"] == "PermanentError"
    assert told["failure"]["task_id"] == task_id


def test_what_is_cancelled_never_runs(system: LocalSystem, algernon: Command) -> None:
    """It can be cancelled once, and whoever waits for it gets the status 4."""
    task_id = str(uuid4())
    told = "with cancellable or unique, and for Tasks whose worker has a ledger (once); any other"
    assert ends_with(algernon("cancel", task_id), 0, stderr=told) == "cancelled\n"
    send_task("price", {"items": [1]}, task_id=task_id, cancellable=True, keep_result=True)
    system.wait(task_id)

    assert ends_with(algernon("result", task_id), 4, stderr="was cancelled") == ""
    assert json.loads(algernon("result", task_id, "--json").stdout) == {"state": "cancelled"}
    too_late = f"it is too late to cancel {task_id}: it is cancelled"
    assert ends_with(algernon("cancel", task_id), 1, stderr=too_late) == ""


def test_what_has_expired_ends_it_with_5(system: LocalSystem, algernon: Command) -> None:
    """A Task that came too late to its worker has no result."""
    task_id = send_task("price", {"items": [1]}, expires=0.001, keep_result=True)
    system.wait(task_id)

    assert ends_with(algernon("result", task_id), 5, stderr="expired") == ""


def test_what_is_not_there_in_time_ends_it_with_6(algernon: Command) -> None:
    """The line says what is known of it."""
    task_id = str(uuid4())

    done = algernon("result", task_id, "--timeout", "0", "--json")
    assert json.loads(ends_with(done, 6, stderr=f"{task_id} is 'unknown'")) == {"state": "unknown"}


def test_a_timeout_may_be_part_of_a_second(algernon: Command) -> None:
    """It is a number of seconds, and anything else is wrong usage."""
    task_id = str(uuid4())

    ends_with(algernon("result", task_id, "--timeout", "0.1"), 6, stderr="hasn't ended after")
    for wrong in ("-1", "nan", "inf", "soon"):
        done = algernon("result", task_id, f"--timeout={wrong}")
        ends_with(done, 2, stderr=f"'{wrong}' isn't a number of seconds from 0 to 2592000")


def test_a_result_that_nobody_keeps_is_an_error(system: LocalSystem, algernon: Command) -> None:
    """What was sent without --wait is done, and says so."""
    task_id = send_task("price", {"items": [1]}, cancellable=True)
    system.wait(task_id)

    assert ends_with(algernon("result", task_id), 1, stderr="isn't kept") == ""
    known = ends_with(algernon("result", task_id, "--json"), 1, stderr="isn't kept")
    assert json.loads(known) == {"state": "done"}


def test_what_holds_a_group_is_told_until_it_is_redriven(
    system: LocalSystem, algernon: Command
) -> None:
    """The member that lies in a dead-letter queue is named, with its error; then the group ends."""
    members = [Task("part", {"number": number}) for number in range(40)]
    members[7] = Task("part", {"number": 7, "key": "needed"})
    group: SentGroup[Any] = Group(members, then="add").send()
    wait_for(lambda: group.progress() == (39, 1, 40), moving=group.progress)
    wait_for(lambda: system.dead_letters)

    story = ends_with(algernon("group", group.group_id), 0).splitlines()
    assert story[0] == (
        f"Group {group.group_id}: 39 of 40 members done, 1 failed, 0 open; running."
    )
    assert story[3].split() == [
        *("7", "part", "failed", "1", "yes", "PermanentError:", "there", "is", "no", "needed"),
    ]
    assert "It is held by 1 dead letter" in story[-1]
    done = algernon("result", group.group_id, "--timeout", "0")
    ends_with(
        done, 6, stderr="39 of 40 done, 1 failed; those that failed lie in dead-letter queues"
    )
    told = json.loads(ends_with(algernon("group", group.group_id, "--json"), 0))
    assert (told["done"], told["failed"], told["size"]) == (39, 1, 40)
    (held,) = told["members"]
    assert (held["index"], held["task_id"]) == (7, group[7].task_id)
    assert held["failure"]["error"] == held["dead_letter"]["error"] == "PermanentError"

    aws_client("s3").put_object(Bucket=system.bucket_name, Key="needed", Body=b"")
    system.redrive()
    assert ends_with(algernon("result", group.group_id), 0) == '{"sum": 780}\n'
    story = ends_with(algernon("group", group.group_id), 0).splitlines()
    assert story[-1].startswith("It is done: ")


def test_the_results_of_a_group_without_a_join_task_are_an_array(
    system: LocalSystem, algernon: Command
) -> None:
    """They come in the order of the members."""
    group: SentGroup[Any] = Group([Task("part", {"number": n}) for n in range(35)]).send()

    printed = ends_with(algernon("result", group.group_id), 0)
    assert json.loads(printed) == [*range(35)]


def test_a_program_waits_here_as_on_aws(system: LocalSystem) -> None:
    """Within the block of `as_default` a result, and a group, need nothing but their ids."""

    def price(items: list[int]) -> dict[str, int]:
        raise NotImplementedError

    sent = TaskRouter().task(price).using(keep_result=True).send(items=[1, 2])
    assert sent.result(timeout=60) == {"total": 3}
    group: SentGroup[Any] = Group([Task("part", {"number": 3})], then="add").send()
    system.wait(group)
    assert group.result(timeout=0) == {"sum": 3}


def test_a_group_is_cancelled(system: LocalSystem, algernon: Command) -> None:
    """Of one that is held its `then` never runs."""
    held = Task("part", {"number": 1, "key": "never"})
    group: SentGroup[Any] = Group([held], then="add").send()
    wait_for(lambda: group.progress() == (0, 1, 1), moving=group.progress)

    done = algernon("cancel", group.group_id)
    assert ends_with(done, 0) == "cancelled\n"
    assert done.stderr == ""
    assert ends_with(algernon("result", group.group_id), 4, stderr="was cancelled") == ""
    assert "It was cancelled" in ends_with(algernon("group", group.group_id), 0)
    too_late = f"it is too late to cancel {group.group_id}: it is cancelled"
    assert ends_with(algernon("cancel", group.group_id), 1, stderr=too_late) == ""


def test_a_chain_whose_task_returns_a_group_is_waited_for_and_traced(
    system: LocalSystem, algernon: Command
) -> None:
    """Its end is that of the Task that gets the results, and its tree has the group."""
    done = algernon("send", "split", "--kwargs", '{"count": 33}', "--callback", "add", "--wait")
    assert ends_with(done, 0) == '{"sum": 528}\n'
    chain_id = done.stderr.splitlines()[0].removeprefix("algernon: sent as ")
    system.wait(chain_id)

    def story() -> str:
        return algernon("trace", chain_id).stdout

    wait_for(lambda: "All of it is done." in story(), moving=story)
    rows = [row.strip("│├└─ ").split() for row in story().splitlines()[3:7]]
    assert [(row[0], row[-7 if row[0] == "group" else -9]) for row in rows] == [
        *(("split", "1"), ("group", "33"), ("part", "33"), ("add", "1")),
    ]


@pytest.mark.parametrize("verb", ["result", "cancel", "group"])
def test_what_is_no_id_is_refused(algernon: Command, verb: str) -> None:
    """An id is a UUID."""
    ends_with(algernon(verb, "order-7"), 1, stderr="'order-7'")


def test_what_is_no_group_is_refused(algernon: Command) -> None:
    """One line says what may be."""
    task_id = str(uuid4())

    assert ends_with(algernon("group", task_id), 1, stderr=f"has no group {task_id}") == ""


def test_a_timeout_without_wait_is_wrong_usage(algernon: Command) -> None:
    """There is nothing to wait for."""
    ends_with(algernon("send", "price", "--timeout", "3"), 2, stderr="--timeout is for --wait")


@pytest.mark.parametrize("verb", ["result", "send"])
def test_help_says_what_the_statuses_mean(algernon: Command, verb: str) -> None:
    """Whoever writes a script finds them there."""
    text = " ".join(ends_with(algernon(verb, "--help"), 0).split())

    assert "with 3 when what was sent has failed for good, 4 when it was cancelled" in text
