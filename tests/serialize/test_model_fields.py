"""The fields of a class are told in one way, whichever library it is made with."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, NamedTuple, TypedDict, TypeVar

import pytest
from algernon_serialize import model_fields, model_values

pytest.importorskip("attrs")
pytest.importorskip("msgspec")
pytest.importorskip("pydantic")

import attrs
import msgspec
import pydantic

if TYPE_CHECKING:
    from somewhere import Unknown  # type: ignore[import-not-found]

T = TypeVar("T")


@dataclasses.dataclass
class Base:
    """A dataclass, in which not all that is annotated is a field."""

    sku: str
    shared: ClassVar[int] = 1
    given: dataclasses.InitVar[int] = 0
    lines: list[Base] = dataclasses.field(default_factory=list, init=False)


@dataclasses.dataclass
class Derived(Base):
    """A dataclass that has one field more."""

    size: Unknown = None


class Child(Base):
    """A child of a dataclass that is none itself."""


class Row(NamedTuple):
    """A namedtuple with annotations."""

    sku: str
    size: int = 0


Pair = namedtuple("Pair", "low high")  # noqa: PYI024 - without annotations


class Keys(TypedDict):
    """A TypedDict."""

    sku: str
    size: Annotated[int, "mm"]


class Model(pydantic.BaseModel):
    """A model of pydantic, with a field of a class further down."""

    sku: str = pydantic.Field(alias="SKU")
    later: list[Later] = []
    _private: int = 1


class Box(pydantic.BaseModel, Generic[T]):
    """A generic model of pydantic."""

    content: T


class Incomplete(pydantic.BaseModel):
    """A model of pydantic that is never completed."""

    sku: str
    size: Unknown


@dataclasses.dataclass
class Later:
    """A class that its users come before."""


@attrs.define
class Slotted:
    """A class of attrs."""

    sku: str
    _size: int = 0


class Struct(msgspec.Struct, rename="camel", tag=True):
    """A Struct of msgspec, whose fields have other names in its own JSON."""

    long_name: str
    size: int = 0


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (Base, {"sku": str, "lines": list[Base]}),
        (Derived, {"sku": str, "lines": list[Base], "size": "Unknown"}),
        (Row, {"sku": str, "size": int}),
        (Pair, {"low": Any, "high": Any}),
        (Keys, {"sku": str, "size": int}),
        (Model, {"sku": str, "later": list[Later]}),
        (Box, {"content": T}),
        (Box[int], {"content": int}),
        (Slotted, {"sku": str, "_size": int}),
        (Struct, {"long_name": str, "size": int}),
    ],
)
def test_each_field_has_its_annotation(cls: Any, fields: dict[str, Any]) -> None:
    """The annotations are resolved, in the order of the fields, by the names of the attributes."""
    found = model_fields(cls)
    assert found == fields
    assert list(found) == list(fields)


@pytest.mark.parametrize(("name", "annotation"), [("sku", str), ("size", "Unknown")])
def test_an_annotation_that_cannot_be_resolved_leaves_others_alone(
    name: str, annotation: Any
) -> None:
    """A name that only a type checker knows stays as it stands."""
    fields = model_fields(Incomplete)
    assert fields is not None
    found = fields[name]
    assert getattr(found, "__forward_arg__", found) == annotation


@pytest.mark.parametrize("other", [Child, int, list[Base], pytest, None, "Base", Base("a")])
def test_what_is_no_such_class_has_no_fields(other: Any) -> None:
    """What isn't a class of named fields itself is told from one that has none."""
    assert model_fields(other) is None


class Open(pydantic.BaseModel, extra="allow"):
    """A model of pydantic that takes more than its fields."""

    sku: str


class Optional(msgspec.Struct):
    """A Struct of which a field may be unset."""

    sku: str
    size: int | msgspec.UnsetType = msgspec.UNSET


@dataclasses.dataclass
class Options(dict[str, int]):
    """A dataclass that is a dict too."""

    sku: str = ""


LINE = Slotted("B")


@pytest.mark.parametrize(
    ("obj", "values"),
    [
        (Derived("A"), {"sku": "A", "lines": [], "size": None}),
        (Row("A"), {"sku": "A", "size": 0}),
        (Pair(1, LINE), {"low": 1, "high": LINE}),
        (Model.model_validate({"SKU": "A"}), {"sku": "A", "later": []}),
        (Open.model_validate({"sku": "A", "more": LINE}), {"sku": "A", "more": LINE}),
        (Slotted("A", 2), {"sku": "A", "_size": 2}),
        (Struct("A"), {"long_name": "A", "size": 0}),
        (Optional("A"), {"sku": "A"}),
        (Optional("A", 1), {"sku": "A", "size": 1}),
        (Child("A"), None),
        (Options("A"), None),
        ({"sku": "A"}, None),
        (("A", 1), None),
        (Row, None),
    ],
    ids=repr,
)
def test_an_object_s_values_are_those_of_its_fields(obj: Any, values: Any) -> None:
    """The values are the object's own, and what is more than its fields has none."""
    found = model_values(obj)
    assert found == values
    kept = [each for each in (found or {}).values() if each == LINE]
    assert all(each is LINE for each in kept)
