"""Each record has a context of its own, which observers and Tasks share."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import Observer, PermanentError, TaskRouter, observers, queued
from algernon_serialize import ajson
from algernon_storage import StoredData

from ..wire import Answer
from .events import ALL_DONE, TASK_ID, LambdaContext, event, message, record
from .handlers import returning, returning_later
from .queues import SourceQueue
from .watching import Notes, current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


class Marking(Observer):
    """An observer that marks each record's context, by the number in its callback's place.

    Args:
        what: When it does so.
    """

    def __init__(self, what: str = "received") -> None:
        setattr(self, what, self._mark)
        self.seen: list[tuple[str, str]] = []

    def _mark(self, record: Mapping[str, Any]) -> None:
        current.set(record.get("task_id", "unread"))

    def sending(self, message: Mapping[str, Any]) -> Mapping[str, str]:
        """Note in whose context it is said, and leave another mark there."""
        self.seen.append(("sending", current.get()))
        current.set(f"message of {current.get()}")
        return {}

    def sent(self, message: Mapping[str, Any], error: Exception | None) -> None:
        """Note in whose context it is said."""
        self.seen.append(("sent", current.get()))

    def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        """Note in whose context it is said."""
        self.seen.append(("ended", current.get()))


@pytest.fixture
def marking(watch: Callable[..., Notes]) -> Callable[..., Marking]:
    """Add an observer that marks contexts, for this test."""

    def add(what: str = "received") -> Marking:
        observer = Marking(what)
        observers.append(observer)
        return observer

    return add


IDS = [TASK_ID.replace("4f", f"{n}f") for n in range(5)]


def marked(**others: Any) -> list[dict[str, Any]]:
    """Return records that are told apart by their task_id."""
    return [record(message(task_id=task_id, **others), eventSourceARN=None) for task_id in IDS]


@pytest.mark.parametrize("what", ["received", "started"])
def test_a_task_sees_what_was_set_for_its_record(marking: Any, what: str) -> None:
    """Tasks of both kinds, and the threads that they wait for, see the observer's variables."""
    marking(what)
    seen: list[tuple[str, str, str]] = []
    router = TaskRouter()

    def look(where: str, context: Any) -> None:
        seen.append((where, context["task"]["task_id"], current.get()))

    @router.task
    def work(context: Any) -> None:
        look("def", context)

    @router.task
    async def later(context: Any) -> None:
        await asyncio.sleep(0.001)
        look("async def", context)
        await asyncio.to_thread(look, "to_thread", context)
        await asyncio.get_running_loop().run_in_executor(None, look, "executor", context)

    records = marked() + [record(message("later", task_id=task_id)) for task_id in IDS]
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    assert len(seen) == 4 * len(IDS)
    assert all(task_id == mark for _, task_id, mark in seen)
    assert current.get() == "nothing"


def test_the_executor_s_work_has_its_own_copy() -> None:
    """What a thread of run_in_executor sets is its own, and results and errors come back."""
    seen: list[Any] = []

    def compute(n: int) -> int:
        seen.append(current.get())
        current.set("the thread's")
        if n == 3:
            raise ValueError("no three")
        return 2 * n

    @queued
    async def handler(event: Any, context: Any) -> None:
        loop = asyncio.get_running_loop()
        current.set("the Task's")
        seen.append(await loop.run_in_executor(None, compute, 21))
        with pytest.raises(ValueError, match="no three"):
            await loop.run_in_executor(None, compute, 3)
        assert current.get() == "the Task's"

    assert handler(event(record(message())), LambdaContext()) == ALL_DONE
    assert seen == ["the Task's", 42, "the Task's"]


PLAIN_WORKER = """
import sys
from algernon_queue import Observer, TaskRouter, observers

observers.append(type("Idle", (Observer,), {})())
router = TaskRouter(failures="report")

@router.task
def work():
    pass

record = {"messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "body": '{"task_name": "work"}'}
print(router.handler({"Records": [record] * 2}, None), "asyncio" in sys.modules)
"""


@pytest.mark.starts
def test_asyncio_is_left_out_where_there_are_no_coroutines() -> None:
    """A worker of plain functions doesn't wait for the import of asyncio."""
    run = subprocess.run(
        [sys.executable, "-c", PLAIN_WORKER], capture_output=True, text=True, check=True
    )
    assert run.stdout == "{'batchItemFailures': []} False\n"


@pytest.mark.parametrize("make", [returning, returning_later], ids=["def", "async def"])
def test_nothing_leaks_into_the_next_record(watch: Callable[..., Notes], make: Any) -> None:
    """What a Task or an observer sets is gone with its record, in a batch and after it."""
    seen: list[str] = []

    class Once(Observer):
        def started(self, record: Mapping[str, Any]) -> None:
            seen.append(current.get())
            if len(seen) == 1:
                current.set("the first's")

    observers.append(Once())

    def setting(event: Any, context: Any) -> None:
        seen.append(current.get())
        current.set("a Task's")

    async def setting_later(event: Any, context: Any) -> None:
        setting(event, context)

    handler: Any = queued(setting if make is returning else setting_later)
    for _ in range(2):
        assert handler(event(*(record(message()) for _ in range(2))), LambdaContext()) == ALL_DONE
    assert sorted(seen) == ["nothing"] * 7 + ["the first's"]
    assert current.get() == "nothing"


