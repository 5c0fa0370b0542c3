"""Tasks that are called like their functions, and know how they are sent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import update_wrapper
from types import FunctionType, MappingProxyType, MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    NamedTuple,
    ParamSpec,
    Self,
    TypeVar,
    overload,
)
from uuid import UUID

from ._batch.task_function import TaskFunction
from .chain import Chain, Link, links_of
from .errors import SettingError
from .result import SentTask
from .sending import keeps_result, send_one
from .task import Task

if TYPE_CHECKING:
    from typing import ClassVar, Protocol, TypeAlias

    from algernon_storage import StoredData

    from .group import Group

    C_contra = TypeVar("C_contra", bound=Mapping[str, Any], contravariant=True)

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Manner(NamedTuple):
    """How a Task is sent, as far as that is said: see `Sendable.using`."""

    task_id: str | None = None
    message_group: str | None = None
    listeners: Mapping[str, str] = MappingProxyType({})
    keep_result: bool = False
    unique: str | None = None
    expires: float | None = None
    cancellable: bool = False

    def changed(self, given: Manner) -> Manner:
        """Return it with what else is given, which counts where both say something."""
        return Manner(
            given.task_id or self.task_id,
            given.message_group or self.message_group,
            given.listeners or self.listeners,
            given.keep_result or self.keep_result,
            given.unique or self.unique,
            given.expires or self.expires,
            given.cancellable or self.cancellable,
        )


class Sendable(Chain[R_co], Generic[P, R_co]):
    """A Task that can be sent, with what is said of how, and with the Tasks after it.

    `RoutedTask` is one; its `then` and `using` make others of it, and leave it as it
    is. Of ``Sendable[P, R]``, P is what the first Task takes, and R what the last one
    returns.

    Example:
        >>> from algernon_queue import TaskRouter
        >>> router = TaskRouter()
        >>> @router.task
        ... def price(items: list[int]) -> dict[str, int]:
        ...     return {"total": sum(items)}
        >>> @router.task
        ... def bill(total: int, currency: str) -> None: ...
        >>> euros = price.then(bill.using(kwargs={"currency": "EUR"}))
        >>> euros.request(items=[1, 2]).callback
        'bill'
    """

    def __init__(self, links: tuple[Link, ...], manner: Manner) -> None:
        self._links = links
        self._manner = manner

    @property
    def task_name(self) -> str:
        """The name of the first Task."""
        return self._links[0].task_name

    def request(self, *args: P.args, **kwargs: P.kwargs) -> Task:
        """Return the Task that `send` would send: for `send_tasks`, and for tests.

        Raises:
            TaskArgumentsError: The arguments don't fit the Task's function.
            SettingError: It has `listeners`, which a Task doesn't carry.
        """
        if self._manner.listeners:
            raise SettingError(
                f"{self!r} names listeners, which a Task that is made for later can't carry: give"
                " them to send_tasks(…, listeners=…)"
            )
        return self._request(args, kwargs)

    @overload
    def send(self: Sendable[P, Group[T]], *args: P.args, **kwargs: P.kwargs) -> SentTask[T]: ...

    @overload
    def send(self, *args: P.args, **kwargs: P.kwargs) -> SentTask[R_co]: ...

    def send(self, *args: P.args, **kwargs: P.kwargs) -> SentTask[Any]:
        """Send the Task to its listener, with these arguments.

        They are checked here, as far as the function says what it takes; those that are
        given by position are sent by name.

        Returns:
            What was sent, by whose id it is known: it waits for the result, and cancels it.

        Raises:
            TaskArgumentsError: The arguments don't fit the Task's function.
            SettingError: The Task's topic has no message groups, but one is given.
            UnknownListenerError: No topic is known for the Task, or there is none.
            PublishError: SNS doesn't take the message.
            algernon_serialize.UnserializableError: `ajson` can't send an argument.
            algernon_storage.StorageError: An argument can't be stored.
        """
        topic = self._links[0].topic
        known = {} if topic is None else {self.task_name: topic}
        task = self._request(args, kwargs)
        return SentTask.of_send(
            send_one(task, {**known, **self._manner.listeners}),
            is_kept=keeps_result(task),
            is_cancellable=task.cancellable or task.unique is not None,
        )

    @overload
    def then(self: Sendable[P, Passed], last: Sendable[..., T], /) -> Sendable[P, T]: ...

    @overload
    def then(
        self: Sendable[P, Passed], second: Next, last: Sendable[..., T], /
    ) -> Sendable[P, T]: ...

    @overload
    def then(
        self: Sendable[P, Passed], second: Next, third: Next, last: Sendable[..., T], /
    ) -> Sendable[P, T]: ...

    @overload
    def then(
        self: Sendable[P, Passed],
        second: Next,
        third: Next,
        fourth: Next,
        last: Sendable[..., T],
        /,
    ) -> Sendable[P, T]: ...

    @overload
    def then(
        self: Sendable[P, Passed],
        second: Next,
        third: Next,
        fourth: Next,
        fifth: Next,
        last: Sendable[..., T],
        /,
    ) -> Sendable[P, T]: ...

    @overload
    def then(
        self: Sendable[P, Passed],
        second: Next,
        third: Next,
        fourth: Next,
        fifth: Next,
        sixth: Next,
        last: Sendable[..., T],
        /,
    ) -> Sendable[P, T]: ...

    @overload
    def then(self: Sendable[P, Passed], second: Next, /, *tasks: Next) -> Sendable[P, Any]: ...

    def then(self, *tasks: Sendable[..., Any] | str) -> Sendable[..., Any]:
        """Return a chain of Tasks, each of which gets what the one before it returns.

        What a Task returns are the keyword arguments of the next: a dict, or a dataclass
        or other model by its fields. Where both functions say what they return and take,
        this says at once what can't fit.

        Args:
            tasks: The Tasks, or their names, where they can't be imported. Of what was
                made by `using`, a later Task takes the `kwargs` alone.

        Raises:
            TaskArgumentsError: A Task can't take what the one before it returns, or what
                `kwargs` give it.
            TaskNameError: A name can't be a Task's.
            SettingError: Nothing follows, or what follows is no Task, or one to which more
                than `kwargs` is given.

        Example:
            ``price.then(bill, "mail").send(items=[1])``
        """
        # What few cold starts need.
        from .chain_types import check_link

        if not tasks:
            raise SettingError(f"{self!r}.then() needs a Task that follows")
        links = list(self._links)
        for task in tasks:
            following = links_of(task, "then()")
            check_link(links[-1], following[0])
            links += following
        return Sendable(tuple(links), self._manner)

    @overload
    def using(
        self,
        *,
        callback: str,
        task_id: str | UUID | None = None,
        message_group: str | None = None,
        listeners: Mapping[str, str] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        keep_result: bool = False,
        unique: str | None = None,
        expires: float | None = None,
        cancellable: bool = False,
    ) -> Sendable[P, Any]: ...

    @overload
    def using(
        self,
        *,
        callback: None = None,
        task_id: str | UUID | None = None,
        message_group: str | None = None,
        listeners: Mapping[str, str] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        keep_result: bool = False,
        unique: str | None = None,
        expires: float | None = None,
        cancellable: bool = False,
    ) -> Sendable[P, R_co]: ...

    def using(
        self,
        *,
        callback: str | None = None,
        task_id: str | UUID | None = None,
        message_group: str | None = None,
        listeners: Mapping[str, str] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        keep_result: bool = False,
        unique: str | None = None,
        expires: float | None = None,
        cancellable: bool = False,
    ) -> Sendable[P, Any]:
        """Return the same Task, sent in another manner. What isn't given stays.

        Args:
            callback: The Task that gets the result, or a chain ``"a#b#c"``: as `then` has
                it, by their names.
            task_id: The id of this run, a UUID, where it isn't to be made when it is sent.
                A ledger (``once=True``) runs one id once.
            message_group: The message group on a FIFO topic.
            listeners: The ARN of the SNS topic of each Task, for those that aren't
                found otherwise.
            kwargs: Keyword arguments that it gets besides those that it is sent or, in
                `then`, besides those that the Task before returns.
            keep_result: Whether the result, of a chain that of its last Task, is kept for
                `SentTask.result`.
            unique: A key, of which and the Task's name at most one run succeeds within the
                days that the bucket keeps results.
            expires: After how many seconds it isn't begun any more; of a chain the first Task.
            cancellable: Whether `SentTask.cancel` may cancel it, which runs it under a ledger.

        Raises:
            TaskArgumentsError: The `kwargs` aren't a mapping with str keys, or their Task
                doesn't take them.
            TaskNameError: A name in the callback can't be a Task's.
            SettingError: The `task_id` is no UUID, the message group can't be one, or there
                is a callback already; or there are both a `task_id` and `unique`, or `expires`
                is no number above 0.

        Example:
            ``price.using(task_id=order.id, message_group=order.customer).send(items=[1])``
        """
        first, *following = self._links
        # Made for what it refuses.
        given = Task(
            first.task_name,
            {} if kwargs is None else kwargs,
            callback,
            None if task_id is None else str(task_id),
            message_group,
            keep_result=keep_result,
            unique=unique,
            expires=expires,
            cancellable=cancellable,
        )
        if kwargs is not None:
            from .chain_types import check_constants

            first = first._replace(constants={**first.constants, **given.task_kwargs})
            check_constants(first)
        if callback is not None:
            if following:
                raise SettingError(
                    f"{self!r} can't have the callback {callback!r} too: what follows it is said"
                    " once, by then() or by callback="
                )
            following = [Link(name) for name in callback.split("#")[given.begins_its_chain :]]
        manner = Manner(
            given.task_id,
            given.message_group,
            listeners or {},
            keep_result,
            unique,
            expires,
            cancellable,
        )
        return Sendable((first, *following), self._manner.changed(manner))

    def _following_links(self) -> tuple[Link, ...]:
        """Return the Tasks that follow in a chain, of which only constants can be told."""
        if self._manner != Manner():
            raise SettingError(
                f"{self!r} follows in a chain, where using() can give it kwargs alone: give the"
                " rest to the chain's first Task, or to the chain"
            )
        return self._links

    def _request(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Task:
        first, *following = self._links
        names = [link.task_name for link in following]
        # A chain that begins with the Task itself goes on with the one after it.
        shift = 1 if len(names) > 1 and names[0] == first.task_name else 0
        return Task(
            first.task_name,
            first.arguments(args, kwargs),
            "#".join([first.task_name] * shift + names) or None,
            self._manner.task_id,
            self._manner.message_group,
            constants={
                number: link.constants
                for number, link in enumerate(following, shift)
                if link.constants
            },
            keep_result=self._manner.keep_result,
            unique=self._manner.unique,
            expires=self._manner.expires,
            cancellable=self._manner.cancellable,
        )

    def __copy__(self) -> Self:
        return self  # which nothing changes

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __repr__(self) -> str:
        first, *following = self._links
        manner = [f"{key}={value!r}" for key, value in self._manner._asdict().items() if value]
        using = [*_shown_constants(first), *manner]
        then = [f"{link.task_name}{_shown_using(_shown_constants(link))}" for link in following]
        shown_then = f".then({', '.join(then)})" if then else ""
        return f"<Task {first.task_name}{shown_then}{_shown_using(using)}>"


class RoutedTask(Sendable[P, R_co]):
    """A Task of a `TaskRouter`: called like its function, which it knows how to send.

    It has the name, the docstring and the signature of the function, which is its
    ``__wrapped__``. A call runs it here, and sends nothing.

    Attributes:
        task_name: The Task's name.

    Example:
        >>> from algernon_queue import TaskRouter
        >>> router = TaskRouter()
        >>> @router.task
        ... def double(n: int) -> dict[str, int]:
        ...     return {"doubled": 2 * n}
        >>> double(21)
        {'doubled': 42}
        >>> double.request(n=21)
        Task('double', {'n': 21})
    """

    if TYPE_CHECKING:
        # What get_type_hints would take for those of a function that has none.
        __wrapped__: Callable[..., Any]
        __name__: str
        __qualname__: str

    def __init__(self, function: TaskFunction, topic: str | None = None) -> None:
        super().__init__((Link(function.task_name, function, topic),), Manner())
        update_wrapper(self, function.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function."""
        result: R_co = self.__wrapped__(*args, **kwargs)
        return result

    @overload
    def __get__(self, instance: None, owner: type[Any], /) -> Self: ...

    @overload
    def __get__(
        self, instance: object, owner: type[Any] | None = None, /
    ) -> Callable[..., R_co]: ...

    def __get__(self, instance: object, owner: type[Any] | None = None, /) -> Any:
        """Return it as a method of an instance, if its function would be one."""
        is_method = instance is not None and isinstance(self.__wrapped__, FunctionType)
        return MethodType(self, instance) if is_method else self

    def __reduce__(self) -> str:
        # By its name, as functions are pickled.
        return getattr(self, "__qualname__", self.task_name)

    if not TYPE_CHECKING:
        # What else a function has: its code, its defaults, what a decorator hung on it.
        def __getattr__(self, name: str) -> Any:
            try:
                return getattr(self.__wrapped__, name)
            except AttributeError as error:
                if name.startswith("__"):
                    raise  # Python asks whatever it meets for these
                named = getattr(self, "__name__", "task")  # a functools.partial has none
                raise AttributeError(
                    f"the Task {self.task_name!r} has no attribute {name!r}, and its function has"
                    f" none: a Task is sent by send(), as in {named}.send(…), and using() says how",
                    name=name,
                    obj=self,
                ) from error

    def __repr__(self) -> str:
        name = getattr(self, "__qualname__", None)  # which a functools.partial hasn't
        function = f"{self.__module__}.{name}" if name else repr(self.__wrapped__)
        return f"<Task {self.task_name}: {function}>"


