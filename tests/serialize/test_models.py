"""Models of pydantic, classes of attrs and Structs of msgspec come back, or aren't sent."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar

import pytest
from algernon_serialize import (
    MalformedTagError,
    NestingError,
    RebuildError,
    UnknownClassError,
    UnserializableError,
    ajson,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from .values import Colour, Money, Point, same, values

pytest.importorskip("attrs")
pytest.importorskip("msgspec")
pytest.importorskip("pydantic")

import attrs
import msgspec
import pydantic

T = TypeVar("T")


@ajson.register
class Reading(pydantic.BaseModel):
    """A model of pydantic with fields of many types."""

    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    number: int
    ratio: float = 0.5
    text: str = pydantic.Field(default="", alias="someText")
    price: Decimal = Decimal(0)
    at: datetime | None = None
    tags: set[str] = set()
    rows: list[float] = []
    by: dict[str, int] = {}
    colour: Colour | None = None
    inner: Reading | None = None
    content: Any = None


@ajson.register
@attrs.define
class Parcel:
    """A class of attrs that has code of its own and a private field."""

    number: int = attrs.field(validator=attrs.validators.instance_of(int))
    ratio: float = 0.5
    _text: str = attrs.field(default="", converter=str)
    price: Decimal = Decimal(0)
    at: datetime | None = None
    tags: set[str] = attrs.Factory(set)
    rows: list[float] = attrs.Factory(list)
    by: dict[str, int] = attrs.Factory(dict)
    colour: Colour | None = None
    inner: Parcel | None = None
    content: Any = None
    size: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.size = len(self._text)


@ajson.register
@attrs.frozen(kw_only=True)
class Plain:
    """A class of attrs without code of its own."""

    number: int
    content: Any = None


@ajson.register
class Sample(msgspec.Struct, rename="camel", tag=True, array_like=True):
    """A Struct of msgspec, whose own JSON would look otherwise."""

    number: int
    ratio: float = 0.5
    some_text: str = ""
    price: Decimal = Decimal(0)
    at: datetime | None = None
    tags: set[str] = msgspec.field(default_factory=set)
    rows: list[float] = msgspec.field(default_factory=list)
    by: dict[str, int] = msgspec.field(default_factory=dict)
    colour: Colour | None = None
    inner: Sample | None = None
    content: Any = None
    unset: int | msgspec.UnsetType = msgspec.UNSET


@ajson.register
class Narrow(Sample, kw_only=True):
    """A child of a Struct."""

    width: int


floats = st.floats(allow_nan=False)
fields: dict[str, st.SearchStrategy[Any]] = {
    "number": st.integers(-(2**70), 2**70),
    "ratio": floats,
    "text": st.text(),
    "price": st.decimals(allow_nan=False, allow_infinity=False),
    "at": st.none() | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))])),
    "tags": st.sets(st.text(), max_size=3),
    "rows": st.lists(floats, max_size=3),
    "by": st.dictionaries(st.text(), st.integers(), max_size=3),
    "colour": st.sampled_from([None, *Colour]),
    "content": values,
}


def made_by(cls: Any, text: str, more: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return objects of a class, one in the other, that are made of their fields."""
    own = {**fields, text: fields["text"]}
    del own["text"]
    required = {"number": own.pop("number"), **more}

    def build(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        optional = {**own, "inner": inner}
        return st.fixed_dictionaries(required, optional=optional).map(lambda kw: cls(**kw))

    return st.recursive(build(st.none()), build, max_leaves=3)


models = (
    made_by(Reading, "someText", {})
    | made_by(Parcel, "text", {})
    | made_by(Sample, "some_text", {})
    | made_by(Narrow, "some_text", {"width": st.integers()})
    | st.builds(Plain, number=st.integers(), content=values)
)


@settings(max_examples=50)
@given(models)
def test_what_was_made_of_its_fields_comes_back(model: Any) -> None:
    """A model comes back equal and of its type, with the same types in it at every depth."""
    back = ajson.loads(ajson.dumps([model]))[0]
    assert same(back, model)
    assert back == model


@settings(max_examples=50)
@given(models, st.sampled_from(["number", "ratio", "rows", "tags", "at", "by", "inner"]), values)
def test_what_was_put_past_validation_comes_back_or_is_refused(
    model: Any, name: str, value: Any
) -> None:
    """Whatever a field has come to hold, the reader gets that or the sender an error."""
    if isinstance(model, Plain):
        name = "number"
    if isinstance(model, Reading):
        setattr(model, name, value)
    elif isinstance(model, Sample):
        msgspec.structs.force_setattr(model, name, value)
    else:
        object.__setattr__(model, name, value)
    try:
        text = ajson.dumps([model])
    except UnserializableError:
        return
    assert same(ajson.loads(text)[0], model)


@pytest.mark.parametrize(
    "model",
    [
        Reading(number=1, content=Parcel(2, content=Sample(3, content=Plain(number=4)))),
        Sample(1, content=Reading(number=2, content=[Plain(number=3)]), inner=Narrow(3, width=1)),
        Plain(number=1, content=(Money(Decimal("1.0")), Point(1), Reading(number=1), Colour.RED)),
    ],
)
def test_one_library_s_models_may_be_in_another_s(model: Any) -> None:
    """What is in a field is sent as it is anywhere else."""
    assert same(ajson.loads(ajson.dumps(model)), model)


def test_an_int_may_stand_where_a_float_is_declared() -> None:
    """An int that was put where it equals a float isn't made one on the way."""
    reading = Reading(number=1)
    reading.ratio, reading.rows = 2, [1, 0.5]
    for model in (reading, Parcel(1, 2), Sample(1, 2, rows=[1, 0.5])):
        back = ajson.loads(ajson.dumps(model))
        assert same(back, model)
        assert type(back.ratio) is int


class Meters(pydantic.BaseModel):
    """A model that doesn't take what it made as it is."""

    length: float

    @pydantic.field_validator("length")
    @classmethod
    def of_kilometers(cls, length: float) -> float:
        """Take kilometers."""
        return length * 1000


class Named(pydantic.BaseModel):
    """A model that takes what it made as it is."""

    name: str
    greeting: str = ""

    @pydantic.field_validator("name")
    @classmethod
    def stripped(cls, name: str) -> str:
        """Take off white space, and refuse what is nothing else."""
        if not name.strip():
            raise ValueError("it has no letter")
        return name.strip()

    @pydantic.model_validator(mode="after")
    def greeted(self) -> Named:
        """Compute a field of another."""
        self.greeting = f"Dear {self.name}"
        return self


class Secretive(pydantic.BaseModel):
    """A model with a private attribute."""

    number: int
    _calls: int = 0
    _twice: int = 0

    def model_post_init(self, _context: Any) -> None:
        """Compute a private attribute."""
        self._twice = 2 * self.number


class Loose(pydantic.BaseModel, extra="allow"):
    """A model that takes what it doesn't know, and defaults that aren't valid."""

    number: int
    name: str = None  # type: ignore[assignment]
    made: list[str] = pydantic.Field(default_factory=lambda: ["new"])


class Rooted(pydantic.RootModel[list[Decimal]]):
    """A model of one value."""


class Aliased(pydantic.BaseModel, frozen=True, strict=True):
    """A frozen model whose fields have many names."""

    first: int = pydantic.Field(alias="second")
    second: int = pydantic.Field(validation_alias=pydantic.AliasChoices("a", "b"))
    third: int = pydantic.Field(validation_alias=pydantic.AliasPath("path", 0))

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> int:
        """What isn't sent."""
        return self.first + self.second

    @cached_property
    def kept(self) -> int:
        """What isn't sent either."""
        return 1


class Box(pydantic.BaseModel, Generic[T]):
    """A generic model."""

    content: T


class Copying(pydantic.BaseModel, revalidate_instances="always"):
    """A model that is copied wherever it is validated."""

    inner: Copying | None = None


for registered in (Meters, Named, Secretive, Loose, Rooted, Aliased, Box, Box[int], Copying):
    ajson.register(registered)


_EXTRA = "__pydantic_extra__"


@pytest.mark.parametrize(
    "model",
    [
        Named(name=" Ada "),
        Secretive(number=4),
        Loose(number=1),
        Loose(number=1, made=[]),
        Loose.model_validate({"number": 1, "more": {1, 2}, "_x": Decimal(1), "": 2, _EXTRA: 3}),
        Rooted([Decimal("1.50")]),
        Aliased.model_validate({"second": 1, "a": 2, "path": [3]}),
        Box(content={"a"}),
        Box[int](content=5),
        Copying(inner=Copying(inner=Copying())),
    ],
    ids=repr,
)
def test_all_of_a_pydantic_model_comes_back(model: Any) -> None:
    """So does what it takes besides fields, which of them were set, and what it computes."""
    if isinstance(model, Aliased):
        assert model.kept == 1
    back = ajson.loads(ajson.dumps(model))
    assert back == model
    assert same(back, model)
    assert back.model_fields_set == model.model_fields_set
    assert back.model_dump(exclude_unset=True) == model.model_dump(exclude_unset=True)


def _called(model: Any) -> Any:
    model._calls += 1
    return model


def _set(model: Any, **values: Any) -> Any:
    put = object.__setattr__ if isinstance(model, Parcel) else setattr
    for name, value in values.items():
        put(model, name, value)
    return model


def _split(text: str) -> list[str]:
    return text.split(",")


def _double(number: int) -> int:
    return 2 * number


@attrs.define
class Split:
    """A class of attrs that doesn't take what it made."""

    parts: list[str] = attrs.field(converter=_split)


@attrs.define
class Doubled:
    """A class of attrs that makes something else of what it made."""

    number: int = attrs.field(converter=_double)


@attrs.define
class Adding:
    """A class of attrs that changes in place what it was given."""

    parts: list[str]

    def __attrs_post_init__(self) -> None:
        self.parts.append("more")


@attrs.define
class Own:
    """A class of attrs with an __init__ of its own."""

    parts: list[str]

    def __init__(self, text: str) -> None:
        self.__attrs_init__(text.split(","))  # type: ignore[attr-defined]


@attrs.define(init=False)
class Bare:
    """A class of attrs that can't be given its fields."""

    number: int


def _bare() -> Bare:
    bare = Bare()
    bare.number = 1
    return bare


class Growing(msgspec.Struct):
    """A Struct that isn't made of what it holds."""

    number: int
    low: Annotated[int, msgspec.Meta(ge=0)] = 0
    late: int | msgspec.UnsetType = 5

    def __post_init__(self) -> None:
        self.number += 1


class Checked(msgspec.Struct):
    """A Struct that refuses some values itself, and holds what msgspec can't read."""

    number: Annotated[int, msgspec.Meta(ge=0)]
    either: Plain | Sample | None = None
    late: int | msgspec.UnsetType = 5

    def __post_init__(self) -> None:
        if self.number == 13:
            raise ValueError("it is unlucky")


for other in (Split, Doubled, Adding, Own, Bare, Growing, Checked):
    ajson.register(other)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (Meters(length=1), "Meters, made again .* another length: let it take what it made"),
        (_set(Named(name="a"), name=" "), "Named doesn't take the fields of this one, since Valid"),
        (_set(Named(name="a"), greeting="Hi"), "another greeting"),
        (_called(Secretive(number=1)), "another _calls"),
        (_set(Loose(number=1), number=True), "another number"),
        (Loose.model_construct(name="a"), "doesn't give the fields of this one, since KeyError"),
        (_set(Box[int](content=5), content="five"), "doesn't take"),
        (Split("a,b"), "Split doesn't take .* since AttributeError"),
        (Doubled(1), "another number"),
        (Adding(["a"]), "another parts"),
        (
            Own("a,b"),  # type: ignore[arg-type]
            "doesn't take .* since TypeError",
        ),
        (_set(Parcel(1), number="one"), "doesn't take"),
        (_bare(), "Bare doesn't take .* since TypeError"),
        (Growing(1), "another number"),
        (Checked(-1), "Checked doesn't take the fields of this one, since ValidationError"),
        (_set(Checked(1), number=13), "since ValueError"),
        (Checked(1, late=msgspec.UNSET), "another|late"),
        (_set(Checked(1), number="one"), "ValidationError"),
    ],
    ids=repr,
)
def test_what_its_class_would_not_make_again_is_refused(model: Any, problem: str) -> None:
    """An object that would come back as another one isn't sent, and isn't changed either."""
    before = repr(model)
    with pytest.raises(UnserializableError, match=problem) as caught:
        ajson.dumps({"it": [model]})
    assert caught.value.path == "$.it[0]"
    assert repr(model) == before
    assert "five" not in str(caught.value)


