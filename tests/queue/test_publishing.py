"""A message that SNS doesn't take is the failure of the record that it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    PublishError,
    RefusedEntryError,
    Task,
    TasksNotSentError,
    UnknownListenerError,
    queued,
    send_tasks,
)
from algernon_queue._aws import entries
from botocore.exceptions import ClientError

from ..wire import Answer
from .events import ALL_DONE, LambdaContext, event, failed, message, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Call, Wire
    from .conftest import Listeners

XML = [("Content-Type", "text/xml")]

#: Time enough for a batch, in milliseconds, and too little to wait for SNS again and again.
HURRY = 200


def batch_answer(taken: tuple[int, ...], refused: tuple[int, ...]) -> Answer:
    """Return SNS's answer to a PublishBatch."""
    successful = "".join(
        f"<member><Id>{n}</Id><MessageId>7b1f5f7e-0000-4000-8000-00000000000{n}</MessageId></member>"
        for n in taken
    )
    failures = "".join(
        f"<member><Id>{n}</Id><Code>InternalError</Code><Message>try later</Message>"
        "<SenderFault>false</SenderFault></member>"
        for n in refused
    )
    return Answer(
        200,
        XML,
        '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
        f"<PublishBatchResult><Successful>{successful}</Successful><Failed>{failures}</Failed>"
        "</PublishBatchResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
        "</PublishBatchResponse>".encode(),
    )


def ids_in(call: Call) -> list[str]:
    """Return the Ids of the entries of a PublishBatch."""
    return [value for name, value in call.form.items() if name.endswith(".Id")]


class Throttle:
    """SNS when it is busy: it refuses entries of the first calls, and takes them later.

    Args:
        refused: How often it refuses each entry, by its number.
        code: What it says then.
        is_sender_fault: Whether it says that it is the sender's fault.
    """

    def __init__(
        self, refused: dict[int, int], code: str = "Throttled", *, is_sender_fault: bool = True
    ) -> None:
        self._left = {str(number): times for number, times in refused.items()}
        self._code = code
        self._fault = str(is_sender_fault).lower()
        self.calls: list[list[str]] = []

    def __call__(self, call: Call, forward: Callable[[], Answer]) -> Answer:
        """Answer a call."""
        if call.service != "sns":
            return forward()
        ids = ids_in(call)
        self.calls.append(ids)
        refused = [n for n in ids if self._left.get(n, 0) > 0]
        for n in refused:
            self._left[n] -= 1
        taken = [int(n) for n in ids if n not in refused]
        answer = batch_answer(tuple(taken), tuple(map(int, refused)))
        body = answer.body.decode().replace("InternalError", self._code)
        body = body.replace("<SenderFault>false", f"<SenderFault>{self._fault}")
        return Answer(200, XML, body.encode())


