"""What fails in its last try, or was received more often, is a dead letter that says why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon_queue import (
    BatchFailedError,
    SettingError,
    TaskRouter,
    UnregisteredTaskError,
    WorkerLostError,
)
from algernon_serialize import ajson
from algernon_storage import Claim, S3Ledger, StoredData

from ..s3_clock import S3Clock
from ..wire import Answer
from .events import ALL_DONE, TASK_ID, LambdaContext, event, failed, message, record
from .queues import SourceQueue, entries_of, not_allowing, received_times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import LocalAWS
    from ..wire import Call, Wire
    from .conftest import Listeners

TRIES = 5
EXTRA = 2


class System:
    """A queue as the template makes it, and a Task that fails as it is told to."""

    def __init__(self, aws: LocalAWS, *, once: bool, max_receive_count: int) -> None:
        self.queue = SourceQueue(aws, max_receive_count=max_receive_count)
        self.ran: list[str] = []
        self.router = TaskRouter(failures="report", once=once)

        @self.router.task
        def work(error: str | None = None) -> dict[str, int]:
            self.ran.append("work")
            if error is not None:
                raise ValueError(error)
            return {"n": 1}

    def send(self, **others: Any) -> dict[str, Any]:
        """Send the Task, and return its record."""
        self.queue.send(message(task_id=TASK_ID, **others))
        (record,) = self.queue.receive()
        return record

    def handle(
        self, record: dict[str, Any], times: int, *, context: LambdaContext | None = None
    ) -> Any:
        """Work off a record that was received so often."""
        return self.router.handler(event(received_times(times, record)), context or LambdaContext())

    def dead(self) -> str | None:
        """Return the error's name of the dead letter, if there is one."""
        letters = self.queue.dead_letters()
        if not letters:
            return None
        return str(letters[0]["MessageAttributes"]["algernon.error"]["StringValue"])


@pytest.fixture
def make(aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., System]:
    """Make a system, with the template's extra receives or without."""

    def make(
        *, once: bool = False, extra: int = EXTRA, max_receive_count: int = TRIES + EXTRA
    ) -> System:
        monkeypatch.setenv("ALGERNON_EXTRA_RECEIVES", str(extra))
        return System(aws, once=once, max_receive_count=max_receive_count)

    return make


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize(
    ("extra", "most", "last"),
    [(2, 7, 5), (0, 5, 5), (0, 1, 1), (2, 1, 1), (2, 2, 1), (2, 3, 1), (1, 3, 2)],
)
def test_what_fails_in_its_last_try_is_moved_with_its_own_error(
    make: Callable[..., System], once: bool, extra: int, most: int, last: int
) -> None:
    """Until then it stays, and then it is in the dead-letter queue with the reason."""
    system = make(once=once, extra=extra, max_receive_count=most)
    record = system.send(task_kwargs={"error": "no"})
    for times in range(1, last):
        assert system.handle(record, times) == failed(record)
        assert system.dead() is None
    assert system.handle(record, last) == ALL_DONE
    assert system.dead() == "ValueError"
    assert len(system.ran) == last


def test_a_callback_that_cannot_be_published_says_so(
    make: Callable[..., System], wire: Wire
) -> None:
    """A Task whose result nobody takes is moved in its last try, with that as the reason."""
    system = make()
    record = system.send(callback="nobody")
    assert system.handle(record, TRIES - 1) == failed(record)
    assert system.handle(record, TRIES) == ALL_DONE
    assert system.dead() == "UnknownListenerError"


def test_under_batch_nothing_is_moved(make: Callable[..., System], wire: Wire) -> None:
    """A batch that stays whole is SQS's to move, and asks no queue."""
    system = make()
    router = TaskRouter(failures="batch")

    @router.task
    def work() -> None:
        raise ValueError("no")

    record = received_times(TRIES + EXTRA, system.send())
    wire.clear()
    with pytest.raises(BatchFailedError):
        router.handler(event(record), LambdaContext())
    assert wire.calls == []
    assert system.dead() is None


@pytest.mark.parametrize("times", [TRIES + 1, TRIES + 2])
def test_without_a_ledger_what_was_received_too_often_is_not_run(
    make: Callable[..., System], times: int
) -> None:
    """Each worker that got it died: it says so, and that it may never have run."""
    system = make()
    record = system.send()
    assert system.handle(record, times) == ALL_DONE
    assert system.ran == []
    (letter,) = system.queue.dead_letters()
    attributes = letter["MessageAttributes"]
    assert attributes["algernon.error"]["StringValue"] == "WorkerLostError"
    assert "or has never run" in attributes["algernon.reason"]["StringValue"]


