"""Whether a Task can take what the one before it in a chain returns, as far as annotations say.

It is imported with the first chain that is built: most cold starts build none.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from inspect import Signature
from pathlib import PurePath
from types import FunctionType, UnionType
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, is_typeddict
from uuid import UUID

from algernon_serialize import model_fields

from ._batch.functions import missing_names, shown_signature, unknown_names
from .chain import Link
from .errors import TaskArgumentsError

# What can't be a Task's keyword arguments, unless it is a model.
_VALUES = (
    str,
    bytes,
    bytearray,
    int,
    float,
    complex,
    list,
    tuple,
    set,
    frozenset,
    date,
    time,
    timedelta,
    Decimal,
    Enum,
    PurePath,
    UUID,
)
# Python Typing Documentation, "Special cases for float and complex".
_WIDENED: dict[Any, tuple[type, ...]] = {float: (int,), complex: (int, float)}


def check_link(before: Link, after: Link) -> None:
    """Refuse a Task that can't take what the one before it in a chain returns.

    What isn't annotated, or by names that mean nothing yet, is left alone, and so is
    what may fit.

    Raises:
        TaskArgumentsError: It can't.
    """
    returned = _hint(before, "return")
    problems = [_problem(kind, after) for kind in _alternatives(returned)]
    if problems and all(problems):
        raise TaskArgumentsError(
            f"the Task {after.task_name!r} can't take what {before.task_name!r} returns,"
            f" {_name(returned)}: {problems[0]}"
        )


def check_constants(link: Link) -> None:
    """Refuse constants that their Task doesn't take.

    Raises:
        TaskArgumentsError: It doesn't.
    """
    signature = _signature(link)
    if signature is not None and (unknown := unknown_names(signature, link.constants.keys())):
        raise TaskArgumentsError(
            f"the Task {link.task_name!r} can't be given {sorted(link.constants)}: it takes"
            f" {shown_signature(signature)}, and no {unknown}"
        )


def _problem(returned: Any, after: Link) -> str | None:
    """Return why a Task can't take what is returned, or None if it may."""
    if _is_of_groups(returned, "Group"):
        problem = after.problem_with_results()
        return problem and (
            f"{problem}, unless the Group has a then of its own, whose result goes on: then"
            " annotate what that is, as in Group[dict]"
        )
    fields = {} if returned is type(None) else model_fields(returned)
    if fields is None:
        # A Task that is known by name alone may have a handler that takes anything.
        is_known = after.function is not None
        is_value = is_known and isinstance(returned, type) and issubclass(returned, _VALUES)
        return "a dict would do, or a dataclass or other model for its fields" if is_value else None
    sure = fields.keys() - _left_out(returned, fields)
    if twice := sorted(sure & after.constants.keys()):
        return f"{twice} would come twice, since using(kwargs=…) gives it too"
    names = fields.keys() | after.constants.keys()
    # What a model of pydantic has.
    config = getattr(returned, "model_config", {}) if hasattr(returned, "model_fields") else {}
    signature = _signature(after)
    if signature is not None:
        unknown = unknown_names(signature, sure | after.constants.keys())
        may_have_all = config.get("extra") == "allow"
        missing = [] if may_have_all else missing_names(signature, names)
        if unknown or missing:
            return _unfit(returned, after, signature, unknown, missing)
    return None if config.get("use_enum_values") else _misfit(after, fields)


def _is_of_groups(kind: Any, name: str) -> bool:
    """Tell whether a type is Group, or Results."""
    # What annotates a function has been imported.
    module = sys.modules.get(f"{__package__}.group")
    return module is not None and kind is getattr(module, name)


def _left_out(returned: Any, fields: Mapping[str, Any]) -> AbstractSet[str]:
    """Return the fields that may be missing, of a TypedDict or a Struct of msgspec."""
    # Those of a TypedDict whose annotations are text don't count as optional.
    marked = {
        name
        for name, hint in getattr(returned, "__annotations__", {}).items()
        if "NotRequired[" in str(hint)
    }
    unset = {
        name for name, hint in fields.items() if "UnsetType" in map(_name, _alternatives(hint))
    }
    return marked | unset | getattr(returned, "__optional_keys__", frozenset())