def answering(answer: Answer) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Return what has SNS give an answer, and other services theirs."""
    return lambda call, forward: answer if call.service == "sns" else forward()


def batch() -> list[dict[str, Any]]:
    """Return three records with the same callback."""
    return [record(message("work", callback="next", task_kwargs={"n": n})) for n in range(3)]


def no_result(event: Any, context: Any) -> None:
    """Do nothing."""


def failures_of(records: list[dict[str, Any]], **options: Any) -> dict[str, Exception]:
    """Return the errors of a batch that stays in the queue, by messageId."""
    handler = queued(failures="batch", **options)(no_result)
    with pytest.raises(BatchFailedError) as caught:
        handler(event(*records), LambdaContext(millis_left=HURRY))
    return caught.value.failures


def test_a_refused_entry_is_its_record_s_failure(wire: Wire) -> None:
    """Of a call that SNS took in part, the record of each entry that it refused has failed."""
    wire.treatment = answering(batch_answer(taken=(0, 2), refused=(1,)))
    records = batch()
    handler = queued(failures="report")(no_result)
    assert handler(event(*records), LambdaContext(millis_left=HURRY)) == failed(records[1])
    errors = failures_of(records)
    assert list(errors) == [records[1]["messageId"]]
    (error,) = errors.values()
    assert isinstance(error, PublishError)
    assert "'next'" in str(error)
    assert "InternalError try later" in str(error)


def test_an_entry_that_is_not_answered_is_a_failure(wire: Wire) -> None:
    """An entry that SNS neither took nor refused counts as failed."""
    wire.treatment = answering(batch_answer(taken=(0,), refused=(1,)))
    records = batch()
    errors = failures_of(records)
    assert list(errors) == [records[1]["messageId"], records[2]["messageId"]]
    assert "no reason given" in str(errors[records[2]["messageId"]])


def test_a_refused_call_is_the_failure_of_all_in_it(wire: Wire) -> None:
    """When SNS refuses a whole call, the records whose messages were in it fail, with the cause."""
    body = (
        b"<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code>"
        b"<Message>not allowed</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
    wire.treatment = answering(Answer(403, XML, body))
    records = batch()
    errors = failures_of(records)
    assert list(errors) == [record["messageId"] for record in records]
    for error in errors.values():
        assert isinstance(error, PublishError)
        assert "not allowed" in str(error)
        assert isinstance(error.__cause__, ClientError)


def test_an_answer_that_is_not_sns_s_is_the_failure_of_all_in_its_call(
    listeners: Listeners, wire: Wire
) -> None:
    """What something on the way answers fails the records of that call, and no others."""
    topics = listeners.add("next", "other")
    wire.treatment = lambda call, forward: (
        Answer(403, [("Content-Type", "text/html")], b"<html><p>Who are you?</p></html>")
        if call.form.get("TopicArn") == topics["next"]
        else forward()
    )
    records = [record(message(callback=name)) for name in ("next", "other", "next")]
    handler = queued(failures="report")(no_result)
    assert handler(event(*records), LambdaContext()) == failed(records[0], records[2])
    assert [sent["task_name"] for sent in listeners.messages()] == ["other"]


def test_a_topic_that_does_not_exist_is_an_unknown_listener(listeners: Listeners) -> None:
    """A listener that isn't there fails the records that call for it, and no other."""
    listeners.add("next")
    records = batch()
    records[1] = record(message("work", callback="nobody"))
    handler = queued(failures="report")(no_result)
    assert handler(event(*records), LambdaContext()) == failed(records[1])
    assert [sent["task_name"] for sent in listeners.messages()] == ["next", "next"]
    (error,) = failures_of(records).values()
    assert isinstance(error, UnknownListenerError)
    assert "'nobody'" in str(error)
    assert "arn:aws:sns:eu-west-1:123456789012:nobody, which doesn't exist" in str(error)
    assert isinstance(error.__cause__, ClientError)


def test_a_topic_that_is_none_fails_only_who_calls_for_it(listeners: Listeners) -> None:
    """A mapping with something that is no topic's ARN fails the records that call for it."""
    topics = listeners.add("next")
    records = batch()
    records[1] = record(message("work", callback="odd"))
    handler = queued(failures="report", listeners={**topics, "odd": "not an ARN"})(no_result)
    assert handler(event(*records), LambdaContext()) == failed(records[1])
    assert len(listeners.messages()) == 2