def test_a_task_that_the_ledger_never_saw_is_run_after_all(make: Callable[..., System]) -> None:
    """What was only ever throttled, or came with another's death, hasn't had its turn."""
    system = make(once=True)
    record = system.send()
    assert system.handle(record, TRIES + 1) == ALL_DONE
    assert system.ran == ["work"]
    assert system.dead() is None


def test_a_task_that_was_only_handed_back_is_run_after_all(
    make: Callable[..., System],
) -> None:
    """A claim that was given back without a run is no run."""
    system = make(once=True)
    slow = TaskRouter(failures="report", once=True)

    @slow.task(name="slow")
    def take_all_the_time(context: Any) -> None:
        context["aws"].millis_left = 0

    slow.task(name="work")(lambda: system.ran.append("too early"))
    record = system.send()
    for times in range(1, TRIES + 1):
        first = {**record, "messageId": str(uuid4()), "body": message("slow")}
        answer = slow.handler(event(first, received_times(times, record)), LambdaContext())
        assert answer == failed(record)
    assert system.ran == []
    assert system.handle(record, TRIES + 1) == ALL_DONE
    assert system.ran == ["work"]


def test_a_task_that_may_have_run_is_not_run_again(make: Callable[..., System], wire: Wire) -> None:
    """A claim that lapsed is that of a worker that died."""
    clock = S3Clock(wire)
    system = make(once=True)
    assert isinstance(S3Ledger().claim(TASK_ID, 30, task_name="work"), Claim)
    clock.goes_on(60)
    record = system.send()
    assert system.handle(record, TRIES + 1) == ALL_DONE
    assert system.ran == []
    assert system.dead() == "WorkerLostError"


def test_a_task_that_is_done_is_sent_on(make: Callable[..., System], listeners: Listeners) -> None:
    """In the extra receives, an outcome that is there goes on as ever."""
    listeners.add("next")
    system = make(once=True)
    ledger = S3Ledger()
    claim = ledger.claim(TASK_ID, 30, task_name="work")
    assert isinstance(claim, Claim)
    ledger.finish(claim, {"n": 7})
    record = system.send(callback="next")
    assert system.handle(record, TRIES + 2) == ALL_DONE
    assert system.ran == []
    assert system.dead() is None
    assert len(listeners.messages()) == 1


def test_a_task_that_still_runs_is_waited_for_once(make: Callable[..., System]) -> None:
    """A standing claim hides the message; the last time, it is moved, and the claim stands."""
    system = make(once=True)
    assert isinstance(S3Ledger().claim(TASK_ID, 900, task_name="work"), Claim)
    record = system.send()
    assert system.handle(record, TRIES + 1) == failed(record)
    assert system.dead() is None
    assert system.handle(record, TRIES + 2) == ALL_DONE
    assert system.dead() == "TaskRunningError"
    assert system.ran == []
    assert S3Ledger().claim(TASK_ID, 900) is None


