"""Chains whose Tasks don't fit together, which are told when they are built."""

from __future__ import annotations

import enum
import sys
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from datetime import date
from decimal import Decimal
from functools import wraps
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    TypedDict,
    TypeVar,
)

import pytest
from algernon_queue import Group, Results, RoutedTask, Task, TaskArgumentsError, TaskRouter
from algernon_storage import StoredData


class Priced(TypedDict):
    """What pricing returns, by key."""

    total: int
    note: NotRequired[str]


class Noted(TypedDict, total=False):
    """What may have all of it, or nothing."""

    total: int
    note: str


class Named(TypedDict):
    """What has the name of something that is no keyword argument."""

    x: int


@dataclass
class Invoice:
    """What billing returns, by field."""

    total: int
    lines: list[str] = field(default_factory=list)


class Paid(NamedTuple):
    """What paying returns, by field."""

    total: int


class Size(enum.IntEnum):
    """Numbers with names."""

    SMALL = 1


class Suit(enum.Enum):
    """No arguments of anything."""

    HEARTS = 1


Total = NewType("Total", int)
Untyped = namedtuple("Untyped", ["total"])  # noqa: PYI024 - it says no types
T = TypeVar("T")

FIRST = "before"
NEXT = "after"


def task(name: str, function: Callable[..., Any]) -> RoutedTask[..., Any]:
    """Return a Task of a router of its own."""
    routed: RoutedTask[..., Any] = TaskRouter().task(name=name)(function)
    return routed


def returning(annotation: Any) -> RoutedTask[..., Any]:
    """Return a Task that says that it returns this."""

    def before() -> Any:
        """Return something."""

    before.__annotations__["return"] = annotation
    return task(FIRST, before)


def taking(annotation: Any) -> RoutedTask[..., Any]:
    """Return a Task that says that its `total` is this."""

    def after(total: Any) -> None:
        """Take something."""

    after.__annotations__["total"] = annotation
    return task(NEXT, after)


def takes_total(total: int) -> None:
    """Take what is priced."""


def takes_total_and_note(total: int, note: str) -> None:
    """Take all of it."""


def takes_total_and_lines(total: int, lines: list[str]) -> None:
    """Take what is billed."""


def takes_currency(total: int, currency: str) -> None:
    """Take what nobody returns."""


def takes_card(card: str) -> None:
    """Take nothing of what is billed."""


def takes_invoice(invoice: Invoice, copies: int = 1) -> None:
    """Take all that is billed as one."""


def takes_default(total: int, currency: str = "EUR") -> None:
    """Take what has a default."""


def takes_anything(**facts: Any) -> None:
    """Take anything."""


def takes_by_position(x: int = 1, /) -> None:
    """Take what can't be sent."""


def takes_rest(*x: int) -> None:
    """Take what can't be sent either."""


def takes_nothing() -> None:
    """Take nothing."""


def takes_context(context: Any, total: int) -> None:
    """Take the worker's context."""


@pytest.mark.parametrize(
    ("returned", "function"),
    [
        (Priced, takes_total_and_note),
        (Priced, takes_total),
        (Noted, takes_total),
        (Invoice, takes_total_and_lines),
        (Paid, takes_total),
        (Paid, takes_default),
        (Paid, takes_anything),
        (Paid, takes_context),
        (Untyped, takes_total),
        (None, takes_nothing),
        (dict[str, Any], takes_total),
        (dict, takes_currency),
        (Mapping[str, int], takes_total),
        (Any, takes_total),
        (object, takes_total),
        (T, takes_total),
        (StoredData, takes_total),
        (Paid | None, takes_total),
        (int | Paid, takes_total),
        (Annotated[Paid, "in full"], takes_total),
        ("Paid", takes_total),
        ("Unknown", takes_total),
        ("not a type at all", takes_total),
        (make_dataclass("Late", [("total", "Unknown")]), takes_total),
    ],
)
def test_what_may_fit_is_let_be(returned: Any, function: Callable[..., Any]) -> None:
    """A chain is built where what is returned fits, or where nobody can tell."""
    returning(returned).then(task(NEXT, function)).request()


