"""The decorator that makes functions Tasks, as type checkers see it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Unpack, overload

from .routed_task import RoutedTask
from .task_needs import ContradictingNeedsError
from .task_options import TaskOptionArguments, TaskOptions

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from typing import ParamSpec, Protocol, TypeVar

    from .routed_task import AsyncContextTask, AsyncTask, ContextTask

    P = ParamSpec("P")
    R = TypeVar("R")
    R_co = TypeVar("R_co", covariant=True)
    C = TypeVar("C", bound=Mapping[str, Any])
    C_contra = TypeVar("C_contra", bound=Mapping[str, Any], contravariant=True)
    Routed = TypeVar("Routed", bound=RoutedTask[..., Any])

    class _Nothing:
        """What no function returns, unless it says that it returns Any."""

    class _TakesContext(Protocol[C_contra, P, R_co]):
        """A function whose first parameter is the context, under its usual name.

        A worker tells it by that name too, whatever its type.
        """

        def __call__(self, context: C_contra, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class TaskDecorator:
    """What ``router.task`` is, which says what it does.

    Of a function whose first parameter is ``context``, a `TaskContext` or other mapping, what is
    sent has no such parameter: the Task gets the context from its worker.
    """

    def __init__(
        self,
        options_of: Callable[[TaskOptionArguments], TaskOptions],
        register: Callable[[Callable[..., Any], TaskOptions], RoutedTask[..., Any]],
        given: TaskOptionArguments | None = None,
    ) -> None:
        self._options_of = options_of
        self._register = register
        self._given = given or {}

    @overload
    def __call__(self, function: Routed, /) -> Routed: ...

    # To pyright, Any would be a coroutine otherwise.
    @overload
    def __call__(self, function: _TakesContext[C, P, _Nothing], /) -> ContextTask[C, P, Any]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: _TakesContext[C, P, Coroutine[Any, Any, R]], /
    ) -> AsyncContextTask[C, P, R]: ...

    @overload
    def __call__(self, function: _TakesContext[C, P, R], /) -> ContextTask[C, P, R]: ...

    @overload
    def __call__(self, function: Callable[P, _Nothing], /) -> RoutedTask[P, Any]: ...

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> RoutedTask[P, R]: ...

    @overload
    def __call__(self, /, **options: Unpack[TaskOptionArguments]) -> TaskDecorator: ...

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        **options: Unpack[TaskOptionArguments],
    ) -> RoutedTask[..., Any] | TaskDecorator:
        """Register a function, or return what registers one with these options."""
        if unknown := options.keys() - TaskOptionArguments.__optional_keys__:
            raise TypeError(
                f"router.task() got the unexpected keyword argument {min(unknown)!r}: it takes"
                f" {', '.join(sorted(TaskOptionArguments.__optional_keys__))}"
            )
        given: TaskOptionArguments = {**self._given, **options}
        if function is not None:
            return self._register(function, self._options_of(given))
        # What is missing here may be said by a further call.
        with suppress(ContradictingNeedsError):
            self._options_of(given)
        return TaskDecorator(self._options_of, self._register, given)
