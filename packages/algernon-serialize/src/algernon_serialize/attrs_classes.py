"""Objects of attrs classes as mappings of their fields, and back by their own `__init__`."""

from __future__ import annotations

import sys

from .errors import UnserializableError
from .fields import computes_any, refuse_unknown
from .likeness import are_alike

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any

_ABSENT = object()


def form_of(obj: Any) -> dict[str, Any]:
    """Return what is sent of an object: the values of its fields.

    Raises:
        UnserializableError: A field of it has no value.
    """
    try:
        return {field.name: getattr(obj, field.name) for field in type(obj).__attrs_attrs__}
    except AttributeError as error:
        raise UnserializableError(f"a field of this object has no value: {error}") from error


def make(cls: Any, form: dict[str, Any]) -> Any:
    """Return the object of what was sent.

    Raises:
        RebuildError: A value is of no field.
        Exception: Whatever its converters and validators raise, and its `__init__`.
    """
    fields = {field.name: field for field in cls.__attrs_attrs__}
    refuse_unknown(cls, form, fields, "register it with decode=")
    obj = cls(**{_parameter(fields[name]): form[name] for name in form if fields[name].init})
    is_set = False
    for name, value in form.items():
        if not fields[name].init and not are_alike(getattr(obj, name, _ABSENT), value):
            object.__setattr__(obj, name, value)
            is_set = True
    if is_set:
        sys.modules["attr"].validate(obj)
    return obj


def makes_as_given(cls: Any) -> bool:
    """Tell whether a class has no code of its own that could change or refuse its own fields."""
    has_own_code = any(
        field.validator is not None or field.converter is not None for field in cls.__attrs_attrs__
    ) or any(hasattr(cls, name) for name in ("__attrs_pre_init__", "__attrs_post_init__"))
    return (
        not has_own_code
        # An __init__ that attrs makes is compiled from a text with such a name.
        and "<attrs generated" in str(getattr(cls.__init__, "__code__", None))
        and not computes_any(cls, [field.name for field in cls.__attrs_attrs__])
    )


def _parameter(field: Any) -> str:
    # Before attrs 22.2 they had no other names than these.
    return str(getattr(field, "alias", None) or field.name.lstrip("_"))
