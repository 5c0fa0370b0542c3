"""Where Lambda starts a worker, its clients of AWS are made before the first batch."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from .conftest import Listeners

# It prints the services whose models are read by the end of the import of a worker.
STARTING = """
import re, sys

MODEL = re.compile(r"data.(\\w+).[0-9-]+.service-2")
read = set()

def note(event, arguments):
    if event == "open" and (found := MODEL.search(str(arguments[0]))):
        read.add(found[1])

sys.addaudithook(note)
from algernon_queue import TaskRouter, queued

WORKER
print(*sorted(read))
"""

# The region is known only later.
LATE = """
import json, os
from algernon_queue import TaskRouter

del os.environ["AWS_REGION"]
region = os.environ.pop("AWS_DEFAULT_REGION")
router = TaskRouter(listeners={"next": "TOPIC"})

@router.task
def work():
    return [1]

os.environ["AWS_DEFAULT_REGION"] = region
body = json.dumps({"task_name": "work", "callback": "next"})
message_id = "059f36b4-87a3-44ab-83d2-661975830a7d"
print(router.handler({"Records": [{"messageId": message_id, "body": body}]}, None))
"""


def output_of(program: str) -> str:
    """Run a program in a process of its own, and return what it prints."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def _in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")


@pytest.mark.usefixtures("_in_lambda")
@pytest.mark.parametrize(
    ("variables", "worker", "services"),
    [
        ({}, "TaskRouter()", ""),
        ({}, "TaskRouter(once=True)", "s3"),
        ({}, "TaskRouter(listeners={'work': 'arn:aws:sns:eu-west-1:123456789012:work'})", "sns"),
        ({"ALGERNON_BUCKET_NAME": "b", "ALGERNON_TOPIC_PREFIX": ""}, "TaskRouter()", "s3 sns"),
        ({"ALGERNON_BUCKET_NAME": "b"}, "queued(lambda event, context: None)", "s3"),
        ({"ALGERNON_TOPIC_PARAMETER_PREFIX": "/topics/"}, "TaskRouter()", "sns ssm"),
    ],
)
def test_lambda_starts_a_worker_with_the_clients_that_its_settings_need(
    aws: LocalAWS,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    worker: str,
    services: str,
) -> None:
    """While Lambda starts a worker, it makes clients of the services that settings tell of."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert output_of(STARTING.replace("WORKER", worker)) == f"{services}\n"


def test_elsewhere_a_worker_makes_no_clients_when_it_is_imported(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside Lambda, clients are made on first use."""
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", "b")
    assert output_of(STARTING.replace("WORKER", "TaskRouter(once=True)")) == "\n"


@pytest.mark.usefixtures("_in_lambda", "bucket")
def test_a_client_that_cannot_be_made_at_the_start_is_made_later(
    listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose clients can't be made is imported all the same, and makes them in time."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    topic = listeners.add("next")["next"]
    assert output_of(LATE.replace("TOPIC", topic)) == "{'batchItemFailures': []}\n"
    assert [message["task_name"] for message in listeners.messages()] == ["next"]


# It prints what is loaded of groups before one is made, and after.
WITHOUT_GROUPS = """
import sys
from algernon_queue import TaskRouter

def loaded():
    groups = ("algernon_queue.group", "algernon_queue.results", "algernon_storage.tally")
    return sorted(set(groups) & set(sys.modules))

router = TaskRouter(failures="report")

@router.task
def price(total):
    return {"total": total}

body = '{"task_name": "price", "task_kwargs": {"total": 7}}'
router.handler({"Records": [{"messageId": "m", "body": body}]}, None)
before = loaded()
from algernon_queue import Group
print(before, loaded())
"""


@pytest.mark.starts
def test_nothing_of_groups_is_loaded_before_it_is_needed() -> None:
    """A worker that has none starts and runs without it."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_GROUPS], capture_output=True, text=True, check=True
    )
    modules = ["algernon_queue.group", "algernon_queue.results", "algernon_storage.tally"]
    assert done.stdout.strip() == f"[] {modules}"