def text_of(cls: Any, value: Any) -> str:
    """Return a text in which an object of a class stands, with what is sent of it."""
    tag = {"_alg_class": cls.__qualname__, "_alg_module": cls.__module__, "value": value}
    return json.dumps({"rows": [tag]})


@pytest.mark.parametrize(
    ("cls", "value", "cause"),
    [
        (Reading, {"number": "three"}, pydantic.ValidationError),
        (Reading, {}, pydantic.ValidationError),
        (Named, {"name": " "}, pydantic.ValidationError),
        (Rooted, {"root": ["x"]}, pydantic.ValidationError),
        (Rooted, {}, pydantic.ValidationError),
        (Parcel, {"number": "three"}, TypeError),
        (Parcel, {}, TypeError),
        (Sample, {"number": "three"}, msgspec.ValidationError),
        (Sample, {"number": 1, "inner": {"number": "two"}}, msgspec.ValidationError),
        (Sample, {"number": 1, "by": {"a": 1.5}}, msgspec.ValidationError),
        (Sample, {}, TypeError),
        (Checked, {"number": -1}, msgspec.ValidationError),
        (Checked, {"number": 13}, ValueError),
    ],
)
def test_what_is_not_valid_is_a_rebuild_error(cls: Any, value: Any, cause: Any) -> None:
    """Who reads a text finds the class, the path to the object, and what the library raised."""
    with pytest.raises(RebuildError) as caught:
        ajson.loads(text_of(cls, value))
    assert caught.value.cls is cls
    assert caught.value.path == "$.rows[0]"
    assert isinstance(caught.value.__cause__, cause)
    assert "three" not in str(caught.value)


