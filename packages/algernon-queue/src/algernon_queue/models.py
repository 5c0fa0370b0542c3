"""The models that annotate Tasks, whose objects travel between them.

A message reaches no class by naming it: what Tasks take and return is what the program itself says
of their functions. It is looked at when the first object is written or read: then a name means
a class further down in the module too, and no cold start has waited for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from enum import Enum
from types import FunctionType
from typing import Annotated, Any, ForwardRef, Literal, NewType, TypeVar, get_args, get_origin

from algernon_serialize import model_fields

from ._batch.functions import layers_of

# How far up a function is looked for in which another one is defined.
_OUTER_FRAMES = 20

Names = Mapping[str, Any]


def models_of(function: Callable[..., Any], local_names: Names) -> list[type]:
    """Return the models and Enums in a function's annotations, and in the fields of those.

    What can't be resolved, such as a name that only type checkers know, is left alone.

    Args:
        function: What was registered as a Task.
        local_names: What names mean there that aren't global.
    """
    models: dict[type, None] = {}
    todo: list[tuple[Any, Names]] = []
    for layer in layers_of(function):
        # What functools.wraps copies means something only where the function behind it stands.
        if isinstance(layer, FunctionType) and not hasattr(layer, "__wrapped__"):
            todo += [
                (hint, layer.__globals__)
                for name, hint in layer.__annotations__.items()
                if name != "context"
            ]
    seen: set[tuple[int, int]] = set()
    for hint, names in todo:  # which grows on the way
        # A text means something else in another module.
        if (id(hint), id(names)) in seen:
            continue
        seen.add((id(hint), id(names)))
        if not isinstance(hint, type) or get_origin(hint) is not None:
            todo += [(part, names) for part in _parts(hint, names, local_names)]
        elif issubclass(hint, Enum):
            models[hint] = None
        elif (fields := _fields(hint)) is not None:
            models[hint] = None
            names_there = vars(sys.modules.get(hint.__module__, sys))
            todo += [(field, names_there) for field in fields.values()]
    return list(models)


def _fields(cls: type) -> dict[str, Any] | None:
    try:
        return model_fields(cls)
    except Exception:  # noqa: BLE001 - what can't be looked into stops no other
        return None


def _parts(hint: Any, names: Names, local_names: Names) -> list[Any]:
    """Return what an annotation that is no class is made of."""
    text = hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint
    if isinstance(text, str):
        try:
            return [eval(text, {**names, **local_names})]  # noqa: S307 - the program's own code
        except Exception:  # noqa: BLE001 - it is for type checkers only, or whatever stands there
            return []
    if isinstance(hint, NewType):
        return [hint.__supertype__]
    if isinstance(hint, TypeVar):
        return [hint.__bound__, *hint.__constraints__]
    if isinstance(hint, list):  # the parameters of a Callable
        return hint
    if type(hint).__name__ == "TypeAliasType":
        try:
            return [hint.__value__]
        except Exception:  # noqa: BLE001 - it is evaluated here
            return []
    origin, arguments = get_origin(hint), list(get_args(hint))
    if origin is Annotated:
        return arguments[:1]
    if origin is Literal:
        return [type(value) for value in arguments]
    return [] if origin is None else [origin, *arguments]


def local_names(function: Callable[..., Any]) -> Names:
    """Return the types that are known by name where a function within a function is defined."""
    around = function.__qualname__.split(".<locals>.")[:-1]
    functions = {name.rpartition(".")[2] for name in around}
    known: dict[str, Any] = {}
    frame = sys._getframe(1)
    for _ in range(_OUTER_FRAMES):
        if frame.f_code.co_name in functions:
            own = {name: value for name, value in frame.f_locals.items() if _is_type(value)}
            known = {**own, **known}
        if frame.f_back is None:
            break
        frame = frame.f_back
    return known


def _is_type(value: object) -> bool:
    return isinstance(value, type) or get_origin(value) is not None