def _unfit(
    returned: Any, after: Link, signature: Signature, unknown: list[str], missing: list[str]
) -> str:
    """Return which names a Task doesn't take, and which it lacks, and what to do."""
    takes = f"it takes {shown_signature(signature)}"
    if len(missing) == 1 and returned in _alternatives(_hint(after, missing[0])):
        return (
            f"{takes}, but what is returned goes on by its fields: to give {missing[0]!r} all of"
            f" it, return {{{missing[0]!r}: …}}"
        )
    ways_out = []
    if unknown:
        ways_out.append(f"no {unknown}: return less, or give it a parameter **others")
    if missing:
        ways_out.append(
            f"{missing} would be missing: return it too, give it by using(kwargs=…), or give the"
            " parameter a default"
        )
    misplaced = after.function.misplaced_context(missing) if after.function else ""
    return f"{takes}, and {'; and '.join(ways_out)}{misplaced}"


def _misfit(link: Link, fields: Mapping[str, Any]) -> str | None:
    for name, kind in fields.items():
        wanted = _hint(link, name)
        if not _may_fit(kind, wanted):
            return f"its {name!r} is {_name(wanted)}, and what is returned is {_name(kind)}"
    return None


def _signature(link: Link) -> Signature | None:
    return None if link.function is None else link.function.sent_signature


def _hint(link: Link, name: str) -> Any:
    """Return what a parameter, or the result, is annotated with; Any where nothing can be told."""
    function = None if link.function is None else link.function.function
    function = getattr(function, "__func__", function)
    # What a decorator takes and returns isn't what the function behind it does.
    if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
        return Any
    hint = function.__annotations__.get(name, Any)
    if isinstance(hint, str):
        try:
            hint = eval(hint, function.__globals__)  # noqa: S307 - it is the program's own code
        except Exception:  # noqa: BLE001 - it may be defined further down, or for checkers only
            return Any
    return hint


def _alternatives(hint: Any) -> list[Any]:
    """Return the types that a type is one of, each without what is only said about it."""
    if isinstance(hint, NewType):
        return _alternatives(hint.__supertype__)
    if type(hint).__name__ == "TypeAliasType":
        try:
            return _alternatives(hint.__value__)
        except Exception:  # noqa: BLE001 - it is evaluated here, and may be for checkers only
            return [Any]
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return [kind for each in get_args(hint) for kind in _alternatives(each)]
    if origin is Annotated:
        return _alternatives(get_args(hint)[0])
    if _is_of_groups(origin, "Group"):
        given = _alternatives(get_args(hint)[0])
        # What its own Task returns goes on; where it has none, the results do.
        return [origin if _is_of_groups(kind, "Results") else kind for kind in given]
    if origin is Literal:
        return [type(value) for value in get_args(hint)]
    if origin is not None and isinstance(origin, type) and model_fields(origin) is None:
        return [origin]
    return [type(None) if hint is None else hint]


def _may_fit(returned: Any, wanted: Any) -> bool:
    """Tell whether some value of one type may be one of the other."""
    return any(
        _overlap(_runtime_type(kind), _runtime_type(other))
        for kind in _alternatives(returned)
        for other in _alternatives(wanted)
    )


def _runtime_type(kind: Any) -> Any:
    return dict if is_typeddict(kind) else kind


def _overlap(kind: Any, other: Any) -> bool:
    if Any in (kind, other) or _stands_in(kind) or _stands_in(other):
        return True
    try:
        return issubclass(kind, (other, *_WIDENED.get(other, ()))) or issubclass(other, kind)
    except TypeError:
        return True  # one of them is no class, or a protocol that can't be asked


def _stands_in(kind: Any) -> bool:
    """Tell whether values have another type: behind a descriptor, or what pydantic makes of it."""
    is_one = hasattr(kind, "__get__") or hasattr(kind, "__get_pydantic_core_schema__")
    return is_one and model_fields(kind) is None


def _name(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint).removeprefix("typing.")
