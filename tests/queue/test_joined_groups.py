"""Groups whose members run: what gets their results, and what becomes of groups that don't end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import pytest
from algernon_queue import (
    Group,
    MessageFacts,
    Observer,
    PermanentError,
    Results,
    ResultTimeoutError,
    SentGroup,
    SentTask,
    SettingError,
    TaskCancelledError,
    TaskFailedError,
    TaskRouter,
    current_task,
    observers,
)
from algernon_queue.testing import InMemorySystem, sent_tasks
from algernon_storage import S3Ledger, StoredData


@dataclass
class Page:
    """What reading a page returns, as an object."""

    number: int
    words: int = 1


router = TaskRouter(failures="report")
#: Of which numbers the Task `fragile` fails.
broken: set[int] = set()
#: What Tasks note that somebody else wants to know of.
noted: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_noted() -> None:
    broken.clear()
    noted.clear()


@router.task
def number(n: int) -> int:
    """Return a number."""
    noted.append(n)
    return n


@router.task
def numbered(n: int) -> dict[str, int]:
    """Return a number for the next Task."""
    return {"n": n}


@router.task
async def later(n: int) -> int:
    """Return a number after others had their turn."""
    await asyncio.sleep(0)
    return n


@router.task
def fragile(n: int) -> int:
    """Fail for good where a test says so."""
    if n in broken:
        raise PermanentError("broken")
    return n


@router.task
def nothing() -> None:
    """Return nothing."""


@router.task
def page(n: int) -> Page:
    """Return an object."""
    return Page(n)


@router.task
def large(n: int) -> str:
    """Return what no node has room for."""
    return f"{n}" * 300_000


@router.task
def total(results: Results[int], more: int = 0) -> dict[str, int]:
    """Get the results of a group."""
    noted.append(("total", [*results]))
    return {"n": sum(results) + more}


@router.task
def listed(results: Results[Any]) -> list[Any]:
    """Return the results of a group."""
    return [*results]


@router.task
def handed_on(results: Results[Any]) -> dict[str, Any]:
    """Hand the results of a group on, unread."""
    return {"results": results[1:]}


@router.task
def split(count: int) -> Group[Results[Any]]:
    """Return a group, whose results go on."""
    return Group([number.request(n=n) for n in range(count)])


@router.task
def split_and_sum(count: int) -> Group[dict[str, int]]:
    """Return a group with a Task of its own, whose result goes on."""
    return Group([number.request(n=n) for n in range(count)], then=total)


@pytest.mark.parametrize("count", [1, 2, 32, 33, 70])
def test_the_results_come_in_order(count: int) -> None:
    """Whoever ends last sends the Task that gets them, once, and its result is kept."""
    with InMemorySystem(router) as system:
        sent = Group([number.request(n=n) for n in range(count)], then=total).send()
        assert sent.state() == "running"
        with pytest.raises(ResultTimeoutError):
            sent.result(timeout=0)
        system.run()
        assert noted[-1] == ("total", [*range(count)])
        assert sent.result() == {"n": sum(range(count))}
        assert sent.state() == "done"
        assert sent.progress() == (count, 0, count)
        assert system.dead_letters == []


def test_a_group_may_go_on_in_a_chain() -> None:
    """Its then may be a chain, with what else its Tasks get, or names."""
    with InMemorySystem(router) as system:
        members = [number.request(n=n) for n in range(3)]
        chain = total.using(kwargs={"more": 10}).then(numbered, number)
        sent = Group(members, then=chain).send()
        named = Group(members, then="total#number").send()
        system.run()
        assert (sent.result(), named.result()) == (13, 3)


def test_without_then_the_results_are_what_comes_of_it() -> None:
    """They can be had as long as the bucket keeps them, by the group's id too."""
    with InMemorySystem(router) as system:
        sent = Group([number.request(n=n) for n in range(3)]).send()
        system.run()
        assert [*sent.result()] == [0, 1, 2]
        again = SentGroup[Results[int]](sent.group_id)
        assert again == sent
        assert len(again) == 3
        assert again.result() == sent.result()
        assert [member.result() for member in again] == [0, 1, 2]


@pytest.mark.parametrize("ask", [SentTask.state, SentTask.result, SentTask.cancel])
def test_the_id_of_a_group_is_no_tasks(ask: Any) -> None:
    """Whoever takes it for one is told what to give it to."""
    with InMemorySystem(router) as system:
        sent = Group([number.request(n=1)]).send()
        system.run()
        with pytest.raises(SettingError, match=f"{sent.group_id} is a group's id, .* SentGroup"):
            ask(SentTask[Any](sent.group_id))


