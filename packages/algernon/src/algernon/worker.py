"""A worker: the module that holds a router and its Lambda handler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import WorkerError

if TYPE_CHECKING:
    from algernon_queue import TaskNeeds

_NAME = r"[^\W\d]\w*"
_TARGET = re.compile(rf"(?P<module>{_NAME}(\.{_NAME})*):(?P<router>{_NAME})")


@dataclass(frozen=True, slots=True)
class Worker:
    """What a template has to know of a worker.

    Attributes:
        handler: Lambda's name of the handler, such as ``"worker.handler"``.
        tasks: The names of the router's Tasks.
        retries: How often a Task is tried again, for those that say.
        needs: What a Task asks of the function that runs it, for those that say.
    """

    handler: str
    tasks: tuple[str, ...]
    retries: Mapping[str, int]
    needs: Mapping[str, TaskNeeds] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The full name of the worker's module, such as ``"worker"``."""
        return self.handler.rpartition(".")[0]


def split_target(target: str) -> tuple[str, str]:
    """Return the module's and the router's name.

    Raises:
        WorkerError: The target isn't ``MODULE:ROUTER``.

    Example:
        >>> split_target("shop.worker:router")
        ('shop.worker', 'router')
    """
    if not isinstance(target, str):
        raise WorkerError(
            "a worker is named by a text, since a process of its own imports it, but this is"
            f' {target!r}: write "module:router", the module and the name of the TaskRouter in it'
        )
    match = _TARGET.fullmatch(target)
    if match is None:
        raise WorkerError(
            f"{target!r} isn't MODULE:ROUTER, a module and the TaskRouter in it, such as"
            " worker:router"
        )
    return match["module"], match["router"]
