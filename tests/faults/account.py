"""What a run came to: the figures, and every promise that was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .journal import Entry
from .messages import Chain, Poison
from .runs import Runs


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
        self._runs = Runs(entries, self._task_ids)

    @property
    def kills(self) -> int:
        """How many times a worker was killed."""
        return self._runs.kills

    @property
    def faults(self) -> Mapping[str, int]:
        """How many faults of each kind the network had."""
        return self._runs.faults

    @property
    def redeliveries(self) -> int:
        """How many times a message of a chain was handed out more often than its Tasks need."""
        return self._runs.redeliveries

    @property
    def broken_promises(self) -> list[str]:
        """What isn't as it should be, each in a sentence."""
        return [
            *self._given_up(),
            *self._lost_chains(),
            *self._wrong_effects(),
            *self._runs.broken_promises,
            *self._runs.not_recorded_once(self._task_ids),
            *self._wrong_dead_letters(),
            *self._left_messages(),
            *self._runs.errors,
        ]

    @property
    def figures(self) -> list[tuple[str, str]]:
        """What there is to tell, each under a name."""
        dead = Counter(one for letters in self._leavings.dead_letters.values() for one in letters)
        poison = {one.identity for one in self._poison}
        kinds = Counter(one.kind for one in self._poison)
        innocents = sum(count for identity, count in dead.items() if identity not in poison)
        return [
            ("chains sent", f"{len(self._chains):,}"),
            ("chains ended", f"{len(self._leavings.ends):,}"),
            ("Tasks in them", f"{len(self._task_ids):,}"),
            ("visible effects of these Tasks", f"{sum(self._effect_counts()):,}"),
            ("chains with other than one for each Task", f"{len(self._wrong_effects()):,}"),
            ("messages sent (some twice, and poison)", f"{self._sent:,}"),
            *self._runs.figures,
            ("poison sent", f"{len(self._poison):,}"),
            *((f"  {kind}", f"{count:,}") for kind, count in sorted(kinds.items())),
            ("poison in the dead-letter queues", f"{sum(one in dead for one in poison):,}"),
            ("  there more than once", f"{sum(dead[one] > 1 for one in poison):,}"),
            ("others in the dead-letter queues", f"{innocents:,}"),
            ("messages left in the queues", f"{self._leavings.waiting:,}"),
            ("seconds", f"{self._seconds:.0f}"),
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
