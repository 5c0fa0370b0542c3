"""A function that is registered as a Task, and how it is called."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Generator
from functools import cached_property, partial
from inspect import Parameter, Signature
from itertools import pairwise
from traceback import walk_tb
from types import CodeType
from typing import Any

from ..errors import TaskArgumentsError
from ..retry import Retry
from .functions import is_async, layers_of, signature_of

_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)

# How Python says that a call doesn't fit a function, and the first argument that it names.
_MISFIT = re.compile(r"(?P<function>.+) (?P<problem>missing|got) [^']*'(?P<name>[^',]*)")


class TaskFunction:
    """A Task's function.

    Args:
        task_name: The Task's name.
        function: The function.
        retry: How the Task is tried again, or None where it doesn't say.
    """

    def __init__(self, task_name: str, function: Callable[..., Any], retry: Retry | None) -> None:
        self.task_name = task_name
        self.function = function
        self.retry = retry

    def call(self, sent: dict[str, Any], context: dict[str, Any]) -> Any:
        """Call the function with a message's keyword arguments.

        Args:
            sent: The keyword arguments.
            context: The worker's context, which the function gets if it has a
                parameter ``context``.

        Raises:
            TaskArgumentsError: They don't fit the function.
        """
        kwargs = sent
        if self._takes_context:
            if "context" in sent:
                raise TaskArgumentsError(
                    f"the Task {self.task_name!r} was sent an argument 'context', which is where"
                    " it gets the worker's context: give the argument another name"
                )
            kwargs = {**sent, "context": context}
        if not (self._required <= kwargs.keys() <= self._known):
            self._bind(kwargs)
        if self._decides_itself:
            return self.function(**kwargs)
        return self._call_behind_decorator(sent, kwargs)

    def sent_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments with which a message is sent for a call of it.

        Args:
            args: The arguments that are given by position.
            kwargs: Those that are given by name.

        Raises:
            TaskArgumentsError: They don't fit the function, or what stands for an argument
                that is given by position has no name.
        """
        signature = self.sent_signature
        if signature is None:
            if args:
                raise TaskArgumentsError(
                    f"the Task {self.task_name!r} is sent {len(args)} arguments by position, but"
                    f" what it takes can't be told from {self.function!r}: give them by name"
                )
            return kwargs
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            problem = f"{error}; it takes {signature}"
            raise self._misfit(kwargs, problem) from error
        sent: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            kind = signature.parameters[name].kind
            if kind is Parameter.VAR_KEYWORD:
                sent |= value
            elif kind in _BY_NAME:
                sent[name] = value
            else:
                raise TaskArgumentsError(
                    f"the Task {self.task_name!r} can't be sent {value!r} by position, since it"
                    f" takes that by no name: it takes {signature}"
                )
        return sent

    def _bind(self, kwargs: dict[str, Any]) -> None:
        if self._signature is None:
            return
        try:
            self._signature.bind(**kwargs)
        except TypeError as error:
            raise self._misfit(kwargs, f"{error}; it takes {self._signature}") from error

    def _call_behind_decorator(self, sent: dict[str, Any], kwargs: dict[str, Any]) -> Any:
        """Call a function whose decorator decides what the function itself is called with."""
        try:
            result = self.function(**kwargs)
        except Exception as error:
            if not self._was_context_too_much(sent, kwargs, error):
                raise
            return self._call_behind_decorator(sent, sent)
        if not isinstance(result, Coroutine):
            return result
        return _Awaiting(result, self._await_behind_decorator(result, sent, kwargs))

    async def _await_behind_decorator(
        self, coroutine: Coroutine[Any, Any, Any], sent: dict[str, Any], kwargs: dict[str, Any]
    ) -> Any:
        try:
            return await coroutine
        except Exception as error:
            if not self._was_context_too_much(sent, kwargs, error):
                raise
        return await self._await_behind_decorator(self.function(**sent), sent, sent)

    def _was_context_too_much(
        self, sent: dict[str, Any], kwargs: dict[str, Any], error: Exception
    ) -> bool:
        """Tell whether all that was wrong with a call was that the decorator gives the context.

        Raises:
            TaskArgumentsError: What was sent doesn't fit the function behind the decorator.
        """
        cause, misfit, layer = self._misfit_behind(error)
        if misfit is None:
            return False
        name, is_too_much = misfit["name"], misfit["problem"] == "got"
        if is_too_much and name in kwargs and name not in sent:
            # Only a call can tell, so the decorator begins once more this one time.
            self._takes_context = False
            return True
        if is_too_much == (name in sent):
            problem = f"{cause}; behind its decorator it takes {signature_of(layer)}"
            raise self._misfit(sent, problem) from error
        return False

    def _misfit_behind(
        self, error: BaseException
    ) -> tuple[BaseException, re.Match[str] | None, Any]:
        """Return how what was called didn't fit a layer that hadn't begun, and which one.

        A decorator may have raised an error of its own for it.
        """
        cause: BaseException | None = error
        seen: set[int] = set()
        entered: set[CodeType] = set()
        while cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            entered |= {frame.f_code for frame, _ in walk_tb(cause.__traceback__)}
            misfit = _MISFIT.match(str(cause)) if type(cause) is TypeError else None
            if misfit is not None:
                layer = self._not_entered(misfit["function"].removesuffix("()"), entered)
                if layer is not None:
                    return cause, misfit, layer
            cause = cause.__cause__ or cause.__context__
        return error, None, None

    def _not_entered(self, name: str, entered: set[CodeType]) -> Any:
        """Return the layer of a name, if it hadn't begun."""
        for layer in reversed(list(layers_of(self.function))):
            code = getattr(layer, "__code__", None)
            if code is None and isinstance(layer, partial) and name == str(layer):
                return layer
            if code is not None and code not in entered:
                named = layer.__qualname__, f"{layer.__module__}.{layer.__qualname__}"
                if name in named:
                    return layer
        return None

    def _misfit(self, kwargs: dict[str, Any], problem: str) -> TaskArgumentsError:
        return TaskArgumentsError(
            f"the Task {self.task_name!r} can't be called with the arguments"
            f" {sorted(map(str, kwargs))}: {problem}"
        )

    # Looked at when the first message comes, since a cold start waits for every Task's.
    @cached_property
    def _signature(self) -> Signature | None:
        return signature_of(self.function)

    @cached_property
    def sent_signature(self) -> Signature | None:
        """What it takes of a message, where that can be told: all but the context."""
        signature = self._signature
        if signature is None or not self._decides_itself:
            return None
        parameters = signature.parameters.values()
        return signature.replace(parameters=[each for each in parameters if each.name != "context"])

    @cached_property
    def _layers(self) -> list[Any]:
        """The function, and what it hands arguments on to which it doesn't name itself."""
        layers = [self.function]
        for layer, inner in pairwise(layers_of(self.function)):
            if not _takes_any_name(layer):
                break
            layers.append(inner)
        return layers

    @cached_property
    def _decides_itself(self) -> bool:
        return len(self._layers) == 1

    @cached_property
    def _takes_context(self) -> bool:
        for layer in self._layers:
            if isinstance(layer, partial) and "context" in layer.keywords:
                return False
            if "context" in _names(signature_of(layer)):
                return True
        return False

    @cached_property
    def is_async(self) -> bool:
        """Whether it is ``async def``."""
        return is_async(self.function)

    @cached_property
    def _known(self) -> frozenset[str]:
        """The names that it surely takes as keyword arguments."""
        return _names(self._signature)

    @cached_property
    def _required(self) -> frozenset[str]:
        """The names without which it surely can't be called."""
        parameters = self._signature.parameters.values() if self._signature else ()
        return frozenset(
            each.name
            for each in parameters
            if each.default is Parameter.empty and each.kind not in _VARIABLE
        )


class _Awaiting(Coroutine[Any, Any, Any]):
    """A coroutine that awaits another, which is closed with it, should neither ever begin."""

    def __init__(self, awaited: Coroutine[Any, Any, Any], by: Coroutine[Any, Any, Any]) -> None:
        self._awaited = awaited
        self._by = by

    def send(self, value: Any) -> Any:
        return self._by.send(value)

    def throw(self, *error: Any) -> Any:
        return self._by.throw(*error)

    def close(self) -> None:
        self._by.close()
        self._awaited.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._by.__await__()


def _names(signature: Signature | None) -> frozenset[str]:
    parameters = signature.parameters.values() if signature else ()
    return frozenset(each.name for each in parameters if each.kind in _BY_NAME)


def _takes_any_name(function: Callable[..., Any]) -> bool:
    signature = signature_of(function)
    return signature is not None and any(
        each.kind is Parameter.VAR_KEYWORD for each in signature.parameters.values()
    )
