"""A failed message comes back when its Task says so."""

from __future__ import annotations

import json
from math import ceil, inf, nan
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, SettingError, TaskRouter
from algernon_storage import S3Ledger
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ..wire import Answer
from .events import (
    ALL_DONE,
    TASK_ID,
    LambdaContext,
    event,
    failed,
    message,
    record,
)
from .queues import SourceQueue, entries_of, not_allowing, received_times

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Call, Treatment, Wire

LONGEST = 42_000  # seconds: twelve hours but for what Lambda may have waited and worked before
HIDING = "ChangeMessageVisibilityBatch"


@pytest.fixture
def queue(aws: LocalAWS) -> SourceQueue:
    """A queue with a dead-letter queue."""
    return SourceQueue(aws)


@pytest.fixture
def endless(aws: LocalAWS) -> SourceQueue:
    """A queue that gives its messages out as often as it takes."""
    return SourceQueue(aws, has_dead_letters=False)


def failing(*, failures: Any = "report", **options: Any) -> TaskRouter:
    """Return a router whose Task ``work`` fails if it is told to, and is tried again so."""
    router = TaskRouter(failures=failures)

    @router.task(**options)
    def work(*, fail: bool = True) -> None:
        if fail:
            raise ValueError("no")

    return router


def hidden(wire: Wire) -> dict[str, int]:
    """Return for how many seconds each message was hidden, by its receipt handle."""
    return {
        entry["ReceiptHandle"]: entry["VisibilityTimeout"]
        for entries in entries_of(wire, HIDING)
        for entry in entries
    }


def refusing(*, code: str, indexes: tuple[int, ...], times: int = 99) -> Treatment:
    """Return what has SQS refuse entries of the first calls that would hide messages."""
    calls = []

    def treat(call: Call, forward: Any) -> Answer:
        if call.operation != HIDING:
            answer: Answer = forward()
            return answer
        calls.append(call)
        refused = [
            {"Id": entry["Id"], "Code": code, "SenderFault": code != "Throttled", "Message": "no"}
            for entry in json.loads(call.body)["Entries"]
            if int(entry["Id"]) in indexes and len(calls) <= times
        ]
        taken = [
            {"Id": entry["Id"]}
            for entry in json.loads(call.body)["Entries"]
            if entry["Id"] not in {entry["Id"] for entry in refused}
        ]
        return Answer(200, [], json.dumps({"Successful": taken, "Failed": refused}).encode())

    return treat


def test_a_failed_message_is_hidden_twice_as_long_each_time(queue: SourceQueue, wire: Wire) -> None:
    """After a failure, it comes back after half to all of the backoff, doubled each time."""
    queue.send(*[message()] * 5)
    records = [received_times(n, one) for n, one in enumerate(queue.receive(), 1)]
    assert failing(backoff=30).handler(event(*records), LambdaContext()) == failed(*records)
    assert [call.operation for call in wire.calls].count(HIDING) == 1
    seconds = hidden(wire)
    for longest, one in zip((30, 60, 120, 240, 480), records, strict=True):
        assert longest / 2 <= seconds[one["receiptHandle"]] <= longest


@settings(max_examples=40)
@example(backoff=0.001, counts=[40])
@example(backoff=42_000, counts=[1, 2, 999, 10**6])
@example(backoff=1e-300, counts=[1, 999, 10**18])
@given(
    backoff=st.one_of(st.integers(0, LONGEST), st.floats(0, LONGEST)),
    counts=st.lists(st.one_of(st.integers(1, 30), st.integers(1, 2000)), min_size=1, max_size=4),
)
def test_every_backoff_and_count_gives_a_time_that_sqs_takes(
    endless: SourceQueue, wire: Wire, backoff: float, counts: list[int]
) -> None:
    """The time is half to all of backoff * 2 ** (count - 1), in whole seconds, within the limit."""
    wire.clear()
    endless.send(*[message()] * len(counts))
    records = [received_times(n, one) for n, one in zip(counts, endless.receive(), strict=True)]
    assert failing(backoff=backoff).handler(event(*records), None) == failed(*records)
    seconds = hidden(wire)
    endless.delete(*records)
    for count, one in zip(counts, records, strict=True):
        doublings = min(count - 1, 999)  # maxReceiveCount is at most 1,000
        longest = min(backoff * 2.0**doublings, LONGEST)
        assert longest / 2 <= seconds[one["receiptHandle"]] <= ceil(longest)


def test_messages_that_failed_together_come_back_apart(queue: SourceQueue, wire: Wire) -> None:
    """Chance spreads what failed at the same time."""
    queue.send(*[message()] * 10)
    failing(backoff=10_000).handler(event(*queue.receive()), LambdaContext())
    assert len(set(hidden(wire).values())) > 1