if TYPE_CHECKING:
    # All of these are RoutedTasks; only what a call of each is differs.

    class AsyncTask(RoutedTask[P, R_co]):
        """A Task whose function is ``async def``."""

        def __call__(  # type: ignore[override]
            self, *args: P.args, **kwargs: P.kwargs
        ) -> Coroutine[Any, Any, R_co]:
            """Call the function."""

    class ContextTask(RoutedTask[P, R_co], Generic[C_contra, P, R_co]):
        """A Task whose function takes the worker's context first."""

        def __call__(  # type: ignore[override]
            self, context: C_contra, /, *args: P.args, **kwargs: P.kwargs
        ) -> R_co:
            """Call the function."""

    class AsyncContextTask(RoutedTask[P, R_co], Generic[C_contra, P, R_co]):
        """A Task whose function is both."""

        def __call__(  # type: ignore[override]
            self, context: C_contra, /, *args: P.args, **kwargs: P.kwargs
        ) -> Coroutine[Any, Any, R_co]:
            """Call the function."""

    class _Dataclass(Protocol):
        __dataclass_fields__: ClassVar[dict[str, Any]]

    class _AttrsClass(Protocol):
        __attrs_attrs__: ClassVar[Any]

    class _PydanticModel(Protocol):
        __pydantic_fields__: ClassVar[dict[str, Any]]

    class _Struct(Protocol):
        __struct_fields__: ClassVar[tuple[str, ...]]

    class _NamedTuple(Protocol):
        def _asdict(self) -> dict[str, Any]: ...

    #: What a Task may return for the next one to take, as far as types can say.
    Passed: TypeAlias = (
        Mapping[str, Any]
        | StoredData
        | _Dataclass
        | _AttrsClass
        | _PydanticModel
        | _Struct
        | _NamedTuple
        | Group[Any]
        | None
    )
    #: A Task in the midst of a chain.
    Next: TypeAlias = Sendable[..., Passed] | str


def _shown_constants(link: Link) -> list[str]:
    """Return a Task's constants as they are shown, whose values may be nobody's business."""
    names = ", ".join(f"{name!r}: …" for name in link.constants)
    return [f"kwargs={{{names}}}"] if names else []


def _shown_using(given: list[str]) -> str:
    return f".using({', '.join(given)})" if given else ""
