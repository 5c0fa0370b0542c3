"""The Tasks of a chain, as its sender knows them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from ._batch.functions import missing_names, shown_signature, unknown_names
from ._batch.task_function import TaskFunction
from ._wire.membership import RESULTS
from .errors import SettingError, TaskArgumentsError, kind_of
from .task import check_task_name

R_co = TypeVar("R_co", covariant=True)


class Link(NamedTuple):
    """One Task of a chain.

    Attributes:
        task_name: The Task's name.
        function: Its function, where that is known here.
        topic: The ARN of its topic, where its router names one.
        constants: The keyword arguments that it gets in any case.
    """

    task_name: str
    function: TaskFunction | None = None
    topic: str | None = None
    constants: Mapping[str, Any] = MappingProxyType({})

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments with which it is sent.

        Raises:
            TaskArgumentsError: They don't fit its function, or one is given twice.
        """
        if twice := sorted(self.constants.keys() & kwargs.keys()):
            raise TaskArgumentsError(
                f"the Task {self.task_name!r} is sent {twice}, which using(kwargs=…) has given it"
                " already: give each argument once"
            )
        kwargs = {**self.constants, **kwargs}
        return kwargs if self.function is None else self.function.sent_arguments(args, kwargs)

    def problem_with_results(self) -> str | None:
        """Return why it can't be given the results of a group, or None if it may."""
        if RESULTS in self.constants:
            return f"using(kwargs=…) gives it {RESULTS!r} already, which it gets from the group"
        signature = None if self.function is None else self.function.sent_signature
        if signature is None:
            return None
        names = {RESULTS, *self.constants}
        unknown, missing = unknown_names(signature, names), missing_names(signature, names)
        if not (unknown or missing):
            return None
        lacks = f"and no {unknown}" if unknown else f"and {missing} too, by using(kwargs=…)"
        return (
            f"it takes {shown_signature(signature)}, {lacks}; of a Group it gets the keyword"
            f" argument {RESULTS!r}"
        )


class Chain(ABC, Generic[R_co]):
    """One Task or more, of which R is what the last one returns."""

    @abstractmethod
    def _following_links(self) -> tuple[Link, ...]:
        """Return its Tasks, as they follow on others, of which only constants can be told."""


def links_of(task: object, function_name: str) -> tuple[Link, ...]:
    """Return the Tasks of what was given to a function as what follows.

    Raises:
        SettingError: It is no Task, or one to which more than `kwargs` is given.
        TaskNameError: It is a text that can't be a Task's name.
    """
    if isinstance(task, Chain):
        return task._following_links()
    if isinstance(task, str):
        check_task_name(task)
        return (Link(task),)
    raise SettingError(
        f"{function_name} was given {kind_of(task)}, {task!r}, which is no Task: give it what"
        " @router.task returned, or a Task's name"
    )
