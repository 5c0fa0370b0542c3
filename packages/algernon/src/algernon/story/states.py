"""How Tasks are, and the members of groups, as far as their runs tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    groups: dict[str, State] = {}
    holders: dict[str, list[str]] = {}
    for group_id, group in chain.groups.items():
        tasks = group.tasks
        joins = [] if group.join is None else [group.join]
        groups[group_id] = together(own[task] for task in (*tasks, *joins))
        for task in tasks:
            if task in returned:
                holders.setdefault(returned[task], []).append(group_id)
    _spread(groups, holders)

    def state(task: TaskKey) -> State:
        return together((own[task], groups[returned[task]])) if task in returned else own[task]

    return {
        group_id: [together(map(state, tasks)) for tasks in group.members.values()]
        for group_id, group in chain.groups.items()
    }


def _spread(groups: dict[str, State], holders: Mapping[str, Sequence[str]]) -> None:
    """Let groups be no better than those that they hold, which their members returned."""
    waiting = [*groups]
    while waiting:
        state = groups[(group_id := waiting.pop())]
        for holder in holders.get(group_id, ()):
            # It gets worse alone, so that this ends, whatever lines say.
            if (worse := together((groups[holder], state))) != groups[holder]:
                groups[holder] = worse
                waiting.append(holder)
