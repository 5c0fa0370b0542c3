"""Tasks that end their process, on a local AWS."""

from __future__ import annotations

import json
from pathlib import Path
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

import boto3
from algernon import TaskContext, TaskRouter, current_task

router = TaskRouter()
s3 = boto3.client("s3")


def note(context, number):
    task = current_task()
    told = {"received": task.receive_count, "invocation": context["aws"].aws_request_id}
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


handler = router.handler
"""


def in_flight(sqs: Any, queue_url: str) -> int:
    """Return how many messages of a queue were given out, and aren't deleted yet."""
    name = "ApproximateNumberOfMessagesNotVisible"
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
    return int(answer["Attributes"][name])


def test_a_task_in_batches_of_one_takes_no_other_along(tmp_path: Path) -> None:
    """What ends its process goes back to its queue alone: each other message is received once."""
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    expected = {f"{name}/{number}" for name in ("count", "render") for number in range(10)}
    expected -= {"render/0"}

    with LocalSystem("worker:router", directory=tmp_path) as system, system.as_default():
        s3, sqs = boto3.client("s3"), boto3.client("sqs")

        def keys() -> set[str]:
            answer = s3.list_objects_v2(Bucket=system.bucket_name)
            return {found["Key"] for found in answer.get("Contents", ())}

        send_tasks(
            Task(name, {"number": number}) for number in range(10) for name in ("render", "count")
        )
        wait_for(lambda: expected <= keys(), moving=keys)
        told: dict[str, dict[str, Any]] = {}
        for key in expected:
            with s3.get_object(Bucket=system.bucket_name, Key=key)["Body"] as body:
                told[key] = json.loads(body.read())
        # The one that ends its process is hidden in its queue, and nothing else is there.
        wait_for(lambda: in_flight(sqs, system.queue_url("render")) == 1)

    assert {key: one["received"] for key, one in told.items()} == dict.fromkeys(expected, 1)
    rendered = {one["invocation"] for key, one in told.items() if key.startswith("render/")}
    assert len(rendered) == 9
