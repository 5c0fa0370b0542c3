"""The Tasks of a chain, as its sender knows them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ._batch.task_function import TaskFunction
from .errors import TaskArgumentsError


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
