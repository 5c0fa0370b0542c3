"""Every Task of a chain, and whatever a Task sends, has the chain's one id."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from algernon_queue import (
    BatchFailedError,
    MalformedMessageError,
    PermanentError,
    Task,
    TaskRouter,
    queued,
    send_task,
    send_tasks,
)

from .events import (
    ALL_DONE,
    CHAIN_ID,
    TASK_ID,
    LambdaContext,
    enveloped,
    event,
    failed,
    message,
    record,
)
from .queues import SourceQueue

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from .conftest import Listeners

OTHER_ID = TASK_ID.replace("4f", "5f")


class Seen:
    """What Tasks saw of themselves in their context, in order."""

    def __init__(self) -> None:
        self.tasks: list[dict[str, Any]] = []

    def note(self, context: dict[str, Any]) -> None:
        """Note what the context says of the Task."""
        self.tasks.append(dict(context["task"]))

    @property
    def chains(self) -> list[Any]:
        """Their chains."""
        return [task["chain_id"] for task in self.tasks]


def noting(*names: str, asynchronous: bool = False) -> tuple[TaskRouter, Seen]:
    """Return a router of Tasks that note what they see of themselves, and what they saw."""
    router, seen = TaskRouter(failures="report"), Seen()

    def work(context: dict[str, Any]) -> None:
        seen.note(context)

    async def work_later(context: dict[str, Any]) -> None:
        await asyncio.sleep(0.001)
        seen.note(context)

    for name in names:
        router.task(name=name)(work_later if asynchronous else work)
    return router, seen


def chains_of(listeners: Listeners) -> list[str]:
    """Return the chains that the sent messages belong to."""
    return [sent["chain_id"] for sent in listeners.messages()]


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "enveloped"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])
def test_all_tasks_of_a_chain_have_the_id_of_its_first(
    listeners: Listeners, raw: bool, asynchronous: bool
) -> None:
    """The chain's id is the first Task's task_id, through every hop."""
    listeners.add("a", "b", "c", "d", raw=raw)
    router, seen = noting("a", "b", "c", "d", asynchronous=asynchronous)
    task_id = send_task("a", {}, "b#c#d")
    listeners.drive(router.handler, LambdaContext())
    assert [task["task_name"] for task in seen.tasks] == list("abcd")
    assert seen.chains == [task_id] * 4
    assert seen.tasks[0]["task_id"] == task_id
    assert len({task["task_id"] for task in seen.tasks}) == 4


def test_two_chains_have_two_ids(listeners: Listeners) -> None:
    """What is sent from outside any Task begins a chain of its own, and so does each of many."""
    listeners.add("a")
    task_ids = [send_task("a"), *send_tasks([Task("a"), Task("a", {}, "b#c")])]
    sent = listeners.messages()
    assert {one["task_id"] for one in sent} == set(task_ids)
    assert all(one["chain_id"] == one["task_id"] for one in sent)


@pytest.mark.parametrize("absent", [{}, {"chain_id": None}, {"chain_id": ""}])
def test_a_message_without_one_takes_its_task_id(
    listeners: Listeners, absent: dict[str, Any]
) -> None:
    """A message that says no chain, such as moncrief's, begins one that has its own id."""
    listeners.add("next")
    router, seen = noting("work")
    records = [
        record(message(task_id=TASK_ID, callback="next", **absent)),
        record(message(callback="next", **absent)),
        record(enveloped(message(callback="next", **absent), MessageId=OTHER_ID)),
    ]
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    wanted = [TASK_ID, records[1]["messageId"], OTHER_ID]
    assert seen.chains == wanted
    assert [task["task_id"] for task in seen.tasks] == wanted
    assert sorted(chains_of(listeners)) == sorted(wanted)


@pytest.mark.parametrize(
    "spelling", [CHAIN_ID.upper(), f"{{{CHAIN_ID}}}", CHAIN_ID.replace("-", ""), CHAIN_ID]
)
def test_an_id_is_the_same_in_any_spelling(listeners: Listeners, spelling: str) -> None:
    """A chain's id goes on as UUIDs are usually written."""
    listeners.add("next")
    router, seen = noting("work")
    one = record(message(task_id=TASK_ID, chain_id=spelling, callback="next"))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert seen.chains == chains_of(listeners) == [CHAIN_ID]


