"""What ends all that was sent writes what came of it, under the id that was sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

import pytest
from algernon_queue import (
    PermanentError,
    PipelineTermination,
    ResultNotKeptError,
    ResultTimeoutError,
    SentTask,
    SettingError,
    TaskCancelledError,
    TaskExpiredError,
    TaskFailedError,
    TaskRouter,
    current_task,
    send_task,
)
from algernon_queue.testing import InMemorySystem, sent_tasks
from algernon_storage import Outcomes, S3Ledger


class Shop:
    """A worker with Tasks whose runs are counted, and that fail as they are told."""

    def __init__(self, **options: Any) -> None:
        self.ran: list[str] = []
        self.failing: set[str] = set()
        self.router = router = TaskRouter(**options)

        @router.task(retries=1)
        def price(n: int) -> dict[str, int]:
            self._run("price")
            if n < 0:
                raise PipelineTermination({"nothing": n})
            return {"total": n}

        @router.task(retries=1)
        def bill(total: int) -> dict[str, int]:
            self._run("bill")
            return {"paid": total}

        @router.task(retries=1)
        def mail(**paid: int) -> None:
            self._run("mail")

        @router.task
        def close(paid: int = 0) -> None:
            self._run("close")

        self.price, self.bill, self.mail, self.close = price, bill, mail, close

    def _run(self, name: str) -> None:
        self.ran.append(name)
        if name in self.failing:
            raise PermanentError(f"no {name} today")


@pytest.fixture(params=[False, True, "elsewhere"], ids=["plain", "once", "ledger elsewhere"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """A worker without a ledger, with one, and with one in a folder of its own."""
    once = S3Ledger(folder="ledger") if request.param == "elsewhere" else request.param
    return Shop(once=once)


def test_the_result_of_a_single_task_is_kept(shop: Shop) -> None:
    """It can be had by the id, as often as it is asked for."""
    with InMemorySystem(shop.router) as system:
        sent = shop.price.using(keep_result=True).send(n=7)
        with pytest.raises(ResultTimeoutError):
            sent.result(timeout=0)
        system.run()
        assert sent.result() == {"total": 7}
        assert SentTask[Any](sent.task_id).result() == {"total": 7}
        assert sent.state() == "done"


def test_the_result_of_a_chain_is_its_last_tasks(shop: Shop) -> None:
    """It stands under the id that was sent, which none of the chain's Tasks has."""
    with InMemorySystem(shop.router) as system:
        sent = shop.price.then(shop.bill).using(keep_result=True).send(n=7)
        system.run()
        assert sent.result() == {"paid": 7}
        assert shop.ran == ["price", "bill"]


def test_none_is_kept_as_none(shop: Shop) -> None:
    """A last Task that returns nothing has the result None, and one in the midst passes {}."""
    with InMemorySystem(shop.router) as system:
        alone = shop.mail.using(keep_result=True).send(paid=1)
        chain = shop.mail.then(shop.close).using(keep_result=True).send(paid=1)
        system.run()
        assert alone.result() is None
        assert chain.result() is None
        assert shop.ran.count("close") == 1


def test_a_chain_that_a_task_ends_early_has_its_result(shop: Shop) -> None:
    """What PipelineTermination carries is the chain's result, and nothing follows."""
    with InMemorySystem(shop.router) as system:
        sent = shop.price.then(shop.bill).using(keep_result=True).send(n=-1)
        system.run()
        assert sent.result() == {"nothing": -1}
        assert shop.ran == ["price"]


def test_what_isnt_kept_has_no_result(shop: Shop) -> None:
    """Asking for it says so, at once where the sender knows, and else once it is known."""
    with InMemorySystem(shop.router) as system:
        sent = shop.price.send(n=7)
        with pytest.raises(ResultNotKeptError, match="keep_result=True"):
            sent.result()
        system.run()
        if shop.router._options.once is True:
            with pytest.raises(ResultNotKeptError, match="keep_result=True"):
                SentTask[Any](sent.task_id).result()


@pytest.mark.parametrize("name", ["price", "bill"])
def test_a_failure_is_told_until_it_is_redriven(shop: Shop, name: str) -> None:
    """A Task that went to the dead-letter queue failed; once redriven, its chain has a result."""
    with InMemorySystem(shop.router) as system:
        sent = shop.price.then(shop.bill).using(keep_result=True).send(n=7)
        shop.failing.add(name)
        system.run()
        with pytest.raises(TaskFailedError) as caught:
            sent.result()
        failure = caught.value.failure
        assert (failure.error, failure.reason) == ("PermanentError", f"no {name} today")
        (letter,) = system.dead_letters
        assert letter.task_id is not None
        assert failure.task_id == letter.task_id
        assert sent.state() == "failed"
        shop.failing.clear()
        system.redrive()
        system.run()
        assert sent.result() == {"paid": 7}
        assert sent.state() == "done"
        assert Outcomes().failure(sent.task_id) is None
        assert Outcomes().failure(letter.task_id) is None


