"""The groups of a chain: which of its Tasks are members, and which gets their results.

Lines say of a Task which group it is a member of; who returned a group, and who joins it,
follows from the ids, which are derived as ARCHITECTURE.md says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias
from uuid import UUID, uuid5

#: A Task's name and id.
TaskKey: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Membership:
    """Which member of which group a Task belongs to; a member may be a chain."""

    group_id: str
    index: int


@dataclass(frozen=True, slots=True)
class Group:
    """A group, as far as it is known.

    Attributes:
        group_id: Its id.
        sender: The Task that returned or sent it, or None where none is known.
        members: The Tasks of each member that is known of, by its index.
        join: The Task that gets the results, or the first of a chain that does; None
            where none is known.
    """

    group_id: str
    sender: TaskKey | None
    members: dict[int, list[TaskKey]]
    join: TaskKey | None

    @property
    def is_returned(self) -> bool:
        """Whether its sender returned it, so that what the sender begins goes on with it."""
        return self.sender is not None and _derived(self.sender[1], "group") == self.group_id

    @property
    def tasks(self) -> list[TaskKey]:
        """The Tasks of all members."""
        return [task for tasks in self.members.values() for task in tasks]


def find_groups(
    tasks: Collection[TaskKey],
    memberships: Mapping[TaskKey, Membership],
    callbacks: Mapping[TaskKey, TaskKey],
    sends: Mapping[TaskKey, TaskKey | None],
) -> dict[str, Group]:
    """Return the groups that Tasks of a chain are members of, by their ids.

    Args:
        tasks: All Tasks of the chain that are known of.
        memberships: Those of which lines say that they are members.
        callbacks: The Task whose result it gets, of each Task that is a callback.
        sends: The Task that sent it, of each Task that code sent, or None where no Task did.
    """
    joins = _joins(memberships, tasks)
    returned = {_derived(task_id, "group"): (name, task_id) for name, task_id in tasks}
    groups: dict[str, Group] = {}
    for task, member in _with_callbacks(memberships, callbacks, joins.values()).items():
        group_id = member.group_id
        group = groups.get(group_id) or Group(group_id, None, {}, joins.get(group_id))
        group.members.setdefault(member.index, []).append(task)
        sender = group.sender or returned.get(group_id) or sends.get(task)
        groups[group_id] = replace(group, sender=sender)
    return groups


def _joins(
    memberships: Mapping[TaskKey, Membership], tasks: Iterable[TaskKey]
) -> dict[str, TaskKey]:
    """Return the Task that joins each group, where it is known of."""
    by_id = {task_id: (name, task_id) for name, task_id in tasks}
    # Of a chain, the first Task has an id of its own, by its name. Those of members begin none
    # that joins, which spares looking for each name in each of many groups.
    names = {name for name, _ in {*tasks} - {*filter(_begins_member(memberships), memberships)}}
    joins: dict[str, TaskKey] = {}
    for group_id in {each.group_id for each in memberships.values()}:
        sent = _derived(group_id, "then")
        for task_id in (sent, *(first_task_id(sent, name) for name in names)):
            if task_id in by_id:
                joins[group_id] = by_id[task_id]
    return joins


def _begins_member(memberships: Mapping[TaskKey, Membership]) -> Callable[[TaskKey], bool]:
    """Return what tells whether a Task is a member of its group, or the first of one's chain."""

    def begins(task: TaskKey) -> bool:
        name, task_id = task
        sent = _derived(memberships[task].group_id, str(memberships[task].index))
        return task_id in (sent, first_task_id(sent, name))

    return begins


def _with_callbacks(
    memberships: Mapping[TaskKey, Membership],
    callbacks: Mapping[TaskKey, TaskKey],
    joins: Iterable[TaskKey],
) -> dict[TaskKey, Membership]:
    """Return the members with the callbacks of such of which there is no line yet."""
    found = {**memberships}
    for task, before in callbacks.items():
        # The message to a join Task may be that of the member which came last.
        if before in memberships and task not in joins:
            found.setdefault(task, memberships[before])
    return found


def first_task_id(sent_id: str, name: str) -> str:
    """Return the id of the first Task of a chain that was sent with an id of its own."""
    return _derived(sent_id, f"0#{name}")


def _derived(identity: str, what: str) -> str:
    try:
        return str(uuid5(UUID(identity), what))
    except ValueError:
        return ""  # a line may say anything
