"""How Tasks are, and the members of groups, as far as their runs tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from .chain import Chain, TaskRun
from .groups import TaskKey

#: How a Task is, or what consists of several. An open one waits or runs, or nothing is known.
State: TypeAlias = Literal["done", "failed", "open"]


def state_of(runs: list[TaskRun]) -> State:
    """Return how a Task is, after its last run."""
    if not runs:
        return "open"
    return "done" if runs[-1].is_done else "failed" if runs[-1].has_failed else "open"


def together(states: Iterable[State]) -> State:
    """Return how what consists of several is."""
    found = {*states}
    return "failed" if "failed" in found else "open" if "open" in found else "done"


def member_states(chain: Chain) -> dict[str, list[State]]:
    """Return how the members of each group are, by the group's id.

    A Task that returned a group is done when that group is, and what joins it.
    """
    own = {task: state_of(runs) for task, runs in chain.tasks.items()}
    returned = {
        group.sender: group.group_id for group in chain.groups.values() if group.is_returned
    }
    members: dict[str, list[State]] = {}
    # Until it is known better. It gets worse alone, so that this ends, whatever lines say.
    groups: dict[str, State] = dict.fromkeys(chain.groups, "done")

    def state(task: TaskKey) -> State:
        return together((own[task], groups[returned[task]])) if task in returned else own[task]

    is_settled = False
    while not is_settled:
        before = {**groups}
        for group_id, group in reversed(chain.groups.items()):
            members[group_id] = [together(map(state, tasks)) for tasks in group.members.values()]
            joins = [] if group.join is None else [own[group.join]]
            groups[group_id] = together((*members[group_id], *joins))
        is_settled = groups == before
    return members
