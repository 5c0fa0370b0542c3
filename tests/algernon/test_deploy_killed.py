"""A deployment that is killed is gone on with by the next one, and no message is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from algernon.local.aws import LocalAWS
from algernon.worker import Worker

from ..waiting import wait_for
from .test_deploy import BANK, SHOP, System, system_of

pytestmark = pytest.mark.starts

BEFORE = (SHOP, BANK)
# One Task moves, one comes and one goes.
AFTER = (replace(SHOP, tasks=("order", "price")), replace(BANK, tasks=("pay",)))


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """A system on a local AWS."""
    with LocalAWS() as aws:
        system = system_of(aws, "killed")
        system.deploy(*BEFORE)
        yield system


def deploy_until(system: System, calls: int, *workers: Worker) -> int:
    """Deploy workers in a process that dies after so many calls of AWS; return its status."""
    told = json.dumps([(worker.module, worker.tasks) for worker in workers])
    return subprocess.run(
        [sys.executable, "-m", f"{__package__}.killed_deployment", "killed", str(calls), told],
        cwd=Path(__file__).parents[2],
        env={**system.place.environ},
        check=False,
    ).returncode


# In deployments of some 110 calls: while Tasks are being paused, and when all is done but what is
# left behind is still there.
@pytest.mark.parametrize(("calls", "workers"), [(60, AFTER), (100, BEFORE)])
def test_the_next_deployment_goes_on(calls: int, workers: Sequence[Worker], system: System) -> None:
    """Whatever was done by then, each message is run, and nothing is left to do at the end."""
    system.stack.publish("pay", f"{calls}a")

    status = deploy_until(system, calls, *workers)
    system.stack.publish("pay", f"{calls}b")
    system.deploy(*workers)

    assert status == -signal.SIGKILL
    assert system.deploy(*workers)[0].is_empty
    texts = {f"{calls}{letter}" for letter in "ab"}
    wait_for(
        lambda: texts <= {note.split()[2] for note in system.stack.notes()},
        moving=system.stack.notes,
    )
    assert system.stack.waiting(system.queue("pay", "DeadLetterQueue")) == 0
    queues = system.stack.client("sqs").list_queues()["QueueUrls"]
    assert sorted(queues) == sorted(system.stack.resources("AWS::SQS::Queue").values())
