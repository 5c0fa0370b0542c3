"""Whoever sent a Task, or knows its id, waits for its result and gets it as it was returned."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

import algernon_queue
import pytest
from algernon_queue import (
    ResultNotKeptError,
    ResultTimeoutError,
    SentTask,
    SettingError,
    TaskCancelledError,
    TaskExpiredError,
    TaskFailedError,
    TaskFailure,
    TaskRouter,
    WaitInTaskError,
    as_completed,
    wait_all,
    waiting,
)
from algernon_queue.testing import InMemorySystem, sent_tasks
from algernon_serialize import UnknownClassError
from algernon_storage import (
    DamagedObjectError,
    Document,
    FailureNote,
    MalformedObjectError,
    MissingBucketError,
    Outcomes,
    ReadLimitError,
    S3Ledger,
    UntrustedBucketError,
    aws_client,
)
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Answer, Call, Wire

ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
NOTE = FailureNote(error="ValueError", reason="no price", task_id=ID, attempts=5)


@pytest.fixture
def system() -> Iterator[InMemorySystem]:
    """A system without a worker, in whose bucket outcomes are written."""
    with InMemorySystem() as system:
        yield system


def keep(task_id: str, result: Any) -> None:
    """Write a result that is kept, as a worker does."""
    Outcomes().write(task_id, Document.of(result), is_kept=True)


def end(task_id: str, kind: Any) -> None:
    """Write an outcome that has no result."""
    Outcomes().write(task_id, Document.of({}), kind=kind, ends_chain=True)


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=st.just(UTC))
    | st.uuids()
)
RESULTS = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.lists(inner).map(tuple)
        | st.sets(st.integers() | st.text())
    ),
    max_leaves=20,
)


@given(result=RESULTS)
def test_a_result_is_what_the_task_returned(result: Any) -> None:
    """Whatever it is, it comes back equal, and of the same type."""
    with InMemorySystem():
        keep(ID, result)
        found = SentTask[Any](ID).result()
    assert found == result
    assert type(found) is type(result)


def test_a_task_that_returns_nothing_has_a_result(system: InMemorySystem) -> None:
    """None is one like any other."""
    keep(ID, None)
    sent = SentTask[None](ID)
    assert sent.state() == "done"
    assert sent.result() is None
    assert asyncio.run(sent.wait()) is None


@dataclass
class Invoice:
    """What a Task returns, which its annotation makes known."""

    number: str
    total: Decimal


@dataclass
class Unknown:
    """What no Task is known to return."""

    number: str


def test_an_object_is_rebuilt_where_its_task_is_known(system: InMemorySystem) -> None:
    """A model that annotates a Task of this process comes back as what it is."""
    router = TaskRouter()

    @router.task
    def bill() -> Invoice:
        return Invoice("7", Decimal("1.50"))

    keep(ID, Invoice("7", Decimal("1.50")))
    sent: SentTask[Invoice] = SentTask(ID)
    assert sent.result() == Invoice("7", Decimal("1.50"))


def test_an_object_of_an_unknown_class_is_refused(system: InMemorySystem) -> None:
    """What a result names is never imported."""
    text = b'{"_alg_class":"getcwd","_alg_module":"os","value":{}}'
    Outcomes().write(ID, Document.around(text), is_kept=True)
    with pytest.raises(UnknownClassError, match="getcwd"):
        SentTask[Any](ID).result()


def test_a_failure_says_what_is_known_of_it(system: InMemorySystem) -> None:
    """What is raised has the error, its reason, the Task's own id, and how often it was tried."""
    Outcomes().note_failure(ID, NOTE)
    sent = SentTask[Any](ID)
    assert sent.state() == "failed"
    with pytest.raises(
        TaskFailedError, match="run 5 times, failed with ValueError: no price"
    ) as raised:
        sent.result()
    assert raised.value.failure == TaskFailure("ValueError", "no price", ID, 5)


@pytest.mark.parametrize("body", [NOTE, None])
def test_a_failure_that_stands_for_good_says_what_it_knows(
    system: InMemorySystem, body: FailureNote | None
) -> None:
    """That of a group's member that nobody redrives any more, say, is a result of its own."""
    document = Document.of({} if body is None else asdict(body))
    Outcomes().write(ID, document, kind="failed")
    with pytest.raises(TaskFailedError, match="ValueError: no price" if body else ID):
        SentTask[Any](ID).result()