@pytest.mark.parametrize(
    ("returned", "function", "problem"),
    [
        (int, takes_total, "int: a dict would do, or a dataclass or other model"),
        (str, takes_anything, "str: a dict would do"),
        (list[Paid], takes_total, r"list\[.*Paid\]: a dict would do"),
        (tuple[int, ...], takes_nothing, r"tuple\[int, ...\]: a dict would do"),
        (Suit, takes_total, "Suit: a dict would do"),
        (date | Decimal, takes_total, "a dict would do"),
        (Literal["x"], takes_total, "a dict would do"),
        (Total, takes_total, "a dict would do"),
        ("int", takes_total, "int: a dict would do"),
        (Paid, takes_currency, r"\['currency'\] would be missing: return it too, give it by"),
        (None, takes_total, r"None: it takes \(total: int\).*\['total'\] would be missing"),
        (Invoice, takes_total, r"and no \['lines'\]: return less, or give it a parameter \*\*"),
        (
            Invoice,
            takes_card,
            r"\(card: str\) -> None, and no \['lines', 'total'\]: .*; and \['card'\] would be",
        ),
        (
            Invoice,
            takes_invoice,
            r"by its fields: to give 'invoice' all of it, return {'invoice': …}$",
        ),
        (Paid, takes_nothing, r"it takes \(\) -> .*, and no \['total'\]"),
        (Priced, takes_nothing, r"and no \['total'\]"),
        (Named, takes_by_position, r"and no \['x'\]"),
        (Named, takes_rest, r"and no \['x'\]"),
    ],
)
def test_what_cannot_fit_is_refused(
    returned: Any, function: Callable[..., Any], problem: str
) -> None:
    """What can't be the next Task's arguments is an error when the chain is built."""
    with pytest.raises(TaskArgumentsError, match=problem) as caught:
        returning(returned).then(task(NEXT, function))
    assert str(caught.value).startswith(f"the Task '{NEXT}' can't take what '{FIRST}' returns, ")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (int, int),
        (int, float),
        (bool, int),
        (bool, float),
        (Size, float),
        (int, [int]),  # which means something to somebody else
        (int, bool),  # some ints are
        (int | None, int),
        (int, int | str),
        (int, Any),
        (int, object),
        (int, T),
        (int, Total),
        (Literal[1, "x"], str),
        (list[int], list[str]),  # the items aren't looked at
        (list[int], Sequence[int]),
        (list[int], "list[int]"),
        (Paid, tuple[int]),
        (Priced, dict[str, Any]),
        (dict[str, int], Priced),
        (str, "Unknown"),
        (Annotated[int, "cents"], int),
    ],
)
def test_a_field_that_may_fit_is_let_be(given: Any, wanted: Any) -> None:
    """A field fits if some value of its type may be one of the parameter's."""
    returned = make_dataclass("Returned", [("total", given)])
    returning(returned).then(taking(wanted))


@pytest.mark.parametrize(
    ("given", "wanted", "problem"),
    [
        (str, int, "its 'total' is int, and what is returned is str"),
        (float, int, "its 'total' is int, and what is returned is float"),
        (None, int, "what is returned is None"),
        (str | bytes, int | None, "what is returned is str | bytes"),
        (Literal["x"], int, "is int"),
        (list[int], tuple[int, ...], "is tuple"),
        (list[int], dict[str, int], "is dict"),
        (Priced, Invoice, "its 'total' is Invoice, and what is returned is Priced"),
        (str, "int", "its 'total' is int"),
    ],
)
def test_a_field_that_cannot_fit_is_refused(given: Any, wanted: Any, problem: str) -> None:
    """A field none of whose values is one of the parameter's is an error that names it."""
    returned = make_dataclass("Returned", [("total", given)])
    with pytest.raises(TaskArgumentsError, match=problem.replace("|", r"\|")):
        returning(returned).then(taking(wanted))


def test_what_constants_give_need_not_be_returned() -> None:
    """What `using` gives a later Task is there, and what it doesn't take is refused."""
    paid = returning(Paid)
    after = task(NEXT, takes_currency)
    paid.then(after.using(kwargs={"currency": "EUR"}))
    with pytest.raises(TaskArgumentsError, match=r"can't be given \['curency'\]: it takes"):
        after.using(kwargs={"curency": "EUR"})
    with pytest.raises(TaskArgumentsError, match=r"\['total'\] would come twice"):
        paid.then(after.using(kwargs={"currency": "EUR", "total": 3}))
    returning(dict[str, Any]).then(after.using(kwargs={"total": 3}))


def test_every_pair_of_a_chain_is_looked_at() -> None:
    """What doesn't fit is told wherever in a chain it stands, but not beyond a mere name."""
    paid, total, nothing = returning(Paid), task(NEXT, takes_total), task("last", takes_nothing)
    paid.then(total, nothing, "else", total)
    with pytest.raises(TaskArgumentsError, match="'last' can't take what 'before' returns"):
        total.then(nothing, paid, nothing)
    with pytest.raises(TaskArgumentsError, match="'after' can't take what 'last' returns"):
        paid.then(total).then(nothing.then(total))


def test_what_follows_by_name_may_take_anything() -> None:
    """A Task that is known by name alone may be a handler of messages, which takes anything."""
    assert returning(int).then("else").request() == Task(FIRST, callback="else")
    with pytest.raises(TaskArgumentsError, match="'after' can't take what 'before' returns, int"):
        returning(int).then(task(NEXT, takes_anything), "else")


