"""Models that annotate Tasks travel by themselves, and are the next Task's arguments by field."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import sys
from collections import namedtuple
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NewType, Optional, TypedDict, TypeVar
from uuid import uuid4

import pytest
from algernon_queue import PipelineTermination, TaskRouter, queued, send_task
from algernon_queue.testing import InMemorySystem, lambda_context
from algernon_serialize import AlgObject, UnserializableError, ajson, rebuild_event

if TYPE_CHECKING:
    from somewhere import Unknown  # type: ignore[import-not-found]

router = TaskRouter(failures="report")
#: What the Tasks got.
got: list[Any] = []


@router.task
def price(order: Order, more: Annotated[Optional[list[Extra]], "more"] = None) -> Price:  # noqa: UP045
    """Take and return what is defined further down."""
    got.append((order, more))
    return Price(order.size * Decimal(2), [order])


@router.task
def bill(total: Decimal, orders: list[Order], currency: str = "EUR") -> None:
    """Take the fields of what comes before."""
    got.append((total, orders, currency))


@router.task
def look(
    unknown: Unknown = None,
    known: dict[str, Known] | Ids | Alias | T | None = None,
    listed: list[typed.Listed] = [],  # noqa: B006 - nobody changes it
) -> tuple[Row, ...]:
    """Take what is known and what isn't."""
    got.append(known)
    return ()


@dataclasses.dataclass
class Order:
    """What a Task takes."""

    size: int
    status: Status
    lines: list[Line] = dataclasses.field(default_factory=list)


class Status(enum.Enum):
    """What is in a field of a model."""

    OPEN = 1


@dataclasses.dataclass(frozen=True)
class Line:
    """What is in a list in a field of a model."""

    sku: str
    before: Line | None = None


@dataclasses.dataclass
class Extra:
    """What is in a list that a Task takes."""

    note: str


@dataclasses.dataclass
class Price:
    """What a Task returns."""

    total: Decimal
    orders: list[Order]


@dataclasses.dataclass
class Known:
    """What stands beside what isn't known."""

    n: int = 0


class Row(NamedTuple):
    """What is in a tuple that a Task returns."""

    n: int


@dataclasses.dataclass
class Bounding:
    """What a type variable is bound by."""


@dataclasses.dataclass
class Aliased:
    """What another name stands for."""


@dataclasses.dataclass
class Keyed:
    """What is in a TypedDict."""


class Ids(TypedDict, total=False):
    """A TypedDict, which is a dict when it is there."""

    keyed: Keyed


Alias = NewType("Alias", Aliased)
T = TypeVar("T", bound="Bounding")


class typed:  # noqa: N801 - it stands for a module
    """Something that holds classes."""

    @dataclasses.dataclass
    class Listed:
        """A class within another."""


@pytest.fixture(autouse=True)
def _got() -> None:
    got.clear()


def sent_alone(kwargs: dict[str, Any], task: str = "price") -> Any:
    """Return what a worker says to a message of a Task."""
    context = lambda_context()
    message = {"task_name": task, "task_kwargs": kwargs, "task_id": str(uuid4())}
    return router.handler(message, context)


def test_models_travel_that_annotate_tasks_or_stand_in_their_fields() -> None:
    """Nobody registers them; those in lists and in fields, and further down, are found too."""
    order = Order(3, Status.OPEN, [Line("A-1", Line("A-0"))])
    with InMemorySystem(router) as system:
        price.then(bill).send(order=order, more=[Extra("x")])
        system.run()
        assert system.dead_letters == []
    assert got == [(order, [Extra("x")]), (Decimal(6), [order], "EUR")]


@pytest.mark.parametrize(
    "value", [Known(1), Bounding(), Aliased(), Keyed(), typed.Listed(), Row(1)], ids=repr
)
def test_an_annotation_that_means_nothing_stops_no_other(value: Any) -> None:
    """Beside a name that only type checkers know, all others are registered."""
    assert ajson.loads(ajson.dumps([value])) == [value]


def test_a_model_is_not_looked_for_before_it_is_needed() -> None:
    """Decorating evaluates nothing, so that a cold start doesn't wait for it."""
    looked: list[int] = []
    own = TaskRouter()

    def take(n: Any) -> None:
        """Take what the annotation says, which notes that it is looked at."""

    take.__annotations__ = {"n": "looked.append(1)"}
    take.__globals__["looked"] = looked
    own.task(take)
    assert looked == []
    ajson.dumps(Line("A-1"))
    assert looked == [1]
    ajson.dumps(Line("A-1"))
    assert looked == [1]


def test_what_has_a_name_keeps_it() -> None:
    """A class that is registered under another name isn't registered anew."""
    own = TaskRouter()

    @ajson.register(name="shop:Moved")
    @dataclasses.dataclass
    class Moved:
        """A class with a name of its own."""

        n: int

    @own.task
    def take(moved: Moved) -> None:
        """Take an object."""

    assert '"_alg_module":"shop"' in ajson.dumps(Moved(1))