@pytest.mark.parametrize("cls", [Reading, Parcel, Plain, Sample])
@pytest.mark.parametrize("name", ["colours", "someText", "__class__", "_number", ""])
def test_a_field_that_there_is_not_is_refused(cls: Any, name: str) -> None:
    """A value of no field is named; so is one by another name that the library knows it by."""
    with pytest.raises(RebuildError, match=f"{cls.__qualname__} has no field {name}"):
        ajson.loads(text_of(cls, {"number": 1, name: 2}))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ([1], MalformedTagError),
        ("number", MalformedTagError),
        (None, MalformedTagError),
        ({"number": 1, "__pydantic_extra__": [1]}, MalformedTagError),
        ({"number": 1, "__pydantic_fields_set__": {"number": 1}}, MalformedTagError),
        ({"number": 1, "__pydantic_extra__": {"colours": 1}}, RebuildError),
        ({"number": 1, "__pydantic_fields_set__": ["colours"]}, RebuildError),
        ({"number": 1, "__pydantic_fields_set__": [["number"]]}, RebuildError),
        ({"number": 1, "__pydantic_private__": {"_x": 1}}, RebuildError),
    ],
)
def test_what_is_sent_besides_fields_has_its_form(value: Any, error: type[Exception]) -> None:
    """Nothing of a model can be set from outside that its class doesn't have."""
    with pytest.raises(error):
        ajson.loads(text_of(Reading, value))