def test_a_failed_upload_keeps_a_whole_batch_from_being_published(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """With batch, nothing is published for a batch that will run again."""
    listeners.add("next")
    records = batch()

    @queued
    def handler(event: Any, context: Any) -> Any:
        return {"n": {...}} if event["task_kwargs"]["n"] == 2 else {"n": 1}

    with pytest.raises(BatchFailedError):
        handler(event(*records), LambdaContext())
    assert "sns PublishBatch" not in wire.counted()


@pytest.mark.parametrize("failures", ["batch", "report"])
@pytest.mark.parametrize(
    ("code", "is_sender_fault"),
    [
        ("Throttled", True),
        ("ThrottlingException", True),
        ("RequestThrottled", False),
        ("InternalError", False),
        ("ServiceUnavailable", False),
    ],
)
def test_what_sns_has_no_time_for_is_sent_again(
    wire: Wire, failures: Any, code: str, is_sender_fault: bool
) -> None:
    """An entry that is refused for now is sent again, without those that were taken."""
    wire.treatment = sns = Throttle({1: 1}, code, is_sender_fault=is_sender_fault)
    handler = queued(failures=failures)(no_result)
    assert handler(event(*batch()), LambdaContext()) == ALL_DONE
    assert sns.calls == [["0", "1", "2"], ["1"]]


def test_each_refused_entry_is_sent_until_it_is_taken(wire: Wire) -> None:
    """Entries that are refused again and again are sent again, each as often as it takes."""
    wire.treatment = sns = Throttle({0: 2, 2: 1})
    handler = queued(failures="report")(no_result)
    assert handler(event(*batch()), LambdaContext()) == ALL_DONE
    assert sns.calls == [["0", "1", "2"], ["0", "2"], ["0"]]


def test_after_five_tries_it_is_a_failure(wire: Wire) -> None:
    """An entry that SNS refuses five times is its record's failure, with what SNS said."""
    wire.treatment = sns = Throttle({1: 99})
    records = batch()
    with pytest.raises(BatchFailedError) as caught:
        queued(no_result)(event(*records), LambdaContext())
    assert sns.calls == [["0", "1", "2"], ["1"], ["1"], ["1"], ["1"]]
    (error,) = caught.value.failures.values()
    assert isinstance(error, PublishError)
    assert "Throttled try later" in str(error)
    assert isinstance(error.__cause__, RefusedEntryError)
    assert error.__cause__.is_temporary


@pytest.mark.parametrize("code", ["InvalidParameter", "InvalidSecurity", "AuthorizationError"])
def test_what_is_the_sender_s_fault_is_sent_once(wire: Wire, code: str) -> None:
    """An entry that SNS won't ever take is its record's failure at once."""
    wire.treatment = sns = Throttle({1: 99}, code)
    records = batch()
    with pytest.raises(BatchFailedError) as caught:
        queued(no_result)(event(*records), LambdaContext())
    assert sns.calls == [["0", "1", "2"]]
    ((message_id, error),) = caught.value.failures.items()
    assert message_id == records[1]["messageId"]
    assert f"{code} try later" in str(error)
    assert isinstance(error.__cause__, RefusedEntryError)
    assert not error.__cause__.is_temporary


def test_waiting_for_sns_ends_with_lambda_s_time(wire: Wire) -> None:
    """A function that is about to end reports what SNS refused instead of waiting."""
    wire.treatment = sns = Throttle({0: 99})
    one = batch()[0]
    handler = queued(failures="report")(no_result)
    assert handler(event(one), LambdaContext(millis_left=0)) == failed(one)
    assert sns.calls == [["0"]]


def test_waiting_takes_half_of_the_time_at_most(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three seconds left, no more than half of that is waited."""
    wire.treatment = sns = Throttle({0: 99})
    waits: list[float] = []
    monkeypatch.setattr(entries, "uniform", lambda shortest, longest: longest)
    monkeypatch.setattr(entries, "sleep", waits.append)
    monkeypatch.setattr(entries, "monotonic", lambda: sum(waits))
    one = batch()[0]
    handler = queued(failures="report")(no_result)
    assert handler(event(one), LambdaContext(millis_left=3000)) == failed(one)
    assert waits == pytest.approx([0.2, 0.4, 0.8])
    assert len(sns.calls) == 4


def test_a_sender_tries_again_too(wire: Wire) -> None:
    """send_tasks sends again what SNS has no time for, and tells what it never takes."""
    topics = {"next": "arn:aws:sns:eu-west-1:123456789012:next"}
    wire.treatment = sns = Throttle({3: 1})
    send_tasks([Task("next", {"n": n}) for n in range(5)], listeners=topics)
    assert sns.calls == [["0", "1", "2", "3", "4"], ["3"]]
    wire.treatment = Throttle({3: 1}, "InvalidParameter")
    with pytest.raises(TasksNotSentError) as caught:
        send_tasks([Task("next", {"n": n}) for n in range(5)], listeners=topics)
    assert list(caught.value.failures) == [3]
