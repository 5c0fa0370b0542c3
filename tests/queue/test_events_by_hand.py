"""Events that were made by hand: those of AWS's documents, and a user's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from algernon_queue import MalformedMessageError, NotAnSQSEventError, TaskRouter, queued
from hypothesis import example, given, settings
from hypothesis import strategies as st

from .events import (
    ALL_DONE,
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
    from ..conftest import LocalAWS
    from .conftest import Listeners

ODD_VALUES: list[Any] = [
    None,
    "",
    "often",
    "1e3",
    "-1",
    -1,
    [],
    {},
    True,
    "9" * 400,
    10**400,
    float("inf"),
]


def of_the_console(**others: Any) -> dict[str, Any]:
    """Return the record of the template "SQS" of Lambda's console."""
    return {
        "messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
        "receiptHandle": "MessageReceiptHandle",
        "body": "Hello from SQS!",
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1523232000000",
            "SenderId": "123456789012",
            "ApproximateFirstReceiveTimestamp": "1523232000001",
        },
        "messageAttributes": {},
        "md5OfBody": "{{{md5_of_body}}}",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:MyQueue",
        "awsRegion": "us-east-1",
        **others,
    }


def task_ids(*records: dict[str, Any]) -> list[str]:
    """Return the task_id that each record's Task runs under, whose work succeeds."""
    seen: list[str] = []
    handler = queued(failures="report")(lambda event, context: seen.append(event["task_id"]))
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    return seen


# The id of a message.


@pytest.mark.parametrize("message_id", ["msg-1", "1", "m" * 3000, "ä\ud800", "{}", "059f36b4"])
@pytest.mark.parametrize("place", ["SQS", "SNS", "dead letter"])
def test_any_message_id_stands_for_a_uuid(message_id: str, place: str) -> None:
    """A message without a task_id whose id is no UUID has one made of it, always the same."""

    def make(message_id: str) -> dict[str, Any]:
        if place == "SNS":
            return record(enveloped(message(), MessageId=message_id))
        if place == "SQS":
            return record(message(), messageId=message_id)
        kept = {"stringValue": message_id, "dataType": "String"}
        return record(message(), messageAttributes={"algernon.task_id": kept})

    first, again, other = task_ids(make(message_id), make(message_id), make(f"{message_id}'"))
    assert str(UUID(first)) == first == again
    assert UUID(first).version == 5
    assert other != first


@pytest.mark.parametrize("spelling", [TASK_ID, TASK_ID.upper(), TASK_ID.replace("-", "")])
def test_a_message_id_that_is_a_uuid_is_the_task_s_own(spelling: str) -> None:
    """AWS's ids go on as they are, however they are spelt."""
    assert task_ids(record(message(), messageId=spelling)) == [TASK_ID]
    assert task_ids(record(enveloped(message(), MessageId=spelling))) == [TASK_ID]


@given(st.text(min_size=1))
@example("\ud800")
@settings(max_examples=50, deadline=None)
def test_every_message_id_is_taken(message_id: str) -> None:
    """Whatever a user calls a message, its Task has a UUID."""
    (task_id,) = task_ids(record(message(), messageId=message_id))
    assert str(UUID(task_id)) == task_id


def test_the_id_of_a_failure_is_the_record_s_own() -> None:
    """A failure is reported under the messageId as it was written."""
    one = record("no message", messageId="msg-1", eventSourceARN=None)
    assert queued(failures="report")(print)(event(one), LambdaContext()) == failed(one)


def test_a_chain_and_its_callbacks_hang_on_the_made_id(bucket: str, listeners: Listeners) -> None:
    """The chain's id is the UUID, and the callback's is derived from it, again the same."""
    listeners.add("next")
    router = TaskRouter(failures="report")
    router.task(name="work")(lambda: {"n": 1})
    one = record(message(callback="next"), messageId="msg-1")
    (task_id,) = task_ids(record(message(), messageId="msg-1"))
    for _ in range(2):
        assert router.handler(event(one), LambdaContext()) == ALL_DONE
    first, again = listeners.messages()
    assert first["chain_id"] == task_id
    assert first["task_id"] == again["task_id"]