def test_a_decorated_function_is_let_be() -> None:
    """What a decorator takes and returns isn't what the function behind it says."""

    def halved(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> dict[str, Any]:
            return {"total": function(*args, **kwargs) / 2}

        return call

    @halved
    def half(total: int) -> int:
        """Be changed by a decorator."""
        return total

    task("half", half).then(task(NEXT, half), task("last", takes_total))

    def named(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(total: Any) -> dict[str, Any]:
            return {"total": function(str(total))}

        return call

    @named
    def spell(total: str) -> str:
        """Be changed by a decorator that names what it takes."""
        return total

    returning(Paid).then(task("spell", spell), task("last", takes_total))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no such statement")
def test_an_alias_that_only_checkers_can_read_is_let_be() -> None:
    """What the statement ``type`` makes may stand for a name that is no object."""
    names: dict[str, Any] = {}
    exec("type Later = Unknown\ntype Now = int", names)  # no syntax of 3.11
    returning(names["Later"]).then(task(NEXT, takes_total))
    with pytest.raises(TaskArgumentsError, match="a dict would do"):
        returning(names["Now"]).then(task(NEXT, takes_total))


def test_a_constant_may_stand_in_for_what_may_be_missing() -> None:
    """What a TypedDict needn't have may come from a constant."""
    returning(Priced).then(task(NEXT, takes_total_and_note).using(kwargs={"note": "none"}))


def test_what_pydantic_makes_of_an_annotation_is_let_be() -> None:
    """A field of a model may have a type by which pydantic means values of another."""
    pydantic = pytest.importorskip("pydantic")
    past = pydantic.create_model("Past", total=pydantic.PastDate)
    returning(past).then(taking(date))
    suits = pydantic.create_model(
        "Suits", total=Suit, __config__=pydantic.ConfigDict(use_enum_values=True)
    )
    returning(suits).then(taking(int))
    more = pydantic.create_model("More", total=int, __config__=pydantic.ConfigDict(extra="allow"))
    returning(more).then(task(NEXT, takes_currency))
    with pytest.raises(TaskArgumentsError, match=r"and no \['total'\]"):
        returning(more).then(task(NEXT, takes_nothing))
    inner = pydantic.create_model("Inner", total=past)
    with pytest.raises(TaskArgumentsError, match="what is returned is Past"):
        returning(inner).then(taking(int))


def test_what_msgspec_leaves_out_need_not_be_taken() -> None:
    """A field of a Struct that may be UNSET, and is left out then, needn't be taken."""
    msgspec = pytest.importorskip("msgspec")
    struct = msgspec.defstruct("Struct", [("total", int), ("note", str | msgspec.UnsetType)])
    returning(struct).then(task(NEXT, takes_total))


def test_what_stands_behind_a_descriptor_is_let_be() -> None:
    """A field whose annotation is a descriptor's class has what the descriptor gives."""

    class Mapped:
        def __get__(self, instance: object, owner: type | None = None) -> int:
            return 3

    returning(make_dataclass("Row", [("total", Mapped)])).then(taking(int))


def test_methods_and_coroutines_say_what_they_return() -> None:
    """A bound method and a coroutine function are looked at as functions are."""

    class Shop:
        async def price(self) -> Paid:
            """Be both."""
            return Paid(3)

    price = task(FIRST, Shop().price)
    price.then(task(NEXT, takes_total))
    with pytest.raises(TaskArgumentsError, match="would be missing"):
        price.then(task(NEXT, takes_currency))


def takes_results(results: Results[int], copies: int = 1) -> None:
    """Take the results of a group."""


class Totalled(TypedDict):
    """What a group's own Task returns."""

    total: int


@pytest.mark.parametrize(
    ("returned", "function"),
    [
        (Group, takes_results),
        (Group[Results[int]], takes_results),
        (Group[Results[int]] | None, takes_anything),
        (Group[Totalled], takes_total),
        (Group[Totalled] | Totalled, takes_total),
        (Group[Any], takes_total),
        (Group[Any], takes_results),
        (Group, takes_anything),
    ],
)
def test_what_comes_of_a_group_may_fit(returned: Any, function: Callable[..., Any]) -> None:
    """A Task that returns a Group is followed by one that takes its results, or what follows it."""
    assert returning(returned).then(task("after", function)).request().callback == "after"


@pytest.mark.parametrize(
    ("returned", "function", "problem"),
    [
        (Group, takes_total, r"returns, Group: it takes \(total: int\) .*, and no \['results'\]"),
        (Group, takes_total, r"annotate what that is, as in Group\[dict\]"),
        (Group[Results[int]], takes_total, r"of a Group it gets the keyword argument 'results'"),
        (Group[Totalled], takes_results, r"and no \['total'\]"),
        (Group[int], takes_total, "a dict would do"),
    ],
)
def test_what_comes_of_a_group_and_cannot_fit_is_refused(
    returned: Any, function: Callable[..., Any], problem: str
) -> None:
    """It is told when the chain is built."""
    with pytest.raises(TaskArgumentsError, match=problem):
        returning(returned).then(task("after", function))


def test_constants_do_not_stand_in_for_results() -> None:
    """What gets the results of a group isn't given others."""
    after = task("after", takes_results).using(kwargs={"results": []})
    with pytest.raises(TaskArgumentsError, match="gives it 'results' already"):
        returning(Group).then(after)
