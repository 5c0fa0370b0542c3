"""Change a system while chains run through it, kill deployments, and see that nothing is lost.

``python -m tests.faults.deploying --chains 500 --kills 10 --seed 1``: it prints the figures, and
ends with status 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any, Self

from algernon.local.aws import LocalAWS
from algernon.local.place import place_of_local_aws
from algernon.system.mappings import feeding_of, find_mappings
from algernon.system.place import Place, leading_to
from algernon.system.stack import Stack
from algernon.system.task_queues import TaskQueues, find_task_queues
from algernon_queue import send_task

from ..waiting import NothingMovedError, wait_for
from .report import told, told_seed

_ROOT = Path(__file__).parents[2]
_STACK = "shop"
# Between two chains, in seconds: so that they run through all changes, of which each takes seconds.
_PAUSE = 0.6

_START = """
import os
from uuid import uuid4

from algernon import TaskRouter
from algernon_storage import aws_client

router = TaskRouter(once=True)
handler = router.handler


def have_effect(task, number):
    key = f"effects/{number}/{task}-{uuid4()}"
    aws_client("s3").put_object(Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=key, Body=b"x")
    return {"number": number}


"""
_TASK = """
@router.task
def {name}(number):
    return have_effect("{name}", number)


"""
_BILL, _PRICE, _SHIP, _THANK = (
    _TASK.format(name=name) for name in ("bill", "price", "ship", "thank")
)
_RENAMED = _SHIP.replace("def ship", "def dispatch")
_NAMED = _RENAMED.replace("@router.task", '@router.task(name="ship")')
_SETTINGS = "[tool.algernon]\n"


@dataclass(frozen=True)
class Version:
    """A system as it is to be deployed.

    Attributes:
        what: What is changed by it.
        modules: The texts of the workers' modules, by their names in the package.
        settings: The text of the project's settings.
    """

    what: str
    modules: Mapping[str, str]
    settings: str = _SETTINGS

    def write(self, folder: Path) -> None:
        """Have it be what the folder holds."""
        package = folder / "shop"
        package.mkdir(exist_ok=True)
        for path in package.glob("*.py"):
            path.unlink()
        (package / "__init__.py").touch()
        for name, text in self.modules.items():
            (package / f"{name}.py").write_text(_START + text, encoding="utf-8")
        (folder / "pyproject.toml").write_text(self.settings, encoding="utf-8")

    @property
    def targets(self) -> list[str]:
        """The workers, as the command takes them."""
        return [f"shop.{name}:router" for name in self.modules]


_LONGER = _SETTINGS + 'timeout = 40\n\n[tool.algernon.environment]\nBANK = "new"\n'
FIRST = Version("created", {"worker": _PRICE + _BILL + _SHIP})
VERSIONS = (
    Version("code", {"worker": "# Mended.\n" + _PRICE + _BILL + _SHIP}),
    Version("a setting", {"worker": _PRICE + _BILL + _SHIP}, _LONGER),
    Version("a Task added", {"worker": _PRICE + _BILL + _SHIP + _THANK}, _LONGER),
    Version("a function renamed", {"worker": _PRICE + _BILL + _NAMED + _THANK}, _LONGER),
    Version("a Task moved", {"worker": _PRICE + _NAMED + _THANK, "bank": _BILL}, _LONGER),
    Version("a Task removed", {"worker": _PRICE + _NAMED, "bank": _BILL}, _LONGER),
)
#: From the first version on.
MOVED = Version("a Task moved", {"worker": _PRICE + _SHIP, "bank": _BILL})
REFUSED = Version("a Task renamed", {"worker": _PRICE + _BILL + _RENAMED + _THANK}, _LONGER)


@dataclass
class DeployAccount:
    """What came of chains through a system that was changed.

    Attributes:
        chains: How many there were.
        kills: How many deployments were killed, by what they changed.
        whole: How many came to their end.
        broken_promises: What shouldn't have been.
        seconds: How long it took.
    """

    chains: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    whole: int = 0
    broken_promises: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def figures(self) -> list[tuple[str, str]]:
        """What is printed of it."""
        return [
            ("chains", f"{self.chains:,}"),
            *((f"deployments killed, {what}", f"{n:,}") for what, n in self.kills.items()),
            ("deployments that came to their end", f"{self.whole:,}"),
            ("seconds", f"{self.seconds:,.0f}"),
        ]


class _Deployments:
    """Deployments of one project to one AWS, of which some are killed."""

    def __init__(
        self, aws: LocalAWS, folder: Path, account: DeployAccount, chances: Random
    ) -> None:
        self._folder = folder
        self._account = account
        self._chances = chances
        self._calls = folder.with_name("calls")
        self._environ = {
            **os.environ,
            **aws.environ,
            "PYTHONPATH": os.pathsep.join([f"{_ROOT}", *filter(None, sys.path)]),
        }

    def run(self, version: Version, *, calls: int = 0, more: Sequence[str] = ()) -> Any:
        """Deploy a version once, and return the process, which has ended."""
        version.write(self._folder)
        arguments = ["deploy", *version.targets, "--stack", _STACK, "--yes", *more]
        done = self.command(*arguments, calls=calls)
        self._account.whole += done.returncode == 0
        return done

    def command(self, *arguments: str, calls: int = 0) -> Any:
        """Run the command, and return the process, which has ended."""
        return subprocess.run(
            [sys.executable, "-m", "tests.faults.deployer", f"{calls}", self._calls, *arguments,
             "--region", "us-east-1"],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip

    def change(self, version: Version, kills: int) -> None:
        """Deploy a version, after as many attempts as are to be killed."""
        most = int(self._calls.read_text(encoding="utf-8"))
        for _ in range(kills):
            done = self.run(version, calls=self._chances.randint(1, most))
            if done.returncode == -9:
                self._account.kills[version.what] += 1
            else:
                self._must_succeed(version, done)
        self._must_succeed(version, self.run(version))

    def create(self) -> None:
        """Deploy the first version, without which there is nothing to see."""
        done = self.run(FIRST)
        assert done.returncode == 0, done.stderr

    def refuse(self, version: Version, *said: str) -> None:
        """See that a version is refused, in words."""
        done = self.run(version)
        if done.returncode != 1 or any(word not in done.stderr for word in said):
            self._account.broken_promises.append(
                f"{version.what} wasn't refused with {said}: {done.returncode}, {done.stderr}"
            )

    def _must_succeed(self, version: Version, done: Any) -> None:
        if done.returncode:
            self._account.broken_promises.append(
                f"the deployment of {version.what} ended with {done.returncode}:"
                f" {done.stderr.strip()[-1000:]}"
            )


class _Chains:
    """Chains that are sent one after the other, for as long as a block lasts.

    Args:
        place: The system.
        most: How many to send at most.
    """

    def __init__(self, place: Place, most: int) -> None:
        self._place = place
        self._most = most
        self._is_over = Event()
        self._thread = Thread(target=self._send_all)
        self.sent = 0
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def send_the_rest(self) -> None:
        """Wait until all are sent."""
        self._thread.join()

    def _send_all(self) -> None:
        try:
            with leading_to(self._place):
                while self.sent < self._most and not self._is_over.wait(_PAUSE):
                    send_task("price", {"number": self.sent}, "bill#ship")
                    self.sent += 1
        except BaseException as error:  # noqa: BLE001 - it is told by who waits for the thread
            self.error = error


class _World:
    """The system on the local AWS, and what can be seen of it."""

    def __init__(self, aws: LocalAWS) -> None:
        self._aws = aws
        stack = Stack(aws.client("cloudformation"), _STACK)
        environ = {
            **os.environ,
            **aws.environ,
            "ALGERNON_BUCKET_NAME": stack.bucket(),
            "ALGERNON_TOPIC_PREFIX": f"{_STACK}-",
        }
        self.place = replace(place_of_local_aws(environ), stack_name=_STACK)

    @property
    def tasks(self) -> list[TaskQueues]:
        """What the Tasks travel through by now."""
        return find_task_queues(self.place)

    def left(self) -> dict[str, int]:
        """Return how many messages all queues hold, those that hold some, of one moment."""
        queues = self._aws.queued_messages()
        return {url.rsplit("/", 1)[1]: len(held) for url, held in queues.items() if held}

    def effects(self) -> Counter[tuple[int, str]]:
        """Return how often each chain's Tasks had their effects, by number and Task."""
        pages = (
            self._aws.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.place.environ["ALGERNON_BUCKET_NAME"], Prefix="effects/")
        )
        keys = (each["Key"] for page in pages for each in page.get("Contents", []))
        parts = (key.split("/") for key in keys)
        return Counter((int(number), run.partition("-")[0]) for _, number, run in parts)


