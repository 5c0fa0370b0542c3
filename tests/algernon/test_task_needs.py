"""What Tasks ask of their functions, on a local AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from algernon import Task, send_tasks
from algernon.local import LocalSystem

from ..waiting import wait_for

pytestmark = pytest.mark.starts

WORKER = """
import json
import os
import time

import boto3
from algernon import TaskContext, TaskRouter, current_task

router = TaskRouter()
s3 = boto3.client("s3")


def note(context, number, **others):
    task = current_task()
    told = {"received": task.receive_count, "invocation": context["aws"].aws_request_id, **others}
    s3.put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"],
        Key=f"{task.task_name}/{number}",
        Body=json.dumps(told).encode(),
    )


@router.task(batch_size=1)
def render(context: TaskContext, number: int):
    if number == 0:
        os._exit(1)
    note(context, number)


@router.task
def count(context: TaskContext, number: int):
    note(context, number)


@router.task(batch_size=1, max_concurrency=2)
def call(context: TaskContext, number: int):
    began = time.time()
    time.sleep(0.2)
    note(context, number, began=began, ended=time.time())


handler = router.handler
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """The worker's system."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    with LocalSystem("worker:router", directory=folder) as started:
        yield started


@pytest.fixture
def system(started: LocalSystem) -> Iterator[LocalSystem]:
    """The system, which is what this process calls AWS."""
    with started.as_default():
        yield started


def told(system: LocalSystem, expected: set[str]) -> dict[str, Any]:
    """Return what Tasks noted under these keys, once all of it is there."""
    s3 = boto3.client("s3")

    def keys() -> set[str]:
        answer = s3.list_objects_v2(Bucket=system.bucket_name)
        return {found["Key"] for found in answer.get("Contents", ())}

    wait_for(lambda: expected <= keys(), moving=keys)
    noted = {}
    for key in expected:
        with s3.get_object(Bucket=system.bucket_name, Key=key)["Body"] as body:
            noted[key] = json.loads(body.read())
    return noted


def in_flight(queue_url: str) -> int:
    """Return how many messages of a queue were given out, and aren't deleted yet."""
    name = "ApproximateNumberOfMessagesNotVisible"
    answer = boto3.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
    return int(answer["Attributes"][name])


def test_a_task_in_batches_of_one_takes_no_other_along(system: LocalSystem) -> None:
    """What ends its process goes back to its queue alone: each other message is received once."""
    send_tasks(
        Task(name, {"number": number}) for number in range(10) for name in ("render", "count")
    )
    others = {f"{name}/{number}" for name in ("count", "render") for number in range(10)}
    noted = told(system, others - {"render/0"})

    assert {one["received"] for one in noted.values()} == {1}
    rendered = {one["invocation"] for key, one in noted.items() if key.startswith("render/")}
    assert len(rendered) == 9
    # The one that ends its process is hidden in its queue, and nothing else is there.
    wait_for(lambda: in_flight(system.queue_url("render")) == 1)


def test_a_task_runs_so_often_at_a_time_at_most(system: LocalSystem) -> None:
    """No more batches of a Task run at a time than its max_concurrency."""
    send_tasks(Task("call", {"number": number}) for number in range(8))
    noted = told(system, {f"call/{number}" for number in range(8)}).values()
    together = [
        sum(one["began"] <= other["began"] < one["ended"] for one in noted) for other in noted
    ]
    assert max(together) <= 2
