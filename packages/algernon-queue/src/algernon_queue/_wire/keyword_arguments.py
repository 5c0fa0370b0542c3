"""The keyword arguments of a message, as its Task is called with them."""

from __future__ import annotations

from typing import Any

from algernon_serialize import model_values, rebuild_event

from ..errors import TaskArgumentsError, kind_of


def keyword_arguments(sent: Any, task_name: str) -> dict[str, Any]:
    """Return what a message has as `task_kwargs`, with objects rebuilt.

    None is none of them, and a dataclass or another model is its fields.

    Args:
        sent: What the message has, in plain JSON.
        task_name: The Task that it is for.

    Raises:
        TaskArgumentsError: It is something else.
        algernon_serialize.SerializeError: It can't be rebuilt here.
    """
    kwargs = rebuild_event({"task_kwargs": sent})["task_kwargs"]
    if kwargs is None:
        return {}
    if not isinstance(kwargs, dict) and (values := model_values(kwargs)) is not None:
        kwargs = values
    if not isinstance(kwargs, dict):
        raise TaskArgumentsError(
            f"the Task {task_name!r} takes keyword arguments, but was sent"
            f" {kind_of(kwargs)}: the Task before it in the chain has to return a dict, or a"
            " dataclass or other model, whose fields they are then"
        )
    return kwargs
