"""Workers of older versions share queues with this one, and refuse what they don't know."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from algernon_queue import Group, SentTask, Task, send_tasks

from ..conftest import LocalAWS
from ..queue.queues import SourceQueue
from ..workspace.releases import check_out, last_release, missing_history, release_commit

pytestmark = pytest.mark.starts

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "serialize" / "moncrief-7.0.0.json"
WORKER = """
import json, sys
from algernon_queue import TaskRouter
from algernon_serialize import ajson

ran = []
router = TaskRouter(failures="report")

def double(number):
    ran.append(number)
    return {"number": number * 2}

for name in ("double", "second", "third", "fourth"):
    router.task(name=name)(double)

@router.task
def total(results):
    ran.append("total")
    return sum(result["number"] for result in results)

records = json.load(sys.stdin)
answer = router.handler({"Records": records}, None)
print(ajson.dumps({"failed": answer["batchItemFailures"], "ran": ran}))
"""


@pytest.fixture(params=["1.2.0", "last"])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole repository as a release of algernon-queue found it."""
    if reason := missing_history():
        pytest.skip(reason)
    version = last_release("algernon-queue") if request.param == "last" else request.param
    commit = release_commit("algernon-queue", version)
    assert commit is not None
    folder = tmp_path_factory.mktemp(f"queue-{version}")
    check_out(commit, folder)
    return folder


@pytest.fixture
def queue(aws: LocalAWS, bucket: str) -> SourceQueue:
    """The queue of a worker's Tasks."""
    queue = SourceQueue(aws)
    sns = aws.client("sns")
    for name in ("double", "second", "third", "fourth", "total"):
        topic = sns.create_topic(Name=name)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    return queue


def work(queue: SourceQueue, tree: Path = ROOT) -> list[Any]:
    """Have the worker of a tree take one batch, and return what its Tasks ran with."""
    records = queue.receive()
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        input=json.dumps(records),
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, sorted(tree.glob("packages/*/src")))),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["failed"] == []
    queue.delete(*records)
    ran: list[Any] = answer["ran"]
    return ran


def redrive(queue: SourceQueue) -> list[str]:
    """Send what is in the dead-letter queue back, and return why it lay there."""
    letters = queue.dead_letters()
    queue.send(*(letter["Body"] for letter in letters))
    return [letter["MessageAttributes"]["algernon.error"]["StringValue"] for letter in letters]


@pytest.mark.parametrize("old", ["1.2.0"], indirect=True)
def test_an_old_worker_refuses_a_group_s_members_before_it_runs_them(
    queue: SourceQueue, old: Path
) -> None:
    """They lie in the dead-letter queue, and once they are redriven to new ones, it is joined."""
    sent = Group([Task("double", {"number": number}) for number in (1, 2)], then="total").send()
    assert work(queue, old) == []
    assert redrive(queue) == ["MalformedMessageError"] * 2
    assert sorted(work(queue)) == [1, 2]
    assert work(queue) == ["total"]
    assert sent.result(timeout=0) == 6


@pytest.mark.parametrize("old", ["1.2.0"], indirect=True)
def test_an_old_worker_refuses_to_run_what_is_to_be_kept(queue: SourceQueue, old: Path) -> None:
    """Once it is redriven to a new one, its result is there."""
    (task_id,) = send_tasks([Task("double", {"number": 2}, keep_result=True)])
    assert work(queue, old) == []
    assert redrive(queue) == ["MalformedMessageError"]
    assert work(queue) == [2]
    assert SentTask[Any](task_id).result(timeout=0) == {"number": 4}


@pytest.mark.parametrize("begins_old", [True, False])
def test_a_plain_chain_goes_through_old_and_new_workers(
    queue: SourceQueue, old: Path, *, begins_old: bool
) -> None:
    """Each takes what the other hands on, through S3."""
    send_tasks([Task("double", {"number": 1}, "second#third#fourth")])
    trees = [old, ROOT] if begins_old else [ROOT, old]
    assert [work(queue, tree) for tree in trees * 2] == [[1], [2], [4], [8]]


@pytest.mark.parametrize("begins_old", [True, False])
def test_a_chain_of_moncrief_goes_through_old_and_new_workers(
    queue: SourceQueue, old: Path, *, begins_old: bool
) -> None:
    """A message as moncrief writes it, without ids, carries a value as moncrief recorded it."""
    vectors = json.loads(RECORDED.read_text())["vectors"]
    wire = next(each["wire"] for each in vectors if each["python"] == 'Decimal("1.50")')
    number = json.loads(wire)
    message = {"task_name": "double", "task_kwargs": {"number": number}, "callback": "second#third"}
    queue.send(json.dumps(message))
    trees = [old, ROOT, old] if begins_old else [ROOT, old, ROOT]
    ran = [[{**number, "value": value}] for value in ("1.50", "3.00", "6.00")]
    assert [work(queue, tree) for tree in trees] == ran
