"""What would run nothing is refused, or fails its record: no message is deleted unrun."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial, wraps
from types import coroutine
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    PermanentError,
    PipelineTermination,
    SettingError,
    TaskRouter,
    UnrunTaskError,
    queued,
    stated,
)

from .events import ALL_DONE, LambdaContext, event, failed, message, record
from .queues import SourceQueue

if TYPE_CHECKING:
    from ..conftest import LocalAWS

Function = Callable[..., Any]


def passing_on(function: Function) -> Function:
    """Return a function that passes on what it gets."""

    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


def generator(n: int) -> Iterator[int]:
    """Yield, and run nothing when called."""
    yield n


async def async_generator(n: int) -> AsyncIterator[int]:
    """Yield, and run nothing when called."""
    yield n


class Generators:
    """Generators of an object."""

    def method(self, n: int) -> Iterator[int]:
        """Yield."""
        yield n

    @passing_on
    def decorated(self, n: int) -> Iterator[int]:
        """Yield behind a decorator."""
        yield n

    async def async_method(self, n: int) -> AsyncIterator[int]:
        """Yield."""
        yield n

    @staticmethod
    def static(n: int) -> Iterator[int]:
        """Yield."""
        yield n

    def __call__(self, n: int) -> Iterator[int]:
        """Yield."""
        yield n


class AsyncGenerators:
    """An object that is an async generator when called."""

    async def __call__(self, n: int) -> AsyncIterator[int]:
        """Yield."""
        yield n


class DecoratedGenerators:
    """An object that is a generator behind a decorator when called."""

    @passing_on
    def __call__(self, n: int) -> Iterator[int]:
        """Yield."""
        yield n


SEEN = {
    "generator": generator,
    "async generator": async_generator,
    "lambda": lambda n: (yield n),
    "decorated": passing_on(generator),
    "decorated async": passing_on(async_generator),
    "decorated twice": passing_on(passing_on(generator)),
    "cached": functools.cache(generator),
    "partial": partial(generator, 1),
    "partial async": partial(async_generator, 1),
    "decorated partial": passing_on(partial(generator, 1)),
    "partial decorated": partial(passing_on(generator), 1),
    "method": Generators().method,
    "decorated method": Generators().decorated,
    "async method": Generators().async_method,
    "static method": Generators.static,
    "static method itself": Generators.__dict__["static"],
    "object": Generators(),
    "async object": AsyncGenerators(),
    "decorated object": DecoratedGenerators(),
    "partial object": partial(Generators(), 1),
    "object's decorator": passing_on(Generators()),
}


@pytest.mark.parametrize("function", SEEN.values(), ids=SEEN)
@pytest.mark.parametrize("register", [TaskRouter().task(name="work"), queued, stated])
def test_a_generator_is_refused_wherever_it_can_be_seen(
    register: Callable[[Any], Any], function: Any
) -> None:
    """A generator raises where it is decorated, also behind a decorator, a partial or a call."""
    with pytest.raises(SettingError, match="a generator, none of whose body runs when it is"):
        register(function)


def without_wraps(function: Function) -> Function:
    """Return a function that passes on what it gets, and doesn't say of which."""

    def inner(n: int) -> Any:
        return function(n)

    return inner


class Awaitable:
    """Something that can be awaited, and is no coroutine."""

    def __await__(self) -> Generator[None, None, int]:
        """Give a number at once."""
        yield
        return 1


class MadeByHand(Generator[int, None, None]):
    """A generator that Python didn't make."""

    def send(self, value: None) -> int:
        """Yield."""
        return 1

    def throw(self, *error: Any) -> int:
        """Yield nothing more."""
        raise error[0]


@coroutine
def old_coroutine() -> Iterator[None]:
    """Be awaited as coroutines were before they had a syntax of their own."""
    yield


async def doing_nothing() -> None:
    """Do nothing."""


async def future() -> Any:
    """Return a Future that is never awaited."""
    return asyncio.get_running_loop().create_future()


async def task() -> Any:
    """Return a task of asyncio that nobody awaited."""
    return asyncio.create_task(doing_nothing())


async def unawaited() -> Any:
    """Forget to await."""
    return doing_nothing()


async def returning(result: Any) -> Any:
    """Return something, when awaited."""
    return result


UNSEEN: dict[str, tuple[Function, str]] = {
    "generator": (without_wraps(generator), "a generator, none of whose body has run"),
    "async generator": (without_wraps(async_generator), "an async_generator, none of whose body"),
    "awaited generator": (lambda n: returning(generator(n)), "a generator, none of"),
    "awaited async generator": (lambda n: returning(async_generator(n)), "an async_generator"),
    "generator by hand": (lambda n: MadeByHand(), "a MadeByHand, none of"),
    "awaitable": (lambda n: Awaitable(), "an Awaitable, which nobody awaits"),
    "old coroutine": (lambda n: old_coroutine(), "a generator, none of whose"),
    "awaited awaitable": (lambda n: returning(Awaitable()), "an Awaitable, which nobody awaits"),
    "future": (lambda n: future(), "a Future, which nobody awaits"),
    "task": (lambda n: task(), "a Task, which nobody awaits"),
    "coroutine of a coroutine": (lambda n: unawaited(), "a coroutine, which nobody awaits"),
}


def raising_termination(function: Function) -> Function:
    """Return a function that ends its chain with what a function returns."""

    def work(n: int) -> Any:
        raise PipelineTermination(function(n))

    return work


