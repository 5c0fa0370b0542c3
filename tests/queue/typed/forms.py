"""Every form in which a Task is defined and sent: only type checkers read it.

Each `assert_type` says what mypy and pyright have to make of a form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar, assert_type
from uuid import UUID

from algernon_queue import (
    Group,
    Progress,
    Results,
    RoutedTask,
    Sendable,
    SentGroup,
    SentTask,
    Task,
    TaskContext,
    TaskFailedError,
    TaskFailure,
    TaskNeeds,
    TaskRouter,
    as_completed,
    current_task,
    send_tasks,
    wait_all,
)

router = TaskRouter(failures="report")
Item = TypeVar("Item")


class Priced(TypedDict):
    """What pricing returns, by key."""

    total: int


@dataclass
class Invoice:
    """What billing returns, by field."""

    number: str


class Receipt(NamedTuple):
    """What a payment returns, by field."""

    number: str


@router.task
def price(items: list[int], discount: float = 0.0) -> Priced:
    """Have a default."""
    return {"total": sum(items)}


@router.task(name="bill-it", retries=3, backoff=60)
async def bill(*, total: int, currency: str = "EUR") -> Invoice:
    """Be async, have options, and take keyword arguments alone."""
    return Invoice(f"{total} {currency}")


@router.task(timeout=900, memory=2048, max_concurrency=2, batch_size=100, batch_window=5)
def mail(number: str) -> None:
    """Return nothing."""


@router.task
def pay(context: TaskContext, number: str) -> Receipt:
    """Take the worker's context first."""
    return Receipt(number)


@router.task()
async def refund(context: TaskContext, number: str) -> Mapping[str, str]:
    """Take the context, and be async."""
    return {"number": number}


@router.task
def note(context: TaskContext, fact: Any, facts: list[Any]) -> dict[str, Any]:
    """Take the context, and what has no type."""
    return {}


@router.task
def remind(context: dict[str, Any], number: str) -> None:
    """Take the context as a mere dict."""


@router.task
def repeat(item: Item, times: int) -> dict[str, list[Item]]:
    """Take what has any one type."""
    return {"items": [item] * times}


@router.task
def guess(number: str) -> Any:
    """Return what has no type, which isn't a coroutine."""
    return number


@router.task
def think(thought: Any) -> dict[str, Any]:
    """Take what has no type, which isn't the context."""
    return {}


@router.task
async def dream(**thoughts: Any) -> dict[str, Any]:
    """Take anything, and be async."""
    return {}


@router.task
def store(item: object) -> dict[str, Any]:
    """Take anything first, which isn't the context."""
    return {}


@router.task
def index(item: dict[str, Any], depth: int) -> dict[str, Any]:
    """Take a dict first, which isn't the context."""
    return {}


@router.task
def late(number: str, context: Mapping[str, Any] | None = None) -> int:
    """Take the context later, which then has a default."""
    return current_task().receive_count


@router.task
def total(results: Results[Priced], currency: str = "EUR") -> Priced:
    """Get the results of a group."""
    return {"total": sum(result["total"] for result in results)}


@router.task
def split(lists: list[list[int]]) -> Group[Priced]:
    """Return a group with a Task that gets its results."""
    return Group([price.request(items=items) for items in lists], then=total)


@router.task
async def scatter(lists: list[list[int]]) -> Group[Results[Any]]:
    """Return a group whose results the next Task gets."""
    return Group(price.request(items=items) for items in lists)


class Shop:
    """An object whose method is a Task."""

    @staticmethod
    @router.task
    def open(day: str) -> bool:
        """Be a static method."""
        return True

    def charge(self, total: int) -> Priced:
        """Be a method."""
        return {"total": total}


charge = router.task(Shop().charge)
again = router.task(name="again")(price)
pay_again = TaskRouter().task(pay)
bill_again = TaskRouter().task(name="bill")(bill)


async def call() -> None:
    """Call async Tasks."""
    assert_type(await bill(total=3), Invoice)
    assert_type(await bill_again(total=3), Invoice)
    assert_type(await refund(TaskContext(), "7"), Mapping[str, str])


assert_type(router.needs, Mapping[str, TaskNeeds])

# They are called as ever.
assert_type(price([1], 0.5), Priced)
assert_type(pay(TaskContext(), "7"), Receipt)
assert_type(pay_again(TaskContext(), "7"), Receipt)
remind({}, "7")
assert_type(guess("7"), Any)
assert_type(charge(3), Priced)
assert_type(Shop.open("monday"), bool)

# They are sent, by position or by name.
assert_type(price.send(items=[1]), SentTask[Priced])
assert_type(price.send([1], 0.5), SentTask[Priced])
assert_type(again.send([1]), SentTask[Priced])
assert_type(bill.send(total=3), SentTask[Invoice])
assert_type(pay.send(number="7"), SentTask[Receipt])
assert_type(pay_again.send(number="7"), SentTask[Receipt])
assert_type(remind.send(number="7"), SentTask[None])
assert_type(repeat.send(item=7, times=2), SentTask[dict[str, list[int]]])
assert_type(refund.send("7"), SentTask[Mapping[str, str]])
assert_type(note.send(fact=7, facts=[]), SentTask[dict[str, Any]])
assert_type(think.send(thought=7), SentTask[dict[str, Any]])
assert_type(dream.send(of="sheep"), SentTask[dict[str, Any]])
assert_type(store.send(item=3), SentTask[dict[str, Any]])
assert_type(index.send(item={}, depth=3), SentTask[dict[str, Any]])
assert_type(late.send("7"), SentTask[int])
assert_type(charge.send(total=3), SentTask[Priced])
assert_type(Shop.open.send(day="monday"), SentTask[bool])
assert_type(price.send(items=[1]).task_id, str)