def test_classes_of_a_function_and_decorated_tasks_are_found() -> None:
    """A Task within a function knows its classes, be it behind a decorator or an object's own."""
    own = TaskRouter()

    @dataclasses.dataclass
    class Inner:
        """A class of this function, in a field."""

    @dataclasses.dataclass
    class Outer:
        """A class of this function."""

        inner: Inner

    @dataclasses.dataclass
    class Called:
        """A class that a method takes."""

    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return call

    class Shop:
        """A class with a method that is a Task."""

        def take(self, called: Called) -> None:
            """Take an object."""

    @own.task
    @logged
    def take(outer: Outer) -> None:
        got.append(outer)

    own.task(name="called")(Shop().take)
    with InMemorySystem(own) as system:
        take.send(outer=Outer(Inner()))
        system.run()
        assert system.dead_letters == []
    assert got == [Outer(Inner())]
    assert ajson.loads(ajson.dumps(Called())) == Called()


def _namesake(fields: list[str]) -> Any:
    cls = dataclasses.make_dataclass("Namesake", fields)
    cls.__module__ = __name__
    return cls


def test_two_classes_of_one_name_are_told_and_others_run() -> None:
    """A message of either becomes a dead letter that says what to do, and nothing is sent."""
    own = TaskRouter(failures="report")
    one, other = _namesake(["n"]), _namesake(["m"])

    def take_one(it: Any) -> None:
        """Take the one."""

    def take_other(it: Any) -> None:
        """Take the other."""

    take_one.__annotations__["it"], take_other.__annotations__["it"] = one, other
    own.task(take_one)
    own.task(take_other)
    own.task(name="plain")(lambda **kwargs: got.append(kwargs))
    tag = {"_alg_class": "Namesake", "_alg_module": __name__, "value": {"n": 1}}
    with InMemorySystem(own) as system:
        with pytest.raises(UnserializableError, match=r"ajson.register\(cls, name=…\)"):
            send_task("take_one", {"it": one(1)})
        raw = ajson.loads(json.dumps({"it": tag}), rebuild=False)
        send_task("take_one", raw)
        send_task("plain", {"n": 1})
        system.run()
        (letter,) = system.dead_letters
    assert letter.task == "take_one"
    assert letter.error == "RebuildError"
    assert "Namesake is the name of two classes" in str(letter.reason)
    assert got == [{"n": 1}]


class Unasked:
    """A class that annotates no Task."""


@pytest.mark.parametrize(
    ("cls", "value", "error"),
    [
        ("Unasked", {}, "UnknownClassError"),
        ("Order", {"size": 1}, "RebuildError"),
        ("Order", {"size": 1, "status": None, "more": 1}, "RebuildError"),
        ("Order", [1, 2], "MalformedTagError"),
        ("Status", "CLOSED", "MalformedTagError"),
        ("Line", {"sku": [[]] * 3, "before": {"x": 10**400}}, None),
    ],
)
def test_a_message_reaches_no_class_by_naming_it(cls: str, value: Any, error: str | None) -> None:
    """What annotates no Task isn't made, and what isn't right becomes a dead letter."""
    tag = {"_alg_class": cls, "_alg_module": __name__, "value": value}
    with InMemorySystem(router) as system:
        send_task("price", ajson.loads(json.dumps({"order": {"x": tag}}), rebuild=False))
        system.run()
        (letter,) = system.dead_letters
    assert letter.error == (error or "AttributeError")


def test_a_message_imports_no_module() -> None:
    """A module that a message names stays what it is: not imported."""
    tag = {"_alg_class": "Cell", "_alg_module": "this", "value": {}}
    with InMemorySystem(router) as system:
        send_task("price", ajson.loads(json.dumps({"order": tag}), rebuild=False))
        system.run()
        assert [letter.error for letter in system.dead_letters] == ["UnknownClassError"]
    assert "this" not in sys.modules


Pair = namedtuple("Pair", "total orders")  # noqa: PYI024 - it has no annotations


def results() -> list[Any]:
    """Return a result with the same fields of each kind of model."""
    values: dict[str, Any] = {"total": Decimal("1.50"), "orders": [Order(1, Status.OPEN)]}
    found = [Price(**values), Pair(**values)]
    if pydantic := _imported("pydantic"):
        model = pydantic.create_model("Model", total=(Decimal, ...), orders=(list[Order], ...))
        found.append(model(**values))
    if attrs := _imported("attrs"):
        found.append(attrs.make_class("Made", ["total", "orders"])(**values))
    if msgspec := _imported("msgspec"):
        struct = msgspec.defstruct("Struct", [("total", Decimal), ("orders", list[Order])])
        found.append(struct(**values))
    return found


