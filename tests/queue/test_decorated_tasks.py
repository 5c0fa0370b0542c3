"""A Task is called as Python would call it, whatever stands between its name and its body."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest
import wrapt
from algernon_queue import (
    BatchFailedError,
    SettingError,
    TaskArgumentsError,
    TaskNameError,
    TaskRouter,
    queued,
)

from .events import ALL_DONE, LambdaContext, event, message, record

Function = Callable[..., Any]


def error_of(router: TaskRouter, **kwargs: Any) -> Exception:
    """Return the error with which a record for the Task work fails."""
    with pytest.raises(BatchFailedError) as caught:
        router.handler(event(record(message("work", task_kwargs=kwargs))), LambdaContext())
    (error,) = caught.value.failures.values()
    return error


def assert_done(router: TaskRouter, **kwargs: Any) -> None:
    """Have a router run a record for the Task work."""
    one = record(message("work", task_kwargs=kwargs))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE


def by_wraps(function: Function) -> Function:
    """Supply a session by keyword."""

    @wraps(function)
    def inner(**kwargs: Any) -> Any:
        return function(session="session", **kwargs)

    return inner


def by_wraps_in_first_place(function: Function) -> Function:
    """Supply a session by position."""

    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function("session", *args, **kwargs)

    return inner


def by_async_wraps(function: Function) -> Function:
    """Supply a session once awaited."""

    @wraps(function)
    async def inner(**kwargs: Any) -> Any:
        await asyncio.sleep(0)
        result = function(session="session", **kwargs)
        return await result if inspect.isawaitable(result) else result

    return inner


def by_named_argument(function: Function) -> Function:
    """Supply a session to a function of which the decorator knows the rest."""

    @wraps(function)
    def inner(n: int) -> Any:
        return function(n=n, session="session")

    return inner


def without_wraps(function: Function) -> Function:
    """Supply a session, and say nothing of the function."""

    def inner(**kwargs: Any) -> Any:
        return function(session="session", **kwargs)

    return inner


def by_partial(function: Function) -> Function:
    """Supply a session beforehand."""
    return partial(function, session="session")


def by_named_partial(function: Function) -> Function:
    """Supply a session beforehand, and take over the function's name."""
    return functools.update_wrapper(partial(function, session="session"), function)


