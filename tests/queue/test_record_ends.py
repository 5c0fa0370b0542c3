"""Those who watch are told what became of each record."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    GroupStoppedError,
    MalformedMessageError,
    OutOfTimeError,
    PermanentError,
    PipelineTermination,
    PublishError,
    Task,
    TaskRouter,
    TaskRunningError,
    UnknownListenerError,
    queued,
    send_tasks,
)
from algernon_serialize import UnserializableError
from botocore.exceptions import ClientError

from ..wire import Answer
from .events import ALL_DONE, TASK_ID, LambdaContext, event, failed, fifo_record, message, record
from .handlers import returning, returning_later
from .queues import SourceQueue
from .watching import Notes

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners
    from .lambda_clock import LambdaClock


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


def test_a_coroutine_that_is_cut_short_is_handed_back(notes: Notes, clock: LambdaClock) -> None:
    """One that Lambda's time is too short for has run for a while, and goes back."""

    @queued(failures="report")
    async def handler(event: Any, context: Any) -> None:
        clock.goes_on(30)
        await asyncio.sleep(0.01)

    one = record(message())
    assert handler(event(one), clock.context) == failed(one)
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
