"""What a run came to: the figures, and every promise that was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import Any

from .journal import Entry
from .kills import BY_LAMBDA
from .messages import Chain, Poison


@dataclass(slots=True)
class Invocation:
    """One batch in one worker.

    Attributes:
        pid: The process.
        begin: When it began.
        batch: The identity of each message, and how often it was received.
        messages: Their messageIds.
        end: When it was answered, or the process died, as far as is known.
        death: How the process died, if it did.
        failed: The identities of the messages that it handed back.
    """

    pid: int
    begin: float
    batch: list[tuple[str, int]]
    messages: list[str]
    end: float | None = None
    death: str | None = None
    failed: set[str] = field(default_factory=set)

    def answer(self, time: float, failed: Sequence[str]) -> None:
        """End with an answer, which names messageIds."""
        self.end = time
        self.failed = {
            identity
            for message, (identity, _) in zip(self.messages, self.batch, strict=True)
            if message in failed
        }

    def die(self, time: float, moment: str) -> bool:
        """End with the death of the process, and tell whether there was anything to end."""
        if self.end is None:
            self.end, self.death = time, moment
        return self.death is not None


@dataclass(slots=True)
class Run:
    """One time that the body of a Task ran."""

    begin: float
    invocation: Invocation
    ran: float | None = None

    @property
    def end(self) -> float:
        """When it was through, or its process died."""
        ends = [end for end in (self.ran, self.invocation.end) if end is not None]
        return min(ends, default=inf)


@dataclass(frozen=True, slots=True)
class Leavings:
    """What a system holds when a run is over.

    Attributes:
        ends: What the third Task of each chain wrote, by the chain's name.
        counters: The counter of each chain, by the chain's name.
        dead_letters: The identities of the messages in each dead-letter queue, by Task.
        waiting: How many messages are left in the queues.
    """

    ends: Mapping[str, list[int]]
    counters: Mapping[str, dict[str, Any]]
    dead_letters: Mapping[str, list[str]]
    waiting: int


class Account:
    """The account of one run.

    Args:
        chains: The chains that were sent.
        poison: The poison that was sent.
        entries: What the processes noted.
        leavings: What the system holds.
        sent: How many messages were sent.
        seconds: How long it took.
        standstill: What there was when nothing moved any more, if it came to that.
    """

    def __init__(
        self,
        chains: Sequence[Chain],
        poison: Sequence[Poison],
        entries: Iterable[Entry],
        leavings: Leavings,
        *,
        sent: int,
        seconds: float,
        standstill: str | None,
    ) -> None:
        self._chains = chains
        self._poison = poison
        self._leavings = leavings
        self._sent = sent
        self._seconds = seconds
        self._standstill = standstill
        self._task_ids = {task_id for chain in chains for task_id in chain.task_ids}
        self._invocations: list[Invocation] = []
        self._runs: dict[str, list[Run]] = {}
        self._done: dict[str, list[float]] = {}
        self._kills: Counter[str] = Counter()
        self._idle_kills = 0
        self._errors: list[str] = []
        self._faults: Counter[str] = Counter()
        self._read(entries)

    @property
    def kills(self) -> int:
        """How many times a worker was killed."""
        return sum(count for moment, count in self._kills.items() if moment != BY_LAMBDA)

    @property
    def faults(self) -> Mapping[str, int]:
        """How many faults of each kind the network had."""
        return self._faults

    @property
    def redeliveries(self) -> int:
        """How many times a message of a chain was handed out more often than its Tasks need."""
        return self._deliveries - len(self._task_ids)

    @property
    def broken_promises(self) -> list[str]:
        """What isn't as it should be, each in a sentence."""
        return [
            *self._given_up(),
            *self._lost_chains(),
            *self._wrong_effects(),
            *self._wrong_runs(),
            *self._wrong_dead_letters(),
            *self._left_messages(),
            *self._errors,
        ]

    @property
    def figures(self) -> list[tuple[str, str]]:
        """What there is to tell, each under a name."""
        runs = sum(map(len, self._runs.values()))
        dead = Counter(one for letters in self._leavings.dead_letters.values() for one in letters)
        poison = {one.identity for one in self._poison}
        kinds = Counter(one.kind for one in self._poison)
        innocents = sum(count for identity, count in dead.items() if identity not in poison)
        killed_batches = sum(1 for one in self._invocations if one.death)
        return [
            ("chains sent", f"{len(self._chains):,}"),
            ("chains ended", f"{len(self._leavings.ends):,}"),
            ("Tasks in them", f"{len(self._task_ids):,}"),
            ("visible effects of these Tasks", f"{sum(self._effect_counts()):,}"),
            ("chains with other than one for each Task", f"{len(self._wrong_effects()):,}"),
            ("messages sent (some twice, and poison)", f"{self._sent:,}"),
            ("batches", f"{len(self._invocations):,}"),
            ("batches whose worker died", f"{killed_batches:,}"),
            ("SIGKILLs", f"{self.kills:,}"),
            *((f"  {moment}", f"{count:,}") for moment, count in self._ordered_kills()),
            ("ended by the local Lambda, as at its timeout", f"{self._kills[BY_LAMBDA]:,}"),
            ("deaths between two batches", f"{self._idle_kills:,}"),
            ("faults of the network", f"{self._faults.total():,}"),
            *((f"  {fault}", f"{count:,}") for fault, count in sorted(self._faults.items())),
            ("deliveries of the Tasks' messages", f"{self._deliveries:,}"),
            ("  beyond one a Task", f"{self.redeliveries:,}"),
            ("  of Tasks that were done, recognised", f"{self._recognised():,}"),
            ("runs of a Task's body", f"{runs:,}"),
            ("  again, since the run before was cut off", f"{self._reruns('death'):,}"),
            ("  again, since the run before failed", f"{self._reruns('failure'):,}"),
            ("  again, without a reason", f"{self._reruns('none'):,}"),
            ("  after the Task was recorded as done", f"{len(self._runs_after_done()):,}"),
            ("  at the same time as another", f"{len(self._overlaps()):,}"),
            ("poison sent", f"{len(self._poison):,}"),
            *((f"  {kind}", f"{count:,}") for kind, count in sorted(kinds.items())),
            ("poison in the dead-letter queues", f"{sum(one in dead for one in poison):,}"),
            ("  there more than once", f"{sum(dead[one] > 1 for one in poison):,}"),
            ("others in the dead-letter queues", f"{innocents:,}"),
            ("messages left in the queues", f"{self._leavings.waiting:,}"),
            ("seconds", f"{self._seconds:.0f}"),
        ]

    def _read(self, entries: Iterable[Entry]) -> None:
        latest: dict[int, Invocation] = {}
        for entry in entries:
            facts = entry.facts
            match entry.what:
                case "batch":
                    batch = [(identity, received) for identity, received in facts["batch"]]
                    invocation = Invocation(entry.pid, entry.time, batch, facts["messages"])
                    latest[entry.pid] = invocation
                    self._invocations.append(invocation)
                case "answer":
                    latest[entry.pid].answer(entry.time, facts["failed"])
                case "raised":
                    latest[entry.pid].answer(entry.time, latest[entry.pid].messages)
                    self._errors.append(f"a worker raised {facts['error']}")
                case "kill":
                    self._kills[facts["moment"]] += 1
                    if not latest[facts["victim"]].die(entry.time, facts["moment"]):
                        self._idle_kills += 1
                case "run":
                    run = Run(entry.time, latest[entry.pid])
                    self._runs.setdefault(facts["task_id"], []).append(run)
                case "ran":
                    self._runs[facts["task_id"]][-1].ran = entry.time
                case "done":
                    self._done.setdefault(facts["task_id"], []).append(entry.time)
                case "fault":
                    self._faults[facts["fault"]] += 1

    @property
    def _deliveries(self) -> int:
        return sum(
            identity in self._task_ids
            for invocation in self._invocations
            for identity, _ in invocation.batch
        )

    def _ordered_kills(self) -> list[tuple[str, int]]:
        return sorted((one for one in self._kills.items() if one[0] != BY_LAMBDA), reverse=True)

    def _recognised(self) -> int:
        return sum(
            invocation.begin > self._done[identity][0]
            for invocation in self._invocations
            for identity, _ in invocation.batch
            if identity in self._done
        )

    def _reruns(self, reason: str) -> int:
        return sum(
            _reason(before, task_id) == reason
            for task_id, runs in self._runs.items()
            for before, _ in pairwise(runs)
        )

    def _runs_after_done(self) -> list[str]:
        return [
            f"the Task {task_id} ran again after it was recorded as done"
            for task_id, runs in self._runs.items()
            for run in runs
            if task_id in self._done and run.begin > self._done[task_id][0]
        ]

    def _overlaps(self) -> list[str]:
        return [
            f"the Task {task_id} ran twice at the same time, in the processes"
            f" {before.invocation.pid} and {after.invocation.pid}"
            for task_id, runs in self._runs.items()
            for before, after in pairwise(runs)
            if before.invocation is after.invocation or after.begin < before.end
        ]

    def _given_up(self) -> list[str]:
        return [f"the run was given up: {self._standstill}"] if self._standstill else []

    def _lost_chains(self) -> list[str]:
        lost = []
        for chain in self._chains:
            end = self._leavings.ends.get(chain.name)
            if end is None:
                lost.append(f"the chain {chain.name} didn't end")
            elif end != chain.end:
                lost.append(f"the chain {chain.name} came to {end}, and not to {chain.end}")
        return lost

    def _effect_counts(self) -> list[int]:
        return [counter["count"] for counter in self._leavings.counters.values()]

    def _wrong_effects(self) -> list[str]:
        wrong = []
        for chain in self._chains:
            counter = self._leavings.counters.get(chain.name, {"count": 0, "by": []})
            if counter != {"count": len(chain.task_ids), "by": list(chain.task_ids)}:
                wrong.append(
                    f"the counter of the chain {chain.name} is {counter}, and not one for each of"
                    f" {chain.task_ids}"
                )
        return wrong

    def _wrong_runs(self) -> list[str]:
        recorded = Counter(map(len, (self._done.get(one, []) for one in self._task_ids)))
        return [
            *self._runs_after_done(),
            *self._overlaps(),
            *(
                f"the Task {task_id} ran again, though its run before had nothing wrong with it"
                for task_id, runs in self._runs.items()
                for before, _ in pairwise(runs)
                if _reason(before, task_id) == "none"
            ),
            *(
                f"{count} Tasks were recorded as done {times} times"
                for times, count in recorded.items()
                if times != 1
            ),
        ]

    def _left_messages(self) -> list[str]:
        waiting = self._leavings.waiting
        return [f"{waiting} messages stay in the queues"] if waiting else []

    def _wrong_dead_letters(self) -> list[str]:
        poison = {one.identity for one in self._poison}
        return [
            *(
                f"the {one.kind} message {one.identity} isn't in the dead-letter queue of"
                f" {one.topic}"
                for one in self._poison
                if one.identity not in self._leavings.dead_letters[one.topic]
            ),
            *(
                f"the message {identity}, which is no poison, is in the dead-letter queue of {task}"
                for task, letters in self._leavings.dead_letters.items()
                for identity in letters
                if identity not in poison
            ),
        ]


def _reason(before: Run, task_id: str) -> str:
    if before.invocation.death:
        return "death"
    return "failure" if task_id in before.invocation.failed else "none"
