"""With a ledger, a Task that is done isn't run again, however often its message comes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon_queue import (
    BatchFailedError,
    PipelineTermination,
    SettingError,
    TaskRouter,
    TaskRunningError,
    queued,
)
from algernon_storage import Claim, Outcome, S3Ledger, StoredData

from ..s3_clock import S3Clock
from ..wire import Answer
from .events import ALL_DONE, TASK_ID, LambdaContext, enveloped, event, fifo_record, message, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


@dataclass(frozen=True)
class Worker:
    """A kind of worker, and its policy for failures."""

    kind: str
    failures: Any

    def doing(self, task: Callable[..., Any], once: Any = True) -> Any:
        """Return the Lambda handler that runs a function with each message's arguments."""
        if self.kind == "queued":
            decorate = queued(failures=self.failures, once=once)
            return decorate(lambda event, context: task(**event["task_kwargs"]))
        router = TaskRouter(failures=self.failures, once=once)
        router.task(name="work")(task)
        return router.handler


@pytest.fixture(params=["queued", "router"])
def kind(request: pytest.FixtureRequest) -> Any:
    """How the worker is made."""
    return request.param


@pytest.fixture(params=["batch", "report"])
def worker(request: pytest.FixtureRequest, kind: str) -> Worker:
    """A worker that has yet to be told what to do."""
    return Worker(kind, request.param)


class Work:
    """A Task that notes its runs, each of which has another result."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.failing: set[int] = set()

    def __call__(self, n: int = 0) -> dict[str, int]:
        """Run."""
        self.runs.append(n)
        if n in self.failing:
            raise ValueError(f"number {n} failed")
        return {"n": n, "run": len(self.runs)}


def numbered(count: int, **others: Any) -> list[dict[str, Any]]:
    """Return numbered records with a callback, each of a Task of its own."""
    return [
        record(
            message("work", task_kwargs={"n": n}, callback="next", task_id=str(uuid4()), **others)
        )
        for n in range(count)
    ]


def one_record(**others: Any) -> dict[str, Any]:
    """Return a record of the Task TASK_ID, another one each time."""
    return record(message("work", task_id=TASK_ID, **{"callback": "next", **others}))


def staying(handler: Any, *records: dict[str, Any], context: Any = None) -> list[int]:
    """Have a handler work, and return the numbers of the records with which something is wrong."""
    try:
        answer = handler(event(*records), context or LambdaContext())
    except BatchFailedError as error:
        ids = list(error.failures)
    else:
        ids = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    return [n for n, record in enumerate(records) if record["messageId"] in ids]


def result_in(sent: dict[str, Any]) -> Any:
    """Return the stored result that a callback's message leads to."""
    pointer = StoredData.pointer_in(sent["task_kwargs"])
    assert pointer is not None
    return StoredData.retrieve(pointer).data


def refusing(operation: str) -> Callable[[Any, Callable[[], Answer]], Answer]:
    """Have AWS refuse an operation, and let others pass."""
    body = (
        b"<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code>"
        b"<Message>not allowed</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
    refusal = Answer(403, [("Content-Type", "text/xml")], body)
    return lambda call, forward: refusal if call.operation == operation else forward()


def test_a_message_that_comes_twice_runs_once(
    bucket: str, listeners: Listeners, worker: Worker
) -> None:
    """The second time nothing is run, and the callback gets the same message again."""
    listeners.add("next")
    work = Work()
    handler = worker.doing(work)
    for _ in range(3):
        assert staying(handler, one_record(task_kwargs={"n": 7})) == []
    assert work.runs == [7]
    sent = listeners.messages()
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]
    assert result_in(sent[0]) == {"n": 7, "run": 1}


