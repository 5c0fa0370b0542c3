"""`algernon status --groups`: which groups dead letters hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from algernon import Group, SentGroup, Task, send_task
from algernon.commands.main import main
from algernon.local import LocalSystem
from algernon.local.place import place_of_local_aws
from algernon.story.held_groups import held_groups_as_json, held_groups_lines
from algernon.system.held_groups import HeldGroups, find_held_groups
from algernon.system.task_queues import find_task_queues
from algernon_storage import aws_client

from ..conftest import REGION
from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

WORKER = """
from algernon import PermanentError, TaskRouter

router = TaskRouter()
handler = router.handler


@router.task(retries=1, backoff=0)
def part(number):
    if number % 4 == 3:
        raise ArithmeticError(f"no {number}")
    return number


@router.task
def refuse(number):
    raise PermanentError(f"no {number}")


@router.task
def add(results):
    return sum(results)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """The system of a worker whose Tasks fail."""
    folder = tmp_path_factory.mktemp("held-groups")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    with LocalSystem("worker:router", directory=folder) as system:
        yield system


@pytest.fixture
def system(running: LocalSystem) -> Iterator[LocalSystem]:
    """The system without dead letters, which this process sends to."""
    with running.as_default():
        for task in running.tasks:
            aws_client("sqs").purge_queue(QueueUrl=running.dead_letter_queue_url(task))
        yield running


def held(system: LocalSystem) -> HeldGroups:
    """Return what is held in a system."""
    place = place_of_local_aws(system.environ)
    return find_held_groups(place, find_task_queues(place))


def told(system: LocalSystem) -> str:
    """Return what people are told of it."""
    return "\n".join(line.text for line in held_groups_lines(held(system)))


def put(system: LocalSystem, **group: Any) -> None:
    """Put the message of a group's member into a dead-letter queue."""
    message = {"task_name": "part", "task_kwargs": {}, "callback": {"group": group}}
    aws_client("sqs").send_message(
        QueueUrl=system.dead_letter_queue_url("part"), MessageBody=json.dumps(message)
    )


def test_a_group_is_held_by_its_members_that_are_dead(system: LocalSystem) -> None:
    """It is told how many are done, and the causes of the others, the most frequent first."""
    members = [
        *(Task("part", {"number": number}) for number in range(10)),
        *(Task("refuse", {"number": number}) for number in range(3)),
    ]
    group: SentGroup[Any] = Group(members, then="add").send()
    system.run(timeout=PATIENCE)

    found = held(system)

    (one,) = found.groups
    assert (one.group_id, one.state, one.letters) == (group.group_id, "running", 5)
    assert one.progress is not None
    assert (one.progress.done, one.progress.failed, one.progress.size) == (8, 5, 13)
    assert [(each.task, number) for each, number in one.causes.items()] == [
        ("refuse", 3),
        ("part", 2),
    ]
    assert found.letters == 5
    assert f"{group.group_id}: 8 of 13 members done, held; 5 dead letters: refuse" in told(system)
    (as_json,) = held_groups_as_json(found)["groups"]
    assert as_json["dead"][0] == {"task": "refuse", "error": "PermanentError", "count": 3}


def test_what_is_no_members_holds_no_group(system: LocalSystem) -> None:
    """A letter of a Task alone, and one that no Task could read."""
    send_task("refuse", {"number": 1})
    system.run(timeout=PATIENCE)
    url = system.dead_letter_queue_url("part")
    for body in ("no JSON", '{"task_name": "part", "callback": {"group": 7}}', "[]"):
        aws_client("sqs").send_message(QueueUrl=url, MessageBody=body)

    found = held(system)

    assert (found.groups, found.letters) == ([], 4)
    assert "No dead letter is a member of a group." in told(system)


def test_a_group_that_cannot_be_looked_at_says_why(system: LocalSystem) -> None:
    """Its objects have expired, or lie in a bucket that isn't the system's and is left alone."""
    gone, elsewhere = str(uuid4()), str(uuid4())
    put(system, id=gone, index=0, bucket=system.bucket_name, folder="cache")
    put(system, id=elsewhere, index=0, bucket="somebody-elses", folder="cache")

    states = {group.group_id: group.state for group in held(system).groups}

    assert states == {gone: "unknown", elsewhere: "elsewhere"}
    assert f"{gone}: its objects aren't there any more" in told(system)


def test_letters_are_not_taken_in_hand_again_and_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Groups aren't watched."""
    with pytest.raises(SystemExit) as ended:
        main(["status", "--groups", "--watch", "--stack", "shop", "--region", REGION])

    assert ended.value.code == 2
    assert "--groups goes without --watch" in capsys.readouterr().err