def run(
    *,
    chains: int,
    kills: int,
    seed: int,
    folder: Path,
    versions: Sequence[Version] = VERSIONS,
) -> DeployAccount:
    """Change a system through versions while chains run through it, and return the account."""
    chances = Random(seed)
    account = DeployAccount()
    project = folder / "project"
    project.mkdir()
    began = time.monotonic()
    with LocalAWS() as aws:
        deployments = _Deployments(aws, project, account, chances)
        deployments.create()
        world = _World(aws)
        kills_of = Counter(islice(cycle(range(len(versions))), kills))
        with _Chains(world.place, chains) as sending:
            for number, version in enumerate(versions):
                if version.what == "a function renamed":
                    deployments.refuse(REFUSED, "ship", "name=")
                if version.what == "a Task removed":
                    _refuse_what_holds_messages(deployments, world, version, account)
                deployments.change(version, kills_of[number])
            sending.send_the_rest()
        account.chains = sending.sent
        if sending.error:
            account.broken_promises.append(f"a chain couldn't be sent: {sending.error!r}")
        _finish(world, account)
    account.seconds = time.monotonic() - began
    return account


def _refuse_what_holds_messages(
    deployments: _Deployments, world: _World, version: Version, account: DeployAccount
) -> None:
    """See that a Task with a dead letter isn't removed, and discard the letter."""
    with leading_to(world.place):
        send_task("thank", {"wrong": 1})
    wait_for(lambda: any("DeadLetter" in name for name in world.left()), moving=world.left)
    deployments.refuse(version, "thank", "1 dead")
    place = ("--stack", _STACK)
    done = deployments.command("dead", "discard", "--task", "thank", "--yes", *place)
    if done.returncode:
        account.broken_promises.append(f"the dead letter stays: {done.stderr}")


