"""Those who watch are told how Tasks fare, each record in a context of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from contextvars import ContextVar
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    GroupStoppedError,
    MalformedMessageError,
    Observer,
    OutOfTimeError,
    PermanentError,
    PipelineTermination,
    PublishError,
    Task,
    TaskRouter,
    TaskRunningError,
    UnknownListenerError,
    observers,
    queued,
    send_task,
    send_tasks,
)
from algernon_serialize import UnserializableError, ajson
from algernon_storage import StoredData
from botocore.exceptions import ClientError

from ..wire import Answer
from .events import (
    ALL_DONE,
    QUEUE_ARN,
    TASK_ID,
    LambdaContext,
    enveloped,
    event,
    failed,
    fifo_record,
    message,
    record,
)
from .queues import SourceQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..conftest import LocalAWS
    from ..wire import Call, Wire
    from .conftest import Listeners

SNS_LIMIT = 256 * 1024  # bytes of all messages of a call, and of their attributes
CHAIN_ID = "9e107d9d-372b-4b6a-8aee-1c2d3e4f5a6b"

current: ContextVar[str] = ContextVar("current", default="nothing")


class Notes(Observer):
    """An observer that notes all that it is told, and may want attributes sent.

    Args:
        attributes: The attributes of each message.
    """

    def __init__(self, **attributes: Any) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.attributes = attributes

    def received(self, record: Mapping[str, Any]) -> None:
        """Note a record, and that it is the current one."""
        current.set(record["message_id"])
        self.said.append(("received", dict(record)))

    def started(self, record: Mapping[str, Any]) -> None:
        """Note a start."""
        self.said.append(("started", dict(record)))

    def stopped(self, record: Mapping[str, Any]) -> None:
        """Note a stop."""
        self.said.append(("stopped", dict(record)))

    def sending(self, message: Mapping[str, Any]) -> Mapping[str, str]:
        """Note a message, and return what goes with it."""
        self.said.append(("sending", dict(message)))
        return self.attributes

    def publishing(self) -> None:
        """Note that messages are on their way."""
        self.said.append(("publishing",))

    def sent(self, message: Mapping[str, Any], error: Exception | None) -> None:
        """Note what became of a message."""
        self.said.append(("sent", dict(message), error))

    def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        """Note what became of a record."""
        assert current.get() == record["message_id"]
        self.said.append(("ended", dict(record), dict(end)))

    def batch_ended(self) -> None:
        """Note the end of a batch."""
        self.said.append(("batch_ended",))

    def of(self, what: str) -> list[Any]:
        """Return what was said of one kind, without its name."""
        return [
            said[0] if len(said) == 1 else tuple(said)
            for name, *said in self.said
            if name == what and said
        ]

    @property
    def order(self) -> list[str]:
        """Return of what kinds it was, in order."""
        return [name for name, *_ in self.said]

    @property
    def ends(self) -> list[dict[str, Any]]:
        """Return the ends, in order."""
        return [end for _, end in self.of("ended")]

    @property
    def outcomes(self) -> list[str]:
        """Return the outcomes, in order."""
        return [end["outcome"] for end in self.ends]


@pytest.fixture
def watch() -> Iterator[Callable[..., Notes]]:
    """Add an observer, for this test."""
    before = list(observers)

    def add(**attributes: Any) -> Notes:
        notes = Notes(**attributes)
        observers.append(notes)
        return notes

    yield add
    observers[:] = before


@pytest.fixture
def notes(watch: Callable[..., Notes]) -> Notes:
    """What an observer of this test is told."""
    return watch()


def returning(*results: Any, **options: Any) -> Any:
    """Return a handler that gives or raises these, one for each record."""
    left = list(results)

    @queued(**{"failures": "report", **options})
    def handler(event: Any, context: Any) -> Any:
        result = left.pop(0)
        if isinstance(result, BaseException):
            raise result
        return result

    return handler


def returning_later(*results: Any, **options: Any) -> Any:
    """Return an async handler that gives or raises these, one for each record."""
    left = list(results)

    @queued(**{"failures": "report", **options})
    async def handler(event: Any, context: Any) -> Any:
        result = left.pop(0)
        await asyncio.sleep(0.001)
        if isinstance(result, BaseException):
            raise result
        return result

    return handler


# What is said, of what, and when.


@pytest.mark.parametrize("make", [returning, returning_later], ids=["def", "async def"])
def test_one_record_is_told_from_its_receipt_to_its_end(
    bucket: str, listeners: Listeners, notes: Notes, make: Any
) -> None:
    """All is said once, in order, with the same facts of the record and of its message."""
    topics = listeners.add("next")
    body = message(task_id=TASK_ID, chain_id=CHAIN_ID, callback="next", task_kwargs={"ä": 1})
    one = record(body)
    before = time.time()
    assert make({"n": 1})(event(one), LambdaContext()) == ALL_DONE
    assert notes.order == [
        "received",
        "started",
        "stopped",
        "sending",
        "publishing",
        "sent",
        "ended",
        "batch_ended",
    ]
    facts = {
        "message_id": one["messageId"],
        "receive_count": 1,
        "queue_arn": QUEUE_ARN,
        "sent_at": 1545082650.636,
        "message_bytes": len(body.encode()),
        "attributes": {},
        "trace_header": None,
        "task_name": "work",
        "task_id": TASK_ID,
        "chain_id": CHAIN_ID,
        "callback": "next",
    }
    assert notes.of("received") == notes.of("started") == notes.of("stopped") == [facts]
    (sent,) = listeners.messages()
    outgoing = {
        "task_name": "next",
        "task_id": sent["task_id"],
        "chain_id": CHAIN_ID,
        "topic_arn": topics["next"],
        "is_callback": True,
    }
    assert notes.of("sending") == [outgoing]
    assert notes.of("sent") == [(outgoing, None)]
    ((told, end),) = notes.of("ended")
    assert told == facts
    assert before <= end.pop("started_at") <= time.time()
    assert 0 <= end.pop("seconds") <= time.time() - before
    pointer = StoredData.pointer_in(sent["task_kwargs"])
    assert pointer is not None
    assert end == {
        "outcome": "done",
        "error": None,
        "arguments_bytes": None,
        "next_task_name": "next",
        "next_task_id": sent["task_id"],
        "sent_bytes": len(json.dumps(sent, separators=(",", ":")).encode()),
        "result_bytes": StoredData.retrieve(pointer).size,
        "comes_back_at": None,
    }


def test_a_batch_is_told_record_by_record(notes: Notes) -> None:
    """Records are received before any starts, run one by one, and end when all is done."""
    records = [record(message(task_kwargs={"n": n})) for n in range(3)]
    assert returning(None, None, None)(event(*records), LambdaContext()) == ALL_DONE
    assert notes.order == (
        ["received"] * 3 + ["started", "stopped"] * 3 + ["ended"] * 3 + ["batch_ended"]
    )
    ids = [one["messageId"] for one in records]
    for what in ("received", "started", "stopped"):
        assert [told["message_id"] for told in notes.of(what)] == ids
    assert [told["message_id"] for told, _ in notes.of("ended")] == ids
    assert all(end["next_task_id"] is None for end in notes.ends)


def test_an_empty_batch_is_told_nothing_of(notes: Notes) -> None:
    """Where there is no record, there is nothing to say."""
    assert returning()(event(), LambdaContext()) == ALL_DONE
    assert notes.said == []


def test_coroutines_start_when_their_turn_comes(notes: Notes) -> None:
    """Of async Tasks, one that waits for another hasn't started; its time is its own."""

    @queued(concurrency=1)
    async def handler(event: Any, context: Any) -> None:
        await asyncio.sleep(0.2)

    records = [record(message()) for _ in range(3)]
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert notes.order == (
        ["received"] * 3 + ["started", "stopped"] * 3 + ["ended"] * 3 + ["batch_ended"]
    )
    ends = notes.ends
    assert all(end["seconds"] > 0.19 for end in ends)
    for one, following in pairwise(ends):
        assert one["started_at"] + one["seconds"] < following["started_at"] + 0.15