@pytest.mark.parametrize("kind", ["router"])
def test_it_is_the_task_s_id_that_counts(bucket: str, listeners: Listeners, worker: Worker) -> None:
    """A Task with another id is another one; the id's spelling doesn't matter."""
    listeners.add("next")
    work = Work()
    handler = worker.doing(work)
    same = [TASK_ID, TASK_ID.upper(), TASK_ID.replace("-", "")]
    for task_id in (*same, TASK_ID.replace("4f", "5f")):
        assert staying(handler, record(message("work", task_id=task_id))) == []
    assert staying(handler, record(enveloped(message("work"), MessageId=TASK_ID))) == []
    assert len(work.runs) == 2


def test_what_could_not_be_published_is_not_run_again(
    used_bucket: str, listeners: Listeners, wire: Wire, worker: Worker
) -> None:
    """When publishing fails, the record stays; the next time it is published and not run."""
    listeners.add("next")
    work = Work()
    handler = worker.doing(work)
    wire.treatment = refusing("PublishBatch")
    assert staying(handler, one_record()) == [0]
    asked = {"sqs GetQueueUrl": 1} if worker.failures == "report" else {}
    assert wire.counted() == {"s3 PUT": 2, "sns PublishBatch": 1, **asked}
    assert staying(handler, one_record()) == [0]
    assert listeners.messages() == []
    wire.treatment = None
    assert staying(handler, one_record()) == []
    assert work.runs == [0]
    assert [result_in(sent) for sent in listeners.messages()] == [{"n": 0, "run": 1}]


def test_what_a_dead_worker_has_done_is_published(
    bucket: str, listeners: Listeners, worker: Worker
) -> None:
    """A worker that died between storing and publishing leaves a Task that is done."""
    listeners.add("next")
    dead = S3Ledger()
    claim = dead.claim(TASK_ID, 30)
    assert isinstance(claim, Claim)
    dead.finish(claim, {"by": "the dead"})
    work = Work()
    assert staying(worker.doing(work), one_record()) == []
    assert work.runs == []
    assert [result_in(sent) for sent in listeners.messages()] == [{"by": "the dead"}]


def test_what_another_worker_runs_stays_in_the_queue(
    bucket: str, listeners: Listeners, wire: Wire, worker: Worker
) -> None:
    """A Task with a claim isn't run until that has lapsed, while other records aren't held up."""
    listeners.add("next")
    clock = S3Clock(wire)
    work = Work()
    handler = worker.doing(work)
    assert isinstance(S3Ledger().claim(TASK_ID, 30), Claim)
    for _ in range(2):
        others = numbered(2)
        assert staying(handler, others[0], one_record(task_kwargs={"n": 7}), others[1]) == [1]
        clock.goes_on(15)
    assert work.runs == [0, 1, 0, 1]
    assert len(listeners.messages()) == (0 if worker.failures == "batch" else 4)
    clock.goes_on(2)
    assert staying(handler, one_record(task_kwargs={"n": 7})) == []
    assert work.runs == [0, 1, 0, 1, 7]
    assert len(listeners.messages()) == 1


@pytest.mark.parametrize("ends_chain", [True, False])
def test_an_overtaken_worker_sends_on_what_the_first_did(
    bucket: str, listeners: Listeners, wire: Wire, worker: Worker, ends_chain: bool
) -> None:
    """A worker that wasn't done in time sends on the result that stands, and not its own."""
    listeners.add("next")
    clock = S3Clock(wire)

    def work() -> dict[str, str]:
        clock.goes_on(40)
        claim = S3Ledger().claim(TASK_ID, 30)
        assert isinstance(claim, Claim)
        S3Ledger().finish(claim, {"by": "another"}, ends_chain=ends_chain)
        return {"by": "me"}

    assert staying(worker.doing(work), one_record()) == []
    results = [result_in(sent) for sent in listeners.messages()]
    assert results == ([] if ends_chain else [{"by": "another"}])


