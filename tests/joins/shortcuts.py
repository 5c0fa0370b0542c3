"""Workers that take a shortcut each, in which joins get lost, or come early."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from algernon_storage.tally import Await, Create, Find, Publish, Seen, Step, Tally

from .scenario import Job
from .worker import Acknowledge, Count, Ended, Worker


class StopsAtANode(Worker):
    """Takes it that whoever wrote a node that is there goes on from there."""

    def join(self, tally: Tally, leaves: Mapping[int, bytes | None]) -> Step:
        """Stop where a node is there already."""

        def is_reached(request: Any, answer: Any) -> bool:
            return isinstance(request, Create) and "!node" in request.name and not answer

        return _until(super().join(tally, leaves), is_reached)


class AsksForNewLeaves(Worker):
    """Takes it that whoever wrote a leaf that is there has asked for the others."""

    def tell(self, members: Sequence[tuple[Job, Ended]]) -> Generator[Any, Any, None]:
        """Do the step of those leaves that this delivery has written."""
        new = [member for member in members if member[1].is_new]
        if new:
            yield from super().tell(new)


class LeavesItToTheWinner(Worker):
    """Takes it that whoever wrote the verdict publishes the join Task."""

    def join(self, tally: Tally, leaves: Mapping[int, bytes | None]) -> Step:
        """Stop where the group is found to be joined."""
        return _before_waiting(super().join(tally, leaves))

    def conclude(self, tally: Tally) -> Step:
        """Stop where the group is found to be joined."""
        return _before_waiting(super().conclude(tally))


class AcknowledgesFirst(Worker):
    """Takes it that a leaf that is stored is all that a message was for."""

    def tell(self, members: Sequence[tuple[Job, Ended]]) -> Generator[Any, Any, None]:
        """Acknowledge before the step."""
        yield Acknowledge()
        yield from super().tell(members)


class Counts(Worker):
    """Counts the members that are done."""

    def join(self, tally: Tally, leaves: Mapping[int, bytes | None]) -> Step:
        """Join when the counter says that these were the last ones."""
        count = 0
        for _ in leaves:
            count = yield Count(tally.group_id)  # type: ignore[misc]
        if count == tally.size:
            yield Create(tally.place, tally.verdict_name, kind="joined")
            yield Publish(tally)
            yield Create(tally.place, tally.sent_name)


class CountsNewLeaves(Counts, AsksForNewLeaves):
    """Counts each leaf where it is written, so that none is counted twice."""


class CountsWhatIsNotDone(Worker):
    """Takes a leaf for that of a member that is done, whatever it says."""

    def join(self, tally: Tally, leaves: Mapping[int, bytes | None]) -> Step:
        """See each leaf as if it were done."""
        step = super().join(tally, leaves)
        answer: Any = None
        while True:
            try:
                request = step.send(answer)
            except StopIteration:
                return
            answer = yield request
            if isinstance(request, Find) and request.names != (tally.verdict_name,):
                answer = tuple(seen and Seen("done", seen.body) for seen in answer)


class DropsWithoutAWord(Worker):
    """Takes it that whoever wrote a verdict does all that follows."""

    def conclude(self, tally: Tally) -> Step:
        """Drop a member that comes late."""
        yield from ()


def _before_waiting(step: Step) -> Step:
    """Go through a step up to where it waits for what another one does."""
    answer: Any = None
    while True:
        try:
            request = step.send(answer)
        except StopIteration:
            return
        if isinstance(request, Await):
            return
        answer = yield request


def _until(step: Step, is_reached: Callable[[Any, Any], bool]) -> Step:
    """Go through a step up to a request that is answered in some way."""
    answer: Any = None
    while True:
        try:
            request = step.send(answer)
        except StopIteration:
            return
        answer = yield request
        if is_reached(request, answer):
            return
