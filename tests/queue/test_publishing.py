"""A message that SNS doesn't take is the failure of the record that it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, PublishError, UnknownListenerError, queued
from botocore.exceptions import ClientError

from ..wire import Answer
from .events import LambdaContext, event, failed, message, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Call, Wire
    from .conftest import Listeners

XML = [("Content-Type", "text/xml")]


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
    with pytest.raises(BatchFailedError) as caught:
        queued(failures="batch", **options)(no_result)(event(*records), LambdaContext())
    return caught.value.failures


def test_a_refused_entry_is_its_record_s_failure(wire: Wire) -> None:
    """Of a call that SNS took in part, the record of each entry that it refused has failed."""
    wire.treatment = answering(batch_answer(taken=(0, 2), refused=(1,)))
    records = batch()
    handler = queued(failures="report")(no_result)
    assert handler(event(*records), LambdaContext()) == failed(records[1])
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
