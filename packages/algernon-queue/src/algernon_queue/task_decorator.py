"""The decorator that makes functions Tasks, as type checkers see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from .retry import Retry
from .routed_task import RoutedTask

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import ParamSpec, Protocol, TypeVar

    from .routed_task import AsyncContextTask, AsyncTask, ContextTask
    from .task_context import TaskContext

    P = ParamSpec("P")
    R = TypeVar("R")
    R_co = TypeVar("R_co", covariant=True)
    # A variable, since to mypy no dict or other object is one of its values, though a context
    # is a dict.
    C = TypeVar("C", bound=TaskContext)
    C_contra = TypeVar("C_contra", bound=TaskContext, contravariant=True)

    class _Anything(dict[str, Any]):
        """What a first parameter takes that isn't meant for the context: a dict, or any object."""

    class _TakesAnything(Protocol[P, R_co]):
        """A function whose first parameter would take the context, but isn't meant for it."""

        @overload
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

        @overload
        def __call__(self, first: _Anything, /, *args: Any, **kwargs: Any) -> Any: ...

    class _TakesContext(Protocol[C_contra, P, R_co]):
        """A function whose first parameter is the context, under its usual name.

        It is told by that name too: mypy gives up where a function with Any among its
        types may be of two kinds, unless both mean the same parameters.
        """

        def __call__(self, context: C_contra, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class TaskDecorator:
    """What ``router.task`` is, which says what it does.

    Of a function whose first parameter is ``context: TaskContext``, what is sent has no such
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
        self, function: _TakesContext[C, P, Coroutine[Any, Any, R]], /
    ) -> AsyncContextTask[P, R]: ...

    @overload
    def __call__(self, function: _TakesContext[C, P, R], /) -> ContextTask[P, R]: ...

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
