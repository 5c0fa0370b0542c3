"""Which functions can run a message."""

from __future__ import annotations

import inspect

from .errors import SettingError


def is_async(function: object) -> bool:
    """Tell whether a function is ``async def``, behind a decorator that keeps its name too."""
    inner = inspect.unwrap(function) if callable(function) else function
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
        getattr(inner, "__call__", None)  # noqa: B004 - asks of what kind it is
    )


def check_function(function: object, decorator: str, example: str) -> None:
    """Refuse what a decorator can't make a handler or a Task of.

    A call of a generator runs nothing of its body, so that its message would be
    taken for done, and deleted.

    Args:
        function: What was decorated.
        decorator: The decorator's name.
        example: One of its options, as it is written, if it has any.

    Raises:
        SettingError: It is no function, or a generator.
    """
    if not callable(function):
        raise SettingError(
            f"{decorator} was given {function!r}, which is no function"
            + (f": pass options by name, as in @{decorator}({example})" if example else "")
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise SettingError(
            f"{decorator} was given {function!r}, a generator, none of whose body runs when it is"
            " called: give it a function that returns its result"
        )