# They are asked for.
assert_type(price.request(items=[1]), Task)
send_tasks([price.request(items=[1]), pay.request(number="7")])

# They are sent in chains.
assert_type(price.then(bill).send(items=[1]), SentTask[Invoice])
assert_type(price.then(bill, mail).send(items=[1]), SentTask[None])
assert_type(price.then(bill, pay, mail).send(items=[1]), SentTask[None])
assert_type(price.then(bill, pay, refund, mail).send(items=[1]), SentTask[None])
assert_type(price.then(bill, pay, refund, pay, mail).send(items=[1]), SentTask[None])
assert_type(price.then(bill, pay, refund, pay, refund, late).send(items=[1]), SentTask[int])
assert_type(price.then(bill, "print", mail).send(items=[1]), SentTask[None])
assert_type(price.then("print").send(items=[1]), SentTask[Any])
assert_type(price.then(bill.then(mail)).send(items=[1]), SentTask[None])
assert_type(price.then(bill).then(mail).send(items=[1]), SentTask[None])
assert_type(store.then(late).send(item=3), SentTask[int])

# They are sent in another manner.
assert_type(price.using(task_id=UUID(int=7)).send(items=[1]), SentTask[Priced])
assert_type(price.using(message_group="seven", listeners={}).request([1]), Task)
assert_type(price.using(callback="print").send(items=[1]), SentTask[Any])
assert_type(price.then(bill.using(kwargs={"currency": "USD"})).send([1]), SentTask[Invoice])
assert_type(price.using(message_group="seven").then(bill).send([1]), SentTask[Invoice])
assert_type(price.then(bill).using(message_group="seven").send([1]), SentTask[Invoice])

# They are sent in groups.
members = [price.request(items=[1]), price.then(bill).request(items=[2])]
assert_type(Group(members).send(), SentGroup[Results[Any]])
assert_type(Group(members).send().result()[0], Any)
assert_type(Group(members, then=total).send(unique="march"), SentGroup[Priced])
assert_type(Group(members, then=total.then(bill)).send().result(timeout=60), Invoice)
assert_type(Group(members, then=total.using(kwargs={"currency": "USD"})).send().result(), Priced)
assert_type(Group(members, then="sum_up", failures="hold").send().result(), Any)
assert_type(SentGroup[Priced]("4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11").result(), Priced)
assert_type(Group([]).send().progress(), Progress)
assert_type(Group(members).send()[0], SentTask[Any])

# Groups that are returned give what comes of them.
assert_type(split.send(lists=[[1]]), SentTask[Priced])
assert_type(split.then(total).send(lists=[[1]]), SentTask[Priced])
assert_type(scatter.then(total, bill).send(lists=[[1]]), SentTask[Invoice])
assert_type(Group([split.then(total).request(lists=[[1]])], then=total).send(), SentGroup[Priced])


async def wait_for_group() -> None:
    """Wait for a group among other coroutines."""
    assert_type(await Group(members, then=total).send(), Priced)


# They are waited for.
async def wait() -> None:
    """Wait in a coroutine."""
    assert_type(await price.send(items=[1]), Priced)
    assert_type(await price.then(bill).send([1]).wait(timeout=60), Invoice)
    assert_type(await SentTask[Invoice](UUID(int=7)), Invoice)


sent = [price.send(items=[number]) for number in (1, 2)]
assert_type(sent[0].result(timeout=60), Priced)
assert_type(mail.send("7").result(), None)
assert_type(wait_all(sent, timeout=60), list[Priced])
assert_type(wait_all([price.send([1]), again.send([1])]), list[Priced])
assert_type(as_completed(sent), Iterator[SentTask[Priced]])
assert_type([one.result() for one in as_completed(sent, timeout=60)], list[Priced])
by_id: SentTask[Invoice] = SentTask("4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11", bucket="theirs")
assert_type(by_id.result(), Invoice)
assert_type(by_id.state(), Literal["unknown", "running", "done", "failed", "cancelled", "expired"])
assert_type(by_id.cancel(), bool)
assert_type(current_task().is_cancelled(), bool)


def why(error: TaskFailedError) -> TaskFailure:
    """Tell why a Task failed."""
    return error.failure


# They are handed on as what they are.
def send_price(task: Sendable[[list[int]], Priced]) -> SentTask[Priced]:
    """Take whatever can be sent so."""
    return task.send([1])


def name_of(task: RoutedTask[..., object]) -> str:
    """Take any Task of a router."""
    return task.task_name


send_price(price.using(message_group="seven"))
name_of(price)
name_of(bill)
name_of(pay)
