"""What a run of groups came to: the figures, and every promise that was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from .groups import Joined, SentGroup
from .journal import Entry
from .runs import Runs


@dataclass(frozen=True, slots=True)
class GroupLeavings:
    """What a system holds when a run is over.

    Attributes:
        ends: What the join Task of each group wrote, by the group's name.
        counters: The counter of each join Task, by its group's name, or its own id.
        ended_before: The groups that had ended before anything was redriven.
        dead_letters: The identities of what was in the dead-letter queues then.
        redriven: How many messages were redriven.
        waiting: How many messages are left in the queues.
        dead: How many are left in the dead-letter queues.
    """

    ends: Mapping[str, list[Any]]
    counters: Mapping[str, dict[str, Any]]
    ended_before: AbstractSet[str]
    dead_letters: Sequence[str]
    redriven: int
    waiting: int
    dead: int


class GroupAccount:
    """The account of one run.

    Args:
        groups: The groups that were sent.
        entries: What the processes noted.
        leavings: What the system holds.
        seconds: How long it took.
        standstill: What there was when nothing moved any more, if it came to that.
    """

    def __init__(
        self,
        groups: Sequence[SentGroup],
        entries: Iterable[Entry],
        leavings: GroupLeavings,
        *,
        seconds: float,
        standstill: str | None,
    ) -> None:
        self._groups = groups
        self._leavings = leavings
        self._seconds = seconds
        self._standstill = standstill
        self._joined = [joined for group in groups for joined in group.joined]
        noted = [*entries]
        task_ids = {task_id for joined in self._joined for task_id in joined.task_ids}
        self._runs = Runs(noted, task_ids | {group.task_id for group in groups})
        #: When SNS took each join Task's message.
        self._published: dict[str, list[float]] = {}
        #: When the write of each outcome began that is there.
        self._written: dict[str, float] = {}
        for entry in noted:
            if entry.what == "join":
                self._published.setdefault(entry.facts["task_id"], []).append(entry.time)
            elif entry.what == "done":
                self._written.setdefault(entry.facts["task_id"], entry.facts["begin"])

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
        """How many times a Task's message was handed out more often than it needs."""
        return self._runs.redeliveries

    @property
    def redriven(self) -> int:
        """How many dead letters were redriven."""
        return self._leavings.redriven

    @property
    def broken_promises(self) -> list[str]:
        """What isn't as it should be, each in a sentence."""
        leaves = [leaf for joined in self._joined for leaf in joined.leaf_ids]
        leavings = self._leavings
        return [
            *([f"the run was given up: {self._standstill}"] if self._standstill else []),
            *self._lost_joins(),
            *self._wrong_results(),
            *self._early_joins(),
            *self._wrong_effects(),
            *self._runs.broken_promises,
            *self._runs.not_recorded_once(leaves),
            *(
                f"the group {group.name} had ended before its members were redriven"
                for group in self._groups
                if group.is_held and group.name in leavings.ended_before
            ),
            *([f"{leavings.waiting} messages stay in the queues"] if leavings.waiting else []),
            *([f"{leavings.dead} messages stay dead"] if leavings.dead else []),
            *self._runs.errors,
        ]

    @property
    def figures(self) -> list[tuple[str, str]]:
        """What there is to tell, each under a name."""
        members = sum(len(joined.members) for joined in self._joined)
        sent = sum(len(group.members) for group in self._groups)
        kinds = Counter(one.kind for joined in self._joined for one in joined.members)
        with_task = [joined for joined in self._joined if joined.has_join_task]
        times = Counter(len(self._published.get(one.join_id, [])) for one in with_task)
        return [
            ("groups sent", f"{len(self._groups):,}"),
            ("  the largest", f"{max(len(group.members) for group in self._groups):,}"),
            ("  with members that fail until they are redriven", f"{self._held:,}"),
            ("groups that members returned", f"{len(self._joined) - len(self._groups):,}"),
            ("members", f"{members:,}"),
            ("  of the groups sent", f"{sent:,}"),
            *((f"  {kind}", f"{count:,}") for kind, count in sorted(kinds.items())),
            ("groups joined", f"{len(self._leavings.ends):,}"),
            ("joins lost", f"{len(self._lost_joins()):,}"),
            ("joins too early", f"{len(self._early_joins()):,}"),
            ("groups with other results, or in another order", f"{len(self._wrong_results()):,}"),
            ("join Tasks", f"{len(with_task):,}"),
            ("  visible effects of these", f"{self._effects:,}"),
            ("  with other than one", f"{len(self._wrong_effects()):,}"),
            *(
                (f"  whose message SNS took {time} times", f"{count:,}")
                for time, count in sorted(times.items())
            ),
            ("dead letters", f"{len(self._leavings.dead_letters):,}"),
            ("redriven", f"{self._leavings.redriven:,}"),
            *self._runs.figures,
            ("messages left in the queues", f"{self._leavings.waiting:,}"),
            ("dead letters left", f"{self._leavings.dead:,}"),
            ("seconds", f"{self._seconds:.0f}"),
        ]

    @property
    def _held(self) -> int:
        return sum(group.is_held for group in self._groups)

    @property
    def _effects(self) -> int:
        return sum(counter["count"] for counter in self._leavings.counters.values())

    def _lost_joins(self) -> list[str]:
        return [
            f"the group {group.name} ({group.group_id}) wasn't joined"
            for group in self._groups
            if group.name not in self._leavings.ends
        ]

    def _wrong_results(self) -> list[str]:
        ends = self._leavings.ends
        return [
            f"the group {group.name} came to {ends[group.name]}, and not to {group.end}"
            for group in self._groups
            if group.name in ends and ends[group.name] != group.end
        ]

    def _early_joins(self) -> list[str]:
        return [
            f"the join Task of the group {joined.group_id} was published before its members"
            f" {early} were done"
            for joined in self._joined
            if (published := self._published.get(joined.join_id))
            and (early := self._missing_at(joined, published[0]))
        ]

    def _missing_at(self, joined: Joined, time: float) -> list[int]:
        """Return the members of a group whose outcomes nobody had begun to write at a time."""
        return [
            member.index
            for member, leaf in zip(joined.members, joined.leaf_ids, strict=True)
            if leaf not in self._written or self._written[leaf] > time
        ]

    def _wrong_effects(self) -> list[str]:
        names = {group.group_id: group.name for group in self._groups}
        wrong = []
        for joined in self._joined:
            if joined.has_join_task:
                name = names.get(joined.group_id, joined.join_id)
                counter = self._leavings.counters.get(name)
                if counter != {"count": 1, "by": [joined.join_id]}:
                    wrong.append(
                        f"the counter {name} of the join Task of the group {joined.group_id} is"
                        f" {counter}, and not one by {joined.join_id}"
                    )
        return wrong