@pytest.mark.parametrize("task_id", ["7", "msg-1", 7, ["x"]])
def test_a_task_id_that_the_sender_wrote_is_a_uuid(
    task_id: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What stands in the message itself isn't turned into anything, and is refused."""
    one = record(message(task_id=task_id), messageId="msg-1", eventSourceARN=None)
    handler = queued(failures="report")(lambda event, context: pytest.fail("it was run"))
    assert handler(event(one), LambdaContext()) == failed(one)
    assert f"{MalformedMessageError.__name__}: the task_id" in caplog.text


@pytest.mark.parametrize("given", [7, None, "", ["x"], {"Id": "x"}])
def test_an_envelope_s_id_that_is_no_text_is_none(given: Any) -> None:
    """The record's own stands in for it."""
    one = record(enveloped(message(), MessageId=given))
    assert task_ids(one) == [one["messageId"]]


# What SQS would say of it.


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("name", ["ApproximateReceiveCount", "SentTimestamp"])
@pytest.mark.parametrize("mode", ["batch", "report"])
def test_odd_numbers_harm_no_record(mode: Any, name: str, value: Any) -> None:
    """A number that is none is no number: all of the batch is done."""
    seen: list[Any] = []
    odd, good = record(message()), record(message())
    odd["attributes"][name] = value

    @queued(failures=mode)
    def handler(event: Any, context: Any) -> None:
        seen.append((context["sqs"]["receive_count"], context["sqs"]["sent_at"]))

    assert handler(event(odd, good), LambdaContext()) == ALL_DONE
    (count, sent_at), of_the_good = seen
    assert type(count) is int
    assert count >= 1
    assert sent_at is None or 0 <= sent_at < 10**11
    assert of_the_good == (1, 1545082650.636)


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:12])
def test_odd_numbers_harm_no_failure_either(aws: LocalAWS, value: Any) -> None:
    """A failed record whose receives nobody counted is one that was received once."""
    queue = SourceQueue(aws, has_dead_letters=False)
    router = TaskRouter(failures="report")
    router.task(name="work", retries=1, backoff=0)(lambda: 1 / 0)
    queue.send(message())
    (one,) = queue.receive()
    one["attributes"] = {"ApproximateReceiveCount": value}
    assert router.handler(event(one), LambdaContext()) == failed(one)
    (one,) = queue.receive()


@pytest.mark.parametrize(
    ("count", "millis", "facts"),
    [("3", "1545082650636", (3, 1545082650.636)), (3, 1545082650636, (3, 1545082650.636))],
    ids=["texts", "numbers"],
)
def test_numbers_are_read_as_texts_and_as_numbers(count: Any, millis: Any, facts: Any) -> None:
    """SQS writes its numbers as texts, and somebody by hand may write them as numbers."""
    seen: list[Any] = []
    one = record(message())
    one["attributes"] = {"ApproximateReceiveCount": count, "SentTimestamp": millis}
    handler = queued(lambda event, context: seen.append(context["sqs"]))
    handler(event(one), LambdaContext())
    assert (seen[0]["receive_count"], seen[0]["sent_at"]) == facts


@pytest.mark.parametrize("value", [None, [], "text", 7, [["a", 1]]], ids=repr)
@pytest.mark.parametrize("fails", [False, True])
def test_attributes_that_are_none_harm_no_record(value: Any, fails: bool) -> None:
    """What isn't an object holds nothing, for a record that is done and for one that fails."""
    router = TaskRouter(failures="report")
    router.task(name="work", retries=1)(lambda: 1 / 0 if fails else None)
    router.task(name="good")(lambda: None)
    odd, good = record(message(), attributes=value), record(message("good"))
    odd["eventSourceARN"] = None
    expected = failed(odd) if fails else ALL_DONE
    assert router.handler(event(odd, good), LambdaContext()) == expected