@pytest.mark.parametrize("make", ["def", "async def"])
def test_the_time_that_observers_take_is_none_of_a_task_s(
    watch: Callable[..., Notes], monkeypatch: pytest.MonkeyPatch, make: str
) -> None:
    """A Task that waited for an observer to be told hasn't ended after it was over."""
    notes = watch()
    monkeypatch.setattr(notes, "started", lambda _: time.sleep(0.2))
    over: list[float] = []

    def handler(event: Any, context: Any) -> None:
        over.append(time.time())

    async def waiting(event: Any, context: Any) -> None:
        handler(event, context)

    worker = queued(handler if make == "def" else waiting)
    begin = time.monotonic()
    assert worker(event(record(message())), LambdaContext()) == ALL_DONE
    took = time.monotonic() - begin
    (end,) = notes.ends
    assert end["started_at"] <= over[0]
    assert end["seconds"] <= took - 0.2


@pytest.mark.parametrize("make", ["router, def", "router, async def", "lambda"])
def test_a_task_starts_and_stops_once(notes: Notes, make: str) -> None:
    """However a coroutine came about, its start and its stop are told once."""

    async def work_later() -> None:
        await asyncio.sleep(0.01)

    router = TaskRouter()
    if make == "router, async def":
        router.task(name="work")(work_later)
    elif make == "router, def":
        router.task(name="work")(lambda: work_later())  # noqa: PLW0108 - no async function
    handler: Any = router.handler
    if make == "lambda":
        handler = queued(lambda event, context: work_later())
    assert handler(event(record(message())), LambdaContext()) == ALL_DONE
    assert notes.order == ["received", "started", "stopped", "ended", "batch_ended"]
    assert notes.ends[0]["seconds"] > 0.005


def test_what_a_task_sends_is_told_while_it_runs(listeners: Listeners, notes: Notes) -> None:
    """Messages of send_task and send_tasks are told, with the chain that they belong to."""
    listeners.add("a", "b")

    @queued
    def handler(event: Any, context: Any) -> None:
        send_task("a")
        send_tasks([Task("b"), Task("b")])

    handler(event(record(message(chain_id=CHAIN_ID))), LambdaContext())
    assert [sent["task_name"] for sent in notes.of("sending")] == ["a", "b", "b"]
    assert {sent["chain_id"] for sent in notes.of("sending")} == {CHAIN_ID}
    assert not any(sent["is_callback"] for sent in notes.of("sending"))
    assert [error for _, error in notes.of("sent")] == [None] * 3
    assert notes.order[:2] == ["received", "started"]
    assert notes.order[-3:] == ["stopped", "ended", "batch_ended"]


def test_what_is_sent_from_outside_is_told(listeners: Listeners, notes: Notes) -> None:
    """Whoever starts a chain has observers too."""
    topics = listeners.add("work")
    task_id = send_task("work", {"n": 1})
    outgoing = {
        "task_name": "work",
        "task_id": task_id,
        "chain_id": task_id,
        "topic_arn": topics["work"],
        "is_callback": False,
    }
    assert notes.said == [("sending", outgoing), ("publishing",), ("sent", outgoing, None)]


# What becomes of a record.