def test_sqs_gives_a_message_to_nobody_until_then(queue: SourceQueue) -> None:
    """Without a backoff the message is back at once, and with one it isn't."""
    queue.send(message())
    records = queue.receive()
    router = failing(backoff=0)
    router.task(name="slow", backoff=60)(router.tasks["work"])
    assert router.handler(event(*records), LambdaContext()) == failed(*records)
    (again,) = queue.receive()
    assert again["attributes"]["ApproximateReceiveCount"] == "2"
    slow = {**again, "body": message("slow")}
    assert router.handler(event(slow), LambdaContext()) == failed(slow)
    assert queue.receive() == []


def test_only_what_failed_is_hidden(queue: SourceQueue, wire: Wire) -> None:
    """What is done, and what failed without saying how it is tried again, stays as it is."""
    router = failing(retries=5)
    router.task(name="plain")(router.tasks["work"])
    queue.send(message(), message("plain"), message(task_kwargs={"fail": False}), message())
    records = queue.receive()
    bad = [one for one in records if "false" not in one["body"]]
    assert router.handler(event(*records), LambdaContext()) == failed(*bad)
    retried = [one for one in bad if "plain" not in one["body"]]
    assert len(retried) == 2
    assert hidden(wire) == {one["receiptHandle"]: 1 for one in retried}


def test_a_task_that_does_not_say_is_left_alone(queue: SourceQueue, wire: Wire) -> None:
    """Without retries and backoff, a failed message waits for its queue's visibility timeout.

    Its queue is asked once how often it gives messages out.
    """
    for _ in range(2):
        queue.send(message())
        records = queue.receive()
        assert failing().handler(event(*records), LambdaContext()) == failed(*records)
    assert wire.counted() == {"sqs GetQueueUrl": 1, "sqs GetQueueAttributes": 1}


def test_what_succeeds_costs_no_call(queue: SourceQueue, wire: Wire) -> None:
    """A batch that is done asks nothing of SQS, whatever its Tasks say of retries."""
    queue.send(message(task_kwargs={"fail": False}))
    router = failing(retries=1, backoff=1)
    assert router.handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    assert wire.calls == []


def test_many_failures_are_hidden_ten_a_call(queue: SourceQueue, wire: Wire) -> None:
    """A batch may have more records than one call takes."""
    queue.send(*[message()] * 25)
    records = [one for _ in range(3) for one in queue.receive()]
    assert failing(backoff=9).handler(event(*records), LambdaContext()) == failed(*records)
    assert sorted(map(len, entries_of(wire, HIDING))) == [5, 10, 10]
    assert set(hidden(wire)) == {one["receiptHandle"] for one in records}


def test_coroutines_are_tried_again_too(queue: SourceQueue, wire: Wire) -> None:
    """A failed async Task comes back as any other."""
    router = TaskRouter(failures="report")

    @router.task(backoff=100)
    async def work() -> None:
        raise ValueError("no")

    queue.send(message())
    records = queue.receive()
    assert router.handler(event(*records), LambdaContext()) == failed(*records)
    (seconds,) = hidden(wire).values()
    assert 50 <= seconds <= 100


def test_exhausted_retries_lead_to_the_dead_letter_queue(queue: SourceQueue, wire: Wire) -> None:
    """With two retries, a message is tried three times, and is moved after the third."""
    router = failing(retries=2, backoff=0)
    queue.send(message(task_id=TASK_ID))
    for _ in range(2):
        records = queue.receive()
        assert router.handler(event(*records), LambdaContext()) == failed(*records)
        assert queue.dead_letters() == []
    records = queue.receive()
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert dead["Body"] == message(task_id=TASK_ID)
    reasons = {name: value["StringValue"] for name, value in dead["MessageAttributes"].items()}
    assert reasons == {
        "algernon.error": "ValueError",
        "algernon.reason": "no",
        "algernon.receive_count": "3",
        "algernon.task_name": "work",
        "algernon.task_id": TASK_ID,
        "algernon.chain_id": TASK_ID,
    }
    assert len(entries_of(wire, HIDING)) == 2


def test_no_retries_are_none(queue: SourceQueue, wire: Wire) -> None:
    """With retries=0, the first failure is the last."""
    queue.send(message())
    answer = failing(retries=0).handler(event(*queue.receive()), LambdaContext())
    assert answer == ALL_DONE
    assert len(queue.dead_letters()) == 1
    assert hidden(wire) == {}


