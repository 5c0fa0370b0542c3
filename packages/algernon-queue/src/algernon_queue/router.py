"""The usual worker: functions by the name of their Task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar, overload

from algernon_serialize import rebuild_event

from .errors import TaskArgumentsError, TaskNameError, UnregisteredTaskError
from .functions import check_function
from .queued import Failures, queued
from .task import check_task_name

F = TypeVar("F", bound=Callable[..., Any])


class TaskRouter:
    """Functions that messages reach by their Task's name, and no others.

    A Task's function gets the message's ``task_kwargs`` as keyword arguments,
    with objects rebuilt; one that has a parameter ``context`` gets the worker's
    context dict too. What it returns goes to the message's callback.

    Args:
        failures: As in `queued`.
        listeners: As in `queued`.

    Example:
        >>> router = TaskRouter()
        >>> @router.task
        ... def double(n):
        ...     return {"doubled": 2 * n}
        >>> handler = router.handler
        >>> handler({"task_name": "double", "task_kwargs": {"n": 21}}, None)
        {'doubled': 42}
    """

    def __init__(
        self, *, failures: Failures | None = None, listeners: Mapping[str, str] | None = None
    ) -> None:
        self._tasks: dict[str, Callable[..., Any]] = {}
        self._handle_batch = queued(failures=failures, listeners=listeners)(self.route)

    @property
    def tasks(self) -> Mapping[str, Callable[..., Any]]:
        """The registered functions by the name of their Task."""
        return MappingProxyType(self._tasks)

    @overload
    def task(self, function: F, /) -> F: ...

    @overload
    def task(self, /, *, name: str | None = None) -> Callable[[F], F]: ...

    def task(
        self, function: Callable[..., Any] | None = None, /, *, name: str | None = None
    ) -> Callable[..., Any]:
        """Register a function as a Task, and return it as it is.

        Args:
            function: The function, where the decorator stands bare.
            name: The Task's name; the function's own by default.

        Raises:
            TaskNameError: The name can't be a Task's, or is registered already.
            SettingError: It is no function, an async function or a generator.
        """

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            check_function(function, "router.task", 'name="resize"')
            task_name = function.__name__ if name is None else name
            check_task_name(task_name)
            if task_name in self._tasks:
                raise TaskNameError(
                    f"the Task {task_name!r} is registered already, as"
                    f" {self._tasks[task_name].__qualname__}: give one of them another name="
                )
            self._tasks[task_name] = function
            return function

        return register if function is None else register(function)

    def handler(self, event: dict[str, Any], context: Any) -> Any:
        """Handle what Lambda hands over: a batch of an SQS queue, or one bare message.

        A batch is worked off as `queued` says. A bare message (the Lambda
        console's test button can send one) is run at once and its result
        returned.
        """
        if isinstance(event, Mapping) and "task_name" in event:
            return self.route(event, {"aws": context, "sqs": {}})
        return self._handle_batch(event, context)

    def route(self, event: dict[str, Any], context: dict[str, Any]) -> Any:
        """Run the Task that one message names, and return its result.

        Raises:
            UnregisteredTaskError: No function is registered under the name.
            TaskArgumentsError: The keyword arguments don't fit the function.
            algernon_serialize.SerializeError: They can't be rebuilt here.
        """
        task_name = event["task_name"]
        function = self._tasks.get(task_name)
        if function is None:
            raise UnregisteredTaskError(task_name)
        kwargs = rebuild_event(event).get("task_kwargs")
        if kwargs is None:
            kwargs = {}
        if not isinstance(kwargs, dict):
            raise TaskArgumentsError(
                f"the Task {task_name!r} takes keyword arguments, but was sent a"
                f" {type(kwargs).__name__}: the Task before it in the chain has to return a dict"
            )
        return _call(task_name, function, kwargs, context)


_signature = cache(inspect.signature)


def _call(
    task_name: str,
    function: Callable[..., Any],
    kwargs: dict[str, Any],
    context: dict[str, Any],
) -> Any:
    signature = _signature(function)
    if "context" in signature.parameters:
        if "context" in kwargs:
            raise TaskArgumentsError(
                f"the Task {task_name!r} was sent an argument 'context', which is where it gets"
                " the worker's context: give the argument another name"
            )
        kwargs = {**kwargs, "context": context}
    try:
        signature.bind(**kwargs)
    except TypeError as error:
        raise TaskArgumentsError(
            f"the Task {task_name!r} can't be called with the arguments"
            f" {sorted(map(str, kwargs))}: {error}; it takes {signature}"
        ) from error
    return function(**kwargs)