def test_what_was_sent_is_validated_where_it_is_set_past_init() -> None:
    """A field of attrs that __init__ doesn't take is validated too."""

    @ajson.register
    @attrs.define
    class Sized:
        """A class with a validated field of its own making."""

        size: int = attrs.field(init=False, default=0, validator=attrs.validators.instance_of(int))

    sized = Sized()
    sized.size = 4
    assert ajson.loads(ajson.dumps(sized)) == sized
    with pytest.raises(RebuildError):
        ajson.loads(text_of(Sized, {"size": "four"}))


def test_a_field_that_was_not_sent_takes_its_default() -> None:
    """A message of a version without a field is read with the field's default."""
    for cls in (Reading, Parcel, Sample, Plain):
        (back,) = ajson.loads(text_of(cls, {"number": 1}))["rows"]
        assert same(back, cls(number=1))


class Unregistered(pydantic.BaseModel):
    """A model that nobody registered."""


class UnregisteredStruct(msgspec.Struct):
    """A Struct that nobody registered."""


@attrs.define
class UnregisteredClass:
    """A class of attrs that nobody registered."""


@pytest.mark.parametrize(
    ("cls", "what"),
    [
        (Unregistered, "a pydantic model"),
        (UnregisteredStruct, "a msgspec Struct"),
        (UnregisteredClass, "an attrs class"),
    ],
)
def test_what_is_not_registered_is_neither_sent_nor_read(cls: Any, what: str) -> None:
    """The sender is told what to do, and a reader makes nothing of a name."""
    with pytest.raises(UnserializableError, match=f"is {what} that isn't registered: put @ajson"):
        ajson.dumps([cls()])
    with pytest.raises(UnknownClassError):
        ajson.loads(text_of(cls, {}))
    with pytest.raises(UnserializableError):
        ajson.dumps(type("Child", (Reading,), {})(number=1))


def test_a_model_that_contains_itself_or_nests_too_deeply_is_refused() -> None:
    """Neither ends Python's stack."""
    reading = Reading(number=1)
    reading.content = [reading]
    with pytest.raises(NestingError):
        ajson.dumps(reading)
    cls: Any
    for cls in (Reading, Parcel, Sample):
        model = cls(number=0)
        for _ in range(2000):
            model = cls(number=1, inner=model)
        with pytest.raises(NestingError):
            ajson.dumps(model)
    deep: Any = []
    for _ in range(2000):
        deep = [deep]
    for cls in (Reading, Parcel, Sample):
        with pytest.raises(NestingError):
            ajson.dumps(cls(number=1, content=deep))