def only(end: dict[str, Any]) -> tuple[str, type | None, bool]:
    """Return an end's outcome, the class of its error, and whether its Task ran to an end."""
    error = end["error"]
    return end["outcome"], None if error is None else type(error), end["seconds"] is not None


@pytest.mark.parametrize("make", [returning, returning_later], ids=["def", "async def"])
def test_a_failure_is_told_with_its_error(notes: Notes, make: Any) -> None:
    """The record of a Task that raised has failed, and the others are done."""
    error = ValueError("no")
    records = [record(message(), eventSourceARN=None) for _ in range(3)]
    handler = make(None, error, None)
    assert handler(event(*records), LambdaContext()) == failed(records[1])
    assert notes.outcomes == ["done", "failed", "done"]
    assert notes.ends[1]["error"] is error
    assert all(end["seconds"] > 0 for end in notes.ends)


@pytest.mark.parametrize("make", [returning, returning_later], ids=["def", "async def"])
def test_a_batch_that_stays_whole_is_handed_back(
    bucket: str, listeners: Listeners, notes: Notes, make: Any
) -> None:
    """Under batch, what didn't fail itself goes back too, and nothing of it was sent."""
    listeners.add("next")
    records = [record(message(callback="next")) for _ in range(3)]
    with pytest.raises(BatchFailedError):
        make({"n": 1}, ValueError("no"), {"n": 3}, failures="batch")(
            event(*records), LambdaContext()
        )
    assert [only(end) for end in notes.ends] == [
        ("handed_back", None, True),
        ("failed", ValueError, True),
        ("handed_back", None, True),
    ]
    assert "sending" not in notes.order
    assert all(end["next_task_id"] is None for end in notes.ends)
    assert notes.order[-1] == "batch_ended"


def test_a_record_that_cannot_be_read_has_failed(notes: Notes) -> None:
    """What is no message is received without a Task, never starts, and fails."""
    one = record("no JSON", eventSourceARN=None)
    assert returning()(event(one), LambdaContext()) == failed(one)
    assert notes.order == ["received", "ended", "batch_ended"]
    (received,) = notes.of("received")
    assert received["message_bytes"] == len("no JSON")
    assert received.keys().isdisjoint({"task_name", "task_id", "chain_id", "callback"})
    assert only(notes.ends[0]) == ("failed", MalformedMessageError, False)
    assert notes.ends[0]["started_at"] is None


def test_a_dead_letter_is_told(aws: LocalAWS, notes: Notes) -> None:
    """What the worker moved is a dead letter, and what it couldn't move has failed."""
    queue, lonely = SourceQueue(aws), SourceQueue(aws, has_dead_letters=False)
    for one in (queue, lonely):
        one.send(message())
    records = [*queue.receive(), *lonely.receive()]
    handler = returning(PermanentError("no"), PermanentError("no"))
    assert handler(event(*records), LambdaContext()) == failed(records[1])
    assert notes.outcomes == ["dead_letter", "failed"]
    assert {type(end["error"]) for end in notes.ends} == {PermanentError}
    assert len(queue.dead_letters()) == 1


@pytest.mark.parametrize(
    ("options", "shortest", "longest"),
    [
        pytest.param({}, 30, 30, id="the queue's own time"),
        pytest.param({"backoff": 60}, 30, 60, id="the Task's"),
    ],
)
def test_when_a_failure_comes_back_is_told(
    aws: LocalAWS, notes: Notes, options: Any, shortest: float, longest: float
) -> None:
    """It is the end of the time for which the worker, or else the queue, hides the message."""
    queue = SourceQueue(aws)  # SQS's default is 30 seconds
    queue.send(message())
    router = TaskRouter(failures="report")

    @router.task(**options)
    def work() -> None:
        raise ValueError("no")

    before = time.time()
    router.handler(event(*queue.receive()), LambdaContext())
    (end,) = notes.ends
    assert before + shortest <= end["comes_back_at"] <= time.time() + longest


@pytest.mark.parametrize(
    ("error", "receives"), [(PermanentError("no"), 100), (ValueError("no"), 1)]
)
def test_what_does_not_come_back_has_no_time(
    aws: LocalAWS, notes: Notes, error: Exception, receives: int
) -> None:
    """A dead letter comes back to nobody."""
    queue = SourceQueue(aws, max_receive_count=receives)
    queue.send(message())
    returning(error)(event(*queue.receive()), LambdaContext())
    assert [(end["outcome"], end["comes_back_at"]) for end in notes.ends] == [("dead_letter", None)]


def test_nobody_knows_when_a_whole_batch_comes_back(aws: LocalAWS, notes: Notes) -> None:
    """Under "batch" the worker asks its queue nothing."""
    queue = SourceQueue(aws)
    queue.send(message())
    with pytest.raises(BatchFailedError):
        returning(ValueError("no"), failures="batch")(event(*queue.receive()), LambdaContext())
    assert [end["comes_back_at"] for end in notes.ends] == [None]


def test_under_batch_there_are_no_dead_letters(aws: LocalAWS, notes: Notes) -> None:
    """A batch that stays whole has failed records, whatever they failed of."""
    queue = SourceQueue(aws)
    queue.send(message())
    with pytest.raises(BatchFailedError):
        returning(PermanentError("no"), failures="batch")(event(*queue.receive()), LambdaContext())
    assert notes.outcomes == ["failed"]


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_what_was_done_before_is_a_duplicate(
    bucket: str, listeners: Listeners, notes: Notes, failures: Any
) -> None:
    """With a ledger, a message that comes again isn't started, and its result goes on again."""
    listeners.add("next")
    one = record(message(task_id=TASK_ID, callback="next"))
    handler = returning({"n": 1}, once=True, failures=failures)
    for _ in range(2):
        assert handler(event(one), LambdaContext()) == ALL_DONE
    assert notes.outcomes == ["done", "duplicate"]
    assert notes.order.count("started") == 1
    first, second = notes.ends
    assert (second["started_at"], second["seconds"]) == (None, None)
    assert first["next_task_id"] == second["next_task_id"]
    assert [end["result_bytes"] for end in notes.ends] == [None, None]
    assert len(listeners.messages()) == 2


