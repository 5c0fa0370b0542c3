"""Models of pydantic 2 as mappings of their fields, and back by their own validation."""

from __future__ import annotations

from functools import cache

from .errors import MalformedTagError
from .fields import field_names, refuse_unknown
from .likeness import are_alike

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any

# What a form has besides fields, none of whose names begins with an underscore.
_EXTRA = "__pydantic_extra__"
_FIELDS_SET = "__pydantic_fields_set__"


def form_of(obj: Any) -> dict[str, Any]:
    """Return what is sent of a model: its fields, and what else pydantic compares or keeps.

    Raises:
        KeyError: A field of it has no value.
    """
    held = obj.__dict__
    form: dict[str, Any] = {name: held[name] for name in type(obj).model_fields}
    extra = obj.__pydantic_extra__ or {}
    are_set = obj.__pydantic_fields_set__
    if are_set != form.keys() | extra.keys():
        form[_FIELDS_SET] = sorted(are_set)
    if extra:
        form[_EXTRA] = dict(extra)
    return form


def private_of(obj: Any) -> dict[str, Any]:
    """Return a model's private attributes, which aren't sent."""
    return obj.__pydantic_private__ or {}


def make(cls: Any, form: dict[str, Any]) -> Any:
    """Return the model of what was sent.

    Raises:
        MalformedTagError: What was sent besides fields isn't what is.
        RebuildError: A value is of no field.
        pydantic.ValidationError: The values aren't valid.
    """
    fields = cls.model_fields
    values = dict(form)
    extra = values.pop(_EXTRA, {})
    are_set = values.pop(_FIELDS_SET, None)
    if type(extra) is not dict or (are_set is not None and type(are_set) is not list):
        raise MalformedTagError(
            f"{_EXTRA!r} of a {cls.__qualname__} is a mapping, and {_FIELDS_SET!r} a list of names"
        )
    taken = extra if cls.model_config.get("extra") == "allow" else ()
    known = {*fields, *taken}
    refuse_unknown(cls, [*values, *extra, *(are_set or ())], known, "register it with decode=")
    # A default needn't be valid: where it wasn't set, it is taken as it is.
    unset = set() if are_set is None else fields.keys() - set(are_set)
    defaults = {name for name in unset & values.keys() if _is_default(fields[name], values[name])}
    sent = {name: value for name, value in values.items() if name not in defaults}
    obj = _validated(cls, {**extra, **sent})
    _keep_ints(obj, sent)
    if are_set is not None:
        object.__setattr__(obj, _FIELDS_SET, set(are_set))
    return obj


def make_dataclass(cls: Any, form: dict[str, Any]) -> Any:
    """Return the object of a dataclass of pydantic's of what was sent.

    Raises:
        RebuildError: A value is of no field.
        pydantic.ValidationError: The values aren't valid.
    """
    fields = cls.__dataclass_fields__
    refuse_unknown(cls, form, field_names(cls), "register it with decode=")
    sent = {name: value for name, value in form.items() if fields[name].init}
    obj = cls(**_by_alias(cls.__pydantic_fields__, sent))
    _keep_ints(obj, sent)
    for name in form.keys() - sent.keys():
        object.__setattr__(obj, name, form[name])
    return obj


def _keep_ints(obj: Any, sent: dict[str, Any]) -> None:
    """Put values back that are ints where floats are declared: they needn't have been validated."""
    for name, value in sent.items():
        made = getattr(obj, name)
        if made is not value and are_alike(made, value, but_for_ints=True):
            object.__setattr__(obj, name, value)


def _is_default(field: Any, value: Any) -> bool:
    return are_alike(field.default, value)


def _validated(cls: Any, values: dict[str, Any]) -> Any:
    if cls.__pydantic_root_model__:
        return cls.model_validate(values["root"]) if values else cls()
    if _takes_names(cls):
        return cls.model_validate(values, by_alias=False, by_name=True)
    return cls.model_validate(_by_alias(cls.model_fields, values))


def _by_alias(fields: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return values as a pydantic takes them that knows fields by their aliases alone."""
    named: dict[Any, Any] = {}
    for name, value in values.items():
        alias = (name in fields and fields[name].validation_alias) or name
        alias = getattr(alias, "choices", [alias])[0]  # of AliasChoices
        *path, last = getattr(alias, "path", [alias])  # of AliasPath
        place = named
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return named


@cache
def _takes_names(cls: Any) -> bool:
    """Tell whether this pydantic takes values by their fields' names, as it does since 2.11."""
    from inspect import signature

    return "by_name" in signature(cls.model_validate).parameters
