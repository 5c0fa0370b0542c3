"""Registering classes that can't be AlgObjects."""

from __future__ import annotations

from .errors import MalformedTagError, UnserializableError, kind_name
from .fields import is_dataclass_itself, make_from_fields, missing_parameters, values_of_fields
from .models import (
    is_attrs_class,
    is_enum,
    is_namedtuple,
    is_pydantic_model,
    is_struct,
    values_of_struct,
)
from .object_state import built_in_contents
from .registry import Registration
from .registry import register as add
from .scalars import ENCODERS, late_encoder
from .survey import CONTAINERS, PLAIN

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    Encode = Callable[[Any], Any]
    Decode = Callable[[Any], Any]
    T = TypeVar("T")


if TYPE_CHECKING:

    @overload
    def register(
        cls: type[T],
        /,
        *,
        name: str | None = None,
        encode: Callable[[T], Any] | None = None,
        decode: Callable[[Any], T] | None = None,
    ) -> type[T]: ...

    @overload
    def register(
        cls: None = None,
        /,
        *,
        name: str | None = None,
        encode: Encode | None = None,
        decode: Decode | None = None,
    ) -> Callable[[type[T]], type[T]]: ...


def register(
    cls: type | None = None,
    /,
    *,
    name: str | None = None,
    encode: Encode | None = None,
    decode: Decode | None = None,
) -> Any:
    """Let `ajson` send and rebuild objects of a class that isn't an AlgObject.

    For an Enum, a namedtuple, a dataclass, a model of pydantic 2, an attrs class or a Struct
    of msgspec it is enough to name the class, or to decorate it. Any other class needs
    `encode` and `decode`. Objects of its subclasses aren't included; each class is
    registered for itself.

    Args:
        cls: The class; left out where the decorator has options.
        name: The name in the text, as ``"module:Class"``; by default the class's
            ``__module__`` and ``__qualname__``.
        encode: Turns an object into a value that `ajson` can send.
        decode: Turns that value, rebuilt, into an object. It is called with what
            a sender wrote, so it should refuse what it doesn't expect.

    Returns:
        The class, so that it serves as a decorator, bare or with options.

    Raises:
        ValueError: The name hasn't the form ``"module:Class"``, or is another class's.
        TypeError: The class is sent without that, or needs `encode` and `decode`, or one of
            these is missing.

    Example:
        >>> from fractions import Fraction
        >>> from algernon_serialize import ajson
        >>> _ = ajson.register(Fraction, encode=str, decode=Fraction)
        >>> ajson.loads(ajson.dumps(Fraction(1, 3)))
        Fraction(1, 3)
    """

    def register_class(cls: type) -> type:
        if not isinstance(cls, type):
            raise TypeError(f"{cls!r} is no class, and only the objects of one can be sent")
        if cls in PLAIN or cls in CONTAINERS or cls in ENCODERS or late_encoder(cls):
            raise TypeError(f"{cls.__qualname__} is sent already, and in one way only")
        how = (encode, decode) if encode and decode else _own_way(cls)
        if how is None or bool(encode) != bool(decode):
            raise TypeError(
                f"{cls.__qualname__} needs both encode= and decode=, to turn its objects into"
                " something that ajson can send, and back: only an Enum, a namedtuple, a dataclass,"
                " a pydantic model, an attrs class or a msgspec Struct, that isn't a dict or the"
                " like too, has a way of its own"
            )
        add(Registration(cls, name, *how))
        return cls

    return register_class if cls is None else register_class(cls)


def _own_way(cls: type) -> tuple[Encode, Decode] | None:
    if is_pydantic_model(cls):
        from . import pydantic_models as models

        return _way_on_trial(cls, models.form_of, models.make, models.private_of)
    if is_dataclass_itself(cls) and "__pydantic_validator__" in cls.__dict__:
        from .pydantic_models import make_dataclass

        return _way_on_trial(cls, values_of_fields, make_dataclass)
    if is_struct(cls):
        from . import msgspec_structs as structs

        return _way_on_trial(cls, values_of_struct, structs.make)
    if is_attrs_class(cls) and not built_in_contents(cls):
        from . import attrs_classes

        if attrs_classes.makes_as_given(cls):
            return attrs_classes.form_of, _making(cls, attrs_classes.make)
        return _way_on_trial(cls, attrs_classes.form_of, attrs_classes.make)
    if is_dataclass_itself(cls) and not missing_parameters(cls) and not built_in_contents(cls):
        return values_of_fields, _making(cls, make_from_fields)
    if is_namedtuple(cls):
        return _way_of_namedtuple(cls)
    if any(base.__name__ == "Flag" and base.__module__ == "enum" for base in cls.__mro__):
        return lambda member: member._value_, lambda value: _flag(cls, value)
    if is_enum(cls):
        return lambda member: member._name_, lambda name: _member(cls, name)
    return None


def _way_on_trial(
    cls: type,
    form_of: Encode,
    make: Callable[[Any, dict[str, Any]], Any],
    private_of: Encode | None = None,
) -> tuple[Encode, Decode]:
    """Return the way of a class whose own code may change or refuse what is sent of its objects."""
    from .trials import form_on_trial

    decode = _making(cls, make)
    return lambda obj: form_on_trial(obj, form_of, decode, private_of), decode


def _making(cls: type, make: Callable[[Any, dict[str, Any]], Any]) -> Decode:
    return lambda values: make(cls, _mapping(cls, values))


def _way_of_namedtuple(cls: Any) -> tuple[Encode, Decode]:
    from .likeness import are_alike

    def encode(value: Any) -> dict[str, Any]:
        form = dict(zip(cls._fields, tuple.__iter__(value), strict=True))
        if makes_as_given:
            return form
        try:
            comes_back = are_alike(_items(cls(**form)), _items(value))
        except Exception as error:
            raise UnserializableError(
                f"{cls.__qualname__} can't be made again of the fields of this one: {error!r:.200}"
            ) from error
        if not comes_back:
            raise UnserializableError(
                f"{cls.__qualname__}, made again of the fields of this one, holds others: let its"
                " __new__ take what it made as it is, or register it with encode= and decode="
            )
        return form

    # The __new__ that collections.namedtuple makes is defined in a namespace of this name.
    makes_as_given = str(cls.__new__.__module__).startswith("namedtuple_")
    return encode, lambda values: cls(**_mapping(cls, values))


def _items(value: Any) -> tuple[Any, ...]:
    # Past what the class makes of being iterated over.
    return tuple(tuple.__iter__(value))


def _mapping(cls: type, values: Any) -> dict[str, Any]:
    if type(values) is not dict:
        raise MalformedTagError(
            f"the value of {cls.__qualname__}'s tag is a mapping of its fields, not"
            f" {kind_name(type(values))}"
        )
    return values


def _flag(cls: Any, value: Any) -> Any:
    if type(value) is not int:
        raise MalformedTagError(
            f"a member of {cls.__qualname__} is written as an int, not {kind_name(type(value))}"
        )
    try:
        member = cls(value)
    except ValueError:
        member = None
    # A class may leave out the bits that it doesn't know, as all do up to Python 3.11.3, or make
    # an int of them.
    if getattr(member, "_value_", None) != value:
        raise MalformedTagError(f"{cls.__qualname__} has no member of this value")
    return member


def _member(cls: Any, name: Any) -> Any:
    try:
        return cls[name]
    except (KeyError, TypeError):
        raise MalformedTagError(f"{cls.__qualname__} has no member of this name") from None
