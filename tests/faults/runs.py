"""What the workers of a run did, as their journal tells: each batch, and each run of a Task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from .journal import Entry
from .kills import BY_LAMBDA


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


class Runs:
    """What the workers of a run did.

    Args:
        entries: What the processes noted.
        task_ids: The Tasks under a ledger, each of which is to have its effect once.
    """

    def __init__(self, entries: Iterable[Entry], task_ids: AbstractSet[str]) -> None:
        self._task_ids = task_ids
        self._invocations: list[Invocation] = []
        self._runs: dict[str, list[Run]] = {}
        self._done: dict[str, list[float]] = {}
        self._kills: Counter[str] = Counter()
        self._idle_kills = 0
        self._errors: list[str] = []
        self._faults: Counter[str] = Counter()
        self._read(entries)

    @property
    def errors(self) -> list[str]:
        """What workers raised, each in a sentence."""
        return self._errors

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
        """How many times a Task's message was handed out more often than its Tasks need."""
        return self._deliveries - len(self._task_ids)

    @property
    def broken_promises(self) -> list[str]:
        """What isn't as it should be, each in a sentence."""
        return [
            *self._runs_after_done(),
            *self._overlaps(),
            *(
                f"the Task {task_id} ran again, though its run before had nothing wrong with it"
                for task_id, runs in self._runs.items()
                for before, _ in pairwise(runs)
                if _reason(before, task_id) == "none"
            ),
        ]

    def not_recorded_once(self, ids: Iterable[str]) -> list[str]:
        """Return what of some ids isn't recorded as done once, in sentences."""
        recorded = Counter(len(self._done.get(one, [])) for one in ids)
        return [
            f"{count} were recorded as done {times} times"
            for times, count in recorded.items()
            if times != 1
        ]

    @property
    def figures(self) -> list[tuple[str, str]]:
        """What there is to tell, each under a name."""
        runs = sum(map(len, self._runs.values()))
        killed_batches = sum(1 for one in self._invocations if one.death)
        return [
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


def _reason(before: Run, task_id: str) -> str:
    if before.invocation.death:
        return "death"
    return "failure" if task_id in before.invocation.failed else "none"