def test_a_redrive_that_succeeds_supersedes_the_failure(system: InMemorySystem) -> None:
    """Who waited in vain waits again, and gets the result."""
    sent = SentTask[int](ID)
    Outcomes().note_failure(ID, NOTE)
    with pytest.raises(TaskFailedError):
        sent.result()
    Outcomes().forget_failure(ID)
    keep(ID, 7)
    assert sent.result() == 7


def test_a_result_counts_beside_a_failure(system: InMemorySystem) -> None:
    """Of two deliveries that ended in both ways, the one that came through counts."""
    Outcomes().note_failure(ID, NOTE)
    keep(ID, 7)
    assert SentTask[int](ID).state() == "done"
    assert SentTask[int](ID).result() == 7


@pytest.mark.parametrize(
    ("kind", "error"), [("cancelled", TaskCancelledError), ("expired", TaskExpiredError)]
)
def test_what_was_never_done_has_no_result(
    system: InMemorySystem, kind: str, error: type[Exception]
) -> None:
    """Waiting for what was cancelled, or has expired, says so."""
    end(ID, kind)
    assert SentTask[Any](ID).state() == kind
    with pytest.raises(error, match=ID):
        SentTask[Any](ID).result()


def test_what_nobody_keeps_is_not_waited_for(system: InMemorySystem) -> None:
    """Its sender knows, and is told at once how to have it kept."""
    sent: SentTask[Any] = SentTask.of_send(ID, is_kept=False, is_cancellable=False)
    for wait in (sent.result, lambda: as_completed([sent]), lambda: wait_all([sent])):
        with pytest.raises(ResultNotKeptError, match=r"using\(keep_result=True\)"):
            wait()
    with pytest.raises(ResultNotKeptError):
        asyncio.run(sent.wait())


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("cancelled", TaskCancelledError),
        ("expired", TaskExpiredError),
        ("done", ResultNotKeptError),
        (None, ResultNotKeptError),
    ],
)
def test_what_nobody_keeps_says_that_it_was_never_done(
    system: InMemorySystem, kind: str | None, error: type[Exception]
) -> None:
    """Of what can be cancelled it is looked once whether it was, or has expired."""
    if kind is not None:
        Outcomes().write(ID, Document.of({}), kind=cast("Any", kind))
    sent: SentTask[Any] = SentTask.of_send(ID, is_kept=False, is_cancellable=True)
    for wait in (sent.result, lambda: as_completed([sent]), lambda: asyncio.run(sent.wait())):
        with pytest.raises(error, match=ID):
            wait()


def test_an_outcome_without_a_result_says_that_it_was_not_kept(system: InMemorySystem) -> None:
    """By an id alone that shows when the Task is done: it isn't waited for longer."""
    Outcomes().write(ID, Document.of({}))
    with pytest.raises(ResultNotKeptError, match="sent without keep_result"):
        SentTask[Any](ID).result()


def test_a_task_that_was_kept_is_waited_for(system: InMemorySystem) -> None:
    """What its sender knows to be kept is had by it."""
    keep(ID, 7)
    sent: SentTask[int] = SentTask.of_send(ID, is_kept=True, is_cancellable=False)
    assert sent.result() == 7


async def awaited(sent: SentTask[Any]) -> Any:
    """Await it."""
    return await sent


@pytest.mark.parametrize(
    "wait",
    [
        lambda sent: sent.result(),
        lambda sent: sent.result(timeout=0),
        lambda sent: asyncio.run(sent.wait()),
        lambda sent: asyncio.run(awaited(sent)),
        lambda sent: as_completed([sent]),
        lambda sent: wait_all([sent]),
    ],
)
def test_a_task_does_not_wait_for_another(wait: Any) -> None:
    """However it tries, it is told at once to have the result sent on, though it were there."""
    router = TaskRouter()
    raised: list[BaseException] = []

    @router.task
    def waits() -> None:
        with pytest.raises(WaitInTaskError, match=r"'waits'.*\.then\(") as error:
            wait(SentTask(ID))
        raised.append(error.value)

    with InMemorySystem(router) as system:
        keep(ID, 7)
        waits.send()
        system.run()
        assert system.dead_letters == []
    assert isinstance(raised[0], RuntimeError)


def test_a_coroutine_of_a_task_does_not_wait_either() -> None:
    """An async Task is told so where it awaits."""
    router = TaskRouter()
    raised: list[BaseException] = []

    @router.task
    async def waits() -> None:
        with pytest.raises(WaitInTaskError) as error:
            await SentTask(ID)
        raised.append(error.value)

    with InMemorySystem(router) as system:
        waits.send()
        system.run()
    assert len(raised) == 1