def test_what_is_throttled_in_its_tries_is_not_moved_before_the_last_time(
    make: Callable[..., System], wire: Wire
) -> None:
    """A failure to read or claim is no try: the extra receives are for that, too."""
    system = make(once=True)
    record = system.send()

    def throttle(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.service == "s3":
            return Answer(403, [], b"<Error><Code>Odd</Code></Error>")
        return forward()

    for times in (TRIES, TRIES + 1):
        wire.treatment = throttle
        assert system.handle(record, times) == failed(record)
    assert system.dead() is None
    wire.treatment = None
    assert system.handle(record, TRIES + 2) == ALL_DONE
    assert system.ran == ["work"]


def test_the_last_time_whatever_keeps_it_says_so(make: Callable[..., System], wire: Wire) -> None:
    """What SQS would move without a word is moved with the error of its last time."""
    system = make(once=True)
    record = system.send()

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.service == "s3":
            return Answer(403, [], b"<Error><Code>Odd</Code></Error>")
        return forward()

    wire.treatment = refuse
    assert system.handle(record, TRIES + EXTRA) == ALL_DONE
    assert system.dead() == "ClientError"
    assert system.ran == []


def test_what_came_most_often_runs_before_time_is_short(make: Callable[..., System]) -> None:
    """A record that SQS won't give out again goes first, wherever it stands in its batch."""
    system = make(once=True)

    @system.router.task
    def slow(context: Any) -> None:
        context["aws"].millis_left = 0

    record = system.send()
    first = {**record, "messageId": str(uuid4()), "body": message("slow")}
    batch = event(first, received_times(TRIES + EXTRA, record))
    assert system.router.handler(batch, LambdaContext()) == ALL_DONE
    assert system.ran == ["work"]


def test_a_task_that_moves_to_another_worker_gets_its_tries(make: Callable[..., System]) -> None:
    """While a deployment lasts, a message may come to a worker that hasn't its Task."""
    system = make()
    elsewhere = TaskRouter(failures="report")
    record = system.send()
    for times in range(1, TRIES):
        answer = elsewhere.handler(event(received_times(times, record)), LambdaContext())
        assert answer == failed(record)
    assert system.dead() is None
    answer = elsewhere.handler(event(received_times(TRIES, record)), LambdaContext())
    assert answer == ALL_DONE
    assert system.dead() == "UnregisteredTaskError"
    assert not issubclass(UnregisteredTaskError, WorkerLostError)


def test_its_tries_are_a_few_minutes_on_any_queue(make: Callable[..., System], wire: Wire) -> None:
    """However often a queue gives messages out, and how fast, a deployment has its time."""
    system = make(max_receive_count=100)
    elsewhere = TaskRouter(failures="report")
    record = system.send()
    for times in range(1, 5):
        answer = elsewhere.handler(event(received_times(times, record)), LambdaContext())
        assert answer == failed(record)
    seconds = [
        entry["VisibilityTimeout"]
        for entries in entries_of(wire, "ChangeMessageVisibilityBatch")
        for entry in entries
    ]
    assert len(seconds) == 4
    assert 120 <= sum(seconds) <= 244
    answer = elsewhere.handler(event(received_times(5, record)), LambdaContext())
    assert answer == ALL_DONE
    assert system.dead() == "UnregisteredTaskError"


def test_a_queue_that_may_not_be_asked_is_left_to_sqs(
    make: Callable[..., System], wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the right to ask for the redrive policy all is SQS's, and the log says so."""
    system = make(extra=0, max_receive_count=1)
    record = system.send(task_kwargs={"error": "no"})
    caplog.set_level("DEBUG")
    wire.treatment = not_allowing("GetQueueAttributes")
    assert system.handle(record, 1) == failed(record)
    assert system.dead() is None
    assert "can't be asked for its redrive policy" in caplog.text


@pytest.mark.parametrize("once", [False, True])
def test_what_never_gets_as_far_as_running_says_why(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch, once: bool
) -> None:
    """A Task whose arguments can't be fetched in any of its tries isn't told to end its worker."""
    monkeypatch.setenv("ALGERNON_EXTRA_RECEIVES", str(EXTRA))
    queue = SourceQueue(aws, max_receive_count=TRIES + EXTRA)
    gone = StoredData.at(f"{bucket}#cache/gone!0.json")
    queue.send(ajson.dumps({"task_name": "work", "task_kwargs": gone}))
    (sent,) = queue.receive()
    router = TaskRouter(failures="report", once=once)
    router.task(name="work")(lambda: pytest.fail("it ran"))
    # A ledger knows that it hasn't run, and so gives it all receives.
    last = TRIES + EXTRA if once else TRIES
    for count in range(1, last):
        answer = router.handler(event(received_times(count, sent)), LambdaContext())
        assert answer == failed(sent)
    assert router.handler(event(received_times(last, sent)), LambdaContext()) == ALL_DONE
    (letter,) = queue.dead_letters()
    reason = letter["MessageAttributes"]["algernon.error"]["StringValue"]
    assert reason == "MissingObjectError"


def test_where_there_is_no_aws_at_all_failures_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A record that fails where no client can be made, as in a user's own tests, stays alone."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    router = TaskRouter(failures="report")
    router.task(name="good")(lambda: None)
    router.task(name="bad")(lambda: 1 / 0)
    records = [record(message("bad")), record(message("good"))]
    assert router.handler(event(*records), LambdaContext()) == failed(records[0])


@pytest.mark.parametrize("setting", ["two", "-1", "1.5", "1e3"])
def test_the_setting_is_a_number(
    make: Callable[..., System], monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """A setting that means nothing is told, and nothing is lost."""
    system = make()
    record = system.send()
    monkeypatch.setenv("ALGERNON_EXTRA_RECEIVES", setting)
    with pytest.raises(SettingError, match="ALGERNON_EXTRA_RECEIVES"):
        system.handle(record, 1)
    assert system.ran == []
    assert system.dead() is None


def test_a_state_machine_is_told_of_lost_workers(make: Callable[..., System], wire: Wire) -> None:
    """Who waits with a token hears that the Task won't be run any more."""
    system = make()
    body = json.dumps({"TaskToken": "token", "Input": {"task_name": "work"}})
    system.queue.send(body)
    (record,) = system.queue.receive()

    def answer(call: Call, forward: Callable[[], Answer]) -> Answer:
        return Answer(200, [], b"{}") if call.service == "states" else forward()

    wire.treatment = answer
    assert system.handle(record, TRIES + 1) == ALL_DONE
    assert wire.counted()["states SendTaskFailure"] == 1
    assert system.dead() is None
