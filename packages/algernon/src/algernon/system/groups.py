"""How far a group has got, and what holds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .at_once import at_once
from .letters.reader import read_dead_letters
from .place import Place
from .task_queues import find_task_queues

if TYPE_CHECKING:
    from algernon_queue import SentGroup, TaskFailure
    from algernon_queue.dead_letter import DeadLetter
    from algernon_storage import FailureNote, Outcomes


#: How a member is that isn't done. One that is open waits or runs, or its message is nowhere; of a
#: group that was cancelled, or has failed, it isn't run any more.
MemberState: TypeAlias = Literal["open", "failed", "cancelled", "expired"]


@dataclass(frozen=True, slots=True)
class OpenMember:
    """A member of a group that isn't done.

    Attributes:
        index: Its number in the group, from 0.
        task_id: The id under which its result is to stand.
        state: How it is.
        failure: Why it failed, as its worker noted it, or None.
        letter: Its message in a dead-letter queue, or None where it is in none.
    """

    index: int
    task_id: str
    state: MemberState
    failure: FailureNote | None = None
    letter: DeadLetter | None = None


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """How a group is.

    Attributes:
        group_id: Its id.
        state: ``"running"``, ``"done"``, ``"failed"`` or ``"cancelled"``.
        size: How many members it has.
        members: Those that aren't done, in order.
        failure: Why it has failed as a whole, such as what gets its results, or None.
    """

    group_id: str
    state: str
    size: int
    members: list[OpenMember]
    failure: TaskFailure | None = None

    @property
    def done(self) -> int:
        """How many members are done."""
        return self.size - len(self.members)


def group_status(group: SentGroup[Any], place: Place) -> GroupStatus:
    """Return how a group is, of the system that this process is led to.

    Members that aren't done are looked for in all dead-letter queues of the system, whose
    messages stay where they are.

    Args:
        group: The group.
        place: The system.

    Raises:
        algernon_storage.StorageError: The group isn't there any more.
        LetterQueueError: As `LetterReader` says.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights of
            `LetterReader`, ``cloudformation:ListStackResources`` or ``s3:GetObject``.
    """
    from algernon_storage import Outcomes

    state = group.state()
    missing = group.missing()
    look = partial(_member, Outcomes())
    found = at_once(look, missing, [group[index].task_id for index in missing])
    members = [member for member in found if member is not None]
    letters = _letters(place) if members else {}
    return GroupStatus(
        group.group_id,
        state,
        len(group),
        [_with_letter(member, letters) for member in members],
        _failure_of(group) if state == "failed" else None,
    )


def _member(outcomes: Outcomes, index: int, task_id: str) -> OpenMember | None:
    """Return a member that was missing, or None where it is done by now."""
    outcome = outcomes.find(task_id)
    if outcome is not None:
        return None if outcome.kind == "done" else OpenMember(index, task_id, outcome.kind)
    failure = outcomes.failure(task_id)
    return OpenMember(index, task_id, "failed" if failure else "open", failure)


def _letters(place: Place) -> dict[str, DeadLetter]:
    """Return the dead letters of a system that are of something kept, by its id."""
    letters = read_dead_letters(place, find_task_queues(place))
    return {letter.result_id: letter for letter in letters if letter.result_id is not None}


def _with_letter(member: OpenMember, letters: dict[str, DeadLetter]) -> OpenMember:
    letter = letters.get(member.task_id)
    if letter is None:
        return member
    # Not every worker that gives up a message can note why.
    state: MemberState = "failed" if member.state == "open" else member.state
    return replace(member, letter=letter, state=state)


def _failure_of(group: SentGroup[Any]) -> TaskFailure | None:
    from algernon_queue import QueueError, TaskFailedError

    try:
        group.result(timeout=0)
    except TaskFailedError as error:
        return error.failure
    except QueueError:
        return None  # it was redriven meanwhile
    return None
