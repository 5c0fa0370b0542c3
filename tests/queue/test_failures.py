"""What becomes of a batch in which records fail."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, QueueError, SettingError, queued

from .events import ALL_DONE, LambdaContext, event, failed, message, record

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


def work(event: dict[str, Any], context: dict[str, Any]) -> Any:
    """Do what a message says, which may be to fail."""
    context.setdefault("tried", []).append(event["task_kwargs"]["n"])
    if event["task_kwargs"].get("fail"):
        raise ValueError(f"number {event['task_kwargs']['n']} failed")
    return {"n": event["task_kwargs"]["n"]}


def batch(*fails: bool) -> list[dict[str, Any]]:
    """Return records with a callback, of which some are going to fail."""
    return [
        record(message("work", task_kwargs={"n": n, "fail": fail}, callback="next"))
        for n, fail in enumerate(fails)
    ]


def test_by_default_one_failure_keeps_the_whole_batch(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """Every record is tried, one error lists each failure, and nothing is sent on."""
    listeners.add("next")
    context: dict[str, Any] = {}

    @queued
    def handler(event: Any, given: Any) -> Any:
        context.update(given)
        return work(event, context)

    records = batch(False, True, False, True, False)
    with pytest.raises(BatchFailedError) as caught:
        handler(event(*records), LambdaContext())
    assert context["tried"] == [0, 1, 2, 3, 4]
    assert list(caught.value.failures) == [records[1]["messageId"], records[3]["messageId"]]
    assert all(isinstance(error, ValueError) for error in caught.value.failures.values())
    assert str(caught.value).splitlines() == [
        "2 of 5 records failed, so the whole batch stays in the queue and will run again:",
        f"  message {records[1]['messageId']}: ValueError: number 1 failed",
        f"  message {records[3]['messageId']}: ValueError: number 3 failed",
    ]
    assert isinstance(caught.value, QueueError)
    assert wire.calls == []


def test_reported_failures_leave_the_rest_done(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """With report, the failed are returned, and the others' callbacks are sent."""
    listeners.add("next")
    records = batch(False, True, False, True, False)
    answer = queued(failures="report")(work)(event(*records), LambdaContext())
    assert answer == failed(records[1], records[3])
    assert wire.counted() == {"s3 PUT": 3, "sns PublishBatch": 1, "sqs GetQueueUrl": 1}
    assert len(listeners.messages()) == 3