def test_nothing_is_waited_for_in_memory(system: InMemorySystem) -> None:
    """A system in memory does nothing meanwhile, so what isn't there is missed at once."""
    sent = SentTask[Any](ID)
    for wait in (sent.result, lambda: asyncio.run(sent.wait()), lambda: wait_all([sent])):
        with pytest.raises(ResultTimeoutError, match=r"call its run\(\) first") as raised:
            wait()
        assert raised.value.states == {ID: "unknown"}
        assert raised.value.looks == 1


def test_nothing_is_waited_for_where_tasks_are_caught() -> None:
    """Nor where nothing that is sent is ever run."""
    with sent_tasks(), pytest.raises(ResultTimeoutError, match="is run"):
        SentTask[Any](ID).result()


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5", True])
def test_a_timeout_is_a_number_of_seconds(system: InMemorySystem, timeout: Any) -> None:
    """Any other is refused, before anything is waited for."""
    sent = SentTask[Any](ID)
    for wait in (sent.result, lambda timeout: as_completed([sent], timeout=timeout)):
        with pytest.raises(SettingError, match="number of seconds"):
            wait(timeout=timeout)


def test_an_id_is_a_uuid() -> None:
    """Of what can't be an id, one would wait for ever."""
    with pytest.raises(SettingError, match="'order-7' is no id"):
        SentTask("order-7")
    assert SentTask(UUID(ID)) == SentTask(ID.upper()) == SentTask(ID)
    assert repr(SentTask(ID, bucket="b", folder="f")) == f"SentTask('{ID}', bucket='b', folder='f')"


@pytest.mark.parametrize("function", [as_completed, wait_all])
def test_many_are_waited_for_as_many(system: InMemorySystem, function: Any) -> None:
    """One, or what is none, is refused by a text that says what to give."""
    with pytest.raises(SettingError, match=r"write \w+\(\[…\]\) around it"):
        function(SentTask(ID))
    with pytest.raises(SettingError, match="a str, which is no SentTask"):
        function([ID])
    assert [*function([])] == []


def test_results_of_many_come_in_the_order_of_their_tasks(system: InMemorySystem) -> None:
    """Whatever the order in which they end, and however often one is asked for."""
    ids = [str(uuid4()) for _ in range(30)]
    for number, task_id in reversed([*enumerate(ids)]):
        keep(task_id, number)
    sent: list[SentTask[int]] = [SentTask(task_id) for task_id in [*ids, ids[0]]]
    assert wait_all(sent) == [*range(30), 0]
    assert [one.result() for one in as_completed(sent)] == [*range(30), 0]


def test_a_failure_among_many_is_raised_where_it_is_reached(system: InMemorySystem) -> None:
    """What ended before it is given first."""
    sent = [SentTask[int](str(uuid4())) for _ in range(3)]
    keep(sent[0].task_id, 7)
    end(sent[1].task_id, "cancelled")
    completed = as_completed(sent)
    assert next(completed) is sent[0]
    with pytest.raises(TaskCancelledError, match=sent[1].task_id):
        next(completed)
    with pytest.raises(TaskCancelledError):
        wait_all(sent)


def test_those_of_many_that_have_not_ended_are_named(system: InMemorySystem) -> None:
    """A timeout tells the state of each, and shows some."""
    sent = [SentTask[int](str(uuid4())) for _ in range(7)]
    keep(sent[0].task_id, 7)
    S3Ledger().claim(sent[1].task_id, 60)
    with pytest.raises(
        ResultTimeoutError, match=r"6 Tasks haven't ended: .*, and 1 more"
    ) as raised:
        wait_all(sent)
    states = dict.fromkeys((one.task_id for one in sent[1:]), "unknown")
    assert raised.value.states == {**states, sent[1].task_id: "running"}


def test_a_missing_bucket_says_what_to_set() -> None:
    """Where no bucket is named, one learns how it is."""
    for ask in (SentTask[Any](ID).result, SentTask[Any](ID).state, SentTask[Any](ID).cancel):
        with pytest.raises(MissingBucketError, match="ALGERNON_BUCKET_NAME"):
            ask()


