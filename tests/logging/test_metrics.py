"""Metrics of Tasks, as lines that CloudWatch takes for metrics.

The rules are those of the Amazon CloudWatch User Guide, "Specification: Embedded
metric format", and of the Amazon CloudWatch API Reference, "MetricDatum" and "Dimension".
"""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from algernon_logging import LoggingSettingError, lambda_logged

from .lines import parsed

if TYPE_CHECKING:
    from ..conftest import LocalAWS

MOST_BYTES = 256 * 1024
UNITS = {
    "Done": "Count",
    "Failed": "Count",
    "Retried": "Count",
    "Duplicate": "Count",
    "Duration": "Milliseconds",
    "Age": "Milliseconds",
}


def metrics_of(line: str) -> dict[str, Any]:
    """Return what a line has CloudWatch know, after a look at whether it is as it should be."""
    assert len(line.encode()) <= MOST_BYTES
    root = parsed(line)
    metadata = root["_aws"]
    assert set(metadata) == {"Timestamp", "CloudWatchMetrics"}
    assert type(metadata["Timestamp"]) is int
    assert abs(metadata["Timestamp"] / 1000 - time.time()) < 60
    (directive,) = metadata["CloudWatchMetrics"]
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    assert 1 <= len(directive["Namespace"]) <= 255
    assert directive["Dimensions"] == [["task_name"]]
    for dimension in directive["Dimensions"][0]:
        value = root[dimension]
        assert type(value) is str
        assert 1 <= len(value) <= 1024
        assert value.isascii()
        assert value.isprintable()
        assert value.strip()
        assert not value.startswith(":")
    definitions = directive["Metrics"]
    assert 1 <= len(definitions) <= 100
    names = [definition["Name"] for definition in definitions]
    assert len(set(names)) == len(names)
    for definition in definitions:
        assert set(definition) == {"Name", "Unit"}
        assert definition["Unit"] == UNITS[definition["Name"]]
        target = root[definition["Name"]]
        numbers = target if isinstance(target, list) else [target]
        assert 1 <= len(numbers) <= 100
        for number in numbers:
            assert type(number) in (int, float)
            assert 0 <= number < 2**360
    assert set(root) <= {"_aws", "task_name", "function_name", *names}
    return {name: root[name] for name in ("task_name", *names)}


def test_a_namespace_is_refused_where_it_cannot_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that CloudWatch would silently drop fails at decoration, and says why."""
    odd = ("shöp", "a\nb", "a,b", " ", "a\tb", "a'b", "\udc80")
    for bad in ("AWS/Lambda", ":shop", "x" * 256, *odd):
        monkeypatch.setenv("ALGERNON_METRICS_NAMESPACE", bad)
        for decorate in (lambda_logged, lambda_logged(trace=False)):
            with pytest.raises(
                LoggingSettingError, match=r"ALGERNON_METRICS_NAMESPACE is .*namespace"
            ):
                decorate(lambda: None)


@pytest.mark.parametrize("good", ["shop", "My Shop/Tasks.v1-2#3:4_5", "AWSome", "x" * 255, ""])
def test_any_other_namespace_is_taken(good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be a namespace is one; nothing is none."""
    monkeypatch.setenv("ALGERNON_METRICS_NAMESPACE", good)
    assert lambda_logged(lambda: 3)() == 3


def record(task_name: str = "work", count: int = 1, **others: Any) -> dict[str, Any]:
    """Return a record."""
    return {
        "messageId": str(uuid4()),
        "body": json.dumps({"task_name": task_name, **others}),
        "attributes": {
            "ApproximateReceiveCount": str(count),
            "SentTimestamp": str(int(time.time() * 1000) - 5000),
        },
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
    }


