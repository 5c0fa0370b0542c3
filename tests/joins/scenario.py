"""Groups, the messages of their members, and who cancels what: what the orders are tried on."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from algernon_storage.tally import Outer, Place, Tally

PLACE = Place("our-bucket", "cache")
#: Where what waits for a group lies, if it is no member.
CHAINS = Place("our-bucket", "results")


@dataclass(frozen=True)
class Job:
    """A message of a queue.

    Attributes:
        name: Its own, and that of the Task's outcome in the ledger.
        group: The group that its chain is a member of.
        index: Which member that is.
        once: Whether its Task runs under the ledger.
        then: The message of the next Task of its chain.
        returns: The group that its Task returns.
        has_leaf_as_outcome: Whether its Task's id is that of the member, so that its outcome
            and the leaf are one object.
        result_id: The id of what was sent, where that is kept and no member.
    """

    name: str
    group: Tally | None = None
    index: int = 0
    once: bool = True
    then: str | None = None
    returns: Tally | None = None
    has_leaf_as_outcome: bool = True
    result_id: str | None = None


@dataclass(frozen=True)
class Cancel:
    """Somebody who may cancel a group, or one member of it, at any time.

    Attributes:
        name: The canceller's own.
        group: The group.
        index: The member, or None for the whole group.
    """

    name: str
    group: Tally
    index: int | None = None


class Scenario:
    """What is sent, and what may go wrong.

    Args:
        crashes: How often a worker may die; None for any number of times.
        duplicates: How many deliveries there may be of messages that are being worked on, or
            are acknowledged.
        failures: How often a Task may fail for good, so that its message is a dead letter; each
            may be redriven at any time.
        lost_answers: How often a write may seem to have met another one: it was tried again
            because its answer got lost.

    Attributes:
        groups: The groups, by their ids.
        jobs: The messages, by their names.
        cancels: Those who may cancel something.
        batches: Which messages may be delivered together.
    """

    def __init__(
        self,
        *,
        crashes: int | None = None,
        duplicates: int = 0,
        failures: int = 0,
        lost_answers: int = 0,
    ) -> None:
        self.groups: dict[str, Tally] = {}
        self.jobs: dict[str, Job] = {}
        self.cancels: list[Cancel] = []
        self.batches: list[tuple[str, ...]] = []
        self.crashes = crashes
        self.duplicates = duplicates
        self.failures = failures
        self.lost_answers = lost_answers

    def __repr__(self) -> str:
        sizes = ", ".join(str(tally.size) for tally in self.groups.values())
        faults = self.crashes, self.duplicates, self.failures, self.lost_answers
        return f"<groups of {sizes}; {len(self.cancels)} cancels; faults {faults}>"

    def group(
        self, size: int, *, family: int = 2, then: bool = True, outer: Outer | None = None
    ) -> Tally:
        """Add a group, whose members are to be added."""
        group_id = str(uuid5(NAMESPACE_URL, f"group {len(self.groups)}"))
        tally = Tally(group_id, PLACE, size, family, then, outer)
        self.groups[group_id] = tally
        if then:
            self._add_join(tally)
        return tally

    def _add_join(self, tally: Tally) -> None:
        """Add the message of the Task that gets a group's results, where something waits for it."""
        name, outer = f"join {tally.group_id}", tally.outer
        if outer is None:
            return
        if outer.group_id is None or outer.index is None:
            self._add(Job(name, result_id=outer.result_id))
        else:
            around = self.groups[outer.group_id]
            self._add(Job(name, around, outer.index, has_leaf_as_outcome=False))

    def member(
        self,
        tally: Tally,
        index: int,
        *,
        once: bool = True,
        links: int = 1,
        returns: Tally | None = None,
    ) -> None:
        """Add a member: a Task, or a chain of so many.

        Args:
            tally: Its group.
            index: Which member it is.
            once: Whether its Tasks run under the ledger.
            links: How many they are.
            returns: The group that the last one returns.
        """
        names = [f"{tally.group_id} {index} {link}" for link in range(links)]
        for name, then in zip(names, [*names[1:], None], strict=True):
            self._add(
                Job(
                    name,
                    tally,
                    index,
                    once,
                    then,
                    returns=None if then else returns,
                    has_leaf_as_outcome=links == 1,
                )
            )

    def members(self, tally: Tally, *, once: bool = True) -> None:
        """Add a Task for each member of a group that isn't there yet."""
        for index in range(tally.size):
            if f"{tally.group_id} {index} 0" not in self.jobs:
                self.member(tally, index, once=once)

    def cancel(self, tally: Tally, index: int | None = None) -> None:
        """Add somebody who may cancel a group, or a member."""
        self.cancels.append(Cancel(f"cancel {len(self.cancels)}", tally, index))

    @property
    def sent(self) -> list[str]:
        """The messages that are there from the beginning: members of groups that none returns."""
        returned = {job.returns.group_id for job in self.jobs.values() if job.returns}
        groups = [tally for tally in self.groups.values() if tally.group_id not in returned]
        return [name for tally in groups for name in self.first_members(tally)]

    def first_members(self, tally: Tally) -> list[str]:
        """Return the messages that are sent when a group is."""
        names = [f"{tally.group_id} {index} 0" for index in range(tally.size)]
        assert all(name in self.jobs for name in names)
        return names

    def _add(self, job: Job) -> None:
        assert job.name not in self.jobs
        self.jobs[job.name] = job


def waiting_member(tally: Tally, index: int) -> Outer:
    """Return a member of a group as what waits for a group that it returned."""
    result_id = tally.leaf_name(index).removesuffix("!done")
    return Outer(result_id, tally.place, tally.group_id, index)


def waiting_chain(name: str) -> Outer:
    """Return a chain whose result is kept as what waits for a group that one of it returned."""
    return Outer(name, CHAINS)
