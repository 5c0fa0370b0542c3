"""What @lambda_logged leaves as it was, and what it refuses."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, assert_type

import pytest
from algernon_logging import DecorationError, LoggingError, lambda_logged

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


async def coroutine(event: object, context: object) -> None:
    """Be async."""


def generator(event: object, context: object) -> Iterator[int]:
    """Be a generator."""
    yield 1


async def async_generator(event: object, context: object) -> AsyncIterator[int]:
    """Be both."""
    yield 1


class AsyncCallable:
    """Be async when called."""

    async def __call__(self, event: object, context: object) -> None:
        """Be async."""


@pytest.mark.parametrize(
    "function",
    [
        coroutine,
        generator,
        async_generator,
        functools.partial(coroutine, {}),
        AsyncCallable(),
    ],
)
@pytest.mark.parametrize("decorator", [lambda_logged, lambda_logged(trace=False)])
def test_async_functions_and_generators_are_refused(decorator: Any, function: object) -> None:
    """Functions whose body runs after the call fail at decoration, not by missing lines."""
    with pytest.raises(DecorationError, match=r"async function or a generator.*asyncio\.run"):
        decorator(function)


@pytest.mark.parametrize("target", ["trace", 3, AsyncCallable, property(len)])
def test_what_is_no_function_is_refused(target: Any) -> None:
    """Anything else than a function fails at decoration with an error that shows it."""
    with pytest.raises(DecorationError, match="needs a function, not") as raised:
        lambda_logged(target)
    assert repr(target) in str(raised.value)


def test_errors_have_one_root() -> None:
    """A DecorationError is caught as the package's root error and as a TypeError."""
    assert issubclass(DecorationError, LoggingError)
    assert issubclass(DecorationError, TypeError)
