"""The base class of objects that travel."""

from __future__ import annotations

from types import FunctionType

from .attributes import Attributes, upgraded
from .errors import MalformedTagError, UnserializableError, kind_name
from .fields import is_dataclass_itself, make_from_fields, missing_parameters, values_of_fields
from .object_state import attributes_of, built_in_contents, reader_of_attributes
from .registry import Registration, by_class, register

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
            class is written under its ``__module__`` and ``__qualname__``.
        older_names: Names in the same form that the class answers to as well:
            those that it was written under before it was moved or renamed.

    Raises (where a subclass is defined):
        ValueError: A name hasn't that form, or is another class's already.

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
            kept = (cls.__qualname__, wire_name, tuple(older_names))
            setattr(cls, _NAMES, kept)
        qualname, name, older = kept
        writer, reader = _writer_on_first_use(cls), _reader(cls)
        register(Registration(cls, name, writer, reader, qualname), older)

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Self:
        """Make an object from the attributes that were sent.

        A dataclass inherits this one: its fields are passed to its ``__init__``
        where they belong there, so that those which weren't sent take their
        defaults, and set afterwards as they were sent.

        Args:
            json_dict: Attribute names and their rebuilt values. An attribute
                ``_name`` can be looked up, set and taken out as ``"name"`` too, and
                the other way round. A name that is in neither spelling raises KeyError.

        Raises:
            NotImplementedError: The class neither defines this method nor is a dataclass.
            RebuildError: A field was sent that the dataclass doesn't have.
            TypeError: A field without a default wasn't sent.
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
                may be changed. As in that of `parse_json`, a name stands for the
                attribute in either spelling, with and without an underscore.

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
        return _same_contents(self, other) and attributes_of(self) == attributes_of(other)

    def __hash__(self) -> int:
        return hash((type(self), frozenset(attributes_of(self).items())))


_NAMES = "_alg_names"
_INHERITED = AlgObject.__dict__["parse_json"].__func__


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
    return reader_of_attributes(cls)


def _reader(cls: type[AlgObject]) -> Callable[[Any], AlgObject]:
    upgrades = cls.upgrade.__func__ is not AlgObject.upgrade.__func__  # type: ignore[attr-defined]

    def read(attributes: Any) -> AlgObject:
        if type(attributes) is not dict:
            raise MalformedTagError(
                "the value of an object's tag is a mapping of attributes, not"
                f" {kind_name(type(attributes))}"
            )
        return cls.parse_json(
            upgraded(attributes, cls.upgrade) if upgrades else Attributes(attributes)
        )

    return read


def _check_that_it_comes_back(cls: type[AlgObject]) -> None:
    contents = built_in_contents(cls)
    if contents is not None and cls.to_json is AlgObject.to_json:
        raise UnserializableError(
            f"{cls.__qualname__} is a {contents.__name__} too, and what it holds as one is none of"
            " its attributes: define to_json to say how it is written, and parse_json to match"
        )
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


def _same_contents(one: AlgObject, other: object) -> bool:
    """Tell whether two objects of one class are equal as the built-in type that they may be."""
    contents: Any = built_in_contents(type(one)) or object
    return contents.__eq__ is object.__eq__ or contents.__eq__(one, other) is True