def test_the_error_says_that_it_runs_elsewhere(
    bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The record's error is TaskRunningError, which is no error in the log."""
    S3Ledger().claim(TASK_ID, 30)
    one = one_record()
    with pytest.raises(BatchFailedError) as caught:
        queued(once=True)(lambda event, context: None)(event(one), LambdaContext())
    (error,) = caught.value.failures.values()
    assert isinstance(error, TaskRunningError)
    assert [entry.levelname for entry in caplog.records if entry.name == "algernon_queue"] == [
        "WARNING"
    ]


@pytest.mark.parametrize(
    ("context", "holds"), [(LambdaContext(millis_left=5000), 6), (None, 901)], ids=["Lambda", "no"]
)
def test_a_killed_worker_s_claim_lapses_with_its_time(
    bucket: str, wire: Wire, worker: Worker, context: Any, holds: int
) -> None:
    """A Task whose worker was killed runs again once Lambda would have ended that worker."""
    clock = S3Clock(wire)
    runs: list[str] = []

    def die(**kwargs: Any) -> None:
        runs.append("killed")
        raise SystemExit(1)

    one = one_record(callback=None)
    with pytest.raises(SystemExit):
        worker.doing(die)(event(one), context)
    handler = worker.doing(lambda: runs.append("done"))
    clock.goes_on(holds)
    assert staying(handler, one) == [0]
    clock.goes_on(1)
    assert staying(handler, one) == []
    assert runs == ["killed", "done"]


def test_a_task_that_failed_runs_again_at_once(
    bucket: str, listeners: Listeners, worker: Worker
) -> None:
    """A failure gives the claim back, so the next delivery runs the Task without a wait."""
    listeners.add("next")
    work = Work()
    work.failing = {0}
    handler = worker.doing(work)
    assert staying(handler, one_record()) == [0]
    assert staying(handler, one_record()) == [0]
    work.failing.clear()
    assert staying(handler, one_record()) == []
    assert staying(handler, one_record()) == []
    assert work.runs == [0, 0, 0]
    assert [result_in(sent)["run"] for sent in listeners.messages()] == [3, 3]


def test_what_was_not_started_in_time_runs_again_at_once(bucket: str, kind: str) -> None:
    """Records that Lambda's time was too short for give their claims back."""
    work = Work()
    handler = Worker(kind, "report").doing(work)
    records = numbered(3)
    for one in records:
        one["body"] = one["body"].replace('"next"', "null")
    assert staying(handler, *records, context=LambdaContext(millis_left=-1)) == [1, 2]
    assert work.runs == [0]
    assert staying(handler, *records) == []
    assert work.runs == [0, 1, 2]


def test_what_was_done_beside_a_failure_is_not_run_again(bucket: str, listeners: Listeners) -> None:
    """Under batch, nothing is published for a batch that stays, and what was done stays done."""
    listeners.add("next")
    work = Work()
    work.failing = {1}
    handler = queued(once=True)(lambda event, context: work(**event["task_kwargs"]))
    records = numbered(3)
    for times in (1, 2):
        assert staying(handler, *records) == [1]
        assert sorted(work.runs) == sorted([0, 2, *times * [1]])
        assert listeners.messages() == []
    work.failing.clear()
    assert staying(handler, *records) == []
    assert work.runs == [0, 1, 2, 1, 1]
    results = [result_in(sent) for sent in listeners.messages()]
    assert sorted(result["n"] for result in results) == [0, 1, 2]
    assert sorted(result["run"] for result in results) == [1, 3, 5]


def test_twins_in_one_batch_run_once(
    bucket: str, listeners: Listeners, wire: Wire, worker: Worker
) -> None:
    """Of two records of one Task in a batch one runs; the other stays, and is published later."""
    listeners.add("next")
    S3Clock(wire)
    work = Work()
    handler = worker.doing(work)
    twins = [one_record(), one_record()]
    left = staying(handler, *twins)
    assert left in ([0], [1])
    again = twins if worker.failures == "batch" else [twins[left[0]]]
    assert staying(handler, *again) == []
    assert work.runs == [0]
    sent = listeners.messages()
    assert len(sent) == 2
    assert sent[0] == sent[1]


def stored(kwargs: Any, name: str = "kwargs") -> dict[str, Any]:
    """Store keyword arguments, and return what stands for them."""
    return {
        "_alg_class": "StoredData",
        "_alg_module": "algernon.aws.snakes",
        "value": {"pointer": StoredData(name, kwargs, timestamp="0").store()},
    }


@pytest.mark.parametrize("kind", ["router"])
def test_a_done_task_needs_no_arguments(
    aws: LocalAWS, bucket: str, listeners: Listeners, worker: Worker
) -> None:
    """When the stored arguments of a Task that is done are gone, it is published all the same."""
    listeners.add("next")
    work = Work()
    handler = worker.doing(work)
    kwargs = stored({"n": 7})
    assert staying(handler, one_record(task_kwargs=kwargs)) == []
    aws.client("s3").delete_object(Bucket=bucket, Key="cache/kwargs!0.json")
    assert staying(handler, one_record(task_kwargs=kwargs)) == []
    assert work.runs == [7]
    assert len(listeners.messages()) == 2


@pytest.mark.parametrize("kind", ["router"])
def test_a_task_without_its_arguments_gives_its_claim_back(
    aws: LocalAWS, bucket: str, listeners: Listeners, worker: Worker
) -> None:
    """When stored arguments can't be fetched, the record fails, and can run as soon as they can."""
    listeners.add("next")
    work = Work()
    handler = worker.doing(work)
    kwargs = stored({"n": 7})
    aws.client("s3").delete_object(Bucket=bucket, Key="cache/kwargs!0.json")
    assert staying(handler, one_record(task_kwargs=kwargs)) == [0]
    assert work.runs == []
    stored({"n": 7})
    assert staying(handler, one_record(task_kwargs=kwargs)) == []
    assert work.runs == [7]


@pytest.mark.parametrize("kind", ["router"])
def test_a_result_that_nobody_gets_may_be_anything(bucket: str, worker: Worker) -> None:
    """Without a callback, a Task is done whatever it returned."""
    runs: list[int] = []

    def work() -> object:
        runs.append(1)
        return object()

    handler = worker.doing(work)
    for _ in range(2):
        assert staying(handler, one_record(callback=None)) == []
    assert runs == [1]


@pytest.mark.parametrize("kind", ["router"])
def test_a_result_that_cannot_travel_fails_its_record_alone(
    bucket: str, listeners: Listeners, worker: Worker
) -> None:
    """With a callback, a result that ajson can't send is that record's failure."""
    listeners.add("next")
    handler = worker.doing(lambda n: object() if n == 1 else {"n": n})
    assert staying(handler, *numbered(3)) == [1]
    assert len(listeners.messages()) == (0 if worker.failures == "batch" else 2)


@pytest.mark.parametrize("kind", ["router"])
def test_no_result_is_no_arguments(bucket: str, listeners: Listeners, worker: Worker) -> None:
    """None goes on as empty keyword arguments, as it does without a ledger, each time."""
    listeners.add("work", "next")
    ran: list[dict[str, Any]] = []
    router = TaskRouter(failures="report", once=True)
    router.task(name="next")(lambda **kwargs: ran.append(kwargs))
    handler = worker.doing(lambda: None)
    for _ in range(2):
        assert staying(handler, one_record()) == []
        (sent,) = listeners.take()
        body = json.loads(sent["body"])
        assert result_in(body) == {}
        assert router.handler(event(sent), LambdaContext()) == ALL_DONE
    assert ran == [{}]


@pytest.mark.parametrize("kind", ["router"])
def test_an_early_end_is_an_end_each_time(
    bucket: str, listeners: Listeners, worker: Worker
) -> None:
    """A Task that ended its chain is done with its result, and never sends anything on."""
    listeners.add("next")
    runs: list[int] = []

    def work() -> None:
        runs.append(1)
        raise PipelineTermination({"skipped": "no rows"})

    handler = worker.doing(work)
    for _ in range(2):
        assert staying(handler, one_record()) == []
    assert runs == [1]
    assert listeners.messages() == []
    outcome = S3Ledger().claim(TASK_ID, 30)
    assert isinstance(outcome, Outcome)
    assert outcome.ends_chain
    assert StoredData.retrieve(outcome.pointer).data == {"skipped": "no rows"}


@pytest.mark.parametrize("kind", ["router"])
def test_short_results_go_through_s3_too(
    bucket: str, listeners: Listeners, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that would travel inline is sent as the pointer that the ledger has."""
    listeners.add("next")
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "1000")
    handler = worker.doing(Work())
    for _ in range(2):
        assert staying(handler, one_record()) == []
    first, second = listeners.messages()
    assert first == second
    assert StoredData.pointer_in(first["task_kwargs"]) == f"{bucket}#cache/{TASK_ID}!done.json"


def test_a_chain_runs_each_task_once(bucket: str, listeners: Listeners) -> None:
    """Duplicates of every message of a chain lead to one run of each Task."""
    listeners.add("a", "b")
    ran: list[tuple[str, int]] = []
    router = TaskRouter(failures="report", once=True)

    @router.task
    def a(n: int) -> dict[str, int]:
        ran.append(("a", n))
        return {"n": n + 1}

    @router.task
    def b(n: int) -> dict[str, int]:
        ran.append(("b", n))
        return {"n": n + 1}

    one = record(
        message("a", task_id=TASK_ID, task_kwargs={"n": 0}, callback="a#b#a", callback_position=0)
    )
    for _ in range(2):
        assert router.handler(event(one), LambdaContext()) == ALL_DONE
    while records := listeners.take():
        for each in (*records, *records):
            assert router.handler(event(each), LambdaContext()) == ALL_DONE
    assert ran == [("a", 0), ("b", 1), ("a", 2)]


def test_what_runs_elsewhere_stops_its_message_group(bucket: str, kind: str) -> None:
    """On a FIFO queue, records behind one that another worker runs wait, with their claims free."""
    S3Ledger().claim(TASK_ID, 30)
    work = Work()
    handler = Worker(kind, "report").doing(work)
    bodies = [json.loads(one["body"]) for one in numbered(4)]
    records = [
        fifo_record(group, json.dumps({**body, "callback": None}))
        for group, body in zip("aaba", bodies, strict=True)
    ]
    records[1]["body"] = records[1]["body"].replace(bodies[1]["task_id"], TASK_ID)
    assert staying(handler, *records) == [1, 3]
    assert work.runs == [0, 2]
    assert staying(handler, records[3]) == []
    assert work.runs == [0, 2, 3]


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_a_state_machine_gets_the_first_result_again(
    bucket: str, wire: Wire, failures: Any
) -> None:
    """A state machine that waits for a Task is sent its first result each time."""
    work = Work()
    handler = queued(failures=failures, once=True)(lambda event, context: work())
    body = json.dumps(
        {"TaskToken": "token", "Input": json.loads(one_record(callback=None)["body"])}
    )
    for _ in range(2):
        assert staying(handler, record(body)) == []
    assert work.runs == [0]
    reports = [json.loads(call.body) for call in wire.calls if call.operation == "SendTaskSuccess"]
    assert [(report["taskToken"], json.loads(report["output"])) for report in reports] == [
        ("token", {"n": 0, "run": 1}),
        ("token", {"n": 0, "run": 1}),
    ]


def test_the_ledger_costs_no_round_trip(bucket: str, listeners: Listeners, wire: Wire) -> None:
    """A batch of ten fetches and claims at once, then stores at once, then publishes."""
    listeners.add("next")
    handler = queued(once=True)(lambda event, context: {"n": event["task_kwargs"]["n"] + 1})
    warming, records = (
        [
            record(message("work", callback="next", task_kwargs=stored({"n": n}, f"{batch}-{n}")))
            for n in range(10)
        ]
        for batch in range(2)
    )
    assert staying(handler, *warming) == []
    listeners.messages()

    wire.clear()
    wire.expect_rounds(20, 10, 1)
    assert staying(handler, *records) == []

    assert wire.counted() == {"s3 GET": 10, "s3 PUT": 20, "sns PublishBatch": 1}
    assert {call.operation for call in wire.calls[20:30]} == {"PUT"}
    assert wire.calls[30].operation == "PublishBatch"
    assert sorted(result_in(sent)["n"] for sent in listeners.messages()) == list(range(1, 11))


def test_a_done_batch_costs_three_calls_a_record(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """A batch that is done already finds that out in parallel, and is published in one call."""
    listeners.add("next")
    handler = queued(once=True)(lambda event, context: None)
    records = numbered(5)
    assert staying(handler, *records) == []
    wire.clear()
    assert staying(handler, *records) == []
    assert wire.counted() == {"s3 PUT": 5, "s3 GET": 5, "s3 HEAD": 5, "sns PublishBatch": 1}


class MemoryLedger:
    """A ledger for one process, which notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.claims: set[str] = set()
        self.outcomes: dict[str, Outcome] = {}
        self.results: list[Any] = []

    def claim(self, task_id: str, seconds: float) -> Claim | Outcome | None:
        """Claim a Task."""
        assert 0 < seconds <= 30
        self.asked.append(("claim", task_id))
        if task_id in self.outcomes:
            return self.outcomes[task_id]
        if task_id in self.claims:
            return None
        self.claims.add(task_id)
        return Claim(task_id, "")

    def finish(self, claim: Claim, result: Any, *, ends_chain: bool = False) -> Outcome:
        """Keep a result."""
        self.asked.append(("finish", claim.task_id))
        self.results.append(result)
        pointer = f"elsewhere#results/{claim.task_id}!1.json"
        return self.outcomes.setdefault(claim.task_id, Outcome(pointer, ends_chain))

    def release(self, claim: Claim) -> None:
        """Give a claim back."""
        self.asked.append(("release", claim.task_id))
        self.claims.remove(claim.task_id)


def test_another_ledger_can_be_given(listeners: Listeners, wire: Wire) -> None:
    """A ledger of one's own is asked in place of S3, and its pointer goes to the callback."""
    listeners.add("next")
    ledger = MemoryLedger()
    work = Work()
    work.failing = {0}
    router = TaskRouter(failures="report", once=ledger)
    router.task(name="work")(work)
    assert staying(router.handler, one_record()) == [0]
    work.failing.clear()
    assert staying(router.handler, one_record()) == []
    assert staying(router.handler, one_record()) == []
    assert work.runs == [0, 0]
    assert [what for what, _ in ledger.asked] == [
        *("claim", "release"),
        *("claim", "finish"),
        "claim",
    ]
    assert {task_id for _, task_id in ledger.asked} == {TASK_ID}
    assert ledger.results == [{"n": 0, "run": 2}]
    pointers = [StoredData.pointer_in(sent["task_kwargs"]) for sent in listeners.messages()]
    assert pointers == 2 * [f"elsewhere#results/{TASK_ID}!1.json"]
    assert wire.counted() == {"sns PublishBatch": 2, "sqs GetQueueUrl": 1}


@pytest.mark.parametrize("kind", ["router"])
def test_an_s3_ledger_can_be_given(aws: LocalAWS, bucket: str, worker: Worker) -> None:
    """An S3Ledger with options keeps the ledger where these say."""
    work = Work()
    handler = worker.doing(work, S3Ledger(folder="ledger"))
    for _ in range(2):
        assert staying(handler, one_record(callback=None)) == []
    assert work.runs == [0]
    found = aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert {one["Key"].partition("/")[0] for one in found} == {"ledger"}


@pytest.mark.parametrize("once", ["yes", "", 1, 0, None, {"claim": 1}, S3Ledger], ids=repr)
@pytest.mark.parametrize("make", [queued, TaskRouter])
def test_what_is_no_ledger_is_refused_at_once(make: Any, once: Any) -> None:
    """A value of once that is neither a bool nor a ledger raises where it stands."""
    with pytest.raises(SettingError, match="it is True, False or a Ledger, which has"):
        make(once=once)


class BrokenLedger(MemoryLedger):
    """A ledger one of whose methods doesn't work for some Task."""

    def __init__(self, broken: str, task_id: str) -> None:
        super().__init__()
        self.broken = (broken, task_id)

    def claim(self, task_id: str, seconds: float) -> Claim | Outcome | None:
        """Claim a Task."""
        self._check("claim", task_id)
        return super().claim(task_id, seconds)

    def finish(self, claim: Claim, result: Any, *, ends_chain: bool = False) -> Outcome:
        """Keep a result."""
        self._check("finish", claim.task_id)
        return super().finish(claim, result, ends_chain=ends_chain)

    def release(self, claim: Claim) -> None:
        """Give a claim back."""
        self._check("release", claim.task_id)
        super().release(claim)

    def _check(self, method: str, task_id: str) -> None:
        if (method, task_id) == self.broken:
            raise ConnectionError("the ledger can't be reached")


@pytest.mark.parametrize("method", ["claim", "finish"])
def test_a_ledger_s_failure_is_its_record_s(
    bucket: str, listeners: Listeners, worker: Worker, method: str
) -> None:
    """A Task that can't be claimed isn't run, one that can't be noted isn't sent on; others are."""
    listeners.add("next")
    records = numbered(3)
    ids = [json.loads(record["body"])["task_id"] for record in records]
    ledger = BrokenLedger(method, ids[1])
    work = Work()
    assert staying(worker.doing(work, ledger), *records) == [1]
    assert work.runs == ([0, 2] if method == "claim" else [0, 1, 2])
    assert ledger.outcomes.keys() == {ids[0], ids[2]}
    # What failed may have been noted all the same, so its claim isn't given back.
    assert not [task_id for what, task_id in ledger.asked if what == "release"]
    assert len(listeners.messages()) == (0 if worker.failures == "batch" else 2)


@pytest.mark.parametrize("kind", ["router"])
def test_a_claim_that_cannot_be_released_lapses(
    bucket: str, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure to give a claim back is logged, and changes nothing for the batch."""
    work = Work()
    work.failing = {1}
    records = numbered(3)
    for one in records:
        one["body"] = one["body"].replace('"next"', "null")
    ledger = BrokenLedger("release", json.loads(records[1]["body"])["task_id"])
    assert staying(worker.doing(work, ledger), *records) == [1]
    assert "a claim is left to lapse" in caplog.text
    assert "the ledger can't be reached" in caplog.text


@pytest.mark.parametrize("kind", ["router"])
def test_a_bucket_that_is_gone_fails_every_record(aws: LocalAWS, worker: Worker) -> None:
    """Without the ledger's bucket nothing can be claimed, so nothing is run."""
    work = Work()
    handler = worker.doing(work, S3Ledger(bucket="nowhere"))
    assert staying(handler, *numbered(2)) == [0, 1]
    assert work.runs == []


def test_a_bare_message_is_run_each_time(wire: Wire) -> None:
    """A message that Lambda is called with directly isn't looked up in the ledger."""
    work = Work()
    router = TaskRouter(once=True)
    router.task(name="work")(work)
    bare = {"task_name": "work", "task_id": TASK_ID}
    results = [router.handler(bare, LambdaContext()) for _ in range(2)]
    assert [result["run"] for result in results] == [1, 2]
    assert wire.calls == []