class Worker:
    """A worker, and the metrics that it writes."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._queue = pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")

    def run(self, handler: Any, *records: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
        """Have a batch worked off, and return its metrics."""
        queued = self._queue.queued(**{"failures": "report", **options})
        worker = lambda_logged(queued(handler))
        try:
            worker({"Records": list(records)}, SimpleNamespace(aws_request_id="r-1"))
        except self._queue.BatchFailedError:
            assert options["failures"] == "batch"
        return self.written()

    def written(self) -> list[dict[str, Any]]:
        """Return the metrics since the last time."""
        return [metrics_of(line) for line in self._capsys.readouterr().out.split("\n")[:-1]]


@pytest.fixture
def worker(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker that writes metrics."""
    monkeypatch.setenv("ALGERNON_METRICS_NAMESPACE", "shop")
    return Worker(capsys)


def counts(metrics: dict[str, Any]) -> dict[str, int]:
    """Return the counts that aren't 0."""
    return {name: n for name, n in metrics.items() if UNITS.get(name) == "Count" and n}


def nothing(event: Any, context: Any) -> None:
    """Do nothing."""


def failing(event: Any, context: Any) -> None:
    """Fail."""
    raise ValueError("no")


def test_nothing_is_written_unless_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metrics cost money, so there are none without the setting."""
    for value in (None, ""):
        if value is not None:
            monkeypatch.setenv("ALGERNON_METRICS_NAMESPACE", value)
        assert Worker(capsys).run(nothing, record()) == []


def test_a_name_of_no_task_is_unknown(worker: Worker) -> None:
    """Names that no Task has, which anybody may send, make no metrics of their own."""
    from algernon_queue import TaskRouter

    router = TaskRouter()
    router.task(nothing_at_all)
    records = [record(name) for name in ("nothing_at_all", "x1", "x2")]
    for each in records:
        del each["eventSourceARN"]
    known, unknown = worker.run(router.route, *records)
    assert (known["task_name"], counts(known)) == ("nothing_at_all", {"Done": 1})
    assert (unknown["task_name"], counts(unknown)) == ("unknown", {"Failed": 2})


def nothing_at_all() -> None:
    """Do nothing, as a Task."""


def test_a_batch_is_a_line_a_task(worker: Worker) -> None:
    """Each Task of a batch has a line, with what its records came to."""

    def handler(event: Any, context: Any) -> None:
        time.sleep(0.02 if event["task_name"] == "slow" else 0)

    fast, slow = worker.run(handler, record("fast"), record("slow"), record("fast"))
    assert (fast["task_name"], slow["task_name"]) == ("fast", "slow")
    assert counts(fast) == {"Done": 2}
    assert counts(slow) == {"Done": 1}
    assert len(fast["Duration"]) == len(fast["Age"]) == 2
    assert 20 <= slow["Duration"][0] < 60_000
    for age in [*fast["Age"], *slow["Age"]]:
        assert 5000 <= age < 60_000


def test_a_batch_leaves_nothing_for_the_next(worker: Worker) -> None:
    """Each batch is counted by itself."""
    for _ in range(3):
        (metrics,) = worker.run(nothing, record())
        assert counts(metrics) == {"Done": 1}
    assert worker.run(nothing) == []


def test_failed_and_retried_are_counted(worker: Worker) -> None:
    """A Task that failed is counted as failed, and one that was received before as retried."""
    (metrics,) = worker.run(failing, record(), record(count=3))
    assert counts(metrics) == {"Failed": 2, "Retried": 1}
    assert len(metrics["Duration"]) == 2
    (metrics,) = worker.run(nothing, record(count=2))
    assert counts(metrics) == {"Done": 1, "Retried": 1}


def test_what_goes_back_with_its_batch_is_not_done(worker: Worker) -> None:
    """Where one failure keeps the whole batch in the queue, the others aren't counted as done."""

    def handler(event: Any, context: Any) -> None:
        if event["task_name"] == "bad":
            raise ValueError("no")

    good, bad = worker.run(handler, record("good"), record("bad"), failures="batch")
    assert counts(good) == {}
    assert counts(bad) == {"Failed": 1}


