"""Kill redrives at random moments, and see that no letter is lost, and none run twice.

``python -m tests.faults.redrive --letters 1000 --kills 100 --seed 1``: it prints the figures, and
ends with status 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from algernon.local import LocalSystem

from ..waiting import NothingMovedError, wait_for
from .report import told, told_seed

_ROOT = Path(__file__).parents[2]
_TASKS = ("charge", "ship")
# Of the letters that a redrive takes at most, so that a hundred of them find some to take.
_MOST_AT_ONCE = 30
_PHASES = ("plan", "move", "move", "outside")
_LATEST_FROM_OUTSIDE = 1.5

WORKER = """
import os
from uuid import uuid4

from algernon import TaskRouter
from algernon_storage import aws_client

router = TaskRouter(once=True)
handler = router.handler


def have_effect(number, context):
    key = f"effects/{number}/{context['sqs']['receive_count']}-{uuid4()}"
    aws_client("s3").put_object(Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=key, Body=b"x")


@router.task
def charge(number, context):
    have_effect(number, context)


@router.task
def ship(number, context):
    have_effect(number, context)
"""


@dataclass
class RedriveAccount:
    """What came of letters whose redrives were killed.

    Attributes:
        letters: How many there were.
        kills: How many redrives were killed, in each phase.
        whole: How many redrives came to their end.
        in_two_places: How many letters lay in two places after a kill, in all.
        broken_promises: What shouldn't have been.
        seconds: How long it took.
    """

    letters: int
    kills: Counter[str] = field(default_factory=Counter)
    whole: int = 0
    in_two_places: int = 0
    broken_promises: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def figures(self) -> list[tuple[str, str]]:
        """What is printed of it."""
        return [
            ("letters", f"{self.letters:,}"),
            *((f"redrives killed, {phase}", f"{n:,}") for phase, n in self.kills.items()),
            ("redrives that came to their end", f"{self.whole:,}"),
            ("letters that lay in two places after a kill", f"{self.in_two_places:,}"),
            ("seconds", f"{self.seconds:,.0f}"),
        ]


class _World:
    """A system with letters, and what can be seen of it."""

    def __init__(self, system: LocalSystem, letters: int, chances: Random) -> None:
        self.system = system
        self._sqs = system._aws.client("sqs")
        self._s3 = system._aws.client("s3")
        self.letters = letters
        for task in _TASKS:
            numbers = [n for n in range(letters) if _TASKS[n % len(_TASKS)] == task]
            for start in range(0, len(numbers), 10):
                answer = self._sqs.send_message_batch(
                    QueueUrl=system.dead_letter_queue_url(task),
                    Entries=[
                        {"Id": str(n), **_letter(task, n, chances)}
                        for n in numbers[start : start + 10]
                    ],
                )
                assert not answer.get("Failed"), answer["Failed"]

    def places(self) -> Mapping[int, Counter[str]]:
        """Return where each letter lies, of one moment: in which queue, and how often."""
        found: dict[int, Counter[str]] = {n: Counter() for n in range(self.letters)}
        for url, messages in self.system._aws.queued_messages().items():
            for message in messages:
                found[_number_of(message)][url.rsplit("/", 1)[1]] += 1
        return found

    def effects(self) -> Mapping[int, list[str]]:
        """Return the runs of each letter's Task, by the receive counts of their messages."""
        found: dict[int, list[str]] = {n: [] for n in range(self.letters)}
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.system.bucket_name, Prefix="effects/"
        )
        for page in pages:
            for each in page.get("Contents", []):
                _, number, run = each["Key"].split("/")
                found[int(number)].append(run.partition("-")[0])
        return found


def _letter(task: str, number: int, chances: Random) -> dict[str, Any]:
    """Return what a dead letter is sent as: one that a worker moved, or that SQS did."""
    message = {
        "task_name": task,
        "task_kwargs": {"number": number},
        "task_id": str(UUID(int=number + 1)),
        # Long ago: a redriven Task is run all the same.
        "expires_at": 1_000_000_000,
    }
    if chances.random() < 0.5:
        envelope = {"Type": "Notification", "MessageId": str(UUID(int=number + 1))}
        return {"MessageBody": json.dumps({**envelope, "Message": json.dumps(message)})}
    error = {"DataType": "String", "StringValue": "ConnectionError"}
    return {"MessageBody": json.dumps(message), "MessageAttributes": {"algernon.error": error}}