class Raising:
    """A class whose objects can't be compared."""

    def __eq__(self, other: object) -> bool:
        raise OSError("no")

    __hash__ = object.__hash__


ajson.register(Raising, encode=lambda _: 0, decode=lambda _: Raising())


def test_what_the_code_of_others_raises_is_an_error_of_this_package() -> None:
    """A property or a comparison that raises is told as such."""

    @ajson.register
    @attrs.define(slots=False)
    class Faulty:
        """A class whose attributes raise."""

        number: int = 0

        def __getattribute__(self, name: str) -> Any:
            if name == "number":
                raise OSError("no disk")
            return object.__getattribute__(self, name)

    with pytest.raises(UnserializableError, match="OSError"):
        ajson.dumps([Faulty()])
    assert type(ajson.loads(ajson.dumps(Reading(number=1, content=Raising()))).content) is Raising


@pytest.mark.starts
def test_nothing_of_the_libraries_is_imported() -> None:
    """A program that registers classes of its own imports none of what it doesn't use."""
    code = (
        "import sys, dataclasses, enum\n"
        "from algernon_serialize import ajson, model_fields\n"
        "A = ajson.register(dataclasses.make_dataclass('A', ['x']))\n"
        "ajson.loads(ajson.dumps([A(1)])); model_fields(A)\n"
        "try: ajson.dumps(object())\n"
        "except TypeError: pass\n"
        "print({'attr', 'attrs', 'msgspec', 'pydantic', 'numpy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("offset", ["Z", "+01:30", "-23:59", "+00:00"])
def test_a_datetime_that_pydantic_has_read_comes_back(offset: str) -> None:
    """Its time zone is of a class of pydantic's own, and of that again."""
    reading = Reading.model_validate({"number": 1, "at": f"2026-01-01T12:00:00{offset}"})
    assert reading.at is not None
    back = ajson.loads(ajson.dumps([reading, reading.at, reading.at.timetz()]))
    assert back == [reading, reading.at, reading.at.timetz()]
    assert same(back[0], reading)
    assert same(back[1], reading.at)
    assert repr(back[2]) == repr(reading.at.timetz())


@pytest.mark.parametrize("offset", [[1, 0, 0], [0, 0, 1], [0, 90_000, 0], [0, True, 0], 0, "UTC"])
def test_a_time_zone_of_pydantic_has_its_form(offset: Any) -> None:
    """What no such zone is written as is malformed."""
    form = {"tz": {"pydantic": offset}, "iso": "2026-01-01T12:00:00"}
    with pytest.raises(MalformedTagError):
        ajson.loads(json.dumps({"_alg_class": "datetime", "value": form}))


@pytest.mark.starts
def test_a_time_zone_of_pydantic_imports_nothing() -> None:
    """A reader that doesn't use pydantic refuses it."""
    form = {"tz": {"pydantic": [0, 0, 0]}, "iso": "2026-01-01T12:00:00"}
    text = json.dumps({"_alg_class": "datetime", "value": form})
    code = (
        "import sys\n"
        "from algernon_serialize import ajson, MalformedTagError\n"
        f"try: ajson.loads({text!r})\n"
        "except MalformedTagError as error: print(error, 'pydantic_core' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "one of pydantic, which isn't imported here False" in done.stdout


@ajson.register
@pydantic.dataclasses.dataclass
class Validated:
    """A dataclass that pydantic validates."""

    number: int
    ratio: float = pydantic.Field(default=0.5, alias="part")
    sizes: list[int] = dataclasses.field(default_factory=list)
    length: int = dataclasses.field(default=0, init=False)


def test_a_dataclass_of_pydantic_is_made_by_its_validation() -> None:
    """It takes no value that its validation wouldn't leave there."""
    validated = Validated(1, part=2)
    validated.ratio, validated.length = 3, 4
    back = ajson.loads(ajson.dumps(validated))
    assert same(back, validated)
    (back,) = ajson.loads(text_of(Validated, {"number": "5", "sizes": ["6"]}))["rows"]
    assert same(back, Validated(5, sizes=[6]))
    with pytest.raises(RebuildError) as caught:
        ajson.loads(text_of(Validated, {"number": "five"}))
    assert isinstance(caught.value.__cause__, pydantic.ValidationError)
    with pytest.raises(RebuildError, match="Validated has no field part"):
        ajson.loads(text_of(Validated, {"number": 1, "part": 2.0}))
    validated.number = "five"  # type: ignore[assignment]
    with pytest.raises(UnserializableError, match="Validated doesn't take"):
        ajson.dumps(validated)
