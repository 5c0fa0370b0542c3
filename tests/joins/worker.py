"""What a worker does with the messages of a batch, request by request, around the join's steps.

The steps are those that run in production. What is around them is as short as it can be: which
messages are run, what is written when, and that a message is acknowledged only after its step.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from algernon_storage import tally as steps
from algernon_storage.tally import Create, Find, Step, Tally

from .scenario import CHAINS, PLACE, Cancel, Job, Scenario

#: A result, which is the same each time that a Task runs.
RESULT = b"1"


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim a Task in the ledger: the answer is "new", "lapsed" or "busy"."""

    name: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Leave a claim that nobody holds, if there is none."""

    name: str


@dataclass(frozen=True, slots=True)
class Run:
    """Run a Task: the answer is whether it succeeds."""

    name: str


@dataclass(frozen=True, slots=True)
class Send:
    """Publish a message."""

    name: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Delete the messages of a delivery from the queue, before its end."""


@dataclass(frozen=True, slots=True)
class Count:
    """Add one to a counter: the answer is what it says then."""

    name: str


Ending: TypeAlias = Literal["acknowledged", "left", "dead"]
Program: TypeAlias = Generator[Any, Any, Sequence[Ending]]


@dataclass(frozen=True, slots=True)
class Ended:
    """A member's leaf that is there: its kind, and whether this delivery wrote it."""

    kind: str
    is_new: bool


class Worker:
    """Works on messages as they are delivered.

    Args:
        scenario: Where they come from.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def join(self, tally: Tally, leaves: Mapping[int, bytes | None]) -> Step:
        """Join a group if these members were the last ones."""
        return steps.join(tally, leaves)

    def conclude(self, tally: Tally) -> Step:
        """Do what the verdict asks for that a member finds before it runs."""
        return steps.conclude(tally)

    def deliver(self, jobs: Sequence[Job], is_again: Sequence[bool]) -> Program:
        """Work on a batch, and return what becomes of each message."""
        endings: list[Ending] = []
        families: dict[tuple[str, int], list[tuple[Job, Ended]]] = {}
        for job, again in zip(jobs, is_again, strict=True):
            reached = yield from self.work(job, again=again)
            endings.append("acknowledged" if isinstance(reached, Ended) else reached)
            if isinstance(reached, Ended) and job.group is not None:
                family = job.group.group_id, job.group.family_of(job.index)
                families.setdefault(family, []).append((job, reached))
        for members in families.values():
            yield from self.tell(members)
        return endings

    def work(self, job: Job, *, again: bool) -> Generator[Any, Any, Ended | Ending]:
        """Work on one message, up to the member's leaf, if it is the member's last."""
        if job.group is not None:
            group = job.group
            (verdict,) = yield Find(group.place, (group.verdict_name,))
            if verdict is not None:
                yield from self.conclude(group)
                return "acknowledged"
            if again:
                (leaf,) = yield Find(group.place, (group.leaf_name(job.index),))
                if leaf is not None:
                    return Ended(leaf.kind, is_new=False)
        found = None
        if job.once:
            found = yield from self.claim(job)
            if found == "busy":
                return "left"
        if found is None:
            if not (yield Run(job.name)):
                return "dead"
            found = yield from self.finish(job)
        elif found == "expanded":
            assert job.returns is not None
            yield from self.send_members(job.returns)
            return "acknowledged"
        if job.then is not None:
            yield Send(job.then)
            return "acknowledged"
        if job.returns is not None and found == "expanded":
            return "acknowledged"
        return (yield from self.end_member(job, found))

    def claim(self, job: Job) -> Generator[Any, Any, str | None]:
        """Claim a Task: return the kind of its outcome, "expanded", "busy", or None to run it."""
        claim = yield Claim(self.outcome_name(job))
        if claim == "new":
            return None
        (outcome,) = yield Find(PLACE, (self.outcome_name(job),))
        if outcome is not None:
            return str(outcome.kind)
        if job.returns is not None:
            (expansion,) = yield Find(PLACE, (f"{job.name}!expands",))
            if expansion is not None:
                return "expanded"
        return "busy" if claim == "busy" else None

    def finish(self, job: Job) -> Generator[Any, Any, str]:
        """Keep what came of a Task that has run, and return the kind of what stands."""
        if job.returns is not None:
            yield self.header(job.returns)
            yield from self.send_members(job.returns)
            if job.once:
                yield Create(PLACE, f"{job.name}!expands")
            return "expanded"
        if job.once and not (job.group and job.has_leaf_as_outcome):
            return (yield from self.write(PLACE, self.outcome_name(job))).kind
        return "done"

    def header(self, group: Tally) -> Create:
        """Return what writes a group's header."""
        text = json.dumps({"tally": group.as_json()}).encode()
        return Create(group.place, f"{group.group_id}!header", text)

    def send_members(self, group: Tally) -> Generator[Any, Any, None]:
        """Send the members of a group that a Task returned; without any it is joined at once."""
        if not group.size:
            yield from self.join(group, {})
        for name in self.scenario.first_members(group):
            yield Send(name)

    def outcome_name(self, job: Job) -> str:
        """Return the name of a Task's outcome in the ledger."""
        if job.group is not None and job.has_leaf_as_outcome:
            return job.group.leaf_name(job.index)
        return f"{job.name}!done"

    def end_member(self, job: Job, kind: str) -> Generator[Any, Any, Ended | Ending]:
        """Write what the end of a Task is the end of: a member, or a chain that is kept."""
        if job.group is not None:
            return (yield from self.write(job.group.place, job.group.leaf_name(job.index), kind))
        if job.result_id is not None:
            yield from self.write(CHAINS, f"{job.result_id}!done", kind)
        return "acknowledged"

    def write(
        self, place: steps.Place, name: str, kind: str = "done"
    ) -> Generator[Any, Any, Ended]:
        """Write an outcome, and return what stands then."""
        if (yield Create(place, name, RESULT, kind)):
            return Ended(kind, is_new=True)
        (standing,) = yield Find(place, (name,))
        return Ended(standing.kind, is_new=False)

    def tell(self, members: Sequence[tuple[Job, Ended]]) -> Generator[Any, Any, None]:
        """Do the step of members of one family whose leaves are there."""
        group = members[0][0].group
        assert group is not None
        if any(ended.kind != "done" for _, ended in members):
            yield from steps.fail(group)
        leaves: dict[int, bytes | None] = {
            job.index: RESULT for job, ended in members if ended.kind == "done"
        }
        if leaves:
            yield from self.join(group, leaves)

    def cancel(self, cancel: Cancel) -> Program:
        """Cancel a group, or a member, as a script does that may die over it."""
        group, index = cancel.group, cancel.index
        if index is None:
            yield from steps.cancel(group)
            return ()
        yield Settle(group.leaf_name(index))
        ended = yield from self.write(group.place, group.leaf_name(index), "cancelled")
        if ended.kind != "done":
            yield from steps.fail(group)
        return ()