def test_a_failure_that_is_redriven_in_vain_is_told_again(shop: Shop) -> None:
    """The note of the failure is gone while the Task is tried again, and back after that."""
    with InMemorySystem(shop.router) as system:
        sent = shop.price.using(keep_result=True).send(n=7)
        shop.failing.add("price")
        system.run()
        system.redrive()
        system.run()
        assert sent.state() == "failed"
        assert len(system.dead_letters) == 1


def test_what_another_worker_runs_has_not_failed() -> None:
    """A message that is given up while a claim stands says nothing of what comes of the Task."""
    shop = Shop(once=True)
    with InMemorySystem(shop.router) as system:
        sent = shop.price.using(keep_result=True).send(n=7)
        S3Ledger().claim(sent.task_id, 1e9)
        system.run()
        assert [letter.error for letter in system.dead_letters] == ["TaskRunningError"]
        assert Outcomes().failure(sent.task_id) is None
        assert sent.state() == "running"


def test_a_chain_that_is_cancelled_ends_before_its_next_task(shop: Shop) -> None:
    """What has run has run; no further Task begins, and there is no result."""
    with InMemorySystem(shop.router) as system:
        sent = shop.price.then(shop.bill).using(cancellable=True).send(n=7)
        assert sent.cancel() is True
        assert sent.cancel() is False
        system.run()
        assert shop.ran == []
        assert sent.state() == "cancelled"
        with pytest.raises(TaskCancelledError):
            sent.result()
        assert system.dead_letters == []


def test_a_task_that_is_cancelled_never_runs(shop: Shop) -> None:
    """Wherever its worker has its ledger, and though the message may name none."""
    with InMemorySystem(shop.router) as system:
        sent = shop.price.using(cancellable=True).send(n=7)
        assert sent.cancel() is True
        system.run()
        assert shop.ran == []
        assert sent.state() == "cancelled"
        assert system.dead_letters == []


def test_a_task_that_is_cancelled_while_it_runs_sends_nothing_on() -> None:
    """It sees that it is cancelled; whatever it returns then goes nowhere."""
    router = TaskRouter()
    seen: list[bool] = []
    ran: list[str] = []

    @router.task
    def work() -> dict[str, int]:
        task = current_task()
        seen.append(task.is_cancelled())
        assert SentTask[Any](str(task.chain_id)).cancel()
        seen.append(task.is_cancelled())
        return {"n": 1}

    @router.task
    def after(n: int) -> None:
        ran.append("after")

    with InMemorySystem(router) as system:
        chain = work.then(after).using(cancellable=True).send()
        single = work.using(cancellable=True).send()
        system.run()
        assert seen == [False, True] * 2
        assert ran == []
        assert (chain.state(), single.state()) == ("cancelled", "cancelled")


def test_what_is_done_cant_be_cancelled(shop: Shop) -> None:
    """It is too late then, and the result stays."""
    with InMemorySystem(shop.router) as system:
        sent = shop.price.using(cancellable=True, keep_result=True).send(n=7)
        system.run()
        if shop.router._options.once in (False, True):  # else its ledger is another's
            assert sent.cancel() is False
        assert sent.result() == {"total": 7}


def test_what_wasnt_sent_to_be_cancelled_cant_be() -> None:
    """A send that is neither cancellable nor unique says how it would be."""
    shop = Shop()
    with sent_tasks():
        sent = shop.price.send(n=1)
        with pytest.raises(SettingError, match="cancellable=True"):
            sent.cancel()


def test_one_key_runs_once() -> None:
    """A second send of the same name and key runs nothing, and gets the first one's result."""
    shop = Shop()
    with InMemorySystem(shop.router) as system:
        first = shop.price.using(unique="order-7", keep_result=True).send(n=7)
        system.run()
        second = shop.price.using(unique="order-7", keep_result=True).send(n=8)
        other = shop.price.using(unique="order-8", keep_result=True).send(n=8)
        system.run()
        assert shop.ran == ["price", "price"]
        assert first == second != other
        assert second.result() == {"total": 7}
        assert other.result() == {"total": 8}


def test_the_callback_of_a_second_send_gets_the_first_result() -> None:
    """Whoever sends the key later learns what came of it."""
    shop = Shop()
    with InMemorySystem(shop.router) as system:
        shop.price.then(shop.bill).using(unique="k").send(n=7)
        system.run()
        shop.price.then(shop.mail).using(unique="k").send(n=8)
        system.run()
        shop.price.then(shop.mail).using(unique="k").send(n=9)
        system.run()
        assert shop.ran == ["price", "bill", "mail"]


