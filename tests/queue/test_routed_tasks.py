"""Tasks that are called like their functions, and know how they are sent."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import typing
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from algernon_queue import (
    RoutedTask,
    Sendable,
    SentTask,
    SettingError,
    Task,
    TaskArgumentsError,
    TaskNameError,
    TaskRouter,
    send_tasks,
)

from .events import LambdaContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Listeners

router = TaskRouter(failures="report")


@router.task
def price(items: list[int], discount: float = 0.0) -> dict[str, Any]:
    """Add up what the items cost."""
    return {"total": sum(items) - discount}


@router.task(name="bill-it", retries=3)
async def bill(*, total: float, currency: str = "EUR") -> dict[str, Any]:
    """Write an invoice."""
    return {"invoice": f"{total} {currency}"}


@router.task
def mail(**facts: Any) -> None:
    """Take anything."""


class Shop:
    """What has Tasks for its methods."""

    @staticmethod
    @router.task
    def opened(day: str) -> str:
        """Be a static method."""
        return day

    def __init__(self, name: str) -> None:
        self.name = name

    def charge(self, total: int) -> str:
        """Be a method."""
        return f"{self.name} {total}"


charge = router.task(Shop("corner").charge)
again = router.task(name="again")(price)


def test_a_call_runs_the_function() -> None:
    """A Task is called like its function, and nothing is sent."""
    assert price([1, 2], discount=0.5) == {"total": 2.5}
    assert asyncio.run(bill(total=3)) == {"invoice": "3 EUR"}
    assert charge(3) == "corner 3"
    assert Shop.opened("monday") == Shop("corner").opened("monday") == "monday"
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'items'"):
        price()  # type: ignore[call-arg]


def test_it_looks_like_its_function() -> None:
    """A Task has the function's name, docstring, signature, types and own attributes."""
    function = price.__wrapped__
    assert (price.__name__, price.__doc__) == ("price", "Add up what the items cost.")
    assert price.__module__ == __name__
    assert inspect.signature(price) == inspect.signature(function)
    assert typing.get_type_hints(price) == typing.get_type_hints(function)
    assert inspect.unwrap(price) is function
    assert inspect.getsource(price) == inspect.getsource(function)
    assert router.tasks["price"] is function
    assert getattr(price, "__defaults__") == (0.0,)  # noqa: B009 - checkers don't know it
    with pytest.raises(AttributeError, match="sned"):
        price.sned(items=[1])  # type: ignore[attr-defined]
    assert repr(price) == f"<Task price: {__name__}.price>"


@pytest.mark.parametrize("name", ["delay", "apply_async", "snd", "_cache"])
def test_an_attribute_that_it_has_not_is_told_as_the_tasks(name: str) -> None:
    """What neither the Task nor its function has raises an AttributeError that names send()."""
    assert not hasattr(bill, name)
    with pytest.raises(AttributeError, match=r"by send\(\), as in bill\.send\(…\)") as caught:
        getattr(bill, name)
    assert f"the Task 'bill-it' has no attribute '{name}'" in str(caught.value)
    assert caught.value.name == name
    assert caught.value.obj is bill
    unnamed: Any = TaskRouter().task(name="unnamed")(functools.partial(price.__wrapped__, [1]))
    with pytest.raises(AttributeError, match=r"the Task 'unnamed' has .* task\.send\(…\)"):
        getattr(unnamed, name)
    python_s = "__len__"
    with pytest.raises(AttributeError, match="'function' object has no attribute '__len__'"):
        getattr(bill, python_s)


def test_it_says_whether_it_is_async() -> None:
    """A Task of a coroutine function is one, for whoever asks."""
    assert inspect.iscoroutinefunction(bill)
    assert not inspect.iscoroutinefunction(price)
    assert not inspect.iscoroutinefunction(router.task(name="partial")(functools.partial(price)))


def test_it_is_pickled_and_copied_by_name() -> None:
    """A Task is pickled as a function is, by its name, and a copy is the same Task."""
    assert pickle.loads(pickle.dumps(price)) is price
    assert copy.copy(price) is copy.deepcopy(price) is price
    chain = price.then(bill.using(kwargs={"currency": "USD"}))
    assert copy.copy(chain) is copy.deepcopy(chain) is chain


