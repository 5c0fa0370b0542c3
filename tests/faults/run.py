"""One run: chains and poison are sent to a system whose workers die and whose network is bad."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ..waiting import NothingMovedError, wait_for
from . import kills, network
from .account import Account, Leavings
from .contents import bodies, count, documents, keys
from .journal import JournalReader
from .messages import batches, identity, make_chains, make_poison, mixed
from .outside import killing_from_outside
from .patience import enough_seconds
from .settings import Settings
from .system import Start, System

# A guess, which only turns a number of kills into chances.
_MESSAGES_A_BATCH = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be.

    Attributes:
        seed: What all chances are drawn from.
        chains: How many chains of three Tasks are sent.
        poison: How many messages that can't be done are sent between them.
        kills: About how many times a worker is killed, as often at each moment.
        fault_chance: The chance of each fault of the network, by call.
        timeout: How long a batch may take, in seconds; by default as long as it needs here.
    """

    seed: int
    chains: int
    poison: int
    kills: int
    fault_chance: float = 0.004
    timeout: int | None = None

    def settings(self, folder: Path) -> Settings:
        """Return what the processes of this run have to know."""
        each = self.kills / 6
        publishes = 2 * self.chains / _MESSAGES_A_BATCH
        answers = 3 * self.chains / _MESSAGES_A_BATCH
        return Settings(
            seed=self.seed,
            journal=str(folder / "journal"),
            aws_url="",
            proxy_url="",
            kill_chances={
                **dict.fromkeys(kills.IN_A_TASK, each / (3 * self.chains)),
                **dict.fromkeys(kills.AROUND_PUBLISHING, each / publishes),
                kills.BEFORE_ANSWER: each / answers,
            },
            fault_chances=dict.fromkeys(network.FAULTS, self.fault_chance),
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        ended: How many chains have ended.
        left: How many messages are left in each Task's queue.
    """

    ended: int
    left: dict[str, int]


def run(plan: Plan, start: Start, folder: Path) -> Account:
    """Run a plan, and return the account of it.

    Args:
        plan: The plan.
        start: What starts the system.
        folder: An empty folder for what belongs to the run.
    """
    settings = plan.settings(folder)
    chains, poison = make_chains(settings, plan.chains), make_poison(settings, plan.poison)
    messages = mixed(settings, chains, poison)
    reader = JournalReader(Path(settings.journal))
    with start(settings, folder, plan.timeout or enough_seconds()) as system:
        begin = time.monotonic()
        pause = plan.chains / 10 / max(plan.kills / 6, 1)
        with killing_from_outside(settings, kills=plan.kills // 6, pause=pause):
            _send(system, messages)
            standstill = _wait(system, plan)
        seconds = time.monotonic() - begin
        leavings = _leavings(system)
    return Account(
        chains,
        poison,
        reader.new_entries(),
        leavings,
        sent=len(messages),
        seconds=seconds,
        standstill=standstill,
    )


def _send(system: System, messages: list[tuple[str, str]]) -> None:
    sns = system.client("sns")
    for topic, batch in batches(messages):
        answer = sns.publish_batch(
            TopicArn=system.topics[topic],
            PublishBatchRequestEntries=[
                {"Id": str(number), "Message": message} for number, message in enumerate(batch)
            ],
        )
        assert not answer.get("Failed"), answer["Failed"]


def _wait(system: System, plan: Plan) -> str | None:
    """Wait until all chains have ended and nothing is left in the queues.

    Returns:
        What there was when nothing moved any more, if it came to that.
    """
    over = Progress(plan.chains, dict.fromkeys(system.queues, 0))
    try:
        wait_for(lambda: _progress(system) == over, moving=lambda: _progress(system))
    except NothingMovedError as error:
        return str(error)
    return None


def _progress(system: System) -> Progress:
    left = {task: count(system, url) for task, url in system.queues.items()}
    return Progress(len(list(keys(system, "ends/"))), left)


def _leavings(system: System) -> Leavings:
    return Leavings(
        ends=documents(system, "ends/"),
        counters=documents(system, "counters/"),
        dead_letters={
            task: [identity(body) for body in bodies(system, url)]
            for task, url in system.dead_letter_queues.items()
        },
        waiting=sum(_progress(system).left.values()),
    )