def test_a_failure_frees_its_key_and_a_cancel_uses_it_up() -> None:
    """What failed for good can be sent again under the key; what was cancelled can't."""
    shop = Shop()
    with InMemorySystem(shop.router) as system:
        shop.failing.add("price")
        shop.price.using(unique="k").send(n=7)
        system.run()
        shop.failing.clear()
        again = shop.price.using(unique="k", keep_result=True).send(n=8)
        system.run()
        assert again.result() == {"total": 8}
        cancelled = shop.price.using(unique="c").send(n=7)
        assert cancelled.cancel()
        shop.price.using(unique="c").send(n=7)
        system.run()
        assert shop.ran == ["price", "price"]


def test_a_unique_task_that_runs_at_the_moment_runs_no_second_time() -> None:
    """While the first one runs, the second waits in its queue, and then finds it done."""
    router = TaskRouter()
    ran: list[int] = []

    @router.task
    def work(n: int) -> dict[str, int]:
        ran.append(n)
        if n == 1:
            send_task("work", {"n": 2}, unique="k")
        return {"n": n}

    with InMemorySystem(router) as system:
        send_task("work", {"n": 1}, unique="k")
        system.run()
        assert ran == [1]
        assert system.dead_letters == []


def test_what_comes_too_late_isnt_run(shop: Shop) -> None:
    """A Task that isn't begun before it expires never is; what waits for it learns that."""
    with InMemorySystem(shop.router) as system:
        kept = shop.price.then(shop.bill).using(expires=60, keep_result=True).send(n=7)
        plain = shop.price.then(shop.bill).using(expires=60).send(n=7)
        system.advance(61)
        system.run()
        assert shop.ran == []
        assert system.dead_letters == []
        with pytest.raises(TaskExpiredError):
            kept.result()
        if shop.router._options.once is True:
            assert plain.state() == "expired"


def test_of_a_chain_only_the_first_task_expires(shop: Shop) -> None:
    """What is begun in time goes on to its end."""
    with InMemorySystem(shop.router) as system:
        shop.failing.add("bill")
        sent = shop.price.then(shop.bill).using(expires=60, keep_result=True).send(n=7)
        system.run()
        system.advance(61)
        shop.failing.clear()
        system.redrive()
        system.run()
        assert sent.result() == {"paid": 7}


def test_a_redrive_drops_the_expiry(shop: Shop) -> None:
    """Who moves a message back wants its Task run, however late it is."""
    with InMemorySystem(shop.router) as system:
        shop.failing.add("price")
        sent = shop.price.using(expires=60, keep_result=True).send(n=7)
        system.run()
        system.advance(61)
        shop.failing.clear()
        system.redrive()
        system.run()
        assert sent.result() == {"total": 7}


def test_ids_tell_what_was_sent() -> None:
    """One Task has the id that was sent, and the first of a kept chain one of its own."""
    shop = Shop()
    with InMemorySystem(shop.router) as system:
        ids: dict[str, list[str]] = {"price": [], "bill": []}
        router = TaskRouter()

        @router.task
        def note_price() -> dict[str, int]:
            ids["price"].append(str(current_task().task_id))
            return {}

        @router.task
        def note_bill() -> None:
            ids["bill"].append(str(current_task().chain_id))

        system.add(router)
        plain = note_price.then(note_bill).send()
        kept = note_price.then(note_bill).using(keep_result=True).send()
        single = note_price.using(keep_result=True).send()
        system.run()
        first = str(uuid5(UUID(kept.task_id), "0#note_price"))
        assert ids["price"] == [plain.task_id, first, single.task_id]
        assert ids["bill"] == [plain.task_id, kept.task_id]


def test_a_task_without_a_ledger_that_comes_twice_is_known_by_its_result() -> None:
    """From its second delivery on, what is done isn't run again, and can't fail."""
    shop = Shop()
    with InMemorySystem(shop.router) as system:
        sent = shop.price.using(keep_result=True).send(n=7)
        original = shop.router.handler
        dying = [True]

        def die_once(event: Any, context: Any) -> Any:
            answer = original(event, context)
            if dying.pop() if dying else False:
                raise KeyboardInterrupt  # after all is written, and before it is answered
            return answer

        system._tasks["price"].function._handler = die_once
        with pytest.raises(KeyboardInterrupt):
            system.run()
        system.run()
        assert shop.ran == ["price"]
        assert sent.result() == {"total": 7}