def test_the_environment_decides_where_the_decorator_does_not(
    bucket: str, listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ALGERNON_FAILURES says what happens, unless the decorator does."""
    listeners.add("next")
    records = batch(True, False)
    monkeypatch.setenv("ALGERNON_FAILURES", "report")
    assert queued(work)(event(*records), LambdaContext()) == failed(records[0])
    with pytest.raises(BatchFailedError):
        queued(failures="batch")(work)(event(*records), LambdaContext())
    monkeypatch.setenv("ALGERNON_FAILURES", "batch")
    with pytest.raises(BatchFailedError):
        queued(work)(event(*records), LambdaContext())
    assert queued(failures="report")(work)(event(*records), LambdaContext()) == failed(records[0])
    monkeypatch.setenv("ALGERNON_FAILURES", "")
    with pytest.raises(BatchFailedError):
        queued(work)(event(*records), LambdaContext())


@pytest.mark.parametrize("value", ["Report", "reports", "none", " report"])
def test_an_unknown_policy_in_the_environment_is_no_policy(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value of ALGERNON_FAILURES that means nothing raises, before anything is run."""
    monkeypatch.setenv("ALGERNON_FAILURES", value)
    tried: list[Any] = []
    with pytest.raises(SettingError, match=f"ALGERNON_FAILURES is '{value}'"):
        queued(lambda event, context: tried.append(event))(
            event(record(message())), LambdaContext()
        )
    assert tried == []


@pytest.mark.parametrize("value", ["", "Report", "ignore", 1, True])
def test_an_unknown_policy_in_the_decorator_is_refused_at_once(value: Any) -> None:
    """A value of failures that means nothing raises where it stands."""
    with pytest.raises(SettingError, match=r"failures is .*'batch'.*'report'"):
        queued(failures=value)


def test_success_looks_alike_under_both(bucket: str, listeners: Listeners) -> None:
    """When every record is done, both policies return no failures."""
    listeners.add("next")
    for failures in ("batch", "report"):
        handler = queued(failures=failures)(work)
        assert handler(event(*batch(False, False)), LambdaContext()) == ALL_DONE


def test_when_all_fail_nothing_is_sent(bucket: str, listeners: Listeners, wire: Wire) -> None:
    """A batch of nothing but failures is returned whole, and only its queue is asked for."""
    listeners.add("next")
    records = batch(True, True)
    assert queued(failures="report")(work)(event(*records), LambdaContext()) == failed(*records)
    assert wire.counted() == {"sqs GetQueueUrl": 1}


def test_each_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """The log has one error for each failed record: its id, its Task, and where it failed."""
    records = batch(True, True)
    queued(failures="report")(work)(event(*records), LambdaContext())
    logged = [entry for entry in caplog.records if entry.name == "algernon_queue"]
    assert [entry.levelno for entry in logged] == [logging.ERROR] * 2
    for entry, failing in zip(logged, records, strict=True):
        assert entry.getMessage() == (
            f"message {failing['messageId']} for the Task work failed: ValueError"
        )
        assert entry.exc_info


def test_an_exit_ends_the_whole_batch(bucket: str, listeners: Listeners, wire: Wire) -> None:
    """What isn't an Exception, such as SystemExit, is no record's failure and goes through."""
    listeners.add("next")

    @queued(failures="report")
    def handler(event: Any, context: Any) -> None:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        handler(event(*batch(False, False)), LambdaContext())
    assert wire.calls == []


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_a_result_that_cannot_travel_is_its_record_s_failure(
    bucket: str, listeners: Listeners, failures: Any
) -> None:
    """A result that ajson can't send fails its record, and with batch nothing is published."""
    listeners.add("next")

    @queued(failures=failures)
    def handler(event: Any, context: Any) -> Any:
        return object() if event["task_kwargs"]["n"] == 1 else {"n": event["task_kwargs"]["n"]}

    check_one_failure(handler, failures, batch(False, False, False), listeners)


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_an_unknown_listener_is_its_record_s_failure(
    bucket: str, listeners: Listeners, monkeypatch: pytest.MonkeyPatch, failures: Any
) -> None:
    """A callback that has no listener fails its record, and with batch nothing is published."""
    topics = listeners.add("next")
    records = batch(False, False, False)
    records[1]["body"] = records[1]["body"].replace('"next"', '"nobody"')
    monkeypatch.setenv("ALGERNON_TOPIC_PARAMETER_PREFIX", "/there-are-none/")
    handler = queued(failures=failures, listeners=topics)(work)
    check_one_failure(handler, failures, records, listeners)


def check_one_failure(
    handler: Any, failures: str, records: list[dict[str, Any]], listeners: Listeners
) -> None:
    """Check that of three records the second fails, and what becomes of the others."""
    if failures == "batch":
        with pytest.raises(BatchFailedError) as caught:
            handler(event(*records), LambdaContext())
        assert list(caught.value.failures) == [records[1]["messageId"]]
        assert listeners.messages() == []
    else:
        assert handler(event(*records), LambdaContext()) == failed(records[1])
        assert len(listeners.messages()) == 2


def test_a_result_that_goes_nowhere_may_be_anything(wire: Wire) -> None:
    """Without a callback, a result isn't looked at."""
    assert queued(lambda event, context: object())(event(record(message())), None) == ALL_DONE
    assert wire.calls == []


def test_a_bucket_that_is_gone_is_a_failure_of_who_needs_it(
    aws: LocalAWS, bucket: str, listeners: Listeners
) -> None:
    """When results can't be uploaded, those records fail; one without a result goes on."""
    from algernon_storage import MissingBucketError

    listeners.add("next")
    aws.client("s3").delete_bucket(Bucket=bucket)
    records = batch(False, False, False)

    @queued(failures="report")
    def handler(event: Any, context: Any) -> Any:
        return None if event["task_kwargs"]["n"] == 1 else {"n": 1}

    assert handler(event(*records), LambdaContext()) == failed(records[0], records[2])
    assert [sent["task_kwargs"] for sent in listeners.messages()] == [{}]
    with pytest.raises(BatchFailedError) as caught:
        queued(work)(event(*records), LambdaContext())
    assert {type(error) for error in caught.value.failures.values()} == {MissingBucketError}


def test_an_unnamed_bucket_is_a_failure_of_who_needs_it(listeners: Listeners) -> None:
    """Without ALGERNON_BUCKET_NAME, a record whose result goes to a callback fails."""
    listeners.add("next")
    lonely, calling = record(message("work", task_kwargs={"n": 0})), batch(False)[0]
    answer = queued(failures="report")(work)(event(lonely, calling), LambdaContext())
    assert answer == failed(calling)