@pytest.mark.parametrize(
    "chain_id", ["no UUID", CHAIN_ID + "0", 7, 1.5, True, [CHAIN_ID], {"id": CHAIN_ID}, "\ud800"]
)
@pytest.mark.parametrize("wrap", [str, enveloped], ids=["raw", "enveloped"])
def test_a_bad_one_is_a_malformed_message_and_harms_no_other(
    listeners: Listeners, wrap: Any, chain_id: Any
) -> None:
    """A message whose chain_id is no UUID fails alone, and the error says what to do."""
    listeners.add("next")
    bad = record(wrap(message(chain_id=chain_id)))
    good = [record(message(callback="next", chain_id=CHAIN_ID)) for _ in range(2)]
    records = [good[0], bad, good[1]]
    done = []
    handler = queued(failures="report")(lambda event, context: done.append(event))
    # It belongs to no queue, so that it isn't moved.
    bad["eventSourceARN"] = None
    assert handler(event(*records), LambdaContext()) == failed(bad)
    assert len(done) == 2
    assert chains_of(listeners) == [CHAIN_ID] * 2
    with pytest.raises(BatchFailedError) as caught:
        queued(lambda event, context: None)(event(*records), LambdaContext())
    (error,) = caught.value.failures.values()
    assert isinstance(error, MalformedMessageError)
    assert "the chain_id" in str(error)
    assert "is no UUID: leave it out, and the message takes its own task_id" in str(error)


def test_a_bad_task_id_is_told_as_such() -> None:
    """The two ids aren't taken for each other."""
    with pytest.raises(BatchFailedError) as caught:
        queued(lambda event, context: None)(
            event(record(message(task_id="no UUID", chain_id=CHAIN_ID))), LambdaContext()
        )
    assert "the task_id 'no UUID'" in str(caught.value)
    assert "takes the id that SNS or SQS gave it" in str(caught.value)


def sending(way: str) -> Any:
    """Return a Lambda handler whose Task sends two Tasks in some way."""
    router = TaskRouter()

    def send() -> None:
        if way == "send_tasks":
            send_tasks([Task("sent", {"n": n}) for n in range(2)])
        else:
            for n in range(2):
                send_task("sent", {"n": n})

    def work() -> None:
        if way != "a thread with the Task's context":
            send()
        else:
            with ThreadPoolExecutor(1) as threads:
                threads.submit(copy_context().run, send).result()

    async def work_later() -> None:
        await asyncio.sleep(0.001)
        if way == "asyncio.to_thread":
            await asyncio.to_thread(send)
        elif way == "run_in_executor":
            await asyncio.get_running_loop().run_in_executor(None, send)
        elif way == "a task of asyncio":

            async def send_later() -> None:
                await asyncio.sleep(0.001)
                send()

            await asyncio.create_task(send_later())
        else:
            send()

    asynchronous = {"async def", "asyncio.to_thread", "run_in_executor", "a task of asyncio"}
    router.task(name="work")(work_later if way in asynchronous else work)
    return router.handler


@pytest.mark.parametrize(
    "way",
    [
        "send_task",
        "send_tasks",
        "a thread with the Task's context",
        "async def",
        "asyncio.to_thread",
        "run_in_executor",
        "a task of asyncio",
    ],
)
def test_what_a_task_sends_belongs_to_its_chain(listeners: Listeners, way: str) -> None:
    """Each Task's messages inherit its own chain, beside others and one after the other."""
    listeners.add("sent")
    handler = sending(way)
    for chain_ids in ([CHAIN_ID, OTHER_ID], [TASK_ID, OTHER_ID]):
        records = [record(message(chain_id=chain_id)) for chain_id in chain_ids]
        assert handler(event(*records), LambdaContext()) == ALL_DONE
        assert sorted(chains_of(listeners)) == sorted(chain_ids * 2)


def test_large_arguments_inherit_it_too(bucket: str, listeners: Listeners) -> None:
    """What a Task sends by way of S3 belongs to its chain as well."""
    listeners.add("sent")

    @queued
    def handler(event: Any, context: Any) -> None:
        send_tasks([Task("sent", {"n": n, "text": "x" * 300_000}) for n in range(3)])

    assert handler(event(record(message(chain_id=CHAIN_ID))), LambdaContext()) == ALL_DONE
    assert chains_of(listeners) == [CHAIN_ID] * 3