def test_a_duplicate_is_counted_as_one(worker: Worker) -> None:
    """A Task that the ledger knows to be done isn't done again, and has no duration."""
    storage = pytest.importorskip("algernon_storage")

    class Ledger:
        """A ledger in memory."""

        def __init__(self) -> None:
            self.done: dict[str, Any] = {}

        def claim(self, task_id: str, seconds: float) -> Any:
            """Claim a Task."""
            return self.done.get(task_id) or storage.Claim(task_id, "token")

        def finish(self, claim: Any, result: Any, *, ends_chain: bool = False) -> Any:
            """Note that it is done."""
            return self.done.setdefault(claim.task_id, storage.Outcome("a#b/c!1.json", ends_chain))

        def release(self, claim: Any) -> None:
            """Give it back."""

    ledger, again = Ledger(), record(task_id=str(UUID(int=1)))
    (first,) = worker.run(nothing, again, once=ledger)
    (second,) = worker.run(nothing, again, once=ledger)
    assert counts(first) == {"Done": 1}
    assert counts(second) == {"Duplicate": 1}
    assert "Duration" not in second
    assert "Age" not in second


def test_a_dead_letter_is_a_failure(worker: Worker, aws: LocalAWS) -> None:
    """A Task that was moved to the dead-letter queue has failed."""
    algernon_queue = pytest.importorskip("algernon_queue")
    from ..queue.queues import SourceQueue

    queue = SourceQueue(aws)
    queue.send(json.dumps({"task_name": "work"}))
    router = algernon_queue.TaskRouter(failures="report")

    @router.task  # type: ignore[untyped-decorator]
    def work() -> None:
        raise algernon_queue.PermanentError("never")

    event = {"Records": queue.receive()}
    assert lambda_logged(router.handler)(event, None) == {"batchItemFailures": []}
    assert len(queue.dead_letters()) == 1
    (metrics,) = worker.written()
    assert counts(metrics) == {"Failed": 1}


def test_what_cannot_be_read_is_counted_as_unknown(worker: Worker) -> None:
    """A record without a readable message failed, and belongs to no Task."""
    (metrics,) = worker.run(nothing, {**record(), "body": "{"}, failures="batch")
    assert metrics["task_name"] == "unknown"
    assert counts(metrics) == {"Failed": 1}


def test_many_records_take_several_lines(worker: Worker) -> None:
    """A line has at most a hundred values, and what is counted is counted once."""
    parts = worker.run(nothing, *(record() for _ in range(250)))
    assert [len(part["Duration"]) for part in parts] == [100, 100, 50]
    assert [len(part["Age"]) for part in parts] == [100, 100, 50]
    assert counts(parts[0]) == {"Done": 250}
    assert counts(parts[1]) == counts(parts[2]) == {}


@pytest.mark.parametrize(
    ("task_name", "dimension"),
    [
        ("größe", "gr\\xf6\\xdfe"),
        ("it's", "it's"),
        ("😀" * 256, ("\\U0001f600" * 256)[:1024]),
        ("   ", "'   '"),
    ],
)
def test_every_tasks_name_is_a_dimension(task_name: str, dimension: str, worker: Worker) -> None:
    """A name that CloudWatch wouldn't take is written in ASCII."""
    (metrics,) = worker.run(nothing, record(task_name))
    assert metrics["task_name"] == dimension


def test_a_clock_that_goes_wrong_makes_no_negative_age(worker: Worker) -> None:
    """A message from the future is of no age."""
    future = record()
    future["attributes"]["SentTimestamp"] = str(int(time.time() * 1000) + 60_000)
    (metrics,) = worker.run(nothing, future)
    assert metrics["Age"] == [0]
    del future["attributes"]["SentTimestamp"]
    (metrics,) = worker.run(nothing, future)
    assert "Age" not in metrics
