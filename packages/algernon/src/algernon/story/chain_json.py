"""A chain of Tasks, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args

from .chain import Chain, TaskRun
from .groups import Group, TaskKey
from .letters import masked
from .states import State, member_states, state_of, together

# What a run has in common with the others of its Task.
_OF_THE_TASK = ("task_name", "task_id", "membership")


def chain_as_json(chain: Chain, *, kwargs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a chain as plain JSON: its Tasks with all their runs, and its groups.

    What isn't known is left out. Times are those of ISO 8601, in UTC.

    Args:
        chain: The chain.
        kwargs: Tasks' keyword arguments as plain JSON, by the Tasks' ids, as far as they are
            known; credentials in them are masked.
    """
    kwargs = kwargs or {}
    tasks, senders = chain.tasks, chain.senders
    members = {
        task: (group.group_id, index)
        for group in chain.groups.values()
        for index, of_member in group.members.items()
        for task in of_member
    }
    states = {task: state_of(runs) for task, runs in tasks.items()}
    return {
        "chain_id": chain.chain_id,
        "state": together(states.values()),
        "tasks": [
            {
                **_task(task),
                "state": states[task],
                **_known("sent_by", senders.get(task)),
                **_membership(members.get(task)),
                **({"kwargs": masked(kwargs[task[1]])} if task[1] in kwargs else {}),
                "runs": [_run(run) for run in runs],
            }
            for task, runs in tasks.items()
        ],
        "groups": [
            _group(chain.groups[group_id], of_members)
            for group_id, of_members in member_states(chain).items()
        ],
    }


def _group(group: Group, members: list[State]) -> dict[str, Any]:
    return {
        "group_id": group.group_id,
        "state": together(members),
        **_known("sent_by", group.sender),
        "members": {state: members.count(state) for state in get_args(State)},
        **_known("joined_by", group.join),
    }


def _known(name: str, task: TaskKey | None) -> dict[str, Any]:
    return {} if task is None else {name: _task(task)}


def _task(task: TaskKey) -> dict[str, str]:
    name, task_id = task
    return {"task_name": name, "task_id": task_id}


def _membership(member: tuple[str, int] | None) -> dict[str, Any]:
    return {} if member is None else {"group_id": member[0], "group_index": member[1]}


def _run(run: TaskRun) -> dict[str, Any]:
    told = {field.name: getattr(run, field.name) for field in fields(run)}
    return {
        name: _plain(value)
        for name, value in told.items()
        if value is not None and name not in _OF_THE_TASK
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _task(value) if isinstance(value, tuple) else value