def test_what_another_worker_runs_is_handed_back(bucket: str, notes: Notes) -> None:
    """A Task that is under way elsewhere goes back, and not by a failure of its own."""
    twins = [record(message(task_id=TASK_ID)) for _ in range(2)]
    answer = returning(None, once=True)(event(*twins), LambdaContext())
    assert len(answer["batchItemFailures"]) == 1
    assert sorted(map(str, map(only, notes.ends))) == sorted(
        [str(("done", None, True)), str(("handed_back", TaskRunningError, False))]
    )


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_what_there_was_no_time_for_is_handed_back(notes: Notes, failures: Any) -> None:
    """Records that weren't started for lack of time go back without having run."""

    @queued(failures=failures)
    def handler(event: Any, context: Any) -> None:
        context["aws"].millis_left = 0

    records = [record(message()) for _ in range(3)]
    if failures == "report":
        assert handler(event(*records), LambdaContext()) == failed(*records[1:])
    else:
        with pytest.raises(BatchFailedError):
            handler(event(*records), LambdaContext())
    assert notes.order.count("started") == notes.order.count("stopped") == 1
    first, *others = map(only, notes.ends)
    assert first == (("done" if failures == "report" else "handed_back"), None, True)
    assert others == [("handed_back", OutOfTimeError, False)] * 2


def test_a_coroutine_that_is_cut_short_is_handed_back(notes: Notes) -> None:
    """One that Lambda's time is too short for has run for a while, and goes back."""

    class Ending(LambdaContext):
        def __init__(self) -> None:
            super().__init__()
            self.end = time.monotonic() + 1

        def get_remaining_time_in_millis(self) -> int:
            return int((self.end - time.monotonic()) * 1000)

    @queued(failures="report")
    async def handler(event: Any, context: Any) -> None:
        await asyncio.sleep(600)

    one = record(message())
    assert handler(event(one), Ending()) == failed(one)
    assert only(notes.ends[0]) == ("handed_back", OutOfTimeError, True)
    assert 0 < notes.ends[0]["seconds"] < 600


def test_coroutines_without_time_never_start(notes: Notes) -> None:
    """Async Tasks whose turn comes when the time is over go back without having run."""

    @queued(failures="report", concurrency=1)
    async def handler(event: Any, context: Any) -> None:
        context["aws"].millis_left = 0

    records = [record(message()) for _ in range(3)]
    assert handler(event(*records), LambdaContext()) == failed(*records[1:])
    assert notes.order.count("started") == notes.order.count("stopped") == 1
    assert [only(end) for end in notes.ends] == [
        ("done", None, True),
        ("handed_back", OutOfTimeError, False),
        ("handed_back", OutOfTimeError, False),
    ]
    assert [end["started_at"] is None for end in notes.ends] == [False, True, True]


def test_the_rest_of_a_message_group_is_handed_back(notes: Notes) -> None:
    """On a FIFO queue, what comes after a failure in its group goes back without having run."""
    records = [fifo_record(group, message()) for group in "aaba"]
    for one in records:
        one["eventSourceARN"] = "arn:aws:sqs:eu-west-1:123456789012:gone.fifo"
    handler = returning(None, ValueError("no"), None)
    assert handler(event(*records), LambdaContext()) == failed(records[1], records[3])
    assert [only(end) for end in notes.ends] == [
        ("done", None, True),
        ("failed", ValueError, True),
        ("done", None, True),
        ("handed_back", GroupStoppedError, False),
    ]


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_a_failure_that_a_state_machine_is_told_has_failed(
    wire: Wire, notes: Notes, failures: Any
) -> None:
    """Where Step Functions waits, a failure is one, though the message leaves the queue."""
    bodies = [json.dumps({"Input": {"task_name": "work"}, "TaskToken": n}) for n in "abc"]
    wire.treatment = lambda call, forward: Answer(200, [], b"{}")
    handler = returning({"n": 1}, ValueError("no"), PipelineTermination(), failures=failures)
    assert handler(event(*map(record, bodies)), LambdaContext()) == ALL_DONE
    assert notes.outcomes == ["done", "failed", "done"]
    assert wire.counted() == {"states SendTaskSuccess": 2, "states SendTaskFailure": 1}


def test_an_early_end_is_done_and_goes_nowhere(bucket: str, notes: Notes) -> None:
    """PipelineTermination is no failure, and its end tells of no next Task."""
    one = record(message(callback="never"))
    assert returning(PipelineTermination({"n": 1}))(event(one), LambdaContext()) == ALL_DONE
    assert only(notes.ends[0]) == ("done", None, True)
    assert notes.ends[0]["next_task_name"] is None
    assert "sending" not in notes.order


def test_a_result_that_cannot_be_sent_is_a_failure(
    bucket: str, listeners: Listeners, notes: Notes
) -> None:
    """A result that can't be written is a failure before it is sent, and what SNS refuses then."""
    listeners.add("next")
    names = ["next", "next", "gone"]
    records = [record(message(callback=name), eventSourceARN=None) for name in names]
    handler = returning({"n": 1}, {"n": object()}, {"n": 3})
    assert handler(event(*records), LambdaContext()) == failed(*records[1:])
    errors = {sent["task_id"]: error for sent, error in notes.of("sent")}
    assert len(errors) == len(notes.of("sending")) == 2
    assert {type(error) for error in errors.values()} == {type(None), UnknownListenerError}
    assert [only(end) for end in notes.ends] == [
        ("done", None, True),
        ("failed", UnserializableError, True),
        ("failed", UnknownListenerError, True),
    ]
    assert errors[notes.ends[0]["next_task_id"]] is None
    assert notes.ends[2]["next_task_id"] is None