def by_wrapt(function: Function) -> Function:
    """Supply a session in a proxy."""

    @wrapt.decorator
    def supply(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return wrapped(*args, session="session", **kwargs)

    decorated: Function = supply(function)
    return decorated


def by_object(function: Function) -> Function:
    """Supply a session in a callable object."""

    class Supply:
        def __init__(self) -> None:
            functools.update_wrapper(self, function)

        def __call__(self, **kwargs: Any) -> Any:
            return function(session="session", **kwargs)

    return Supply()


def by_method(function: Function) -> Function:
    """Supply a session in a method."""

    class Supply:
        def work(self, n: int) -> Any:
            return function(n=n, session="session")

    return Supply().work


def by_wraps_of_a_signature(function: Function) -> Function:
    """Supply a session to a function whose signature was set by hand, which wraps copies."""

    @wraps(function)
    def declared(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    declared.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return by_wraps(declared)


SUPPLIERS = [
    by_wraps,
    by_wraps_in_first_place,
    by_async_wraps,
    by_named_argument,
    without_wraps,
    by_partial,
    by_named_partial,
    by_wrapt,
    by_object,
    by_method,
    by_wraps_of_a_signature,
]


@pytest.mark.parametrize("supply", SUPPLIERS)
def test_a_decorator_may_supply_an_argument(supply: Callable[[Function], Function]) -> None:
    """What the decorator supplies needn't be sent."""
    router = TaskRouter()
    got = []

    def work(session: str, n: int) -> None:
        got.append((session, n))

    router.task(name="work")(supply(work))
    assert_done(router, n=1)
    assert router.handler({"task_name": "work", "task_kwargs": {"n": 2}}, None) is None
    assert got == [("session", 1), ("session", 2)]


@pytest.mark.parametrize("supply", [each for each in SUPPLIERS if each is not by_async_wraps])
def test_a_decorator_may_supply_an_argument_to_a_coroutine(
    supply: Callable[[Function], Function],
) -> None:
    """A coroutine function behind a decorator that isn't one is awaited."""
    router = TaskRouter()
    got = []

    async def work(session: str, n: int) -> None:
        await asyncio.sleep(0)
        got.append((session, n))

    router.task(name="work")(supply(work))
    assert_done(router, n=1)
    assert got == [("session", 1)]


@pytest.mark.parametrize(
    "supply", [by_wraps, by_wraps_in_first_place, by_async_wraps, by_wrapt, by_object]
)
def test_what_a_decorator_supplies_cannot_be_sent(supply: Callable[[Function], Function]) -> None:
    """A message with the argument that the decorator supplies fails for good, and runs nothing."""
    router = TaskRouter()
    router.task(name="work")(supply(lambda session, n: pytest.fail("it ran")))
    error = error_of(router, n=1, session="sent")
    assert isinstance(error, TaskArgumentsError)
    assert "multiple values for" in str(error)
    assert isinstance(error.__cause__, TypeError)


def passing_on(function: Function) -> Function:
    """Return a function that passes on what it gets."""

    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


def passing_on_later(function: Function) -> Function:
    """Return a coroutine function that passes on what it gets."""

    @wraps(function)
    async def inner(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args, **kwargs)

    return inner


@wrapt.decorator
def passing_on_by_proxy(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Pass on what it gets, in a proxy."""
    return wrapped(*args, **kwargs)


PASSING_ON = [
    passing_on,
    passing_on_later,
    passing_on_by_proxy,
    lambda function: passing_on(passing_on_later(passing_on(function))),
    functools.cache,
    by_wraps_of_a_signature,
    by_object,
]


@pytest.mark.parametrize("decorate", PASSING_ON)
@pytest.mark.parametrize(
    ("kwargs", "problem"),
    [
        ({}, "missing 1 required positional argument: 'n'"),
        ({"m": 1}, "got an unexpected keyword argument 'm'"),
        ({"n": 1, "m": 2}, "got an unexpected keyword argument 'm'"),
    ],
)
def test_arguments_that_do_not_fit_behind_a_decorator_are_told(
    decorate: Callable[[Function], Function], kwargs: dict[str, Any], problem: str
) -> None:
    """What the function itself can't be called with fails for good, and nothing of it runs."""
    router = TaskRouter()

    def work(n: int, session: str = "") -> None:
        pytest.fail("it ran")

    router.task(name="work")(decorate(work))
    error = error_of(router, **kwargs)
    assert isinstance(error, TaskArgumentsError)
    assert problem in str(error)
    assert f"the Task 'work' can't be called with the arguments {sorted(kwargs)}" in str(error)
    assert "it takes (n: int, session: str = '')" in str(error)
    assert isinstance(error.__cause__, TypeError)


@pytest.mark.parametrize("decorate", [passing_on, passing_on_later, passing_on_by_proxy])
def test_a_type_error_behind_a_decorator_is_the_task_s_own(
    decorate: Callable[[Function], Function],
) -> None:
    """Whatever the body calls wrongly, itself too, is no fault of what was sent."""
    router = TaskRouter()

    def helper(m: int) -> None:
        """Do nothing."""

    def work(n: int) -> None:
        match n:
            case 0:
                raise TypeError("work() missing 1 required positional argument: 'n'")
            case 1:
                helper()  # type: ignore[call-arg]
            case 2:
                work()  # type: ignore[call-arg]
            case _:
                len(5)  # type: ignore[arg-type]

    router.task(name="work")(decorate(work))
    for n in range(4):
        assert type(error_of(router, n=n)) is TypeError


def test_a_decorator_that_calls_wrongly_is_no_fault_of_what_was_sent() -> None:
    """An argument that the decorator adds, and the function doesn't have, is the Task's error."""
    router = TaskRouter()

    @by_wraps
    def work(n: int) -> None:
        """Have no session."""

    router.task(name="work")(work)
    assert type(error_of(router, n=1)) is TypeError
    assert isinstance(error_of(router, m=1, session=2), TaskArgumentsError)


@pytest.mark.parametrize("decorate", [*PASSING_ON[:4], by_wraps_of_a_signature, by_object])
def test_the_context_reaches_a_function_behind_a_decorator(
    decorate: Callable[[Function], Function],
) -> None:
    """A function that has a parameter context gets it through a decorator that passes it on."""
    router = TaskRouter()
    got = []

    def work(n: int, *, context: dict[str, Any], session: str = "") -> None:
        got.append((n, context["task"]["task_name"]))

    router.task(name="work")(decorate(work))
    assert_done(router, n=1)
    assert_done(router, n=2)
    assert got == [(1, "work"), (2, "work")]
    error = error_of(router, n=1, context={})
    assert "give the argument another name" in str(error)


def test_a_decorator_s_own_context_is_the_worker_s() -> None:
    """A decorator that has a parameter context gets it, and decides what the function gets."""
    router = TaskRouter()
    got = []

    def in_shop(function: Function) -> Function:
        @wraps(function)
        def inner(context: dict[str, Any], **kwargs: Any) -> Any:
            return function(shop=context.setdefault("shop", "the shop"), **kwargs)

        return inner

    @router.task
    @in_shop
    def work(n: int, shop: str) -> None:
        got.append((n, shop))

    assert_done(router, n=1)
    assert got == [(1, "the shop")]


def supplying_context(function: Function) -> Function:
    """Supply a context of the decorator's own."""

    @wraps(function)
    def inner(**kwargs: Any) -> Any:
        return function(context="its own", **kwargs)

    return inner


def supplying_context_in_first_place(function: Function) -> Function:
    """Supply a context of the decorator's own, by position."""

    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function("its own", *args, **kwargs)

    return inner


def supplying_context_later(function: Function) -> Function:
    """Supply a context of the decorator's own, once awaited."""

    @wraps(function)
    async def inner(**kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return function(context="its own", **kwargs)

    return inner


def putting_context(function: Function) -> Function:
    """Put a context of the decorator's own in the place of any."""

    @wraps(function)
    def inner(**kwargs: Any) -> Any:
        kwargs["context"] = "its own"
        return function(**kwargs)

    return inner


def knowing_all_names(function: Function) -> Function:
    """Supply a context to a function of which the decorator knows the rest."""

    @wraps(function)
    def inner(n: int) -> Any:
        return function(n=n, context="its own")

    return inner


def with_preset_context(function: Function) -> Function:
    """Supply a context beforehand."""
    return partial(function, context="its own")


def with_preset_context_in_first_place(function: Function) -> Function:
    """Supply a context beforehand, by position."""
    return partial(function, "its own")


def raising_its_own(function: Function) -> Function:
    """Raise an error of the decorator's own for any other."""

    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise RuntimeError("it failed") from error

    return inner


@pytest.mark.parametrize(
    "decorate",
    [
        supplying_context,
        supplying_context_in_first_place,
        supplying_context_later,
        putting_context,
        knowing_all_names,
        with_preset_context,
        with_preset_context_in_first_place,
        lambda function: passing_on(supplying_context(function)),
        lambda function: passing_on(supplying_context_later(function)),
        lambda function: supplying_context(passing_on(function)),
        lambda function: supplying_context(partial(function)),
        lambda function: raising_its_own(supplying_context_in_first_place(function)),
        lambda function: raising_its_own(supplying_context_later(function)),
    ],
)
def test_a_decorator_may_supply_the_context(decorate: Callable[[Function], Function]) -> None:
    """A function whose decorator has a context for it gets that one, at its first message too."""
    router = TaskRouter()
    got = []

    def work(context: str, n: int, **others: Any) -> None:
        got.append((context, n, others))

    router.task(name="work")(decorate(work))
    for n in range(3):
        assert_done(router, n=n)
    assert got == [("its own", n, {}) for n in range(3)]


@pytest.mark.parametrize("decorate", [supplying_context, supplying_context_later, raising_its_own])
def test_wrong_arguments_beside_a_supplied_context_are_told(
    decorate: Callable[[Function], Function],
) -> None:
    """What doesn't fit a function whose decorator supplies its context fails for good."""
    router = TaskRouter()
    router.task(name="work")(decorate(lambda context, n: pytest.fail("it ran")))
    for _ in range(2):
        assert isinstance(error_of(router, m=1), TaskArgumentsError)


def test_an_error_of_the_decorator_s_own_hides_no_failure_of_the_body() -> None:
    """A body that is called wrongly by what it calls itself has run, whoever raises what for it."""
    router = TaskRouter()
    got = []

    def again() -> None:
        try:
            work()  # type: ignore[call-arg]
        except TypeError as error:
            raise ValueError("no") from error

    def work(n: int) -> None:
        got.append(n)
        again()

    router.task(name="work")(raising_its_own(work))
    assert type(error_of(router, n=1)) is RuntimeError
    assert got == [1]


def test_a_function_that_says_what_it_takes_by_hand_is_believed() -> None:
    """A decorator's own __signature__ tells what can be sent."""
    router = TaskRouter()

    def work(*args: Any, **kwargs: Any) -> None:
        assert kwargs == {"n": 1}

    work.__signature__ = inspect.signature(lambda n: None)  # type: ignore[attr-defined]
    router.task(work)
    assert_done(router, n=1)
    assert isinstance(error_of(router, m=1), TaskArgumentsError)


class Shop:
    """Things that can be called."""

    def __init__(self, n: int = 0) -> None:
        self.got = [n]

    def work(self, n: int, context: dict[str, Any]) -> None:
        """Note what it gets."""
        self.got.append(n)
        assert context["task"]["task_name"] == "work"

    @passing_on
    def decorated(self, n: int, context: dict[str, Any]) -> None:
        """Note what it gets."""
        self.work(n, context)

    def __call__(self, n: int, context: dict[str, Any]) -> None:
        """Note what it gets."""
        self.work(n, context)


@pytest.mark.parametrize(
    "function_of",
    [
        lambda shop: shop.work,
        lambda shop: shop.decorated,
        lambda shop: shop,
        lambda shop: partial(shop.work),
        lambda shop: partial(Shop.work, shop),
        passing_on,
        lambda shop: passing_on(shop.decorated),
    ],
)
def test_methods_and_objects_can_be_tasks(function_of: Callable[[Shop], Function]) -> None:
    """What belongs to an object is called for it, with the context and the right arguments."""
    router = TaskRouter()
    shop = Shop()
    router.task(name="work")(function_of(shop))
    assert_done(router, n=1)
    assert shop.got == [0, 1]
    assert isinstance(error_of(router, m=1), TaskArgumentsError)


def test_a_class_can_be_a_task() -> None:
    """A class is called as it is everywhere; that it can be called later makes it no coroutine."""

    class Made:
        numbers: list[int] = []  # noqa: RUF012 - for all of them

        def __init__(self, n: int) -> None:
            self.numbers.append(n)

        async def __call__(self) -> None:
            """Be no part of making one."""

    router = TaskRouter()
    assert router.task(Made).__wrapped__ is Made
    one = record(message("Made", task_kwargs={"n": 3}))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert Made.numbers == [3]


def test_an_object_may_be_called_later() -> None:
    """An object whose __call__ is a coroutine function is awaited."""
    got = []

    class Later:
        async def __call__(self, n: int) -> None:
            await asyncio.sleep(0)
            got.append(n)

    router = TaskRouter()
    router.task(name="work")(Later())
    assert_done(router, n=1)
    assert got == [1]


def test_what_python_knows_no_signature_of_is_called_as_sent() -> None:
    """A builtin that tells nobody what it takes gets the arguments as they are."""
    router = TaskRouter()
    router.task(name="work")(dict)
    assert router.handler({"task_name": "work", "task_kwargs": {"n": 1}}, None) == {"n": 1}


@pytest.mark.parametrize("function", [partial(print, "x"), Shop()])
def test_what_has_no_name_needs_one(function: Function) -> None:
    """A partial or an object is no Task's name, which the error says how to give."""
    router = TaskRouter()
    with pytest.raises(TaskNameError, match=r'has no name .* router.task\(name="resize"\)'):
        router.task(function)
    router.task(name="work")(function)
    with pytest.raises(TaskNameError, match=r"'work' is registered already, as .*(partial|Shop)"):
        router.task(name="work")(print)


def decorated_in_class(router: TaskRouter) -> None:
    """Decorate a method where it is written."""

    class Worker:
        @router.task
        def work(self, n: int) -> None:
            """Never run."""


def decorated_twice_in_class(router: TaskRouter) -> None:
    """Decorate a decorated method where it is written."""

    class Worker:
        @router.task
        @passing_on
        def work(self, n: int) -> None:
            """Never run."""


def of_no_object(router: TaskRouter) -> None:
    """Register a method of no object in particular."""
    router.task(Shop.work)


def inside_classmethod(router: TaskRouter) -> None:
    """Decorate the function of a class method."""

    class Worker:
        @classmethod
        @router.task
        def work(cls, n: int) -> None:
            """Never run."""


def around_classmethod(router: TaskRouter) -> None:
    """Decorate a class method that has no class yet."""

    class Worker:
        @router.task
        @classmethod
        def work(cls, n: int) -> None:
            """Never run."""


@pytest.mark.parametrize(
    "register",
    [
        decorated_in_class,
        decorated_twice_in_class,
        of_no_object,
        inside_classmethod,
        around_classmethod,
    ],
)
def test_a_method_of_no_object_is_refused(register: Callable[[TaskRouter], None]) -> None:
    """A method that would be called without its object raises where it is decorated."""
    router = TaskRouter()
    with pytest.raises(SettingError, match=r"a method, .* router.task\(shop.charge\)"):
        register(router)
    assert dict(router.tasks) == {}


def test_handlers_that_are_methods_of_no_object_are_refused() -> None:
    """The other decorators refuse them too."""
    with pytest.raises(SettingError, match=r"a method, .* queued\(shop.charge\)"):
        queued(Shop.work)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_outside", [True, False])
def test_a_static_method_can_be_a_task(is_outside: bool) -> None:
    """A static method is a function, whichever of the decorators is the outer one."""
    router = TaskRouter()
    got = []

    if is_outside:

        class Worker:
            @router.task
            @staticmethod
            def work(n: int, context: dict[str, Any]) -> None:
                got.append((n, context["task"]["task_name"]))

    else:

        class Worker:  # type: ignore[no-redef]
            @staticmethod
            @router.task
            def work(n: int, context: dict[str, Any]) -> None:
                got.append((n, context["task"]["task_name"]))

    assert_done(router, n=1)
    Worker.work(2, {"task": {"task_name": "by hand"}})
    assert got == [(1, "work"), (2, "by hand")]
    assert isinstance(error_of(router, m=1), TaskArgumentsError)


def test_a_function_that_lives_in_a_class_can_be_a_task() -> None:
    """A class may be no more than a name for its functions."""
    router = TaskRouter()
    got = []

    class Worker:
        @router.task
        def work(n: int) -> None:  # noqa: N805
            got.append(n)

    assert_done(router, n=1)
    assert got == [1]
