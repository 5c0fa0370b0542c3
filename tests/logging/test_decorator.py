"""What @lambda_logged leaves as it was, and what it refuses."""

from __future__ import annotations

import asyncio
import functools
import inspect
import types
from typing import TYPE_CHECKING, Any, assert_type

import algernon_logging
import pytest
from algernon_logging import (
    DecorationError,
    LoggingError,
    LoggingSettingError,
    MissingExtraError,
    lambda_logged,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


def resize(path: str, width: int = 80, *, upscale: bool = False) -> dict[str, object]:
    """Resize a picture."""
    return {"path": path, "width": width, "upscale": upscale}


@pytest.mark.parametrize(
    "decorated",
    [
        lambda_logged(resize),
        lambda_logged()(resize),
        lambda_logged(trace=False)(resize),
        lambda_logged(trace=None)(resize),
        lambda_logged(lambda_logged(resize)),
    ],
    ids=["bare", "called", "untraced", "default", "twice"],
)
def test_decorated_function_is_the_function_to_its_caller(
    decorated: Callable[..., dict[str, object]],
) -> None:
    """Arguments and result pass through, and name, docstring and signature survive."""
    assert decorated("a.png") == resize("a.png")
    assert decorated("a.png", 10, upscale=True) == resize("a.png", 10, upscale=True)
    assert decorated(path="a.png", width=10) == resize(path="a.png", width=10)
    assert decorated.__name__ == "resize"
    assert decorated.__doc__ == "Resize a picture."
    assert inspect.signature(decorated) == inspect.signature(resize)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'path'"):
        decorated()


def test_type_checkers_keep_the_signature() -> None:
    """The decorated function has the static type of the function."""

    @lambda_logged
    def count(text: str, *, letter: str = "a") -> int:
        return text.count(letter)

    @lambda_logged(trace=False)
    def upper(text: str) -> str:
        return text.upper()

    assert_type(count("banana", letter="n"), int)
    assert_type(upper("banana"), str)
    assert (count("banana", letter="n"), upper("banana")) == (2, "BANANA")


def test_result_and_arguments_are_the_same_objects() -> None:
    """Nothing that goes in or out is copied or converted."""
    event, context = {"a": [1]}, object()

    @lambda_logged
    def handler(*args: object, **kwargs: object) -> tuple[object, ...]:
        return (*args, *kwargs.values())

    returned = handler(event, context, extra=event)
    assert returned[0] is event
    assert returned[1] is context
    assert returned[2] is event


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), StopIteration(3)])
def test_exception_passes_through_unlogged(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the function raises reaches the caller as it is, and Lambda alone logs it."""

    @lambda_logged
    def handler(event: object, context: object) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        handler({}, None)
    assert raised.value is error
    assert capsys.readouterr() == ("", "")


def test_works_on_every_kind_of_callable() -> None:
    """Methods, lambdas, partials, built-ins and callable objects can be decorated."""

    class Shop:
        @lambda_logged
        def sell(self, item: str) -> str:
            return f"sold {item}"

        @classmethod
        @lambda_logged
        def name(cls) -> str:
            return cls.__name__

        def __call__(self, item: str) -> str:
            return self.sell(item)

    assert Shop().sell("tea") == "sold tea"
    assert Shop.name() == "Shop"
    assert lambda_logged(Shop())("tea") == "sold tea"
    assert lambda_logged(Shop().sell)("tea") == "sold tea"
    assert lambda_logged(lambda x: x)(3) == 3
    assert lambda_logged(functools.partial(resize, width=1))("a")["width"] == 1
    assert lambda_logged(len)("abc") == 3


def generator(event: object, context: object) -> Iterator[int]:
    """Be a generator."""
    yield 1


async def async_generator(event: object, context: object) -> AsyncIterator[int]:
    """Be an async one."""
    yield 1


@types.coroutine
def iterable_coroutine(event: object, context: object) -> Iterator[int]:
    """Be a generator that can be awaited."""
    yield 1


class GeneratorCallable:
    """Be a generator when called."""

    def __call__(self, event: object, context: object) -> Iterator[int]:
        """Be a generator."""
        yield 1


@pytest.mark.parametrize(
    "function",
    [
        generator,
        async_generator,
        iterable_coroutine,
        functools.partial(generator, {}),
        functools.partial(functools.partial(async_generator, {})),
        GeneratorCallable(),
        GeneratorCallable().__call__,
    ],
)
@pytest.mark.parametrize("decorator", [lambda_logged, lambda_logged(trace=False)])
def test_generators_are_refused(decorator: Any, function: object) -> None:
    """Functions whose body runs after the call fail at decoration, not by missing lines."""
    with pytest.raises(DecorationError, match=r"is a generator, whose body runs after") as raised:
        decorator(function)
    assert repr(function) in str(raised.value)


class AsyncShop:
    """Sells, in a while."""

    async def __call__(self, item: str, price: int = 1) -> tuple[str, int]:
        """Sell an item."""
        await asyncio.sleep(0)
        return item, price


async def sell(item: str, price: int = 1) -> tuple[str, int]:
    """Sell an item."""
    return await AsyncShop()(item, price)


@pytest.mark.parametrize(
    "function", [sell, functools.partial(sell), AsyncShop(), AsyncShop().__call__]
)
def test_async_functions_stay_async_functions(function: Any) -> None:
    """What is awaited has the function's arguments, result, name and signature."""
    decorated = lambda_logged(function)
    assert inspect.iscoroutinefunction(decorated)
    assert asyncio.run(decorated("tea", price=2)) == ("tea", 2)
    assert inspect.signature(decorated) == inspect.signature(function)
    assert asyncio.run(lambda_logged(decorated)("tea")) == ("tea", 1)


def test_exception_of_an_async_function_passes_through_unlogged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What an async function raises reaches whoever awaits it as it is."""
    error = ValueError("no")

    @lambda_logged
    async def handler(event: object, context: object) -> None:
        raise error

    with pytest.raises(ValueError, match="no") as raised:
        asyncio.run(handler({}, None))
    assert raised.value is error
    assert capsys.readouterr() == ("", "")


def test_type_checkers_keep_the_type_of_an_async_function() -> None:
    """The decorated function has the static type of the function."""

    @lambda_logged
    async def count(text: str) -> int:
        return len(text)

    assert_type(asyncio.run(count("abc")), int)
    assert asyncio.run(count("abc")) == 3


@pytest.mark.parametrize("target", ["trace", 3, AsyncShop, property(len)])
def test_what_is_no_function_is_refused(target: Any) -> None:
    """Anything else than a function fails at decoration with an error that shows it."""
    with pytest.raises(DecorationError, match="needs a function, not") as raised:
        lambda_logged(target)
    assert repr(target) in str(raised.value)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (DecorationError, TypeError),
        (LoggingSettingError, ValueError),
        (MissingExtraError, ImportError),
    ],
)
def test_errors_have_one_root(error: type[Exception], builtin: type[Exception]) -> None:
    """Each error is caught as the package's root error, and as the built-in one it is."""
    assert issubclass(error, LoggingError)
    assert issubclass(error, builtin)


def test_former_name_of_an_error_is_known_for_a_while() -> None:
    """`SettingError` is the same class as `LoggingSettingError`, with a warning."""
    with pytest.warns(DeprecationWarning, match="SettingError is called LoggingSettingError"):
        former = algernon_logging.SettingError
    assert former is LoggingSettingError
