"""A function that is registered as a Task, and how it is called."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Generator, Sequence
from functools import cached_property, partial
from inspect import Parameter, Signature
from traceback import walk_tb
from types import CodeType
from typing import Any

from ..errors import SettingError, TaskArgumentsError
from ..retry import Retry
from .context_parameters import ContextParameters, context_parameters, is_context_parameter
from .functions import (
    BY_NAME,
    called_layers,
    check_function,
    is_async,
    layers_of,
    missing_names,
    names_of,
    shown_signature,
    signature_of,
    unknown_names,
)

_VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)

# How Python says that a call doesn't fit a function, and the first argument that it names.
_MISFIT = re.compile(r"(?P<function>.+) (?P<problem>missing|got) [^']*'(?P<name>[^',]*)")


def check_task_function(function: object) -> None:
    """Refuse what can't be a Task's function.

    Raises:
        SettingError: It is no function, or a generator, or a method of no object, or it
            takes what nobody can send.
    """
    check_function(function, "router.task", 'name="resize"')
    if not _may_have_positional_only(function):
        return  # which costs a cold start next to nothing, unlike a signature
    layers = called_layers(function)
    signature = signature_of(layers[0])
    parameters = [*signature.parameters.values()] if signature else []
    names = [
        each.name
        for each in parameters[context_parameters(layers).is_first :]
        if each.kind is Parameter.POSITIONAL_ONLY and each.default is Parameter.empty
    ]
    if names:
        raise SettingError(
            f"router.task was given {function!r}, which takes {', '.join(map(repr, names))} by"
            " position alone, but a Task gets what it is sent by name: leave out the / behind"
            f" {names[-1]!r}, before which nothing may stand but a TaskContext"
        )


def _may_have_positional_only(function: object) -> bool:
    code = getattr(function, "__code__", None)
    return code.co_posonlyargcount > 0 if isinstance(code, CodeType) else True


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
            context: The worker's context, which the function gets if its first
                parameter is annotated `TaskContext`, and in a parameter ``context``.

        Raises:
            TaskArgumentsError: They don't fit the function.
        """
        args: tuple[Any, ...] = ()
        kwargs = sent
        if self._takes_context:
            args = (context,) if self._context_is_first else ()
            kwargs = self._with_context(sent, context)
        if not (self._required <= kwargs.keys() <= self._known):
            self._bind(args, kwargs)
        if self._decides_itself:
            return self.function(*args, **kwargs)
        return self._call_behind_decorator(sent, args, kwargs)

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
            problem = self._problem(error, signature, args, kwargs)
            raise self._misfit(kwargs, problem) from error
        sent: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            kind = signature.parameters[name].kind
            if kind is Parameter.VAR_KEYWORD:
                sent |= value
            elif kind in BY_NAME:
                sent[name] = value
            else:
                raise TaskArgumentsError(
                    f"the Task {self.task_name!r} can't be sent what it takes by no name, its"
                    f" {name!r}: it takes {shown_signature(signature)}"
                )
        return sent

    def _with_context(self, sent: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
        kwargs = {**sent}
        for name in self._context_names:
            if name in sent:
                raise TaskArgumentsError(
                    f"the Task {self.task_name!r} was sent an argument {name!r}, which is where"
                    " it gets the worker's context: give the argument another name"
                )
            kwargs[name] = context
        return kwargs

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._signature is None:
            return
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            problem = self._problem(error, self._signature, args, kwargs)
            raise self._misfit(kwargs, problem) from error

    def _call_behind_decorator(
        self, sent: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call a function whose decorator decides what the function itself is called with."""
        try:
            result = self.function(*args, **kwargs)
        except Exception as error:
            name = self._context_that_was_too_much(sent, kwargs, error)
            if name is None:
                raise
            return self._call_behind_decorator(sent, args, _without(name, kwargs))
        if not isinstance(result, Coroutine):
            return result
        return _Awaiting(result, self._await_behind_decorator(result, sent, args, kwargs))

    async def _await_behind_decorator(
        self,
        coroutine: Coroutine[Any, Any, Any],
        sent: dict[str, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        try:
            return await coroutine
        except Exception as error:
            name = self._context_that_was_too_much(sent, kwargs, error)
            if name is None:
                raise
        kwargs = _without(name, kwargs)
        coroutine = self.function(*args, **kwargs)
        return await self._await_behind_decorator(coroutine, sent, args, kwargs)

    def _context_that_was_too_much(
        self, sent: dict[str, Any], kwargs: dict[str, Any], error: Exception
    ) -> str | None:
        """Return the name of a context if all that was wrong is that the decorator gives it.

        Raises:
            TaskArgumentsError: What was sent doesn't fit the function behind the decorator.
        """
        cause, misfit, layer = self._misfit_behind(error)
        if misfit is None:
            return None
        name, is_too_much = misfit["name"], misfit["problem"] == "got"
        if is_too_much and name in kwargs and name not in sent:
            # Only a call can tell, so the decorator begins once more this one time.
            self._context_names -= {name}
            return str(name)
        if is_too_much == (name in sent):
            signature = signature_of(layer)
            takes = signature and shown_signature(signature)
            problem = f"{cause}; behind its decorator it takes {takes}"
            raise self._misfit(sent, problem) from error
        return None

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

    def _problem(
        self,
        error: TypeError,
        signature: Signature,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> str:
        """Return what Python says of arguments, which is the first problem, and all others."""
        missing = missing_names(signature, {*[*signature.parameters][: len(args)], *kwargs})
        unknown = unknown_names(signature, kwargs.keys())
        problem = str(error)
        if len(missing) + len(unknown) > 1:
            problems = {"missing": missing, "unknown": unknown}
            told = ", and ".join(f"{named} {what}" for what, named in problems.items() if named)
            problem = f"{problem}; in all, {told}"
        return f"{problem}; it takes {shown_signature(signature)}{self.misplaced_context(missing)}"

    def misplaced_context(self, missing: Sequence[str]) -> str:
        """Return what to say, if anything, of parameters in which it looks for the context."""
        parameters = self._signature.parameters if self._signature else {}
        for name in missing:
            if name in parameters and is_context_parameter(parameters[name], self.function):
                return (
                    f"; a TaskContext has to be the first parameter, or be called 'context', and"
                    f" {name!r} is neither"
                )
        return ""

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
        parameters = [*signature.parameters.values()][self._context_is_first :]
        return signature.replace(
            parameters=[each for each in parameters if each.name not in self._context_names]
        )

    @cached_property
    def _layers(self) -> list[Any]:
        return called_layers(self.function)

    @cached_property
    def _decides_itself(self) -> bool:
        return len(self._layers) == 1

    @cached_property
    def _context_parameters(self) -> ContextParameters:
        return context_parameters(self._layers)

    @cached_property
    def _takes_context(self) -> bool:
        return bool(self._context_names) or self._context_is_first

    @cached_property
    def _context_names(self) -> frozenset[str]:
        return self._context_parameters.names

    @cached_property
    def _context_is_first(self) -> bool:
        return self._context_parameters.is_first

    @cached_property
    def is_async(self) -> bool:
        """Whether it is ``async def``."""
        return is_async(self.function)

    @cached_property
    def _known(self) -> frozenset[str]:
        """The names that it surely takes as keyword arguments."""
        return names_of(self._signature)

    @cached_property
    def _required(self) -> frozenset[str]:
        """The names without which it surely can't be called."""
        parameters = [*self._signature.parameters.values()] if self._signature else []
        return frozenset(
            each.name
            for each in parameters[self._context_is_first :]
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


def _without(name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in kwargs.items() if key != name}
