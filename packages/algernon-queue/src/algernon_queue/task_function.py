"""A function that is registered as a Task, and how it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any

from .errors import TaskArgumentsError
from .functions import is_async
from .retry import Retry

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class TaskFunction:
    """A Task's function.

    Args:
        task_name: The Task's name.
        function: The function.
        retry: How the Task is tried again, or None where it doesn't say.
    """

    def __init__(self, task_name: str, function: Callable[..., Any], retry: Retry | None) -> None:
        self.task_name = task_name
        self.function = function
        self.retry = retry

    def call(self, kwargs: dict[str, Any], context: dict[str, Any]) -> Any:
        """Call the function with a message's keyword arguments.

        Args:
            kwargs: The keyword arguments.
            context: The worker's context, which the function gets if it has a
                parameter ``context``.

        Raises:
            TaskArgumentsError: They don't fit the function.
        """
        if self._takes_context:
            if "context" in kwargs:
                raise TaskArgumentsError(
                    f"the Task {self.task_name!r} was sent an argument 'context', which is where"
                    " it gets the worker's context: give the argument another name"
                )
            kwargs = {**kwargs, "context": context}
        if not (self._required <= kwargs.keys() <= self._known):
            self._bind(kwargs)
        return self.function(**kwargs)

    def _bind(self, kwargs: dict[str, Any]) -> None:
        try:
            self._signature.bind(**kwargs)
        except TypeError as error:
            raise TaskArgumentsError(
                f"the Task {self.task_name!r} can't be called with the arguments"
                f" {sorted(map(str, kwargs))}: {error}; it takes {self._signature}"
            ) from error

    # Looked at when the first message comes, since a cold start waits for every Task's.
    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @cached_property
    def _takes_context(self) -> bool:
        return "context" in self._signature.parameters

    @cached_property
    def is_async(self) -> bool:
        """Whether it is ``async def``."""
        return is_async(self.function)

    @cached_property
    def _known(self) -> frozenset[str]:
        """The names that it surely takes as keyword arguments."""
        parameters = self._signature.parameters.values()
        return frozenset(each.name for each in parameters if each.kind in _BY_NAME)

    @cached_property
    def _required(self) -> frozenset[str]:
        """The names without which it surely can't be called."""
        parameters = self._signature.parameters.values()
        return frozenset(
            each.name
            for each in parameters
            if each.default is inspect.Parameter.empty
            and each.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        )
