"""Where a Task's function takes the worker's context."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from inspect import Parameter
from itertools import islice
from types import MethodType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from ..task_context import TaskContext
from .functions import BY_NAME, layers_of, names_of, signature_of

_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (*_BY_POSITION, Parameter.KEYWORD_ONLY)


class ContextParameters(NamedTuple):
    """How a function is called so that it gets the context.

    Attributes:
        names: The keyword arguments that have it.
        is_first: Whether it is the first argument by position, too.
    """

    names: frozenset[str]
    is_first: bool


def context_parameters(layers: Sequence[Any]) -> ContextParameters:
    """Return how a function is called so that it gets the context.

    Args:
        layers: The function, and what it hands arguments on to which it doesn't name itself.
    """
    names = {"context"} if _takes_by_name(layers) else set()
    annotated = _annotated(layers, given=0)
    if annotated is not None and annotated.kind in BY_NAME:
        names.add(annotated.name)
    is_first = annotated is not None and annotated.kind is Parameter.POSITIONAL_ONLY
    return ContextParameters(frozenset(names), is_first)


def is_context_parameter(parameter: Parameter, function: Any) -> bool:
    """Tell whether a parameter is annotated `TaskContext`, wherever its function has it."""
    return _is_context(_evaluated(parameter.annotation, function))


def _takes_by_name(layers: Sequence[Any]) -> bool:
    for layer in layers:
        if isinstance(layer, partial) and "context" in layer.keywords:
            return False
        if "context" in names_of(signature_of(layer)):
            return True
    return False


def _annotated(layers: Sequence[Any], given: int) -> Parameter | None:
    """Return the parameter that is annotated `TaskContext`, and first in its layer, if any is.

    Args:
        layers: The layers.
        given: How many arguments by position are given beforehand.
    """
    named: set[str] = set()
    goes_through = True  # whether what is given by position gets as far as this layer
    for around, layer in zip([None, *layers], layers, strict=False):
        if isinstance(layer, partial):
            named |= layer.keywords.keys()
        has_self = layer is getattr(type(around), "__call__", None)  # noqa: B004 - it is compared
        first = _first(layer, given + has_self)
        given += _given_by(layer)
        if first is not None and _is_annotated(first, layer, given):
            is_free = first.kind in BY_NAME or goes_through
            return first if is_free and first.name not in named else None
        goes_through = goes_through and first is not None and first.kind is Parameter.VAR_POSITIONAL
    return None


def _given_by(layer: Any) -> int:
    """Return how many arguments a layer itself gives, by position, to the one behind it."""
    return len(layer.args) if isinstance(layer, partial) else isinstance(layer, MethodType)


def _first(layer: Any, given: int) -> Parameter | None:
    """Return the first parameter of a layer, but for those that are given by position already."""
    signature = signature_of(layer)
    parameters = [*signature.parameters.values()] if signature else []
    while given and parameters and parameters[0].kind in _BY_POSITION:
        del parameters[0]
        given -= 1
    return parameters[0] if parameters else None


def _is_annotated(parameter: Parameter, layer: Any, given: int) -> bool:
    if parameter.kind not in _NAMED:
        return False
    if parameter.annotation is not Parameter.empty:
        return _is_context(_evaluated(parameter.annotation, layer))
    # functools.wraps puts the annotations of the function behind a decorator in the place of
    # its own, so that a parameter of another name has lost its one.
    annotations = getattr(layer, "__annotations__", None)
    for behind in islice(layers_of(layer), 1, None):
        if not annotations or getattr(behind, "__annotations__", None) != annotations:
            return False
        first = _first(behind, given)
        if first is not None and first.kind in _NAMED and first.annotation is not first.empty:
            return _is_context(_evaluated(first.annotation, behind))
    return False


def _evaluated(annotation: Any, layer: Any) -> Any:
    """Return what an annotation stands for, or its text where that can't be told at runtime."""
    if not isinstance(annotation, str):
        return annotation
    # Those of a decorated function come from the module of the function behind.
    for each in reversed([*layers_of(layer)]):
        try:
            return eval(annotation, each.__globals__)  # noqa: S307 - as typing.get_type_hints does
        except Exception:  # noqa: BLE001, S112 - what was imported for type checkers alone, mostly
            continue
    return annotation


def _is_context(annotation: Any) -> bool:
    annotation = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(annotation, str):
        alternatives = (part.strip("'\" ") for part in annotation.split("|"))
        return any(each.rpartition(".")[2] == TaskContext.__name__ for each in alternatives)
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return any(map(_is_context, get_args(annotation)))
    # What the statement ``type`` makes (PEP 695) has what it stands for, if that is there.
    with suppress(Exception):
        annotation = annotation.__value__
    return annotation is TaskContext