def test_a_bucket_that_is_not_there_is_not_waited_for(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing ever comes in one that doesn't exist."""
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", "no-such-bucket")
    with pytest.raises(MissingBucketError, match="no-such-bucket"):
        SentTask[Any](ID).result()


def test_only_trusted_buckets_are_read(
    aws: LocalAWS, bucket: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is even asked, though the program names it."""
    aws.client("s3").create_bucket(
        Bucket="other", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    Outcomes(bucket="other", folder="there").write(ID, Document.of(7), is_kept=True)
    sent = SentTask[int](ID, bucket="other", folder="there")
    wire.calls.clear()
    for ask in (sent.result, sent.state, sent.cancel, lambda: as_completed([sent])):
        with pytest.raises(UntrustedBucketError, match="ALGERNON_TRUSTED_BUCKETS"):
            ask()
    assert wire.calls == []
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "other/there")
    assert sent.result() == 7


def test_a_damaged_result_is_never_returned(system: InMemorySystem) -> None:
    """What isn't what was written, or isn't a result at all, raises."""
    s3, place = aws_client("s3"), {"Bucket": "in-memory-system", "Key": f"cache/{ID}!done.json"}
    keep(ID, [1, 2, 3])
    kept = s3.head_object(**place)
    s3.put_object(**place, Body=Document.of([1, 2, 4]).text, Metadata=kept["Metadata"])
    with pytest.raises(DamagedObjectError):
        SentTask[Any](ID).result()
    s3.put_object(**place, Body=b'{"rows": []}', Metadata={"kept": "yes"})
    with pytest.raises(MalformedObjectError):
        SentTask[Any](ID).result()


def test_a_large_result_comes_within_the_limit(
    system: InMemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What travels in parts comes whole, and what is longer than may be read is refused."""
    rows = "row" * 4_000_000
    keep(ID, {"rows": rows})
    assert SentTask[Any](ID).result() == {"rows": rows}
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", "10000000")
    with pytest.raises(ReadLimitError, match="ALGERNON_MAX_READ_BYTES"):
        SentTask[Any](ID).result()


class Clock:
    """A clock that goes on by pauses alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(waiting, "monotonic", lambda: self.now)

    def looks_until(self, seconds: float, timeout: float | None = None) -> tuple[int, float]:
        """Return how often one looked for what came then, and when it was found."""
        wait = waiting.Wait(timeout)
        for _ in wait.attempts():
            if self.now >= seconds:
                break
            self.now += wait.pause
        return wait.looks, self.now


@pytest.mark.parametrize(
    ("seconds", "most_looks"), [(0, 1), (0.3, 7), (1, 16), (30, 40), (3600, 760)]
)
def test_it_is_looked_for_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch, seconds: float, most_looks: int
) -> None:
    """A result is found within 15 % of the time waited, and 5 s, by few looks."""
    looks, found = Clock(monkeypatch).looks_until(seconds)
    assert looks <= most_looks
    assert seconds <= found <= seconds + min(max(0.05, 0.15 * seconds), 5)


@pytest.mark.parametrize("timeout", [0, 0.01, 0.7, 12])
def test_the_last_look_is_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch, timeout: float
) -> None:
    """What comes at the last moment is found, and nothing is waited for longer."""
    assert Clock(monkeypatch).looks_until(timeout, timeout)[1] == pytest.approx(timeout)
    _, ended = Clock(monkeypatch).looks_until(timeout + 1, timeout)
    assert ended == pytest.approx(timeout)


def test_a_result_comes_while_one_waits(bucket: str, wire: Wire) -> None:
    """It is found by looks of two calls each, which come when there was time to wait."""
    looks = threading.Semaphore(0)

    def note(call: Call, forward: Any) -> Answer | None:
        looks.release()
        answer: Answer = forward()
        return answer

    wire.treatment = note

    def work() -> None:
        for _ in range(9):  # four looks, and the first call of the next
            looks.acquire()
        keep(ID, {"total": 3})

    worker = threading.Thread(target=work)
    worker.start()
    sent = SentTask[dict[str, int]](ID)
    assert sent.result() == {"total": 3}
    worker.join()
    heads = [call for call in wire.calls if call.operation == "HEAD"]
    pauses = [later.begin - one.end for one, later in pairwise(heads)]
    assert all(pause >= 0.04 for pause in pauses[:4])


def test_many_come_in_the_order_in_which_they_end(bucket: str) -> None:
    """Each is given as soon as it has ended, while the others go on."""
    sent = [SentTask[int](str(uuid4())) for _ in range(3)]
    given = threading.Semaphore(1)

    def work() -> None:
        for number in (2, 0, 1):
            given.acquire()
            keep(sent[number].task_id, number)

    worker = threading.Thread(target=work)
    worker.start()
    order = []
    for one in as_completed(sent):
        order.append(one.result())
        given.release()
    worker.join()
    assert order == [2, 0, 1]


def test_a_look_costs_two_calls_and_a_result_one_more(bucket: str, wire: Wire) -> None:
    """One asks for the outcome and then for a failure; what is there is then read."""
    sent = SentTask[int](ID)
    with pytest.raises(ResultTimeoutError):
        sent.result(timeout=0)
    first_look = [(call.operation, call.path) for call in wire.calls[:2]]
    assert first_look == [
        ("HEAD", f"/{bucket}/cache/{ID}%21done.json"),
        ("GET", f"/{bucket}/cache/{ID}%21failed.json"),
    ]
    keep(ID, 7)
    wire.calls.clear()
    assert [*as_completed([sent])] == [sent]
    assert sent.result() == 7
    assert [call.operation for call in wire.calls] == ["HEAD", "GET"]


def test_a_timeout_says_what_is_known(bucket: str) -> None:
    """It tells the state, for how long it was waited and since when, and how often it was asked."""
    S3Ledger().claim(ID, 60)
    began, before = monotonic(), datetime.now(UTC)
    with pytest.raises(ResultTimeoutError) as raised:
        SentTask[Any](ID).result(timeout=0.3)
    assert monotonic() - began >= 0.3
    error = raised.value
    assert isinstance(error, TimeoutError)
    assert error.states == {ID: "running"}
    assert error.seconds >= 0.3
    days = {f"since {moment:%Y-%m-%d} " for moment in (before, datetime.now(UTC))}
    assert any(day in str(error) for day in days)
    assert f" {error.looks} looks" in str(error)
    assert f"{ID} is 'running'" in str(error)


def test_what_is_unknown_may_be_done_and_not_kept(bucket: str) -> None:
    """Who waits in vain for what is known by its id alone is told the likeliest cause."""
    with pytest.raises(ResultTimeoutError, match="without keep_result and may be done long ago"):
        SentTask[Any](ID).result(timeout=0)


def test_what_came_through_while_the_failure_was_read_counts(bucket: str, wire: Wire) -> None:
    """No failure is raised of what is done by then."""
    Outcomes().note_failure(ID, NOTE)

    def done_meanwhile(call: Call, forward: Any) -> Answer | None:
        if call.operation == "GET" and "failed" in call.path:
            wire.treatment = None
            keep(ID, 7)
        answer: Answer = forward()
        return answer

    wire.treatment = done_meanwhile
    assert SentTask[int](ID).result() == 7


def test_others_run_while_a_coroutine_waits(bucket: str) -> None:
    """The event loop goes on, whatever is waited for."""

    async def work(sent: SentTask[int]) -> None:
        await asyncio.sleep(0.2)
        await asyncio.to_thread(keep, sent.task_id, 7)

    async def main() -> int:
        sent = SentTask[int](ID)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(work(sent))
            return await sent

    assert asyncio.run(main()) == 7


def own_threads() -> Iterator[threading.Thread]:
    """Give the threads that run, but for those of the local AWS."""
    return (one for one in threading.enumerate() if one.name.startswith(("algernon", "asyncio")))


def test_who_waits_in_a_coroutine_can_be_cancelled(bucket: str) -> None:
    """It ends at once, in the middle of a wait, and leaves no thread behind."""
    before = {*own_threads()}

    async def main() -> None:
        waits = asyncio.create_task(SentTask[int](ID).wait())
        await asyncio.sleep(0.2)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(60):
                await waits

    async def too_long() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await SentTask[int](ID)

    asyncio.run(main())
    asyncio.run(too_long())
    assert {*own_threads()} == before


def test_a_timeout_in_a_coroutine_says_the_same(bucket: str) -> None:
    """What isn't there in time raises what it does elsewhere."""
    with pytest.raises(ResultTimeoutError, match="'unknown'"):
        asyncio.run(SentTask[int](ID).wait(timeout=0.1))


def test_what_s3_refuses_is_said_at_once(bucket: str, wire: Wire) -> None:
    """Who lacks the rights to read doesn't wait for ever."""
    from ..wire import Answer

    wire.treatment = lambda call, forward: Answer(
        403, [], b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    )
    with pytest.raises(Exception, match="s3:GetObject"):
        SentTask[int](ID).result()


def test_names_come_from_the_package_itself() -> None:
    """All that one needs to wait is had from algernon_queue."""
    names = {"SentTask", "as_completed", "wait_all", "TaskFailure", "WaitInTaskError"}
    assert names <= {*algernon_queue.__all__}