def _finish(world: _World, account: DeployAccount) -> None:
    """Wait until nothing is left to do, and note what shouldn't be."""
    try:
        wait_for(
            lambda: not any("DeadLetter" not in name for name in world.left()), moving=world.left
        )
    except NothingMovedError as error:
        account.broken_promises.append(f"{error}")
    account.broken_promises += [f"{name} holds {n}" for name, n in world.left().items()]
    effects = world.effects()
    for number in range(account.chains):
        for task in ("price", "bill", "ship"):
            if effects[number, task] != 1:
                account.broken_promises.append(
                    f"{task} of the chain {number} had {effects[number, task]} effects"
                )
    tasks = world.tasks
    if names := {each.task for each in tasks} ^ {"price", "bill", "ship"}:
        account.broken_promises.append(f"the system has other Tasks: {names}")
    mappings = find_mappings(world.place.client("lambda"), [each.queue_arn for each in tasks])
    for arn, found in mappings.items():
        if feeding_of(found) != "active" or len(found) != 1:
            account.broken_promises.append(f"{arn} is {feeding_of(found)}, by {len(found)}")
    held = {url for each in tasks for url in (each.queue_url, each.dead_letter_queue_url)}
    queues = world.place.client("sqs").list_queues(QueueNamePrefix=_STACK).get("QueueUrls", [])
    account.broken_promises += [f"{url} was left" for url in queues if url not in held]


def main() -> int:
    """Run it as the arguments say, and return the exit status."""
    parser = argparse.ArgumentParser(prog="deploying", description=__doc__)
    parser.add_argument("--chains", type=int, default=500)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, help="by default one that is drawn, and printed")
    given = parser.parse_args()
    seed = told_seed(given.seed)
    with TemporaryDirectory(prefix="deploying-") as folder:
        account = run(chains=given.chains, kills=given.kills, seed=seed, folder=Path(folder))
    return 1 if told(account) else 0


if __name__ == "__main__":
    sys.exit(main())