def _imported(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        return None


@pytest.mark.parametrize("result", results(), ids=lambda result: type(result).__name__)
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("once", [False, True])
def test_a_model_is_the_next_task_s_arguments_by_field(
    result: Any, *, is_async: bool, once: bool
) -> None:
    """What is in its fields stays as it is; the model itself needn't be registered."""
    own = TaskRouter(failures="report", once=once)

    if is_async:

        @own.task
        async def give() -> Any:
            return result
    else:

        @own.task
        def give() -> Any:
            return result

    @own.task
    def take(total: Any, orders: Any, currency: str = "") -> None:
        got.append((total, orders, currency))

    with InMemorySystem(own) as system:
        give.then(take).send()
        give.then(take.using(kwargs={"currency": "EUR"})).send()
        system.run()
        assert system.dead_letters == []
    assert got == [(Decimal("1.50"), [Order(1, Status.OPEN)], each) for each in ("", "EUR")]


def test_a_result_of_any_size_is_passed_on_by_field() -> None:
    """So is one that goes through S3."""
    own = TaskRouter(failures="report")

    @own.task
    def give() -> Price:
        return Price(Decimal(1), [Order(n, Status.OPEN) for n in range(20_000)])

    @own.task
    def take(total: Decimal, orders: list[Order]) -> None:
        got.append((total, len(orders), orders[-1]))

    with InMemorySystem(own) as system:
        give.then(take).send()
        system.run()
        assert system.dead_letters == []
    assert got == [(Decimal(1), 20_000, Order(19_999, Status.OPEN))]


def test_a_result_that_nobody_is_sent_stays_the_object() -> None:
    """What a state machine gets, and what ends a chain, is the model itself."""
    order = Order(1, Status.OPEN)
    plain = ajson.loads(ajson.dumps({"order": order}), rebuild=False)
    answer = sent_alone(plain)
    assert rebuild_event({"it": answer})["it"] == Price(Decimal(2), [order])
    own = TaskRouter(failures="report", once=True)

    @own.task
    def end() -> None:
        raise PipelineTermination(Price(Decimal(2), [order]))

    @own.task
    def take(**kwargs: Any) -> None:
        got.append(kwargs)

    got.clear()
    with InMemorySystem(own) as system:
        end.then(take).send()
        system.run()
        assert system.dead_letters == []
    assert got == []


class Parcel(AlgObject):
    """An object that travels whole."""

    def __init__(self, n: int) -> None:
        self.n = n

    @classmethod
    def parse_json(cls, json_dict: Any) -> Parcel:
        """Make one."""
        return cls(json_dict["n"])


@dataclasses.dataclass
class Letter(AlgObject):
    """An AlgObject that is a dataclass."""

    n: int


def handing_over(result: Any, *, by_router: bool) -> Any:
    """Return what a worker that takes messages as they come gets of another one's result."""
    if by_router:
        sender: Any = TaskRouter()
        sender.task(name="give")(lambda: result)
        give = sender.handler
    else:
        give = queued(lambda _event, _context: result)

    @queued
    def take(event: Any, _: Any) -> None:
        got.append(rebuild_event(event)["task_kwargs"])

    with InMemorySystem({"give": give, "take": take}) as system:
        send_task("give", callback="take")
        system.run()
        assert system.dead_letters == []
    return got.pop()


@pytest.mark.parametrize("result", [Parcel(1), Letter(1)])
@pytest.mark.parametrize("by_router", [False, True])
def test_an_alg_object_is_handed_on_whole(result: Any, *, by_router: bool) -> None:
    """A handler of `queued` gets what it always got."""
    assert handing_over(result, by_router=by_router) == result


def test_what_a_handler_of_queued_returns_is_handed_on_whole() -> None:
    """What it makes of its messages is its own business."""
    assert handing_over(Line("A-1"), by_router=False) == Line("A-1")
    assert handing_over(Line("A-1"), by_router=True) == {"sku": "A-1", "before": None}


def test_a_model_that_comes_whole_is_taken_by_its_fields() -> None:
    """A Task of a router takes the fields of an object that a handler of `queued` returns."""
    own = TaskRouter(failures="report")

    @own.task
    def take(**kwargs: Any) -> None:
        got.append(kwargs)

    handlers = {
        "give": queued(lambda _event, _context: Line("A-1")),
        "letter": queued(lambda _event, _context: Letter(1)),
    }
    with InMemorySystem(own, handlers) as system:
        send_task("give", callback="take")
        send_task("letter", callback="take")
        system.run()
        assert system.dead_letters == []
    assert got == [{"sku": "A-1", "before": None}, {"n": 1}]


def test_a_model_whose_attributes_raise_is_a_dead_letter() -> None:
    """The Task has run, and what it returned won't be any better the next time."""

    class Faulty(NamedTuple):
        """A namedtuple that holds what can't be sent."""

        thing: Any

    @dataclasses.dataclass
    class Raising:
        """A dataclass whose field raises."""

        n: int = 0

        def __getattribute__(self, name: str) -> Any:
            if name == "n":
                raise OSError("no disk")
            return object.__getattribute__(self, name)

    own = TaskRouter(failures="report")
    results: dict[str, Any] = {"faulty": Faulty(object()), "raising": Raising()}
    for task in results:
        own.task(name=task)(lambda name: results[name])
    own.task(name="take")(lambda **kwargs: got.append(kwargs))
    with InMemorySystem(own) as system:
        for task in results:
            send_task(task, {"name": task}, callback="take")
        system.run()
        letters = {letter.task: letter.error for letter in system.dead_letters}
    assert letters == {"faulty": "UnserializableError", "raising": "OSError"}
    assert got == []
