"""Which functions can run a message, what they take, and what they may return."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from itertools import pairwise
from types import FunctionType, MethodType, WrapperDescriptorType
from typing import Any

from ..errors import SettingError, UnrunTaskError, kind_of

BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

_ANYTHING = inspect.signature(lambda *args, **kwargs: None)  # noqa: ARG005 - never called


def check_function(function: object, decorator: str, example: str) -> None:
    """Refuse what a decorator can't make a handler or a Task of.

    A call of a generator runs nothing of its body, so that its message would be
    taken for done, and deleted.

    Args:
        function: What was decorated.
        decorator: The decorator's name.
        example: One of its options, as it is written, if it has any.

    Raises:
        SettingError: It is no function, or a generator, or a method of no object.
    """
    if _is_method_of_no_object(function):
        raise SettingError(
            f"{decorator} was given {function!r}, a method, which is called for an object:"
            f" leave the decorator out of the class, and give it that object's method, as in"
            f" {decorator}(shop.charge)"
        )
    if not callable(function):
        raise SettingError(
            f"{decorator} was given {function!r}, which is no function"
            + (f": pass options by name, as in @{decorator}({example})" if example else "")
        )
    for layer in layers_of(function):
        if inspect.iscoroutinefunction(layer):
            return  # whatever it hands on to, what it returns is known once it has run
        if inspect.isgeneratorfunction(layer) or inspect.isasyncgenfunction(layer):
            way_out = ": give it a function that returns its result"
            if layer is not function:
                way_out += ", and write a decorator that makes one without functools.wraps"
            raise SettingError(
                f"{decorator} was given {function!r}, a generator, none of whose body runs when it"
                f" is called{way_out}"
            )


def check_result(result: object) -> None:
    """Refuse a result that stands for work which nobody has done.

    Raises:
        UnrunTaskError: It is a generator, or something that was to be awaited.
    """
    if not isinstance(result, (Generator, AsyncGenerator, Awaitable)):
        return
    if isinstance(result, (Generator, Coroutine)):
        with suppress(Exception):
            result.close()  # or Python would warn of a coroutine that was never awaited
    kind = kind_of(result)
    if isinstance(result, Awaitable):
        raise UnrunTaskError(
            f"the Task returned {kind}, which nobody awaits: await it in an async def function"
        )
    raise UnrunTaskError(
        f"the Task returned {kind}, none of whose body has run: return what it gives, as a list"
    )


def is_async(function: object) -> bool:
    """Tell whether a function is ``async def``, behind a decorator that keeps its name too."""
    return any(inspect.iscoroutinefunction(layer) for layer in layers_of(function))


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature of what is called, or None if Python doesn't know it.

    That of a decorated function is its decorator's, which may well supply arguments, or
    take some for itself.
    """
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None and _shows_signature_of(wrapped, function):
        return _ANYTHING
    try:
        return inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return None if wrapped is None else _ANYTHING


def names_of(signature: inspect.Signature | None) -> frozenset[str]:
    """Return the names that surely can be given as keyword arguments."""
    parameters = signature.parameters.values() if signature else ()
    return frozenset(each.name for each in parameters if each.kind in BY_NAME)


def shown_signature(signature: inspect.Signature) -> str:
    """Return a signature as a text in which annotations stand as they do in the code."""
    parameters = [
        each.replace(annotation=_unquoted(each.annotation))
        for each in signature.parameters.values()
    ]
    returned = _unquoted(signature.return_annotation)
    return str(signature.replace(parameters=parameters, return_annotation=returned))


class _Unquoted(str):
    """A text that is shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _unquoted(annotation: Any) -> Any:
    return _Unquoted(annotation) if isinstance(annotation, str) else annotation


def unknown_names(signature: inspect.Signature, names: AbstractSet[str]) -> list[str]:
    """Return which of some names can't be given as keyword arguments."""
    parameters = signature.parameters.values()
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)
    return [] if takes_any else sorted(names - names_of(signature))


def missing_names(signature: inspect.Signature, names: AbstractSet[str]) -> list[str]:
    """Return what has to be given besides some names, in order."""
    return [
        name
        for name, each in signature.parameters.items()
        if name not in names
        and each.default is each.empty
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]


def called_layers(function: object) -> list[Any]:
    """Return a function, and what it hands arguments on to which it doesn't name itself."""
    layers = [function]
    for layer, inner in pairwise(layers_of(function)):
        if not _takes_any_name(layer):
            break
        layers.append(inner)
    return layers


def _takes_any_name(function: Callable[..., Any]) -> bool:
    signature = signature_of(function)
    return signature is not None and any(
        each.kind is inspect.Parameter.VAR_KEYWORD for each in signature.parameters.values()
    )


def layers_of(function: object) -> Iterator[Any]:
    """Give a function and, in turn, what it hands its calls on to, as far as can be seen."""
    seen: set[int] = set()
    todo = [function]
    while todo:
        layer = todo.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield layer
        if isinstance(layer, partial):
            todo.append(layer.func)
        elif isinstance(layer, MethodType):
            todo.append(layer.__func__)
        else:
            if hasattr(layer, "__wrapped__"):
                todo.append(layer.__wrapped__)
            call = getattr(type(layer), "__call__", None)  # noqa: B004 - it is looked at
            if call is not None and not isinstance(call, WrapperDescriptorType):
                todo.append(call)  # an object of a class of the user's


def _shows_signature_of(wrapped: object, function: object) -> bool:
    """Tell whether a decorated function says that it takes what the function behind it does."""
    # A proxy, such as wrapt makes, shows whatever it stands for as its own.
    if type(function) is not function.__class__:
        return True
    # functools.wraps copies a signature that was set by hand.
    shown = getattr(function, "__signature__", None)
    return shown is not None and shown is getattr(wrapped, "__signature__", None)


def _is_method_of_no_object(function: object) -> bool:
    if isinstance(function, classmethod):
        return True
    if not isinstance(function, FunctionType):
        return False
    inner = inspect.unwrap(function, stop=lambda layer: isinstance(layer, MethodType))
    if not isinstance(inner, FunctionType):
        return False
    owner = inner.__qualname__.rpartition(".")[0]
    is_in_class = bool(owner) and not owner.endswith("<locals>")
    first = inner.__code__.co_varnames[: inner.__code__.co_argcount][:1]
    return is_in_class and first in {("self",), ("cls",)}