@pytest.mark.parametrize("value", ["text", 7, [["a", 1]]], ids=repr)
def test_message_attributes_that_are_none_fail_their_record(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What the sender said is lost, which is that record's failure, and says so."""
    odd, good = record(message(), messageAttributes=value), record(message())
    odd["eventSourceARN"] = None
    answer = queued(failures="report")(lambda event, context: None)(
        event(odd, good), LambdaContext()
    )
    assert answer == failed(odd)
    assert "MalformedMessageError: the messageAttributes of the record are a" in caplog.text


@pytest.mark.parametrize("value", [None, {}, []], ids=repr)
def test_no_message_attributes_are_no_failure(value: Any) -> None:
    """Somebody who writes an event by hand may leave them empty."""
    assert len(task_ids(record(message(), messageAttributes=value))) == 1


@pytest.mark.parametrize(
    "attribute",
    [None, "text", 7, [], {}, {"stringValue": None}, {"stringValue": 7}, {"dataType": "String"}],
    ids=repr,
)
@pytest.mark.parametrize("name", ["tenant", "algernon.task_id"])
def test_an_odd_message_attribute_is_as_good_as_none(name: str, attribute: Any) -> None:
    """A message attribute without a text isn't told, nor taken for an id."""
    seen: list[Any] = []
    one = record(message(), messageAttributes={name: attribute})

    @queued
    def handler(event: Any, context: Any) -> None:
        seen.append((event["task_id"], context["sqs"]["message_attributes"]))

    assert handler(event(one), LambdaContext()) == ALL_DONE
    assert seen == [(one["messageId"], {})]


def test_a_message_group_that_is_a_number_is_one_all_the_same() -> None:
    """By hand, a group may be written as a number; a failure stops the rest of it."""
    ran: list[int] = []
    router = TaskRouter(failures="report")

    @router.task
    def work(n: int) -> None:
        ran.append(n)
        raise ValueError(n)

    records = [fifo_record("1", message(task_kwargs={"n": n})) for n in range(2)]
    for one in records:
        one["attributes"]["MessageGroupId"] = 1
        one["receiptHandle"] = None
    assert router.handler(event(*records), LambdaContext()) == failed(*records)
    assert ran == [0]


# As AWS prints them.


def test_the_console_s_own_event_fails_for_what_it_says() -> None:
    """Its body is no message, which its record's failure says; nothing else breaks."""
    one = of_the_console(eventSourceARN=None)
    handler = queued(failures="report")(lambda event, context: pytest.fail("it was run"))
    assert handler(event(one), LambdaContext()) == failed(one)


def test_the_console_s_event_with_a_message_in_it_is_done() -> None:
    """With a message as its body, the Task runs, under the id that is printed there."""
    seen: list[Any] = []
    router = TaskRouter(failures="report")

    @router.task
    def work(context: dict[str, Any]) -> None:
        seen.append((context["task"]["task_id"], context["sqs"]))

    one = of_the_console(body=message())
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    ((task_id, sqs),) = seen
    assert task_id == one["messageId"]
    assert sqs == {
        "message_id": one["messageId"],
        "receipt_handle": "MessageReceiptHandle",
        "source_arn": "arn:aws:sqs:us-east-1:123456789012:MyQueue",
        "aws_region": "us-east-1",
        "receive_count": 1,
        "message_attributes": {},
        "message_group": None,
        "sent_at": 1523232000.0,
    }


def test_the_shortest_event_is_done() -> None:
    """A record needs nothing but an id and a body."""
    assert task_ids({"messageId": "1", "body": message()}, {"messageId": "2", "body": message()})


def test_an_event_of_sns_is_refused() -> None:
    """A function that is subscribed to a topic itself is told where its event comes from."""
    notification = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:work:1",
        "Sns": json.loads(enveloped(message())),
    }
    with pytest.raises(NotAnSQSEventError, match="comes from 'aws:sns', not from an SQS queue"):
        queued(print)(event(notification), LambdaContext())