def test_what_has_no_name_of_its_own_is_a_task_too() -> None:
    """A Task of a `functools.partial` or an object is shown, copied and asked for its types."""

    class Adder:
        def __call__(self, n: int) -> int:
            return n

        def __repr__(self) -> str:
            return "Adder()"

    own = TaskRouter()
    adder = own.task(name="add")(Adder())
    assert repr(adder) == "<Task add: Adder()>"
    cached = own.task(name="cached")(functools.cache(price.__wrapped__))
    for task in (adder, cached, own.task(name="partial")(functools.partial(price, [1]))):
        assert copy.copy(task) is copy.deepcopy(task) is task
        with pytest.raises(pickle.PicklingError, match="Can't pickle"):
            pickle.dumps(task)
    assert typing.get_type_hints(adder) == {}


def test_a_method_is_bound_as_a_function_would_be() -> None:
    """A Task that is put into a class is a method of its instances, as its function would be."""

    class Till:
        price = again
        charge = charge

    assert Till.price is again
    assert Till().charge is charge
    with pytest.raises(TypeError):
        Till().price([1])  # the till itself would be the items


def test_a_function_has_as_many_tasks_as_it_is_given_names() -> None:
    """A Task that is registered under another name is a Task of the same function."""
    assert again.request([1]) == Task("again", {"items": [1]})
    assert router.tasks["again"] is router.tasks["price"]
    other = TaskRouter()
    assert other.task(price).__wrapped__ is price.__wrapped__
    assert other.handler({"task_name": "price", "task_kwargs": {"items": [1]}}, None) == {
        "total": 1.0
    }


def test_options_may_be_given_bit_by_bit() -> None:
    """The decorator that options make registers as many functions as it is given."""
    other = TaskRouter(failures="report")
    often = other.task(retries=7)
    often(price)
    often(mail)
    assert other.retries == {"price": 7, "mail": 7}


def test_it_is_sent(listeners: Listeners) -> None:
    """A Task is sent by the arguments that its function takes, and its id returned."""
    listeners.add("price", "bill-it", "again", "opened")
    sent = [
        price.send([1, 2], discount=0.5),
        bill.send(total=3),
        again.send([7]),
        Shop.opened.send("monday"),
    ]
    assert all(isinstance(one, SentTask) and UUID(one.task_id).version == 4 for one in sent)
    by_id = {one["task_id"]: one for one in listeners.messages()}
    assert [
        (by_id[one.task_id]["task_name"], by_id[one.task_id]["task_kwargs"]) for one in sent
    ] == [
        ("price", {"items": [1, 2], "discount": 0.5}),
        ("bill-it", {"total": 3}),
        ("again", {"items": [7]}),
        ("opened", {"day": "monday"}),
    ]


