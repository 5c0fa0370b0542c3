"""What was sent can be cancelled until it has ended, by whoever has its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    SentTask,
    SettingError,
    TaskCancelledError,
    TaskFailedError,
    TaskRouter,
    current_task,
    send_task,
)
from algernon_queue._wire.manifest import Header
from algernon_queue._wire.membership import Membership
from algernon_queue.testing import InMemorySystem
from algernon_storage import Document, Objects, Outcomes, S3Ledger
from algernon_storage.tally import Outer, Place, Tally

from .events import LambdaContext, event, message, record

if TYPE_CHECKING:
    from ..wire import Wire

ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
GROUP = "0b7c1e7e-6d0c-4f7e-9c53-3f1f6f0f9a11"


@pytest.fixture
def ran() -> list[Any]:
    """What the Tasks of a test note."""
    return []


@pytest.fixture
def router(ran: list[Any]) -> TaskRouter:
    """A worker with a ledger, and with Tasks of which one cancels itself in its midst."""
    router = TaskRouter(once=True)

    @router.task
    def price(items: list[int]) -> dict[str, int]:
        ran.append(items)
        if items == [0]:
            raise ValueError("nothing to price")
        return {"total": sum(items)}

    @router.task
    def bill(total: int) -> None:
        ran.append(total)

    @router.task
    def doubt() -> dict[str, int]:
        ran.append(current_task().is_cancelled())
        ran.append(SentTask[Any](ID).state())
        ran.append(SentTask[Any](ID).cancel())
        ran.append(current_task().is_cancelled())
        return {"total": 3}

    return router


def test_what_has_not_begun_never_does(router: TaskRouter, ran: list[Any]) -> None:
    """Its message is dropped, nothing comes after it, and who waits is told."""
    with InMemorySystem(router) as system:
        sent = SentTask[Any](send_task("price", {"items": [1]}, "bill"))
        assert sent.state() == "unknown"
        assert sent.cancel() is True
        assert sent.state() == "cancelled"
        system.run()
        assert (ran, system.dead_letters) == ([], [])
        with pytest.raises(TaskCancelledError, match=sent.task_id):
            sent.result()


def test_what_runs_is_told_and_its_result_thrown_away(router: TaskRouter, ran: list[Any]) -> None:
    """The Task can ask in its midst, and what it returns goes nowhere."""
    with InMemorySystem(router) as system:
        send_task("doubt", callback="bill", task_id=ID)
        system.run()
        assert ran == [False, "running", True, True]
        assert SentTask[Any](ID).state() == "cancelled"


def test_what_has_ended_is_not_cancelled(router: TaskRouter, ran: list[Any]) -> None:
    """It is too late then, and that is exact: the Task is done for whoever asks."""
    with InMemorySystem(router) as system:
        sent = SentTask[Any](send_task("price", {"items": [1]}, "bill"))
        system.run()
        assert sent.cancel() is False
        assert sent.state() == "done"
        assert ran == [[1], 1]


def test_only_the_first_to_cancel_did_it() -> None:
    """Of two that cancel, one is told that it was its doing; it stays cancelled."""
    with InMemorySystem():
        assert [SentTask[Any](ID).cancel() for _ in range(2)] == [True, False]
        assert SentTask[Any](ID).state() == "cancelled"


def test_what_has_expired_is_not_cancelled() -> None:
    """Nor does what has expired change what it is."""
    with InMemorySystem():
        Outcomes().write(ID, Document.of({}), kind="expired", ends_chain=True)
        assert SentTask[Any](ID).cancel() is False
        assert SentTask[Any](ID).state() == "expired"


def test_what_has_failed_is_not_run_by_a_redrive(router: TaskRouter, ran: list[Any]) -> None:
    """A dead letter can be cancelled too: it is dropped when it is redriven."""
    with InMemorySystem(router) as system:
        sent = SentTask[Any](send_task("price", {"items": [0]}))
        system.run()
        assert len(system.dead_letters) == 1
        assert sent.cancel() is True
        ran.clear()
        assert system.redrive() == 1
        system.run()
        assert (ran, system.dead_letters, sent.state()) == ([], [], "cancelled")


def test_what_cannot_be_cancelled_says_how_it_could() -> None:
    """Who sent it so is told at once, and asks nothing of S3."""
    sent: SentTask[Any] = SentTask.of_send(ID, is_kept=True, is_cancellable=False)
    with pytest.raises(SettingError, match=r"using\(cancellable=True\)"):
        sent.cancel()


def test_what_was_sent_to_be_cancellable_is() -> None:
    """What its sender knows to be cancellable is cancelled."""
    sent: SentTask[Any] = SentTask.of_send(ID, is_kept=False, is_cancellable=True)
    with InMemorySystem():
        assert sent.cancel() is True


def test_a_ledger_elsewhere_is_named(ran: list[Any]) -> None:
    """A Task of a worker whose ledger is in another folder is cancelled there."""
    router = TaskRouter(once=S3Ledger(folder="ledger"))

    @router.task
    def price() -> None:
        ran.append("price")

    with InMemorySystem(router) as system:
        sent = SentTask[Any](send_task("price"), folder="ledger")
        assert sent.cancel() is True
        system.run()
        assert (ran, sent.state()) == ([], "cancelled")


def test_a_cancel_is_two_writes(used_bucket: str, wire: Wire) -> None:
    """The claim comes first, so that no worker begins between it and the outcome."""
    assert SentTask[Any](ID).cancel() is True
    writes = [call.path for call in wire.calls if call.operation == "PUT"]
    place = f"/{used_bucket}/cache/{ID}%21"
    assert writes == [f"{place}claim.json", f"{place}done.json"]


def test_a_bare_message_is_not_cancelled() -> None:
    """Nobody could have: it is asked of nothing, and needs no bucket."""
    router = TaskRouter()

    @router.task
    def doubt() -> bool:
        return current_task().is_cancelled()

    assert router.handler({"task_name": "doubt", "task_id": ID}, None) is False


@pytest.mark.parametrize(
    ("verdict", "is_cancelled"), [("cancelled", True), ("failed", True), ("joined", False)]
)
def test_a_member_asks_for_its_group_too(bucket: str, verdict: str, is_cancelled: bool) -> None:
    """It is told when its group is cancelled, or has failed, while it runs."""
    member = member_of_a_group_of_two()
    asked: list[bool] = []
    router = TaskRouter(failures="report")

    @router.task
    def doubt() -> None:
        asked.append(current_task().is_cancelled())
        Objects().create(f"{GROUP}!done", b"{}", kind=verdict)
        asked.append(current_task().is_cancelled())

    sent = message("doubt", task_id=member.result_id, callback={"group": member.as_json})
    router.handler(event(record(sent)), LambdaContext())
    assert asked == [False, is_cancelled]


def test_a_group_fails_with_a_member_that_is_cancelled() -> None:
    """Whoever waits for what comes of it is told."""
    with InMemorySystem():
        membership = member_of_a_group_of_two()
        sent: SentTask[Any] = SentTask.of_member(membership)
        joined = SentTask[Any](ID)
        assert sent.cancel() is True
        assert sent.state() == "cancelled"
        assert joined.state() == "failed"
        with pytest.raises(TaskFailedError, match=f"a member of the group {GROUP} was cancelled"):
            joined.result()
        with pytest.raises(TaskCancelledError):
            sent.result()


def test_a_cancel_that_was_cut_short_is_finished_by_the_next() -> None:
    """The group fails all the same, though this call only found that its member is cancelled."""
    with InMemorySystem():
        sent: SentTask[Any] = SentTask.of_member(member_of_a_group_of_two())
        Outcomes().write(sent.task_id, Document.of({}), kind="cancelled")
        assert sent.cancel() is False
        assert SentTask[Any](ID).state() == "failed"


def test_a_member_that_is_done_is_not_cancelled() -> None:
    """Its group isn't touched, and its result is there, though nobody asked for it to be kept."""
    with InMemorySystem():
        sent: SentTask[int] = SentTask.of_member(member_of_a_group_of_two())
        Outcomes().write(sent.task_id, Document.of(7))
        assert sent.cancel() is False
        assert SentTask[Any](ID).state() == "unknown"
        assert sent.result() == 7