def _number_of(message: Mapping[str, Any]) -> int:
    body = json.loads(message["Body"])
    content = json.loads(body["Message"]) if "Message" in body else body
    return int(content["task_kwargs"]["number"])


def run(*, letters: int, kills: int, seed: int, folder: Path) -> RedriveAccount:
    """Kill redrives as often as asked, then let some come to their end, and return the account."""
    chances = Random(seed)
    account = RedriveAccount(letters)
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    began = time.monotonic()
    with LocalSystem("worker:router", directory=folder) as system:
        world = _World(system, letters, chances)
        while account.kills.total() < kills:
            left = sum(1 for places in world.places().values() if places)
            if not left:
                break
            at_once = max(1, min(_MOST_AT_ONCE, left // (kills - account.kills.total())))
            _redrive(world, account, chances, limit=2 * at_once)
            _check(world, account)
        _finish(world, account)
    account.seconds = time.monotonic() - began
    return account


def _redrive(world: _World, account: RedriveAccount, chances: Random, *, limit: int) -> None:
    """Begin a redrive, which dies at a moment that is drawn, and note whether it did."""
    phase = chances.choice(_PHASES)
    held = sum(map(bool, world.places().values()))
    # Each call begins and ends. A look has one for each ten letters, and one that gives them
    # back; a letter has its failure forgotten, and ten are sent, and deleted, together.
    most = {"plan": 4 * (held // 10 + 2), "move": 2 * (limit + limit // 4 + 8)}
    calls = chances.randint(1, most[phase]) if phase in most else 0
    process = _begin(world, limit, phase, calls)
    output = process.stdout
    assert output is not None
    if phase == "outside":
        output.readline()
        try:
            process.wait(chances.uniform(0, _LATEST_FROM_OUTSIDE))
        except subprocess.TimeoutExpired:
            process.kill()
    rest = process.communicate()[1]
    if process.returncode == -9:
        account.kills[phase] += 1
    else:
        account.whole += 1
        if process.returncode:
            account.broken_promises.append(f"a redrive failed: {rest.strip()[-500:]}")


def _begin(world: _World, limit: int, phase: str, calls: int) -> subprocess.Popen[str]:
    environ = json.dumps(world.system.environ)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.redriver", environ, str(limit), phase, str(calls)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _check(world: _World, account: RedriveAccount) -> None:
    """Note what is lost after a kill, or lies in more than two places."""
    places = world.places()
    # What isn't in a queue any more had its effect before it was deleted there.
    effects = world.effects()
    for number, found in places.items():
        if not found and not effects[number]:
            account.broken_promises.append(f"the letter {number} is lost")
        account.in_two_places += len(found) > 1


def _finish(world: _World, account: RedriveAccount) -> None:
    """Have redrives come to their end until nothing is left, and note what became of it all."""

    def is_over() -> bool:
        left = [places for places in world.places().values() if places]
        if any(name for places in left for name in places if "DeadLetter" in name):
            process = _begin(world, 0, "none", 0)
            rest = process.communicate()[1]
            account.whole += 1
            if process.returncode:
                account.broken_promises.append(f"a redrive failed: {rest.strip()[-500:]}")
        return not left

    try:
        wait_for(is_over, moving=lambda: _left(world))
    except NothingMovedError as error:
        account.broken_promises.append(str(error))
    for number, runs in world.effects().items():
        if not runs:
            account.broken_promises.append(f"the letter {number} was never run")
        # What is received again is the local AWS's doing, which stops workers now and then.
        if runs.count("1") > 1:
            account.broken_promises.append(f"the letter {number} was run {len(runs)} times")


def _left(world: _World) -> int:
    return sum(places.total() for places in world.places().values())


def main() -> int:
    """Run it as the arguments say, and return the exit status."""
    parser = argparse.ArgumentParser(prog="redrive", description=__doc__)
    parser.add_argument("--letters", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, help="by default one that is drawn, and printed")
    given = parser.parse_args()
    seed = told_seed(given.seed)
    with TemporaryDirectory(prefix="redrive-") as folder:
        account = run(letters=given.letters, kills=given.kills, seed=seed, folder=Path(folder))
    return 1 if told(account) else 0


if __name__ == "__main__":
    sys.exit(main())
