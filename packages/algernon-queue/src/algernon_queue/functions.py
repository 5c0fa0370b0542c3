"""Which functions can run a message: those that are done when they return."""

from __future__ import annotations

import inspect

from .errors import SettingError


def check_function(function: object, decorator: str, example: str) -> None:
    """Refuse what a decorator can't make a handler or a Task of.

    A call of an async function or a generator runs nothing of its body, so that
    its message would be taken for done, and deleted.

    Args:
        function: What was decorated.
        decorator: The decorator's name.
        example: One of its options, as it is written.

    Raises:
        SettingError: It is no function, or one whose body runs after the call.
    """
    if not callable(function):
        raise SettingError(
            f"{decorator} was given {function!r}, which is no function: pass options by name, as in"
            f" @{decorator}({example})"
        )
    if (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    ):
        raise SettingError(
            f"{decorator} was given {function!r}, an async function or a generator, none of whose"
            " body runs when it is called: give it a plain function that runs it to its end, for"
            " example with asyncio.run"
        )