def test_a_member_of_a_forgotten_group_is_cancelled_alone() -> None:
    """Where the group's header is gone, there is nobody to be told."""
    with InMemorySystem():
        sent: SentTask[Any] = SentTask.of_member(Membership(GROUP, 0, Objects().bucket, "cache"))
        assert sent.cancel() is True


def member_of_a_group_of_two() -> Membership:
    """Write down a group, of whose end ID is the outcome, and return its first member."""
    place = Place(Objects().bucket, Objects().folder)
    tally = Tally(GROUP, place, 2, outer=Outer(ID, place))
    header = Header(tally, (), None, ID, GROUP, 0, None, made_at=0)
    Objects().create(header.name, header.text)
    return Membership(GROUP, 0, *place)


def test_a_chain_is_cancelled_under_the_id_that_was_sent(ran: list[Any]) -> None:
    """Whichever of its Tasks runs, it asks for what was sent, and no other begins."""
    router = TaskRouter(failures="report")

    @router.task
    def first() -> None: ...

    @router.task
    def doubt() -> None:
        ran.append(current_task().is_cancelled())
        ran.append(SentTask[Any](ID).cancel())
        ran.append(current_task().is_cancelled())

    @router.task
    def last() -> None:
        ran.append("last")

    with InMemorySystem(router) as system:
        first.then(doubt, last).using(cancellable=True, task_id=ID).send()
        system.run()
        assert ran == [False, True, True]
        assert SentTask[Any](ID).state() == "cancelled"