def by_router(function: Function, **options: Any) -> Function:
    """Return the handler of a router whose Task work is the function."""
    router = TaskRouter(**options)
    router.task(name="work")(function)
    return router.handler


def by_queued(function: Function, **options: Any) -> Function:
    """Return a Lambda handler that calls the function."""
    return queued(**options)(lambda event, context: function(event["task_kwargs"]["n"]))


@pytest.mark.parametrize(("function", "problem"), UNSEEN.values(), ids=UNSEEN)
@pytest.mark.parametrize("make", [by_router, by_queued])
def test_a_result_that_has_still_to_run_fails_its_record(
    make: Callable[..., Function], function: Function, problem: str
) -> None:
    """A returned generator or awaitable is a failure, though nobody gets the result."""
    with pytest.raises(BatchFailedError) as caught:
        make(function)(event(record(message(task_kwargs={"n": 1}))), LambdaContext())
    (error,) = caught.value.failures.values()
    assert type(error) is UnrunTaskError
    assert f"the Task returned {problem}" in str(error)


@pytest.mark.parametrize(("function", "problem"), UNSEEN.values(), ids=UNSEEN)
def test_a_result_that_has_still_to_run_is_not_returned(function: Function, problem: str) -> None:
    """Who calls a Task or a state directly gets the error too."""
    with pytest.raises(UnrunTaskError, match=f"the Task returned {problem}"):
        by_router(function)({"task_name": "work", "task_kwargs": {"n": 1}}, None)
    with pytest.raises(UnrunTaskError, match=f"the Task returned {problem}"):
        stated(lambda event, context: function(event["n"]))({"n": 1}, None)


@pytest.mark.parametrize("result", ["generator", "awaitable", "old coroutine"])
def test_a_chain_does_not_end_with_what_has_still_to_run(result: str) -> None:
    """PipelineTermination with such a result fails its record."""
    function, problem = UNSEEN[result]
    ending = raising_termination(function)
    with pytest.raises(BatchFailedError, match=f"UnrunTaskError: the Task returned {problem}"):
        by_router(ending)(event(record(message(task_kwargs={"n": 1}))), LambdaContext())
    with pytest.raises(BatchFailedError, match="UnrunTaskError: the Task returned a coroutine"):
        by_router(raising_termination(lambda n: doing_nothing()))(
            event(record(message(task_kwargs={"n": 1}))), LambdaContext()
        )


def test_what_ran_nothing_goes_to_the_dead_letter_queue(aws: LocalAWS) -> None:
    """Trying again wouldn't help: the message is moved at once, with the reason, others done."""
    assert issubclass(UnrunTaskError, PermanentError)
    queue = SourceQueue(aws)
    router = TaskRouter(failures="report")
    router.task(name="lazy")(without_wraps(generator))
    router.task(name="good")(lambda n: n)
    queue.send(message("lazy", task_kwargs={"n": 1}), message("good", task_kwargs={"n": 1}))
    assert router.handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (letter,) = queue.dead_letters()
    attributes = letter["MessageAttributes"]
    assert attributes["algernon.error"]["StringValue"] == "UnrunTaskError"
    assert "a generator, none of whose body has run" in attributes["algernon.reason"]["StringValue"]


def test_a_generator_that_was_begun_is_closed() -> None:
    """What a generator has opened is closed, and what goes wrong with that hides nothing."""
    closed = []

    def opening() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)
            raise OSError("it can't be closed")

    def begin(n: int) -> Iterator[int]:
        begun = opening()
        next(begun)
        return begun

    with pytest.raises(BatchFailedError, match="UnrunTaskError"):
        by_router(begin)(event(record(message(task_kwargs={"n": 1}))), LambdaContext())
    assert closed == [True]


def running_to_its_end(function: Function) -> Function:
    """Return a coroutine function that gives all that an async generator yields."""

    @wraps(function)
    async def inner(n: int) -> list[Any]:
        return [each async for each in function(n)]

    return inner


def test_a_generator_that_somebody_runs_is_a_task() -> None:
    """What a decorator makes of a generator counts, where it can be seen."""
    router = TaskRouter()
    router.task(name="listed")(lambda n: list(generator(n)))
    router.task(name="awaited")(running_to_its_end(async_generator))
    for name in router.tasks:
        assert router.handler({"task_name": name, "task_kwargs": {"n": 5}}, None) == [5]


def test_lists_and_other_results_are_none_of_that() -> None:
    """Results that nobody gets may be anything that has run."""
    results = [[], {}, 0, "", object(), iter([]), range(3), Generators, doing_nothing]
    router = TaskRouter(failures="report")
    router.task(name="work")(lambda n: results[n])
    records = [record(message(task_kwargs={"n": n})) for n in range(len(results))]
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE


def test_the_others_of_a_batch_are_done() -> None:
    """A lazy Task fails alone, among functions and coroutines."""
    done = []
    router = TaskRouter(failures="report")

    @router.task
    def plain(n: int) -> Any:
        done.append(n)
        return generator(n) if n == 1 else None

    @router.task
    async def waiting(n: int) -> Any:
        await asyncio.sleep(0)
        done.append(n)
        return generator(n) if n == 4 else None

    names = ("plain", "plain", "plain", "waiting", "waiting", "waiting")
    records = [record(message(name, task_kwargs={"n": n})) for n, name in enumerate(names)]
    for one in records:
        del one["eventSourceARN"]  # it comes from no queue, where it could be moved
    assert router.handler(event(*records), LambdaContext()) == failed(records[1], records[4])
    assert done == [0, 1, 2, 3, 4, 5]
