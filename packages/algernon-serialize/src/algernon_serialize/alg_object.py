"""The base class of objects that travel."""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from types import FunctionType

from .errors import MalformedTagError, UnserializableError, kind_name
from .fields import is_dataclass_itself, make_from_fields, missing_parameters, values_of_fields
from .registry import Registration, by_class, register, split_name

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Self


class AlgObject:
    """An object that `ajson` can send, and rebuild where its class is imported.

    A subclass writes one class method, `parse_json`, which makes an object from
    a mapping of attributes; everything else is inherited. A subclass that is a
    dataclass has nothing to write at all. Two AlgObjects are equal when they are
    of the same class and have equal attributes.

    Args (class keywords):
        wire_name: The name in the text, as ``"module:Class"``. Without it a
            class is written under the module and name it is defined with.
        older_names: Names in the same form that the class answers to as well:
            those that it was written under before it was moved or renamed.

    Example:
        >>> class Address(AlgObject):
        ...     def __init__(self, street, city):
        ...         self._street = street
        ...         self._city = city
        ...
        ...     @classmethod
        ...     def parse_json(cls, json_dict):
        ...         return cls(json_dict["street"], json_dict["city"])
        >>> from algernon_serialize import ajson
        >>> address = Address("12 St James's Square", "London")
        >>> ajson.loads(ajson.dumps(address)) == address
        True
    """

    __slots__ = ()

    def __init_subclass__(
        cls,
        *,
        wire_name: str | None = None,
        older_names: Iterable[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        # The first published documentation shows parse_json without @classmethod.
        parse_json = cls.__dict__.get("parse_json")
        if isinstance(parse_json, FunctionType):
            cls.parse_json = classmethod(parse_json)  # type: ignore[assignment, method-assign]
        # @dataclass(slots=True) makes the class a second time, from its attributes alone.
        kept = cls.__dict__.get(_NAMES)
        if kept is None:
            module, name = split_name(wire_name) if wire_name else (cls.__module__, cls.__name__)
            kept = (module, name, tuple(older_names))
            setattr(cls, _NAMES, kept)
        module, name, older = kept
        writer, reader = _writer_on_first_use(cls), _reader(cls)
        is_foreign = cls.to_json is not AlgObject.to_json
        register(Registration(cls, module, name, writer, reader, is_foreign=is_foreign), older)

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Self:
        """Make an object from the attributes that were sent.

        A dataclass inherits this one: its fields are passed to its ``__init__``
        where they belong there, so that those which weren't sent take their
        defaults, and set afterwards as they were sent.

        Args:
            json_dict: Attribute names and their rebuilt values. An attribute
                ``_name`` can be looked up as ``"name"`` too, and the other way
                round. A name that is in neither spelling raises KeyError.

        Raises:
            NotImplementedError: The class neither defines this method nor is a dataclass.
            TypeError: A field without a default wasn't sent, or one was sent that
                the dataclass doesn't have.
        """
        if is_dataclass_itself(cls):
            return make_from_fields(cls, json_dict)
        raise NotImplementedError(
            f"{cls.__qualname__} has no parse_json: define it as a class method that makes"
            " an object from a mapping of attributes, or make the class a dataclass"
        )

    @classmethod
    def upgrade(cls, json_dict: dict[str, Any]) -> Mapping[str, Any]:
        """Return attributes in today's shape; override it to read what older versions sent.

        It is called before `parse_json`, for every object that is read.

        Args:
            json_dict: The attributes as they were sent, with rebuilt values. It
                may be changed.

        Example:
            ``json_dict.setdefault("currency", "EUR"); return json_dict``
        """
        return json_dict

    def to_json(self) -> Mapping[str, Any]:
        """Return the attributes that are sent; override it to send something else."""
        if is_dataclass_itself(type(self)):
            return values_of_fields(self)
        return attributes_of(self)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return attributes_of(self) == attributes_of(other)

    def __hash__(self) -> int:
        return hash((type(self), frozenset(attributes_of(self).items())))


_NAMES = "_alg_names"
_INHERITED = AlgObject.__dict__["parse_json"].__func__


def attributes_of(obj: object) -> dict[str, Any]:
    """Return an object's attributes, whether it keeps them in a dict, in slots or in both."""
    attributes = dict(getattr(obj, "__dict__", ()))
    cls: Any = type(obj)
    for name in _slots(cls):
        if hasattr(obj, name):
            attributes[name] = getattr(obj, name)
    return attributes


_ABSENT = object()
_get = dict.get


class Attributes(dict[str, "Any"]):
    """The attributes for parse_json, each under its name with and without a leading underscore."""

    __slots__ = ()

    def __missing__(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise KeyError(name)
        # A call more for each attribute would be felt.
        other = name[1:] if name[:1] == "_" else "_" + name
        value = _get(self, other, _ABSENT)
        if value is _ABSENT:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or dict.__contains__(self, _other_spelling(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or the default where there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def pop(self, name: str, *default: Any) -> Any:
        """Take an attribute out, as `dict.pop` does."""
        other = _other_spelling(name)
        if not dict.__contains__(self, name) and dict.__contains__(self, other):
            name = other
        return super().pop(name, *default)


def _writer_on_first_use(cls: type[AlgObject]) -> Callable[[Any], dict[str, Any]]:
    # A decorator, such as @dataclass, has yet to see the class when it is registered.
    def write(obj: AlgObject) -> dict[str, Any]:
        writer = by_class[cls].encode = _writer(cls)
        return writer(obj)

    return write


def _writer(cls: Any) -> Callable[[Any], dict[str, Any]]:
    """Return what gives the attributes of a class's objects, in the shortest way.

    Raises:
        UnserializableError: No such object could be rebuilt.
    """
    _check_that_it_comes_back(cls)
    if cls.to_json is not AlgObject.to_json:
        return lambda obj: dict(obj.to_json())
    if is_dataclass_itself(cls):
        return values_of_fields
    if _slots(cls):
        return attributes_of
    return attrgetter("__dict__")


def _reader(cls: type[AlgObject]) -> Callable[[Any], AlgObject]:
    upgrades = cls.upgrade.__func__ is not AlgObject.upgrade.__func__  # type: ignore[attr-defined]

    def read(attributes: Any) -> AlgObject:
        if type(attributes) is not dict:
            raise MalformedTagError(
                "the value of an object's tag is a mapping of attributes, not"
                f" {kind_name(type(attributes))}"
            )
        current = cls.upgrade(attributes) if upgrades else attributes
        return cls.parse_json(Attributes(current))

    return read


def _check_that_it_comes_back(cls: type[AlgObject]) -> None:
    if getattr(cls.parse_json, "__func__", None) is not _INHERITED:
        return
    if not is_dataclass_itself(cls):
        raise UnserializableError(
            f"{cls.__qualname__} has no parse_json, so nobody could rebuild it: define parse_json"
            " as a class method that makes an object from a mapping of attributes, or make the"
            " class a dataclass"
        )
    if missing := missing_parameters(cls):
        raise UnserializableError(
            f"{cls.__qualname__} can't be made from its fields alone, since its __init__ wants"
            f" {', '.join(missing)} too: define parse_json, or give them defaults"
        )


def _other_spelling(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    return name[1:] if name[:1] == "_" else "_" + name


@cache
def _slots(cls: Any) -> tuple[str, ...]:
    return tuple(
        _mangle(owner, slot)
        for owner in cls.__mro__
        for slot in _own_slots(owner)
        if slot not in ("__dict__", "__weakref__")
    )


def _own_slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _mangle(cls: type, slot: str) -> str:
    # A slot named __x is stored under the class's private name, as any other attribute is.
    if slot.startswith("__") and not slot.endswith("__"):
        return f"_{cls.__name__.lstrip('_')}{slot}"
    return slot