def test_what_is_withdrawn_is_told(
    bucket: str, listeners: Listeners, notes: Notes, wire: Wire
) -> None:
    """Under batch, messages that were written before one couldn't be aren't sent, and say so."""
    topics = listeners.add("next")
    records = [record(message(callback="next")) for _ in range(3)]
    wire.treatment = lambda call, forward: (
        Answer(403, [], b"<Error><Code>AccessDenied</Code></Error>")
        if b"second" in call.body
        else forward()
    )
    with pytest.raises(BatchFailedError):
        returning({"n": 1}, {"n": "second"}, {"n": 3}, failures="batch")(
            event(*records), LambdaContext()
        )
    assert listeners.messages() == []
    assert {sent["topic_arn"] for sent in notes.of("sending")} == {topics["next"]}
    errors = [error for _, error in notes.of("sent")]
    assert len(notes.of("sending")) == len(errors) == 3
    # Newer versions of botocore have a class of its own for what S3 denies.
    assert [isinstance(error, ClientError) for error in errors].count(True) == 1
    assert [type(error) for error in errors].count(PublishError) == 2
    assert "others with it can't be" in str(
        next(error for error in errors if isinstance(error, PublishError))
    )
    assert notes.outcomes == ["handed_back", "failed", "handed_back"]


def test_a_sender_withdraws_too(listeners: Listeners, notes: Notes) -> None:
    """When send_tasks sends none since one can't be written, each message has its error."""
    listeners.add("work")
    with pytest.raises(UnserializableError):
        send_tasks([Task("work"), Task("work", {"n": object()}), Task("work")])
    errors = [type(error) for _, error in notes.of("sent")]
    assert sorted(error.__name__ for error in errors) == [
        "PublishError",
        "PublishError",
        "UnserializableError",
    ]


def test_a_sender_is_told_what_sns_did_not_take(listeners: Listeners, notes: Notes) -> None:
    """Of many, those that SNS took are sent, and the others have their error."""
    listeners.add("work")
    with pytest.raises(PublishError):
        send_tasks([Task("work"), Task("gone")])
    errors = {sent["task_name"]: error for sent, error in notes.of("sent")}
    assert errors["work"] is None
    assert isinstance(errors["gone"], UnknownListenerError)


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_when_a_task_exits_all_goes_back(
    bucket: str, listeners: Listeners, notes: Notes, failures: Any
) -> None:
    """A Task that ends the process ends all stories; nothing is done, and no result goes on."""
    listeners.add("next")
    program = [{"n": 1}, ValueError("no"), SystemExit(3), {"n": 4}]
    records = [record(message(callback="next")) for _ in program]
    with pytest.raises(SystemExit):
        returning(*program, failures=failures)(event(*records), LambdaContext())
    assert [only(end) for end in notes.ends] == [
        ("handed_back", None, True),
        ("failed", ValueError, True),
        ("handed_back", None, True),
        ("handed_back", None, False),
    ]
    assert notes.order == (
        ["received"] * 4 + ["started", "stopped"] * 3 + ["ended"] * 4 + ["batch_ended"]
    )
    assert listeners.messages() == []


EXITING_WORKER = """
import asyncio
from algernon_queue import Observer, observers, queued

class Ends(Observer):
    def ended(self, record, end):
        ran = end["seconds"] is not None
        print(end["outcome"], type(end["error"]).__name__, ran, flush=True)

    def batch_ended(self):
        print("the end", flush=True)

observers.append(Ends())

@queued(failures="report")
async def handler(event, context):
    n = event["task_kwargs"]["n"]
    if n == 1:
        raise ValueError("no")
    if n == 2:
        await asyncio.sleep(0.05)
        raise SystemExit(3)
    if n == 3:
        await asyncio.sleep(10)

body = '{"task_name": "work", "task_kwargs": {"n": %d}}'
message_id = "059f36b4-87a3-44ab-83d2-66197583000%d"
handler({"Records": [{"messageId": message_id % n, "body": body % n} for n in range(4)]}, None)
"""


@pytest.mark.starts
def test_when_a_coroutine_exits_all_goes_back() -> None:
    """The same goes for async Tasks, of which some are under way then."""
    run = subprocess.run(
        [sys.executable, "-c", EXITING_WORKER], capture_output=True, text=True, check=False
    )
    assert run.returncode == 3
    assert run.stdout.splitlines()[:5] == [
        "handed_back NoneType True",
        "failed ValueError True",
        "handed_back NoneType False",
        "handed_back NoneType False",
        "the end",
    ]


# How large things are.


def test_stored_arguments_have_a_size(bucket: str, notes: Notes) -> None:
    """What was fetched of S3 for a record is told in bytes, and the message's own as well."""
    stored = StoredData("kwargs", {"text": "é" * 1000}, full_unpack=True)
    pointer = json.loads(ajson.dumps(stored))
    body = message(task_kwargs=pointer)
    assert returning(None)(event(record(body)), LambdaContext()) == ALL_DONE
    assert notes.ends[0]["arguments_bytes"] == stored.size
    assert stored.size is not None
    assert stored.size > 2000
    assert notes.of("received")[0]["message_bytes"] == len(body.encode()) < 400