def test_outside_of_tasks_nothing_is_inherited(listeners: Listeners) -> None:
    """Before, between and after batches, and in a new thread, a sender begins new chains."""
    listeners.add("sent")
    handler = sending("send_task")
    own = [send_task("sent", {"n": 7})]
    handler(event(record(message(chain_id=CHAIN_ID))), LambdaContext())
    own.append(send_task("sent", {"n": 7}))
    with ThreadPoolExecutor(1) as threads:
        own.append(threads.submit(send_task, "sent", {"n": 7}).result())
    chains = {sent["task_id"]: sent["chain_id"] for sent in listeners.messages()}
    assert {chains.pop(task_id) for task_id in own} == set(own)
    assert set(chains.values()) == {CHAIN_ID}


def test_a_failed_task_leaves_no_chain_behind(listeners: Listeners) -> None:
    """After a Task that raised, and an unreadable record, the next has its own chain."""
    listeners.add("sent")
    router = TaskRouter(failures="report")

    @router.task
    def bad() -> None:
        raise ValueError("no")

    @router.task
    def work() -> None:
        send_task("sent")

    records = [
        record(message("bad", chain_id=CHAIN_ID)),
        record(message(chain_id=OTHER_ID)),
        record("no JSON", eventSourceARN=None),
        record(message(task_id=TASK_ID)),
    ]
    assert router.handler(event(*records), LambdaContext()) == failed(records[0], records[2])
    assert sorted(chains_of(listeners)) == sorted([OTHER_ID, TASK_ID])


def test_an_id_is_no_part_of_a_callback_s_own(listeners: Listeners) -> None:
    """A callback's task_id comes from its parent's alone, whatever the chain."""
    listeners.add("next")
    records = [
        record(message(task_id=TASK_ID, callback="next", chain_id=chain_id))
        for chain_id in (CHAIN_ID, OTHER_ID)
    ]
    assert queued(lambda event, context: None)(event(*records), LambdaContext()) == ALL_DONE
    sent = listeners.messages()
    assert {one["chain_id"] for one in sent} == {CHAIN_ID, OTHER_ID}
    assert len({one["task_id"] for one in sent}) == 1
    assert UUID(sent[0]["task_id"]).version == 5


def test_a_state_machine_s_message_may_say_its_chain(aws: LocalAWS) -> None:
    """A message that Step Functions sends with a task token has a chain like any other."""
    router, seen = noting("work")
    given = json.loads(message(task_id=TASK_ID, chain_id=CHAIN_ID))
    router.handler(
        event(record(json.dumps({"Input": given, "TaskToken": "token"}))), LambdaContext()
    )
    assert seen.chains == [CHAIN_ID]


@pytest.mark.parametrize("chain_id", [CHAIN_ID, None])
def test_a_dead_letter_says_its_chain_and_keeps_it(aws: LocalAWS, chain_id: str | None) -> None:
    """The attribute algernon.chain_id names it; what is moved back belongs to it again."""
    queue, seen = SourceQueue(aws), Seen()
    router = TaskRouter(failures="report")

    @router.task
    def work(context: dict[str, Any]) -> None:
        seen.note(context)
        raise PermanentError("not today")

    queue.send(message() if chain_id is None else message(chain_id=chain_id))
    records = queue.receive()
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    (letter,) = queue.dead_letters()
    wanted = chain_id or records[0]["messageId"]
    assert letter["MessageAttributes"]["algernon.chain_id"]["StringValue"] == wanted
    queue.send(letter["Body"], MessageAttributes=letter["MessageAttributes"])
    router.handler(event(*queue.receive()), LambdaContext())
    assert seen.chains == [wanted] * 2


def test_a_dead_letter_that_is_no_message_says_none(aws: LocalAWS) -> None:
    """What can't be read belongs to no chain."""
    queue = SourceQueue(aws)
    queue.send("no JSON")
    router, _ = noting("work")
    assert router.handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (letter,) = queue.dead_letters()
    assert "algernon.chain_id" not in letter["MessageAttributes"]