def test_the_caller_s_variables_are_seen(watch: Callable[..., Notes]) -> None:
    """A plain Task sees what its caller has set, and what it sets itself is its own."""
    seen: list[str] = []

    def look(event: Any, context: Any) -> None:
        seen.append(current.get())
        current.set("the Task's")

    token = current.set("the caller's")
    try:
        assert queued(look)(event(*marked()), LambdaContext()) == ALL_DONE
        assert current.get() == "the caller's"
    finally:
        current.reset(token)
    assert seen == ["the caller's"] * len(IDS)


@pytest.mark.parametrize("make", [returning, returning_later], ids=["def", "async def"])
def test_all_is_said_in_the_record_s_context(
    bucket: str, listeners: Listeners, marking: Any, make: Any
) -> None:
    """Uploads and messages are told in copies of it, and the end in the context itself."""
    observer = marking()
    listeners.add("next")
    results = [{"n": n} for n in range(5)]
    assert make(*results)(event(*marked(callback="next")), LambdaContext()) == ALL_DONE
    seen = {
        what: sorted(mark for kind, mark in observer.seen if kind == what)
        for what in ("sending", "sent", "ended")
    }
    assert seen["sending"] == sorted(IDS)
    assert seen["sent"] == sorted(f"message of {task_id}" for task_id in IDS)
    assert seen["ended"] == sorted(IDS)


def test_what_a_task_sets_is_there_at_its_end(watch: Callable[..., Notes]) -> None:
    """An observer may read at the end what the Task has noted."""
    observer = Marking("batch_ended")
    observers.append(observer)

    def work(event: Any, context: Any) -> None:
        current.set(f"noted by {event['task_id']}")

    async def work_later(event: Any, context: Any) -> None:
        await asyncio.sleep(0.001)
        work(event, context)

    for function in (work, work_later):
        observer.seen.clear()
        assert queued(function)(event(*marked()), LambdaContext()) == ALL_DONE
        assert observer.seen == [("ended", f"noted by {task_id}") for task_id in IDS]


def test_two_errands_of_one_record_may_run_at_once(
    bucket: str, wire: Wire, marking: Any, tagger: Tagger
) -> None:
    """Its arguments are fetched while its Task is claimed, each in a copy of its context."""
    marking()
    pointer = json.loads(ajson.dumps(StoredData("kwargs", {"n": 1}, full_unpack=True)))
    wire.clear()
    wire.expect_rounds(2)
    one = record(message(task_id=TASK_ID, task_kwargs=pointer))
    assert returning(None, once=True)(event(one), LambdaContext()) == ALL_DONE
    assert {call.operation for call in wire.calls[:2]} == {"GET", "PUT"}
    assert tagger.lines == []


class Tagger(logging.Handler):
    """A handler of logs that notes in whose context each line was written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []

    def emit(self, line: logging.LogRecord) -> None:
        """Note a line."""
        self.lines.append((current.get(), line.getMessage()))


@pytest.fixture
def tagger() -> Iterator[Tagger]:
    """What the package logs, with whose context it was written in."""
    handler = Tagger()
    logging.getLogger("algernon_queue").addHandler(handler)
    yield handler
    logging.getLogger("algernon_queue").removeHandler(handler)


@pytest.mark.parametrize("failing", ["the Task", "the upload", "the fetch", "the message"])
@pytest.mark.parametrize("make", [returning, returning_later], ids=["def", "async def"])
def test_a_failure_s_line_is_written_in_its_context(
    bucket: str, marking: Any, tagger: Tagger, make: Any, failing: str
) -> None:
    """Whatever fails of a record, the line that says so is its own."""
    marking()
    records = marked(callback="gone" if failing == "the message" else "next")
    results: list[Any] = [{"n": n} for n in range(5)]
    if failing == "the Task":
        results = [ValueError("no")] * 5
    elif failing == "the upload":
        results = [{"n": object()}] * 5
    elif failing == "the fetch":
        gone = {
            "_alg_class": "StoredData",
            "_alg_module": "algernon.aws.snakes",
            "value": {"pointer": f"{bucket}#cache/gone!1.json"},
        }
        records = marked(task_kwargs=gone)
    make(*results)(event(*records), LambdaContext())
    ids = {one["messageId"]: task_id for one, task_id in zip(records, IDS, strict=True)}
    assert len(tagger.lines) == 5
    for mark, line in tagger.lines:
        assert "failed" in line
        assert ids[line.split()[1]] == mark


def test_lines_of_threads_and_dead_letters_are_written_in_the_context(
    aws: LocalAWS, wire: Wire, marking: Any, tagger: Tagger
) -> None:
    """What a thread of the package logs, and what is said of dead letters, is the record's own."""
    marking()
    queue = SourceQueue(aws)
    denied = b'{"__type":"TaskTimedOut","message":"no"}'
    wire.treatment = lambda call, forward: (
        Answer(400, [], denied) if call.service == "states" else forward()
    )
    waited_for = [
        record(
            json.dumps({"Input": {"task_name": "work", "task_id": task_id}, "TaskToken": task_id})
        )
        for task_id in IDS[:3]
    ]
    queue.send(*(message(task_id=task_id) for task_id in IDS[3:]))
    results = [{}, {}, {}, PermanentError("no"), PermanentError("no")]
    records = waited_for + sorted(queue.receive(), key=lambda one: str(one["body"]))
    assert returning(*results)(event(*records), LambdaContext()) == ALL_DONE
    said = {
        words: sorted(mark for mark, line in tagger.lines if words in line)
        for words in ("no state machine waits", "failed: PermanentError", "was moved to the dead")
    }
    assert said["no state machine waits"] == IDS[:3]
    assert said["failed: PermanentError"] == said["was moved to the dead"] == IDS[3:]
