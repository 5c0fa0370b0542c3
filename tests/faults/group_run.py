"""One run: groups are sent to a system whose workers die and whose network is bad."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from algernon.local.place import place_of_local_aws
from algernon.system.letters.redrive import redrive_all
from algernon.system.task_queues import TaskQueues

from ..waiting import NothingMovedError, wait_for
from . import kills, network
from .contents import bodies, count, documents, keys
from .group_account import GroupAccount, GroupLeavings
from .groups import CURE, SentGroup, batches, make_groups
from .journal import JournalReader
from .messages import identity
from .outside import killing_from_outside
from .patience import enough_seconds
from .settings import Settings
from .system import System, groups_on_ministack

# Guesses, which only turn a number of kills into chances.
_MESSAGES_A_BATCH = 5
_WRITES_A_MEMBER = 2
_PUBLISHES_A_MEMBER = 0.3


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What a run is to be.

    Attributes:
        seed: What all chances are drawn from.
        members: How many members there are, of all groups together.
        largest: How many each of the ten largest groups has.
        frail: About how many of the members fail until they are redriven.
        kills: About how many times a worker is killed, as often at each moment.
        fault_chance: The chance of each fault of the network, by call.
        timeout: How long a batch may take, in seconds; by default as long as it needs here.
    """

    seed: int
    members: int
    largest: int
    frail: int
    kills: int
    fault_chance: float = 0.002
    timeout: int | None = None

    def settings(self, folder: Path) -> Settings:
        """Return what the processes of this run have to know."""
        each = self.kills / 8
        publishes = _PUBLISHES_A_MEMBER * self.members
        answers = 2 * self.members / _MESSAGES_A_BATCH
        return Settings(
            seed=self.seed,
            journal=str(folder / "journal"),
            aws_url="",
            proxy_url="",
            kill_chances={
                **dict.fromkeys(kills.IN_A_TASK, each / self.members),
                **dict.fromkeys(kills.AROUND_PUBLISHING, each / publishes),
                **dict.fromkeys(kills.AROUND_WRITING, each / (_WRITES_A_MEMBER * self.members)),
                kills.BEFORE_ANSWER: each / answers,
            },
            fault_chances=dict.fromkeys(network.FAULTS, self.fault_chance),
            frail_chance=self.frail / self.members,
            largest_group=self.largest,
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        ended: Which groups' join Tasks have written their ends.
        left: How many messages are left in all queues.
        dead: How many are in the dead-letter queues.
    """

    ended: frozenset[str]
    left: int
    dead: int


def run_groups(plan: GroupPlan, folder: Path) -> GroupAccount:
    """Run a plan, and return the account of it.

    Args:
        plan: The plan.
        folder: An empty folder for what belongs to the run.
    """
    settings = plan.settings(folder)
    groups = make_groups(settings, plan.members)
    reader = JournalReader(Path(settings.journal))
    with groups_on_ministack(settings, folder, plan.timeout or _enough_seconds()) as system:
        begin = time.monotonic()
        pause = plan.members / 20 / max(plan.kills / 8, 1)
        with killing_from_outside(settings, kills=plan.kills // 8, pause=pause):
            _send(system, settings, groups)
            standstill = _wait(system, {one.name for one in groups if not one.is_held})
            letters = [
                identity(body)
                for url in system.dead_letter_queues.values()
                for body in bodies(system, url)
            ]
            ended_before = _progress(system).ended
            redriven = 0
            if standstill is None:
                system.client("s3").put_object(Bucket=system.bucket, Key=CURE)
                redriven, standstill = _redrive(system, {one.name for one in groups})
        seconds = time.monotonic() - begin
        leavings = GroupLeavings(
            ends=documents(system, "ends/"),
            counters=documents(system, "counters/"),
            ended_before=ended_before,
            dead_letters=letters,
            redriven=redriven,
            waiting=_progress(system).left,
            dead=_progress(system).dead,
        )
    return GroupAccount(
        groups, reader.new_entries(), leavings, seconds=seconds, standstill=standstill
    )


def _enough_seconds() -> int:
    # Three seconds are kept back for joins, and each of a batch's Tasks asks S3 twice as often.
    return 2 * enough_seconds() + 3


def _send(system: System, settings: Settings, groups: list[SentGroup]) -> None:
    sns = system.client("sns")
    for batch in batches(groups, settings):
        entries = [{"Id": str(n), "Message": message} for n, message in enumerate(batch)]
        answer = sns.publish_batch(
            TopicArn=system.topics["split"], PublishBatchRequestEntries=entries
        )
        assert not answer.get("Failed"), answer["Failed"]


def _redrive(system: System, names: set[str]) -> tuple[int, str | None]:
    """Redrive what is dead until nothing is, and return how many that were in all."""
    redriven = 0
    while True:
        redriven += redrive_all(
            place_of_local_aws(system.environ),
            [
                TaskQueues(task, system.topics[task], system.queues[task], url)
                for task, url in system.dead_letter_queues.items()
            ],
        )
        standstill = _wait(system, names, or_dead=True)
        if standstill is not None or not _progress(system).dead:
            return redriven, standstill


def _wait(system: System, names: set[str], *, or_dead: bool = False) -> str | None:
    """Wait until groups have ended, or something is dead, and nothing is left in the queues.

    Returns:
        What there was when nothing moved any more, if it came to that.
    """

    def is_over() -> bool:
        progress = _progress(system)
        return progress.left == 0 and (progress.ended >= names or (or_dead and progress.dead > 0))

    try:
        wait_for(is_over, moving=lambda: _progress(system))
    except NothingMovedError as error:
        missing = names - _progress(system).ended
        return f"{error}; not ended: {sorted(missing)[:20]}"
    return None


def _progress(system: System) -> Progress:
    return Progress(
        frozenset(key.removeprefix("ends/") for key in keys(system, "ends/")),
        sum(count(system, url) for url in system.queues.values()),
        sum(count(system, url) for url in system.dead_letter_queues.values()),
    )