def test_a_result_that_travels_inline_is_not_stored(
    bucket: str, listeners: Listeners, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short result and none at all leave nothing in S3; the message has all the bytes."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "1000")
    listeners.add("next")
    records = [record(message(callback="next")) for _ in range(2)]
    assert returning({"text": "é" * 100}, None)(event(*records), LambdaContext()) == ALL_DONE
    assert [end["result_bytes"] for end in notes.ends] == [None, None]
    first, second = (end["sent_bytes"] for end in notes.ends)
    assert first - second == len('"text":""') + 200


def test_an_envelope_counts_as_received(notes: Notes) -> None:
    """The bytes of a message are those that came, envelope and all."""
    body = enveloped(message(task_id=TASK_ID))
    assert returning(None)(event(record(body)), LambdaContext()) == ALL_DONE
    assert notes.of("received")[0]["message_bytes"] == len(body.encode())
    assert notes.of("received")[0]["task_id"] == TASK_ID


# What goes with a message.


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "enveloped"])
def test_attributes_arrive_with_the_message(
    bucket: str, listeners: Listeners, watch: Callable[..., Notes], raw: bool
) -> None:
    """What sending returns is what received is told at the other end, for callbacks and senders."""
    listeners.add("first", "second", raw=raw)
    attributes = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-01", "who.else": "ä €😀"}
    notes = watch(**attributes)
    send_task("first", {"n": 1}, "second")
    listeners.drive(returning({"n": 2}, {"n": 3}), LambdaContext())
    received = notes.of("received")
    assert [told["task_name"] for told in received] == ["first", "second"]
    assert [told["attributes"] for told in received] == [attributes] * 2


def test_no_attributes_are_none(listeners: Listeners, wire: Wire, notes: Notes) -> None:
    """An observer that wants nothing sent along, has nothing sent along."""
    listeners.add("work")
    send_task("work")
    (call,) = [call for call in wire.calls if call.service == "sns"]
    assert not any("MessageAttributes" in name for name in call.form)


def test_two_observers_attributes_go_together(
    listeners: Listeners, watch: Callable[..., Notes]
) -> None:
    """All of them go; of two with one name, the later observer's."""
    listeners.add("work")
    watch(a="1", both="first")
    last = watch(b="2", both="second")
    send_task("work")
    assert returning(None)(event(*listeners.take()), LambdaContext()) == ALL_DONE
    assert last.of("received")[0]["attributes"] == {"a": "1", "b": "2", "both": "second"}


def test_x_ray_s_header_is_told(notes: Notes) -> None:
    """The tracing header that SQS knows of is told, apart from what the sender sent."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    one = record(message(), messageAttributes={"a": {"dataType": "String", "stringValue": "1"}})
    one["attributes"]["AWSTraceHeader"] = trace
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    (told,) = notes.of("received")
    assert (told["trace_header"], told["attributes"]) == (trace, {"a": "1"})


def attribute_bytes(attributes: Mapping[str, str]) -> int:
    """Return what attributes add to a message: names, types and values."""
    return sum(len(name) + len("String") + len(text.encode()) for name, text in attributes.items())


@pytest.mark.parametrize(("surplus", "uploads"), [(0, 0), (1, 1)])
@pytest.mark.parametrize("by_callback", [False, True], ids=["send_task", "callback"])
def test_attributes_count_against_256_kib(
    bucket: str,
    listeners: Listeners,
    wire: Wire,
    watch: Callable[..., Notes],
    monkeypatch: pytest.MonkeyPatch,
    by_callback: bool,
    surplus: int,
    uploads: int,
) -> None:
    """A message fills 256 KiB with its attributes; one byte more, and it goes through S3."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", str(SNS_LIMIT))
    attributes = {"trace": "é" * 1000, "b": "2"}
    listeners.add("next")

    def send(text: str) -> None:
        if by_callback:
            one = record(message(task_id=TASK_ID, callback="next"))
            assert returning({"text": text})(event(one), LambdaContext()) == ALL_DONE
        else:
            send_task("next", {"text": text})

    send("")
    (empty,) = listeners.take()
    notes = watch(**attributes)
    room = SNS_LIMIT - len(empty["body"].encode()) - attribute_bytes(attributes)
    wire.clear()
    send("x" * (room + surplus))
    assert wire.counted().get("s3 PUT", 0) == uploads
    assert len(listeners.messages()) == 1
    if by_callback and not surplus:
        assert notes.ends[0]["sent_bytes"] == SNS_LIMIT


def test_attributes_count_in_a_call_of_many(
    listeners: Listeners, wire: Wire, watch: Callable[..., Notes]
) -> None:
    """Messages that fit into a call but for their attributes are spread over two."""
    listeners.add("work")
    tasks = [Task("work", {"text": "x" * 120_000})] * 2
    send_tasks(tasks)
    watch(trace="x" * 15_000)
    send_tasks(tasks)
    assert wire.counted()["sns PublishBatch"] == 3


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        7,
        "text",
        [1],
        {},
        {"a": None, "b": 7, "c": "text", "d": [1], "e": {}},
        {"a": {"Type": "String"}, "b": {"Value": 7, "stringValue": 7}, "c": {"Value": None}},
        {"a": {"Type": "Binary", "Value": ["x"]}, "b": {"dataType": "Binary", "binaryValue": "eA"}},
    ],
)
@pytest.mark.parametrize("where", ["envelope", "record"])
def test_attributes_of_any_form_do_no_harm(
    listeners: Listeners, notes: Notes, where: str, hostile: Any
) -> None:
    """What isn't a text among a message's attributes is left out, and the message is done."""
    bad = (
        record(enveloped(message(), MessageAttributes=hostile))
        if where == "envelope"
        else record(message(), messageAttributes=hostile)
    )
    good = record(message())
    answer = returning(None, None)(event(bad, good), LambdaContext())
    if where == "envelope" or hostile is None or isinstance(hostile, dict):
        assert answer == ALL_DONE
        assert notes.of("received")[0]["attributes"] == {}
        assert notes.outcomes == ["done", "done"]
    else:  # which is nothing that SQS hands over
        assert answer == failed(bad)
        assert notes.outcomes == ["failed", "done"]


