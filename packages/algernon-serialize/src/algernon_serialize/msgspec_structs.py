"""Structs of msgspec as mappings of their fields, and back with the types of these checked."""

from __future__ import annotations

import sys
from functools import cache, reduce
from operator import or_
from types import UnionType

from .fields import refuse_unknown
from .likeness import are_alike
from .models import hints_of, is_enum, model_fields

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any


def make(cls: Any, form: dict[str, Any]) -> Any:
    """Return the Struct of what was sent.

    Raises:
        RebuildError: A value is of no field.
        msgspec.ValidationError: A value isn't of its field's type.
        Exception: Whatever its ``__post_init__`` raises.
    """
    refuse_unknown(cls, form, cls.__struct_fields__, "register it with decode=")
    kinds = _kinds(cls)
    # A Struct itself takes values of any type.
    return cls(**{name: _checked(value, kinds.get(name, ())) for name, value in form.items()})


def _checked(value: Any, kinds: tuple[Any, ...]) -> Any:
    """Return a value as the first type that takes it has it.

    Raises:
        msgspec.ValidationError: None does.
    """
    msgspec = sys.modules["msgspec"]
    problem = None
    for kind in kinds:
        try:
            made = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            problem = problem or error
        else:
            # For type checkers too, an int may stand where a float is declared.
            return value if are_alike(made, value, but_for_ints=True) else made
    if problem is not None:
        raise problem
    return value


@cache
def _kinds(cls: Any) -> dict[str, tuple[Any, ...]]:
    """Return, for each field of a Struct, the types of which msgspec takes a value to be one.

    There is none where msgspec can't tell a type by what it reads. Objects it takes to be of
    a class only if they are of no child of it, and members of an Enum not at all: so each
    type stands there a second time, with classes that it knows nothing of in their place.
    """
    hints = hints_of(cls, include_extras=True)
    return {
        name: tuple(filter(_is_supported, (hint, _by_instance(hint))))
        for name, hint in hints.items()
    }


def _is_supported(kind: Any) -> bool:
    try:
        sys.modules["msgspec"].json.Decoder(kind)
    except Exception:  # noqa: BLE001 - whatever msgspec makes of an annotation
        return False
    return True


def _by_instance(kind: Any) -> Any:
    from typing import Annotated, Union, get_args, get_origin

    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if isinstance(origin, type) and (is_enum(origin) or model_fields(origin) is not None):
        return _InstancesOf(origin.__name__, (), {"kind": origin})
    if not arguments:
        return kind
    parts = tuple(_by_instance(part) for part in arguments)
    if origin is Annotated:
        return Annotated[(parts[0], *kind.__metadata__)]
    if origin is Union or origin is UnionType:
        return reduce(or_, parts)
    try:
        return origin[parts]
    except TypeError:
        return kind


class _InstancesOf(type):
    """A class whose instances are those of another one."""

    kind: type

    def __instancecheck__(cls, obj: object) -> bool:
        return isinstance(obj, cls.kind)
