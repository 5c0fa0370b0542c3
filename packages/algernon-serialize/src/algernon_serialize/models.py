"""Classes whose objects are made of named fields, whichever library they are made with."""

from __future__ import annotations

import sys

from .fields import field_names, is_dataclass_itself
from .object_state import built_in_contents

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Iterable
    from typing import Any


def model_fields(cls: Any) -> dict[str, Any] | None:
    """Return the annotation of each field of a class of named fields, by its name.

    That is a dataclass, a namedtuple, a model of pydantic 2, a class of attrs, a Struct of
    msgspec, or a TypedDict. A child of a dataclass or of a class of attrs counts if it is one
    itself.

    Args:
        cls: Anything, such as what annotates a parameter.

    Returns:
        The annotations in the order of the fields, as `typing.get_type_hints` resolves them. One
        that it can't, such as a name that is only imported for type checkers, stays as it
        stands; that of a field without any is `typing.Any`. None where it is no such class.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Line:
        ...     sku: str
        ...     count: "int" = 1
        >>> model_fields(Line)
        {'sku': <class 'str'>, 'count': <class 'int'>}
        >>> model_fields(int) is None
        True
    """
    if not isinstance(cls, type):
        return None
    if is_pydantic_model(cls):
        return _annotations_of_pydantic(cls)
    if is_attrs_class(cls):
        return _annotations_of_attrs(cls)
    if is_dataclass_itself(cls):
        return _annotations(cls, field_names(cls))
    if is_struct(cls):
        return _annotations(cls, cls.__struct_fields__)  # type: ignore[attr-defined]
    if is_namedtuple(cls):
        return _annotations(cls, cls._fields)  # type: ignore[attr-defined]
    if type(cls).__name__ == "_TypedDictMeta":  # that of typing and that of typing_extensions
        return hints_of(cls)
    return None


def model_values(obj: Any) -> dict[str, Any] | None:
    """Return the values of the fields of an object of a class of named fields, by their names.

    Args:
        obj: Anything. (A TypedDict is a dict when it is there, and can't be told.)

    Returns:
        The values themselves, no copies; with those that a model of pydantic takes besides
        fields (``extra="allow"``), and without those that a Struct of msgspec has as `UNSET`.
        None where it is no such object, or holds more than its fields as a dict, a list or the
        like does.

    Raises:
        AttributeError: A field has no value.
        Exception: Whatever the class's own code raises where it computes one.

    Example:
        >>> from typing import NamedTuple
        >>> class Line(NamedTuple):
        ...     sku: str
        ...     count: int = 1
        >>> model_values(Line("A-1"))
        {'sku': 'A-1', 'count': 1}
    """
    cls = type(obj)
    if is_pydantic_model(cls):
        held, extra = obj.__dict__, obj.__pydantic_extra__ or {}
        return {name: held[name] for name in cls.model_fields if name in held} | extra
    if is_namedtuple(cls):
        return dict(zip(cls._fields, tuple.__iter__(obj), strict=False))
    if is_struct(cls):
        return values_of_struct(obj)
    if is_attrs_class(cls):
        names: Iterable[str] = [field.name for field in cls.__attrs_attrs__]
    elif is_dataclass_itself(cls):
        names = field_names(cls)
    else:
        return None
    if built_in_contents(cls) is not None:
        return None
    return {name: getattr(obj, name) for name in names}


def values_of_struct(obj: Any) -> dict[str, Any]:
    """Return the values of those fields of a msgspec Struct that are set.

    Raises:
        AttributeError: A field has no value.
    """
    unset = sys.modules["msgspec"].UNSET
    names = type(obj).__struct_fields__
    return {name: value for name in names if (value := getattr(obj, name)) is not unset}


def is_enum(cls: type) -> bool:
    """Tell whether a class is an Enum."""
    return any(base.__name__ == "Enum" and base.__module__ == "enum" for base in cls.__mro__)


def is_namedtuple(cls: type) -> bool:
    """Tell whether a class is a namedtuple, or the child of one."""
    return issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_pydantic_model(cls: type) -> bool:
    """Tell whether a class is a model of pydantic 2."""
    module = sys.modules.get("pydantic.main")
    return module is not None and issubclass(cls, module.BaseModel)


def is_attrs_class(cls: type) -> bool:
    """Tell whether a class is one of attrs, and not merely the child of one."""
    return "__attrs_attrs__" in cls.__dict__


def is_struct(cls: type) -> bool:
    """Tell whether a class is a Struct of msgspec."""
    module = sys.modules.get("msgspec")
    return module is not None and issubclass(cls, module.Struct)


def _annotations_of_pydantic(cls: Any) -> dict[str, Any]:
    annotations = {name: field.annotation for name, field in cls.model_fields.items()}
    if cls.__pydantic_complete__:  # then pydantic has resolved them, those of Box[int] as well
        return annotations
    hints = hints_of(cls)
    return {name: hints.get(name, annotation) for name, annotation in annotations.items()}


def _annotations_of_attrs(cls: Any) -> dict[str, Any]:
    annotations = _annotations(cls, [field.name for field in cls.__attrs_attrs__])
    for field in cls.__attrs_attrs__:
        if isinstance(field.type, type):  # which attr.ib(type=…) says without an annotation
            annotations[field.name] = field.type
    return annotations


def _annotations(cls: type, names: Iterable[str]) -> dict[str, Any]:
    from typing import Any

    hints = hints_of(cls)
    return {name: hints.get(name, Any) for name in names}


def hints_of(cls: type, *, include_extras: bool = False) -> dict[str, Any]:
    """Return a class's annotations as `typing.get_type_hints` does, resolved as far as can be.

    Args:
        cls: The class.
        include_extras: Whether `typing.Annotated` stays where it stands.
    """
    from typing import get_type_hints

    try:
        return get_type_hints(cls, include_extras=include_extras)
    except Exception:  # noqa: BLE001 - evaluating an annotation runs whatever stands there
        hints: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        names = vars(owner)
        for name, annotation in names.get("__annotations__", {}).items():
            alone = type(owner.__name__, (), {"__annotations__": {name: annotation}})
            alone.__module__ = owner.__module__
            try:
                hints |= get_type_hints(alone, None, dict(names), include_extras=include_extras)
            except Exception:  # noqa: BLE001 - as above
                hints[name] = annotation
    return hints