def test_of_mixed_attributes_the_texts_are_told(aws: LocalAWS, notes: Notes) -> None:
    """Numbers are texts, as SQS has them, and what is binary isn't."""
    queue = SourceQueue(aws)
    attributes: dict[str, dict[str, Any]] = {
        "tenant": {"DataType": "String", "StringValue": "Söhne"},
        "priority": {"DataType": "Number", "StringValue": "7"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    queue.send(message(), MessageAttributes=attributes)
    assert returning(None)(event(*queue.receive()), LambdaContext()) == ALL_DONE
    assert notes.of("received")[0]["attributes"] == {"tenant": "Söhne", "priority": "7"}
    in_envelope = {
        name: {"Type": value["DataType"], "Value": value["StringValue"]}
        for name, value in attributes.items()
        if name != "blob"
    }
    one = record(enveloped(message(), MessageAttributes=in_envelope))
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    assert notes.of("received")[1]["attributes"] == {"tenant": "Söhne", "priority": "7"}


# Observers that go wrong.


class Failing(Observer):
    """An observer that raises whenever it is told one kind of thing."""

    def __init__(self, what: str) -> None:
        setattr(self, what, self._fail)

    def _fail(self, *facts: object) -> Any:
        raise KeyError("out of order")


OF_THE_RECORD = ["received", "started", "stopped", "sending", "sent", "ended"]
OF_THE_BATCH = ["publishing", "batch_ended"]


@pytest.mark.parametrize("what", OF_THE_RECORD + OF_THE_BATCH)
@pytest.mark.parametrize("make", [returning, returning_later], ids=["def", "async def"])
def test_what_an_observer_raises_harms_nothing(
    bucket: str,
    listeners: Listeners,
    watch: Callable[..., Notes],
    caplog: pytest.LogCaptureFixture,
    make: Any,
    what: str,
) -> None:
    """It is logged with its traceback; Tasks, messages and other observers fare as ever."""
    listeners.add("next")
    first = watch(a="1")
    observers.append(Failing(what))
    last = watch(b="2")
    records = [record(message(callback="next")) for _ in range(2)]
    assert make({"n": 1}, {"n": 2})(event(*records), LambdaContext()) == ALL_DONE
    told = sorted(OF_THE_RECORD * 2 + OF_THE_BATCH)
    assert sorted(first.order) == sorted(last.order) == told
    taken = listeners.take()
    assert [set(one["messageAttributes"]) for one in taken] == [{"a", "b"}] * 2
    problems = [one for one in caplog.records if one.name == "algernon_queue"]
    assert len(problems) == (1 if what in OF_THE_BATCH else 2)
    for problem in problems:
        assert problem.levelno == logging.ERROR
        assert "an observer of Tasks failed" in problem.getMessage()
        assert problem.exc_info is not None
        assert isinstance(problem.exc_info[1], KeyError)


def test_a_sender_s_observer_may_raise_too(
    listeners: Listeners, watch: Callable[..., Notes], caplog: pytest.LogCaptureFixture
) -> None:
    """Outside of Tasks, what observers raise keeps no message back."""
    listeners.add("work")
    observers.extend([Failing("sending"), Failing("publishing"), Failing("sent")])
    notes = watch()
    send_task("work")
    assert notes.order == ["sending", "publishing", "sent"]
    assert len(listeners.messages()) == 1
    assert caplog.text.count("an observer of Tasks failed") == 3


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        (None, 0),
        (7, 2),
        ("text", 2),
        (["a"], 2),
        ({"a": None}, 2),
        ({"a": 7}, 2),
        ({"a": b"x"}, 2),
        ({7: "x"}, 2),
        ({"a": "\ud800"}, 2),
        ({"a": "line\nline"}, 2),
        ({"a": "\x00"}, 2),
        ({"a b": "x"}, 2),
        ({"é": "x"}, 2),
        ({".a": "x"}, 2),
        ({"a..b": "x"}, 2),
        ({"AWS.a": "x"}, 2),
        ({"Amazon.a": "x"}, 2),
        ({"a" * 257: "x"}, 2),
        ({"": "x"}, 2),
    ],
)
def test_attributes_that_cannot_be_sent_are_left_out(
    listeners: Listeners,
    watch: Callable[..., Notes],
    caplog: pytest.LogCaptureFixture,
    attributes: Any,
    said: int,
) -> None:
    """What an observer wants sent that is no text isn't, which is logged; the message goes on."""
    listeners.add("next")
    watch().attributes = attributes
    watch(b="2")
    one = record(message(callback="next"))
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    send_task("next")
    assert [set(sent["messageAttributes"]) for sent in listeners.take()] == [{"b"}] * 2
    assert caplog.text.count("an observer of Tasks wants sent what can't be attributes") == said


def test_ten_attributes_go_at_most(listeners: Listeners, watch: Callable[..., Notes]) -> None:
    """SNS drops a message with more under raw delivery, so the first ten go."""
    listeners.add("work")
    watch(**{f"a{number}": "x" for number in range(8)})
    watch(**{f"b{number}": "x" for number in range(8)})
    send_task("work")
    (sent,) = listeners.take()
    assert set(sent["messageAttributes"]) == {*(f"a{n}" for n in range(8)), "b0", "b1"}


