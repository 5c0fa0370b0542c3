"""The decorator that makes functions Tasks, as type checkers see it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from .retry import Retry
from .routed_task import RoutedTask
from .task_context import TaskContext

if TYPE_CHECKING:
    from .routed_task import AsyncContextTask, AsyncTask, ContextTask

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _Anything(dict[str, Any]):
    """What a first parameter takes that isn't meant for the context: a dict, or any object."""


class _TakesAnything(Protocol[P, R_co]):
    """A function whose first parameter would take the context, but not only that."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __call__(self, first: _Anything, /, *args: Any, **kwargs: Any) -> Any: ...


class TaskDecorator:
    """What ``router.task`` is, which says what it does.

    Of a function whose first parameter is annotated `TaskContext`, what is sent has no such
    parameter: the Task gets the context from its worker.
    """

    def __init__(
        self,
        retry_of: Callable[[int | None, float | None], Retry | None],
        register: Callable[[Callable[..., Any], str | None, Retry | None], RoutedTask[..., Any]],
    ) -> None:
        self._retry_of = retry_of
        self._register = register

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: _TakesAnything[P, Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: _TakesAnything[P, R], /
    ) -> RoutedTask[P, R]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[TaskContext, P], Coroutine[Any, Any, R]], /
    ) -> AsyncContextTask[P, R]: ...

    @overload
    def __call__(
        self, function: Callable[Concatenate[TaskContext, P], R], /
    ) -> ContextTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> RoutedTask[P, R]: ...

    @overload
    def __call__(
        self,
        /,
        *,
        name: str | None = None,
        retries: int | None = None,
        backoff: float | None = None,
    ) -> TaskDecorator: ...

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        retries: int | None = None,
        backoff: float | None = None,
    ) -> RoutedTask[..., Any] | TaskDecorator:
        """Register a function, or return what registers one with these options."""
        retry = self._retry_of(retries, backoff)
        if function is not None:
            return self._register(function, name, retry)
        return TaskDecorator(
            lambda *_: retry, lambda function, *_: self._register(function, name, retry)
        )
