"""The whole system, deployed from its template on a local AWS whose Lambda runs real workers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from algernon import ajson
from algernon.local import LocalSystem

from ..waiting import wait_for
from .pipeline_worker import Parcel

pytestmark = pytest.mark.starts

SENDER = """
import json, sys
from algernon import Task, send_tasks
print(json.dumps(send_tasks(Task(*arguments) for arguments in json.load(sys.stdin))))
"""


@pytest.fixture(scope="module")
def system() -> Iterator[LocalSystem]:
    """A system that runs the worker beside this file."""
    with LocalSystem("pipeline_worker:router", directory=Path(__file__).parent) as running:
        yield running


def client(system: LocalSystem, service: str) -> Any:
    """Return a boto3 client that talks to the system."""
    return boto3.client(
        service,
        endpoint_url=system.endpoint_url,
        region_name=system.environ["AWS_REGION"],
        aws_access_key_id=system.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=system.environ["AWS_SECRET_ACCESS_KEY"],
    )


def send(system: LocalSystem, *tasks: tuple[Any, ...]) -> list[str]:
    """Send Tasks from a process of its own, as a starter of chains does."""
    done = subprocess.run(
        [sys.executable, "-c", SENDER],
        input=json.dumps(tasks),
        env=system.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    task_ids: list[str] = json.loads(done.stdout)
    return task_ids


def objects(system: LocalSystem, prefix: str) -> list[str]:
    """Return the keys of the bucket under a prefix."""
    answer = client(system, "s3").list_objects_v2(Bucket=system.bucket_name, Prefix=prefix)
    return [found["Key"] for found in answer.get("Contents", [])]


def keep_hidden(system: LocalSystem, task: str, seconds: int) -> None:
    """Set how long a message of a Task that is received stays hidden, unless it is deleted."""
    client(system, "sqs").set_queue_attributes(
        QueueUrl=system.queue_url(task), Attributes={"VisibilityTimeout": str(seconds)}
    )


def delivered(system: LocalSystem, key: str) -> Parcel:
    """Wait for a parcel, and return it."""
    wait_for(lambda: objects(system, key), moving=lambda: objects(system, ""))
    body = client(system, "s3").get_object(Bucket=system.bucket_name, Key=key)["Body"].read()
    parcel = ajson.loads(body)
    assert type(parcel).__name__ == "Parcel"
    return parcel  # type: ignore[no-any-return]


def test_a_chain_passes_objects_larger_than_a_message(system: LocalSystem) -> None:
    """A chain that names a Task twice passes objects of a megabyte from Task to Task, and ends."""
    key = "delivered/large"
    send(system, ("pack", {"size": 1_000_000, "key": key}, "stamp_a#stamp_b#stamp_a#deliver"))
    parcel = delivered(system, key)
    assert parcel.stamps == ("a", "b", "a")
    assert parcel._content["codes"] == {1, 2}
    assert len(parcel._content["filling"]) == 1_000_000


def test_a_message_of_moncrief_joins_a_chain(system: LocalSystem) -> None:
    """A message without a task_id or a place in its chain runs the chain's rest."""
    key = "delivered/from-moncrief"
    topic = next(
        found["TopicArn"]
        for page in client(system, "sns").get_paginator("list_topics").paginate()
        for found in page["Topics"]
        if found["TopicArn"].endswith("-pack")
    )
    message = {
        "task_name": "pack",
        "task_kwargs": {"size": 1, "key": key},
        "callback": "pack#stamp_b#deliver",
    }
    client(system, "sns").publish(TopicArn=topic, Subject="callback", Message=json.dumps(message))
    assert delivered(system, key).stamps == ("b",)


def test_a_poison_message_takes_no_other_along(system: LocalSystem) -> None:
    """Of a batch, the one record that fails ends in the dead-letter queue, and only that one."""
    numbers = range(5, 25)
    # As long as a batch may take, for all; and when all others are done, no longer than needed.
    keep_hidden(system, "refuse", seconds=10)
    send(system, *(("refuse", {"number": number}) for number in numbers))
    wait_for(lambda: len(objects(system, "accepted/")) == len(numbers) - 1)
    keep_hidden(system, "refuse", seconds=1)
    queue = system.dead_letter_queue_url("refuse")
    received = wait_for(
        lambda: client(system, "sqs").receive_message(QueueUrl=queue).get("Messages")
    )
    (message,) = (json.loads(json.loads(found["Body"])["Message"]) for found in received)
    assert message["task_name"] == "refuse"
    assert message["task_kwargs"] == {"number": 13}
    assert "accepted/13" not in objects(system, "accepted/")