def test_without_retries_and_redrive_policy_it_is_tried_for_ever(
    endless: SourceQueue, wire: Wire
) -> None:
    """A Task that only says its backoff is never moved where the queue sets no limit."""
    endless.send(message())
    records = [received_times(10_000, one) for one in endless.receive()]
    assert failing(backoff=1).handler(event(*records), LambdaContext()) == failed(*records)
    assert endless.dead_letters() == []
    assert 21_000 <= hidden(wire)[records[0]["receiptHandle"]] <= LONGEST


def test_what_cannot_be_moved_is_hidden(
    aws: LocalAWS, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """Exhausted retries on a queue without a dead-letter queue leave the message for later."""
    queue = SourceQueue(aws, has_dead_letters=False)
    queue.send(message())
    records = queue.receive()
    answer = failing(retries=0, backoff=60).handler(event(*records), LambdaContext())
    assert answer == failed(*records)
    assert 30 <= hidden(wire)[records[0]["receiptHandle"]] <= 60
    assert "has no redrive policy" in caplog.text


def test_under_batch_nothing_is_hidden_or_moved(queue: SourceQueue, wire: Wire) -> None:
    """A batch that stays whole comes back as Lambda has it, whatever its Tasks say."""
    queue.send(message(), message("nobody"))
    with pytest.raises(BatchFailedError):
        failing(failures=None, retries=0).handler(event(*queue.receive()), LambdaContext())
    assert wire.calls == []
    assert queue.dead_letters() == []


@pytest.mark.parametrize("options", [{"retries": 3}, {"retries": 0}, {"backoff": 5}])
def test_retries_are_refused_where_they_mean_nothing(options: Any) -> None:
    """A Task of a router whose batches stay whole can't say how it is tried again."""
    router = TaskRouter(failures="batch")
    with pytest.raises(SettingError, match="mean nothing under failures='batch'"):
        router.task(**options)
    assert router.task()(print).__wrapped__ is print


@pytest.mark.parametrize(
    ("setting", "options", "is_told"),
    [
        ("batch", {"retries": 3}, True),
        ("", {"backoff": 5}, True),
        ("report", {"retries": 3}, False),
        ("batch", {}, False),
    ],
)
def test_retries_that_the_environment_makes_meaningless_are_told_once(
    setting: str,
    options: Any,
    is_told: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where ALGERNON_FAILURES decides, the first batch warns of retries that aren't heeded."""
    monkeypatch.setenv("ALGERNON_FAILURES", setting)
    router = failing(failures=None, **options)
    for _ in range(3):
        done = record(message(task_kwargs={"fail": False}))
        assert router.handler(event(done), LambdaContext()) == ALL_DONE
    warnings = [line for line in caplog.messages if "retries and backoff of work" in line]
    assert len(warnings) == int(is_told)
    assert all("ALGERNON_FAILURES=report" in line for line in warnings)


def test_a_refused_call_leaves_failures_as_they_are(
    queue: SourceQueue, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """When SQS hides nothing, the failed are reported all the same, and the others done."""
    wire.treatment = not_allowing(HIDING)
    queue.send(message(), message(task_kwargs={"fail": False}))
    records = queue.receive()
    bad = [one for one in records if "false" not in one["body"]]
    assert failing(backoff=5).handler(event(*records), LambdaContext()) == failed(*bad)
    assert f"message {bad[0]['messageId']} for the Task work comes back at its" in caplog.text
    assert "not allowed" in caplog.text


def test_a_refused_entry_leaves_the_others_hidden(
    queue: SourceQueue, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """When SQS refuses one message's time, it comes back at its own, and it alone."""
    wire.treatment = refusing(code="InvalidParameterValue", indexes=(1,))
    queue.send(*[message()] * 3)
    records = queue.receive()
    assert failing(backoff=5).handler(event(*records), LambdaContext()) == failed(*records)
    (entries,) = entries_of(wire, HIDING)
    assert len(entries) == 3
    (warned,) = [entry for entry in caplog.records if entry.levelname == "WARNING"]
    assert warned.getMessage() == (
        f"message {records[1]['messageId']} for the Task work comes back at its queue's own time:"
        " InvalidParameterValue no"
    )


def test_a_throttled_entry_is_tried_again(
    queue: SourceQueue, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """What SQS refuses for now is asked for once more, without those that it took."""
    wire.treatment = refusing(code="Throttled", indexes=(1,), times=1)
    queue.send(*[message()] * 3)
    records = queue.receive()
    assert failing(backoff=5).handler(event(*records), LambdaContext()) == failed(*records)
    assert [[entry["Id"] for entry in entries] for entries in entries_of(wire, HIDING)] == [
        ["0", "1", "2"],
        ["1"],
    ]
    assert "comes back" not in caplog.text


def test_waiting_for_sqs_ends_with_lambda_s_time(queue: SourceQueue, wire: Wire) -> None:
    """A function that is about to end doesn't wait to try again, and reports what failed."""
    wire.treatment = refusing(code="Throttled", indexes=(0,))
    queue.send(message())
    records = queue.receive()
    context = LambdaContext(millis_left=0)
    assert failing(backoff=5).handler(event(*records), context) == failed(*records)
    assert len(entries_of(wire, HIDING)) == 1


def test_what_was_not_started_in_time_is_back_at_once(queue: SourceQueue, wire: Wire) -> None:
    """A message that there was no time for is hidden no longer, if its Task says how it's tried."""
    router = TaskRouter(failures="report")
    ran = []

    @router.task(backoff=600)
    def work(context: dict[str, Any]) -> None:
        ran.append(1)
        context["aws"].millis_left -= 1900

    router.task(name="plain")(work)
    queue.send(*[message()] * 3, message("plain"))
    records = sorted(queue.receive(), key=lambda one: "plain" in one["body"])
    answer = router.handler(event(*records), LambdaContext(millis_left=2000))
    assert answer == failed(*records[1:])
    assert ran == [1]
    assert hidden(wire) == {one["receiptHandle"]: 0 for one in records[1:3]}
    assert [one["attributes"]["ApproximateReceiveCount"] for one in queue.receive()] == ["2", "2"]


def test_the_stopped_rest_of_a_group_is_back_at_once(aws: LocalAWS, wire: Wire) -> None:
    """On a FIFO queue, the failed message is hidden, and those stopped after it aren't."""
    queue = SourceQueue(aws, is_fifo=True)
    for n in range(3):
        queue.send(message(), MessageGroupId="a", MessageDeduplicationId=str(n))
    records = queue.receive()
    assert len(records) == 3
    assert failing(backoff=600).handler(event(*records), LambdaContext()) == failed(*records)
    seconds = [hidden(wire)[one["receiptHandle"]] for one in records]
    assert 300 <= seconds[0] <= 600
    assert seconds[1:] == [0, 0]


def test_a_task_that_runs_elsewhere_is_left_alone(
    bucket: str, queue: SourceQueue, wire: Wire
) -> None:
    """A message whose Task another worker runs right now comes back at its queue's own time."""
    S3Ledger().claim(TASK_ID, 60)
    router = TaskRouter(failures="report", once=True)

    @router.task(retries=0)
    def work() -> None:
        pytest.fail("it was run")

    queue.send(message(task_id=TASK_ID))
    records = queue.receive()
    assert router.handler(event(*records), LambdaContext()) == failed(*records)
    assert hidden(wire) == {}
    assert queue.dead_letters() == []


def test_an_event_by_hand_asks_no_queue(wire: Wire) -> None:
    """A record that doesn't say its queue is reported, and nothing else."""
    one = record(message(), eventSourceARN=None)
    assert failing(retries=0).handler(event(one), None) == failed(one)
    assert wire.calls == []


@pytest.mark.parametrize("retries", [True, False, -1, 1000, 1.0, nan, "3", [3]])
def test_retries_are_a_number(retries: Any) -> None:
    """A number of retries that SQS couldn't count raises where it stands."""
    with pytest.raises(SettingError, match=r"retries is .*, but it is an int from 0 to 999"):
        TaskRouter().task(retries=retries)


@pytest.mark.parametrize("backoff", [True, -1, -0.1, 42_001, nan, inf, -inf, "3", [3]])
def test_a_backoff_is_a_number_of_seconds(backoff: Any) -> None:
    """A backoff that SQS couldn't keep to raises where it stands."""
    with pytest.raises(SettingError, match=r"backoff is .*, but it is a number of seconds from 0"):
        TaskRouter().task(backoff=backoff)


def test_a_backoff_beyond_any_float_is_refused_too() -> None:
    """An int that no float could hold is out of range as any other."""
    with pytest.raises(SettingError, match="backoff is 1000"):
        TaskRouter().task(backoff=10**400)


def test_a_router_tells_its_retries() -> None:
    """The retries of the Tasks that say are there by name; the rest is the redrive policy's."""
    router = TaskRouter()
    said: dict[str, dict[str, Any]] = {
        "plain": {},
        "never": {"retries": 0},
        "often": {"retries": 999, "backoff": 42_000},
        "slow": {"backoff": 0.5},
    }
    for name, options in said.items():
        router.task(name=name, **options)(print)
    assert dict(router.retries) == {"never": 0, "often": 999}