def test_an_empty_group_is_joined_at_once() -> None:
    """There is nobody to wait for."""
    with InMemorySystem(router) as system:
        sent = Group([], then=total).send()
        without = Group([]).send()
        system.run()
        assert sent.result() == {"n": 0}
        assert [*without.result()] == []
        assert without.progress() == (0, 0, 0)


def test_what_a_returned_group_gives_goes_to_the_callback() -> None:
    """That are its results, or what its own Task makes of them."""
    with InMemorySystem(router) as system:
        results = split.then(total).using(keep_result=True).send(count=4)
        named = split.using(callback="total#number", keep_result=True).send(count=4)
        own = split_and_sum.then(number).using(keep_result=True).send(count=4)
        system.run()
        assert (results.result(), named.result(), own.result()) == ({"n": 6}, 6, 6)
        assert system.dead_letters == []


def test_constants_of_a_chain_hold_behind_a_group() -> None:
    """Tasks that follow on a returned group get what using() gave them."""
    with InMemorySystem(router) as system:
        chain = split.then(total.using(kwargs={"more": 100}), number)
        sent = chain.using(keep_result=True).send(count=3)
        system.run()
        assert sent.result() == 103


def test_what_waits_for_a_task_gets_the_results_of_its_group() -> None:
    """Where nothing follows, the results are kept under the id that was sent."""
    with InMemorySystem(router) as system:
        sent = split.using(keep_result=True).send(count=3)
        own = split_and_sum.using(keep_result=True).send(count=3)
        empty = split.using(keep_result=True).send(count=0)
        system.run()
        assert [*sent.result()] == [0, 1, 2]
        assert own.result() == {"n": 3}
        assert [*empty.result()] == []


def test_groups_may_be_in_groups() -> None:
    """A member that returns a group counts with what comes of that, whatever stands between."""
    with InMemorySystem(router) as system:
        members = [
            split.request(count=2),
            split_and_sum.request(count=3),
            split.then(total).request(count=4),
            numbered.then(number).request(n=7),
            split.request(count=0),
        ]
        sent = Group(members, then=listed).send()
        system.run()
        first, *others, last = sent.result()
        assert [*first] == [0, 1]
        assert others == [{"n": 3}, {"n": 6}, 7]
        assert [*last] == []
        assert system.dead_letters == []