def test_many_are_sent_by_request(listeners: Listeners) -> None:
    """What `request` returns is sent by `send_tasks`."""
    listeners.add("price", "bill-it")
    requests = [price.request([1]), bill.request(total=3), price.then(bill).request(items=[2])]
    assert requests == [
        Task("price", {"items": [1]}),
        Task("bill-it", {"total": 3}),
        Task("price", {"items": [2]}, "bill-it"),
    ]
    assert len(set(send_tasks(requests))) == 3
    assert len(listeners.messages()) == 3


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "problem"),
    [
        (price, (), {"itmes": [1]}, "missing a required argument: 'items'"),
        (price, ([1],), {"itmes": [1]}, "unexpected keyword argument 'itmes'"),
        (price, (), {}, "missing a required argument: 'items'"),
        (price, (), {"itmes": [1]}, r"in all, \['items'\] missing, and \['itmes'\] unknown"),
        (price, ([1],), {"a": 1, "b": 2}, r"in all, \['a', 'b'\] unknown; it takes"),
        (price, ([1],), {"items": [1]}, "multiple values for argument 'items'"),
        (bill, (3,), {}, "too many positional arguments"),
        (charge, (), {}, "missing a required argument: 'total'"),
        (mail, ("me",), {}, "too many positional arguments"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    task: RoutedTask[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
) -> None:
    """What its function couldn't be called with isn't sent."""
    with pytest.raises(TaskArgumentsError, match=problem) as caught:
        task.send(*args, **kwargs)
    assert "; it takes (" in str(caught.value)
    assert "'list[int]'" not in str(caught.value)


def test_a_context_is_no_argument_of_a_message() -> None:
    """The worker's context comes from the worker, wherever the function has it."""
    own = TaskRouter()

    @own.task
    def late(number: int, context: Any = None) -> None:
        """Take the context last."""

    @own.task
    def first(context: Any, number: int) -> None:
        """Take the context first."""

    assert late.request(number=3) == late.request(3) == Task("late", {"number": 3})
    assert first.request(3) == Task("first", {"number": 3})
    with pytest.raises(TaskArgumentsError, match="unexpected keyword argument 'context'"):
        late.send(3, context={})


def test_behind_a_decorator_arguments_have_names() -> None:
    """What a decorator takes by position is nobody's name, and else is left to the worker."""

    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return call

    own = TaskRouter()

    @own.task
    @logged
    def work(n: int) -> None:
        """Be behind a decorator."""

    assert work.request(n=1, more=2) == Task("work", {"n": 1, "more": 2})
    with pytest.raises(TaskArgumentsError, match=r"sent 1 arguments by position, .*by name"):
        work.request(1)

    @own.task
    def many(*numbers: int) -> None:
        """Take what has no name."""

    with pytest.raises(TaskArgumentsError, match="what it takes by no name, its 'numbers'"):
        many.request(1, 2)


def test_a_chain_is_sent_by_its_names(listeners: Listeners) -> None:
    """What follows a Task is its callback, however it is put together."""
    listeners.add("price")
    chain = price.then(bill, "print").then(mail)
    assert isinstance(chain, Sendable)
    assert repr(chain) == "<Task price.then(bill-it, print, mail)>"
    chain.send(items=[1])
    (sent,) = listeners.messages()
    assert (sent["callback"], sent["callback_position"]) == ("bill-it#print#mail", -1)
    nested = price.then(bill.then("print"), mail)
    assert nested.request([1]) == chain.request([1])
    assert price.request([1]).callback is None


def test_a_chain_may_come_back_to_its_first_task(bucket: str, listeners: Listeners) -> None:
    """A Task that follows itself runs twice, though a chain may begin with its first Task."""
    own = TaskRouter(failures="report")
    ran: list[tuple[str, int]] = []

    @own.task
    def step(n: int) -> dict[str, int]:
        ran.append(("step", n))
        return {"n": n + 1}

    @own.task
    def last(n: int) -> dict[str, int]:
        ran.append(("last", n))
        return {"n": n + 1}

    listeners.add("step", "last")
    for chain, names in (
        (step.then(step), ["step", "step"]),
        (step.then(step, last), ["step", "step", "last"]),
        (step.then(step, step, last), ["step", "step", "step", "last"]),
        (step.then(last, step), ["step", "last", "step"]),
        (step.using(callback="step#last"), ["step", "last"]),
        (step.using(callback="last"), ["step", "last"]),
        (step.using(callback="step"), ["step", "step"]),
    ):
        chain.send(n=0)
        listeners.drive(own.handler, LambdaContext())
        assert ran == [(name, number) for number, name in enumerate(names)]
        ran.clear()


def test_a_chain_that_goes_on_after_its_end_is_refused() -> None:
    """What follows is said by `then` or by `callback`, and by neither for nothing."""
    with pytest.raises(SettingError, match=r"can't have the callback 'print' too"):
        price.then(bill).using(callback="print")
    with pytest.raises(SettingError, match="needs a Task that follows"):
        price.then()  # type: ignore[call-overload]
    with pytest.raises(SettingError, match="was given a builtin_function_or_method"):
        price.then(print)  # type: ignore[call-overload]
    with pytest.raises(TaskNameError, match="'a b' can't be a Task's name"):
        price.then("a b")
    with pytest.raises(TaskNameError, match="can't be a Task's name"):
        price.using(callback="a##b")


def test_it_is_sent_in_another_manner(listeners: Listeners) -> None:
    """What is said of how a Task is sent is kept, and changed by what is said later."""
    task_id = uuid4()
    elsewhere = listeners.add("elsewhere")["elsewhere"]
    other = price.using(listeners={"price": elsewhere})
    other.using(task_id=task_id).then(bill).send(items=[1])
    (sent,) = listeners.messages()
    assert (sent["task_id"], sent["callback"]) == (str(task_id), "bill-it")
    assert price.using(message_group="a").using(message_group="b").request([1]) == Task(
        "price", {"items": [1]}, message_group="b"
    )
    assert price.request([1]).message_group is None
    with pytest.raises(SettingError, match=r"send_tasks\(…, listeners=…\)"):
        other.request([1])


def test_what_cannot_be_said_of_a_task_is_refused() -> None:
    """An id, a message group or keyword arguments that can't be are refused at once."""
    with pytest.raises(SettingError, match="'seven' is no UUID"):
        price.using(task_id="seven")
    with pytest.raises(SettingError, match="can't be the message group"):
        price.using(message_group="")
    with pytest.raises(TaskArgumentsError, match="aren't a mapping"):
        price.using(kwargs=[1])  # type: ignore[call-overload]
    with pytest.raises(TaskArgumentsError, match=r"it takes \(.*\) -> .*, and no \['itmes'\]"):
        price.using(kwargs={"itmes": [1]})
    with pytest.raises(SettingError, match=r"kwargs alone"):
        price.then(bill.using(message_group="seven"))


def test_constants_are_sent_with_what_is_given() -> None:
    """What `using` gives the first Task is one of its arguments; twice is once too often."""
    cheaper = price.using(kwargs={"discount": 0.5})
    assert cheaper.request([1]) == Task("price", {"items": [1], "discount": 0.5})
    assert cheaper.using(kwargs={"discount": 0.7}).request([1]).task_kwargs["discount"] == 0.7
    with pytest.raises(TaskArgumentsError, match=r"sent \['discount'\], which using"):
        cheaper.request([1], discount=0.5)


def test_constants_of_later_tasks_travel_with_the_chain() -> None:
    """What `using` gives a later Task is noted beside the callback, by its number there."""
    dollars = bill.using(kwargs={"currency": "USD"})
    assert price.then(dollars).request([1]) == Task(
        "price", {"items": [1]}, "bill-it", constants={0: {"currency": "USD"}}
    )
    chain = price.then(
        price.using(kwargs={"discount": 0.1}), dollars.then(mail.using(kwargs={"to": "me"}))
    )
    assert chain.request([1]) == Task(
        "price",
        {"items": [1]},
        "price#price#bill-it#mail",
        constants={1: {"discount": 0.1}, 2: {"currency": "USD"}, 3: {"to": "me"}},
    )


def test_it_shows_what_was_said_of_it_but_no_value_that_is_sent() -> None:
    """What `using` said is shown, of keyword arguments the names alone."""
    task_id = str(uuid4())
    chain = (
        price.using(kwargs={"discount": 0.5}, task_id=task_id, message_group="shop")
        .then(bill.using(kwargs={"currency": "secret"}), "mail")
        .using(listeners={"price": "arn:price"})
    )
    assert repr(chain) == (
        "<Task price.then(bill-it.using(kwargs={'currency': …}), mail)"
        f".using(kwargs={{'discount': …}}, task_id='{task_id}', message_group='shop',"
        " listeners={'price': 'arn:price'})>"
    )
    assert repr(bill.using(kwargs={"total": 1})) == "<Task bill-it.using(kwargs={'total': …})>"


def test_a_router_that_knows_the_topic_is_asked_first(listeners: Listeners) -> None:
    """A Task whose router names its topic is sent there, unless another is given."""
    arns = listeners.add("here", "there")
    own = TaskRouter(listeners={"work": arns["here"]})

    @own.task
    def work() -> None:
        """Do nothing."""

    assert isinstance(work, RoutedTask)
    work.send()
    assert own.handler({"task_name": "work"}, None) is None
    assert len(listeners.messages()) == 1
    work.using(listeners={"work": arns["there"]}).send()
    assert len(listeners.messages()) == 1


def test_a_task_that_sends_sends_the_same_ids_again(listeners: Listeners) -> None:
    """What a Task sends by itself has ids that are derived from its own, by `send` too."""
    own = TaskRouter()
    ids = []

    @own.task
    def parent() -> None:
        ids.append(price.send([1]).task_id)
        ids.append(price.then(bill).send([1]).task_id)

    listeners.add("price")
    message = {"task_name": "parent", "task_id": str(uuid4())}
    own.handler(message, None)
    own.handler(message, None)
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2