def test_a_logger_that_fails_too_harms_no_task(
    listeners: Listeners, monkeypatch: pytest.MonkeyPatch, watch: Callable[..., Notes]
) -> None:
    """Where an observer fails, and so does the line that tells of it, the batch is done."""
    listeners.add("next")

    class Failing(Observer):
        def ended(self, record: Any, end: Any) -> None:
            raise ValueError("no line")

    def refuse(line: logging.LogRecord) -> bool:
        raise RuntimeError("no line at all")

    logger = logging.getLogger("algernon_queue")
    monkeypatch.setattr(logger, "filters", [refuse])
    failing = Failing()
    observers.append(failing)
    notes = watch()
    one = record(message(callback="next"))
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    assert [end["outcome"] for end in notes.ends] == ["done"]


def test_empty_attributes_are_left_out(
    listeners: Listeners, watch: Callable[..., Notes], caplog: pytest.LogCaptureFixture
) -> None:
    """SNS takes no empty attribute, so none is sent."""
    listeners.add("work")
    watch(a="", b="2")
    send_task("work")
    assert [set(sent["messageAttributes"]) for sent in listeners.take()] == [{"b"}]
    assert "an observer of Tasks failed" not in caplog.text


def test_an_event_by_hand_is_told_as_any_other(notes: Notes) -> None:
    """What SQS would have said of a record, and an event by hand doesn't, is left open."""
    odd = record(message())
    odd["attributes"] = {"SentTimestamp": "yesterday", "ApproximateReceiveCount": "often"}
    short = {"messageId": odd["messageId"], "body": message()}
    assert returning(None, None)(event(odd, short), LambdaContext()) == ALL_DONE
    assert notes.order == (
        ["received"] * 2 + ["started", "stopped"] * 2 + ["ended"] * 2 + ["batch_ended"]
    )
    assert [
        (told["receive_count"], told["sent_at"], told["queue_arn"]) for told in notes.of("received")
    ] == [(1, None, QUEUE_ARN), (1, None, "")]


def test_whoever_comes_in_the_middle_is_told_of_the_next_batch(
    bucket: str, listeners: Listeners, watch: Callable[..., Notes]
) -> None:
    """An observer that a Task brings in is told whole stories only, but for messages."""
    listeners.add("next")
    came: list[Notes] = []

    @queued
    def handler(event: Any, context: Any) -> None:
        if not came:
            came.append(watch())

    records = [record(message(callback="next")) for _ in range(2)]
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert came[0].order == ["sending", "sending", "publishing", "sent", "sent"]
    assert handler(event(records[0]), LambdaContext()) == ALL_DONE
    assert sorted(came[0].order[5:]) == sorted(OF_THE_RECORD + OF_THE_BATCH)


def test_whoever_comes_while_sns_is_called_harms_nothing(
    listeners: Listeners, wire: Wire, watch: Callable[..., Notes]
) -> None:
    """An observer that wasn't there when a message was written isn't told that it was sent."""
    listeners.add("work")
    came: list[Notes] = []

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.service == "sns":
            came.append(watch())
        return forward()

    wire.treatment = treat
    send_task("work")
    assert [notes.said for notes in came] == [[]]
    assert len(listeners.messages()) == 1


def test_whoever_leaves_in_the_middle_is_told_nothing_more(
    bucket: str, listeners: Listeners, notes: Notes
) -> None:
    """An observer that a Task takes out hears no more, and nothing is harmed."""
    listeners.add("next")

    @queued
    def handler(event: Any, context: Any) -> None:
        observers.remove(notes)

    assert handler(event(record(message(callback="next"))), LambdaContext()) == ALL_DONE
    assert notes.order == ["received", "started"]
    assert len(listeners.messages()) == 1


def test_an_observer_that_leaves_itself_keeps_no_other_from_hearing(
    watch: Callable[..., Notes],
) -> None:
    """The list may change while it is gone through."""

    class Leaving(Observer):
        def received(self, record: Mapping[str, Any]) -> None:
            observers.remove(self)

    observers.append(Leaving())
    notes = watch()
    assert returning(None)(event(record(message())), LambdaContext()) == ALL_DONE
    assert notes.order == ["received", "started", "stopped", "ended", "batch_ended"]


# Context variables.


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


def test_an_observer_need_not_say_all(watch: Callable[..., Notes], listeners: Listeners) -> None:
    """One that inherits from Observer says only what it wants to."""
    listeners.add("next")
    told: list[str] = []

    class Ends(Observer):
        def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
            told.append(end["outcome"])

    observers.append(Ends())
    one = record(message(callback="next"))
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    assert told == ["done"]
    assert len(listeners.messages()) == 1


def test_two_observers_are_told_the_same_in_order(watch: Callable[..., Notes]) -> None:
    """Each is told all, the first one first."""
    order: list[str] = []

    class Named(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def received(self, record: Mapping[str, Any]) -> None:
            order.append(f"{self.name} received")

        def ended(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
            order.append(f"{self.name} ended")

    observers.extend([Named("first"), Named("second")])
    notes, others = watch(), watch()
    assert returning(None)(event(record(message())), LambdaContext()) == ALL_DONE
    assert order == ["first received", "second received", "first ended", "second ended"]
    assert notes.said == others.said


def test_a_bare_message_is_no_record(notes: Notes) -> None:
    """A message that a router is called with directly is in no batch, and nobody is told."""
    router = TaskRouter()
    router.task(name="work")(lambda: {"n": 1})
    assert router.handler({"task_name": "work"}, LambdaContext()) == {"n": 1}
    assert notes.said == []