@pytest.mark.parametrize(
    "once", [False, True, S3Ledger(folder="ledger")], ids=["without", "with", "elsewhere"]
)
@pytest.mark.parametrize("inline", ["0", "65536"])
def test_members_of_any_worker_are_joined(
    once: Any, inline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a ledger or without, elsewhere or beside, with results inline or not, and async."""
    worker = TaskRouter(failures="report", once=once)
    for task in (number, later, split, nothing):
        worker.task(task)
    other = TaskRouter(failures="report")
    other.task(listed)
    with InMemorySystem(worker, other) as system:
        monkeypatch.setenv("ALGERNON_INLINE_BYTES", inline)
        members = [number.request(n=1), later.request(n=2), split.request(count=2)]
        sent = Group([*members, nothing.request()], then=listed).send()
        system.run()
        one, two, results, none = sent.result()
        assert (one, two, none) == (1, 2, None)
        assert [*results] == [0, 1]
        assert system.dead_letters == []


def test_fifo_tasks_may_be_members_and_get_results() -> None:
    """Members in message groups run in order, and what gets the results may be a FIFO Task."""
    with InMemorySystem(router, fifo=["number", "total"]) as system:
        ordered = number.using(message_group="seven")
        sent = Group([ordered.request(n=n) for n in range(12)], then=total).send()
        system.run()
        assert noted[:12] == [*range(12)]
        assert sent.result() == {"n": 66}


def test_objects_and_large_results_come_back() -> None:
    """A result is rebuilt as an argument is, whatever its size."""
    with InMemorySystem(router) as system:
        members = [page.request(n=1), large.request(n=2), page.request(n=3)]
        sent = Group(members).send()
        system.run()
        results = sent.result()
        assert [results[0], results[2]] == [Page(1), Page(3)]
        assert [str(result)[:4] for result in results[1:]] == ["2222", "Page"]


def test_results_can_be_handed_on_unread() -> None:
    """What a Task returns may hold the results of its group, or some of them."""
    with InMemorySystem(router) as system:
        members = [number.request(n=n) for n in range(4)]
        sent = Group(members, then=handed_on.then(total)).send()
        system.run()
        assert sent.result() == {"n": 6}


def test_a_dead_letter_holds_a_group_until_it_is_redriven() -> None:
    """The group runs as long as it may still be joined, and is joined once all are done."""
    broken.add(1)
    with InMemorySystem(router) as system:
        sent = Group([fragile.request(n=n) for n in range(3)], then=total).send()
        system.run()
        assert sent.state() == "running"
        assert sent.progress() == (2, 1, 3)
        assert SentGroup(sent.group_id).missing() == [1]
        with pytest.raises(TaskFailedError, match="broken"):
            sent[1].result(timeout=0)
        broken.clear()
        system.redrive()
        system.run()
        assert sent.progress() == (3, 0, 3)
        assert sent.missing() == []
        assert sent.result() == SentTask(sent.result_id).result() == {"n": 3}


def test_a_group_that_is_not_there_in_time_says_what_holds_it() -> None:
    """Its error counts the members, and says where to look for those that failed."""
    broken.update((1, 2))
    with InMemorySystem(router) as system:
        sent = Group([fragile.request(n=n) for n in range(3)], then=total).send()
        with pytest.raises(ResultTimeoutError, match="0 of 3 done, 0 failed; the others wait"):
            sent.result(timeout=0)
        system.run()
        told = f"the group {sent.group_id} is running, .* 1 of 3 done, 2 failed; .*dead-letter"
        for wait in (sent.result, lambda timeout: asyncio.run(sent.wait(timeout=timeout))):
            with pytest.raises(ResultTimeoutError, match=told) as raised:
                wait(timeout=0)
            assert f"`algernon group {sent.group_id}` tells which" in str(raised.value)
            assert raised.value.states == {sent.result_id: "unknown"}
            assert raised.value.looks == 1


def test_observers_hear_what_gets_the_results() -> None:
    """It is the callback of no record, and is told of as what is sent by itself."""
    heard: list[tuple[str, bool]] = []

    class Listening(Observer):
        def sent(self, message: MessageFacts, error: Exception | None) -> None:
            heard.append((message["task_name"], message["is_callback"]))

    listening = Listening()
    observers.append(listening)
    try:
        with InMemorySystem(router) as system:
            Group([number.request(n=1)], then=total).send()
            system.run()
    finally:
        observers.remove(listening)
    assert heard == [("number", False), ("total", False)]


def test_what_gets_the_results_may_come_to_be_later() -> None:
    """A member that can't send it on is a dead letter; redriven, it sends what nobody has sent."""
    worker = TaskRouter(failures="report")

    @worker.task
    def late(results: Results[int]) -> int:
        noted.append("late")
        return sum(results)

    with InMemorySystem(router) as system:
        sent = Group([number.request(n=n) for n in range(3)], then="late").send()
        system.run()
        assert sent.state() == "running"
        assert sent.progress() == (3, 0, 3)
        assert {letter.error for letter in system.dead_letters} == {"UnknownListenerError"}
        system.add(worker)
        system.redrive()
        system.run()
        assert sent.result() == 3
        assert noted.count("late") == 1
        assert sorted(noted[:-1]) == [0, 1, 2]


def test_what_gets_the_results_may_fail_and_be_redriven() -> None:
    """Then the group has failed until that."""
    worker = TaskRouter(failures="report")

    @worker.task
    def strict(results: Results[int]) -> int:
        if broken:
            raise PermanentError("broken")
        return sum(results)

    broken.add(1)
    with InMemorySystem(router, worker) as system:
        sent = Group([number.request(n=n) for n in range(3)], then=strict).send()
        system.run()
        assert sent.state() == "failed"
        with pytest.raises(TaskFailedError, match="broken"):
            sent.result(timeout=0)
        broken.clear()
        system.redrive()
        system.run()
        assert sent.result() == 3


def test_a_cancelled_group_runs_no_further() -> None:
    """Members that haven't begun never do, and nothing gets results."""
    with InMemorySystem(router) as system:
        sent = Group([number.request(n=n) for n in range(3)], then=total).send()
        assert sent.cancel() is True
        assert sent.cancel() is False
        system.run()
        assert noted == []
        assert sent.state() == "cancelled"
        with pytest.raises(TaskCancelledError):
            sent.result(timeout=0)
        assert system.dead_letters == []


def test_a_group_that_is_done_is_not_cancelled() -> None:
    """It is too late once all members are done."""
    with InMemorySystem(router) as system:
        sent = Group([number.request(n=n) for n in range(3)], then=total).send()
        system.run()
        assert sent.cancel() is False
        assert sent.result() == {"n": 3}


def test_a_cancelled_member_is_missing_to_its_group() -> None:
    """The group has failed then, for good."""
    with InMemorySystem(router) as system:
        sent = Group([number.request(n=n) for n in range(3)], then=total).send()
        assert sent[1].cancel() is True
        system.run()
        assert sent.state() == "failed"
        assert sent.progress().failed == 1
        with pytest.raises(TaskFailedError):
            sent.result(timeout=0)


def test_a_group_that_failed_says_why() -> None:
    """Its error is that of a group, and sends nobody to a dead-letter queue."""
    with InMemorySystem(router):
        sent = Group([number.request(n=n) for n in range(3)], then=total).send()
        sent[1].cancel()
        with pytest.raises(TaskFailedError) as raised:
            sent.result(timeout=0)
    assert str(raised.value) == (
        f"the group {sent.group_id} failed: a member of the group {sent.group_id} was cancelled,"
        " expired or failed for good, so that it is never joined. No redrive of a dead letter helps"
    )


def test_a_cancelled_group_is_missing_to_what_waits_for_it() -> None:
    """A kept chain, and a group around it, end with a group that a Task returned."""
    worker = TaskRouter(failures="report")

    @worker.task
    def spread() -> Group[dict[str, int]]:
        return Group([fragile.request(n=1)], then=total)

    broken.add(1)
    with InMemorySystem(router, worker) as system:
        sent = spread.using(keep_result=True).send()
        outer = Group([spread.request(), number.request(n=1)], then=total).send()
        system.run()
        assert outer.progress() == (1, 0, 2)
        for task_id in (sent.task_id, outer[0].task_id):
            # As ARCHITECTURE.md says, by what a Task returned it is known.
            assert SentGroup[Any](uuid5(UUID(task_id), "group")).cancel() is True
        with pytest.raises(TaskCancelledError):
            sent.result(timeout=0)
        assert outer.state() == "failed"
        assert outer.progress() == (1, 1, 2)


def test_a_group_may_be_awaited() -> None:
    """Other coroutines run meanwhile."""
    with InMemorySystem(router) as system:
        sent = Group([number.request(n=n) for n in range(3)], then=total).send()
        system.run()

        async def wait() -> Any:
            return await sent, await sent.wait(timeout=1)

        assert asyncio.run(wait()) == ({"n": 3}, {"n": 3})


def test_a_task_may_send_a_group() -> None:
    """It belongs to the Task's chain then, and a Task that runs twice sends it once."""
    worker = TaskRouter(failures="report")

    ids: list[str] = []

    @worker.task
    def begin() -> None:
        ids.append(Group([number.request(n=1)], then=total).send().group_id)
        if current_task().receive_count == 1:
            raise ValueError("again")

    with InMemorySystem(router, worker) as system:
        begin.send()
        system.run()
        assert len(ids) == 2
        assert len({*ids}) == 1
        assert SentGroup[Any](ids[0]).result() == {"n": 1}
        assert noted.count(("total", [1])) == 1


def test_members_are_caught_in_place_of_being_sent() -> None:
    """Within sent_tasks() a group's members are found among what was sent, in their order."""
    members = [
        number.request(n=n) if n % 3 else numbered.then(number).request(n=n) for n in range(30)
    ]
    with sent_tasks() as sent:
        group = Group(members, then=total).send()
    assert sent == members
    assert len(group) == 30


def test_stored_data_travels_to_members() -> None:
    """What a member is given may be a StoredData, or larger than a message."""
    worker = TaskRouter(failures="report")

    @worker.task
    def measure(rows: Any, text: str) -> int:
        return len(rows) + len(text)

    with InMemorySystem(router, worker) as system:
        rows = StoredData("rows", [1, 2], full_unpack=True)
        members = [measure.request(rows=rows, text="x" * size) for size in (1, 50_000, 400_000)]
        sent = Group(members, then=total).send()
        system.run()
        assert sent.result() == {"n": 3 + 50_002 + 400_002}
