"""A handler of messages becomes a Lambda handler of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import NotAnSQSEventError, SettingError, TaskRouter, queued

from .events import ALL_DONE, QUEUE_ARN, TASK_ID, LambdaContext, enveloped, event, message, record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

Handler = Any


def recording(seen: list[Any]) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    """Return a handler that notes the messages it gets."""

    def handler(event: dict[str, Any], context: dict[str, Any]) -> None:
        """Note a message."""
        seen.append(event)

    return handler


@pytest.mark.parametrize(
    "decorate",
    [queued, queued(), queued(failures="report"), queued(failures="batch", listeners={})],
)
def test_it_stands_bare_and_with_options(decorate: Any) -> None:
    """The decorator works without and with options, and the handler runs for each record."""
    seen: list[Any] = []
    handler = decorate(recording(seen))
    records = [record(message("work", task_kwargs={"n": n})) for n in range(10)]
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert [event["task_kwargs"]["n"] for event in seen] == list(range(10))


def test_the_handler_keeps_its_name_and_docstring() -> None:
    """The decorated handler is known by the name and docstring of the handler."""
    handler: Any = queued(recording([]))
    assert (handler.__name__, handler.__doc__) == ("handler", "Note a message.")


def test_an_empty_batch_is_done() -> None:
    """A batch without records is done."""
    assert queued(recording([]))(event(), LambdaContext()) == ALL_DONE


@pytest.mark.parametrize("wrap", [str, enveloped], ids=["raw", "enveloped"])
def test_raw_and_enveloped_messages_are_read_alike(wrap: Callable[[str], str]) -> None:
    """The handler gets the same message, whether SNS put it into an envelope or not."""
    seen: list[Any] = []
    sent = {"task_kwargs": {"n": [1, {"x": None}]}, "callback": "next", "task_id": TASK_ID}
    queued(recording(seen), listeners={}, failures="report")(  # type: ignore[call-overload]
        event(record(wrap(message("work", **sent)))), None
    )
    assert seen == [{"task_name": "work", "chain_id": TASK_ID, **sent}]


def test_messages_of_both_kinds_mix_in_a_batch() -> None:
    """A batch may have raw and enveloped messages."""
    seen: list[Any] = []
    records = [record(message("a")), record(enveloped(message("b"))), record(message("c"))]
    queued(recording(seen))(event(*records), LambdaContext())
    assert [event["task_name"] for event in seen] == ["a", "b", "c"]


def test_a_message_named_message_is_no_envelope() -> None:
    """A bare message that has a key Message is still a message."""
    seen: list[Any] = []
    queued(recording(seen))(event(record(message("work", Message="hello"))), LambdaContext())
    assert seen[0]["Message"] == "hello"


def test_the_message_is_handed_over_as_plain_json() -> None:
    """Tags and objects in a message are left as they are, and unknown keys too."""
    seen: list[Any] = []
    kwargs = {"who": {"_alg_class": "Nobody", "_alg_module": "nowhere", "value": {}}}
    body = message("work", task_kwargs=kwargs, new_key=[{"_alg_class": "tuple", "value": []}])
    queued(recording(seen))(event(record(body)), LambdaContext())
    assert seen[0]["task_kwargs"] == kwargs
    assert seen[0]["new_key"] == [{"_alg_class": "tuple", "value": []}]


@pytest.mark.parametrize("kwargs", [{}, {"task_kwargs": None}, {"task_kwargs": {}}])
def test_missing_keyword_arguments_are_none_at_all(kwargs: dict[str, Any]) -> None:
    """A message without task_kwargs has empty ones."""
    seen: list[Any] = []
    queued(recording(seen))(event(record(message("work", **kwargs))), LambdaContext())
    assert seen[0]["task_kwargs"] == {}


def test_the_context_lives_as_long_as_the_worker() -> None:
    """What a handler keeps in its context is there for the next record and the next batch."""

    @queued
    def handler(event: Any, context: dict[str, Any]) -> None:
        context.setdefault("connections", []).append(event["task_kwargs"]["n"])
        context["latest"] = context["connections"]

    first, second = LambdaContext(), LambdaContext()
    seen: dict[str, Any] = {}

    @queued
    def other(event: Any, context: dict[str, Any]) -> None:
        seen.update(context)

    for n, lambda_context in enumerate((first, second)):
        records = [record(message("work", task_kwargs={"n": (n, i)})) for i in range(2)]
        handler(event(*records), lambda_context)
    other(event(record(message("work"))), first)
    assert "connections" not in seen


def test_what_is_kept_in_the_context_stays() -> None:
    """Every record of every batch finds what the ones before it kept, and another worker none."""
    contexts = []

    @queued
    def handler(event: Any, context: dict[str, Any]) -> None:
        contexts.append(context)
        context["count"] = context.get("count", 0) + 1

    @queued
    def another(event: Any, context: dict[str, Any]) -> None:
        assert "count" not in context

    for _ in range(3):
        handler(event(record(message()), record(message())), LambdaContext())
    assert [context["count"] for context in contexts] == 6 * [6]
    assert another(event(record(message())), LambdaContext()) == ALL_DONE


def test_the_context_has_lambda_s_own_and_the_record_s_facts() -> None:
    """Under aws is Lambda's context of the invocation, under sqs the current record's facts."""
    seen = []

    @queued
    def handler(event: Any, context: dict[str, Any]) -> None:
        seen.append((context["aws"], context["sqs"]))

    first = record(message(), receiptHandle="handle-1")
    second = record(message(), attributes={"ApproximateReceiveCount": "3"})
    contexts = LambdaContext(), LambdaContext()
    handler(event(first, second), contexts[0])
    handler(event(first), contexts[1])
    assert [
        aws is context for (aws, _), context in zip(seen, (*contexts[:1], *contexts), strict=True)
    ]
    assert [sqs["message_id"] for _, sqs in seen] == [
        first["messageId"],
        second["messageId"],
        first["messageId"],
    ]
    assert seen[0][1] == {
        "message_id": first["messageId"],
        "receipt_handle": "handle-1",
        "source_arn": QUEUE_ARN,
        "aws_region": "eu-west-1",
        "receive_count": 1,
        "message_attributes": {},
        "message_group": None,
        "sent_at": 1545082650.636,
    }
    assert seen[1][1]["receive_count"] == 3
    assert seen[1][1]["sent_at"] is None


@pytest.mark.parametrize("missing", ["attributes", "eventSource", "eventSourceARN", "awsRegion"])
@pytest.mark.parametrize("absent", [True, False])
def test_a_record_needs_no_more_than_id_and_body(missing: str, absent: bool) -> None:
    """A record written by hand may leave out what SQS adds."""
    seen: list[Any] = []
    short = record(message())
    if absent:
        del short[missing]
    elif missing != "eventSource":
        short[missing] = None
    assert queued(recording(seen))(event(short), None) == ALL_DONE
    assert len(seen) == 1


@pytest.mark.parametrize(
    "no_event",
    [
        None,
        [],
        "text",
        {},
        {"Records": None},
        {"Records": {}},
        {"Records": "text"},
        {"task_name": "work"},
        {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events"},
    ],
    ids=repr,
)
def test_what_has_no_records_is_no_event_of_a_queue(no_event: Any) -> None:
    """Anything but a list of records raises NotAnSQSEventError."""
    with pytest.raises(NotAnSQSEventError, match="no list of Records"):
        queued(recording([]), failures="report")(no_event, LambdaContext())  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("foreign", "source"),
    [
        ({"eventSource": "aws:s3", "s3": {}}, "'aws:s3'"),
        ({"eventSource": "aws:kinesis", "kinesis": {}}, "'aws:kinesis'"),
        ({"eventSource": None, "messageId": "1", "body": "{}"}, "None"),
        ({"EventSource": "aws:sns", "Sns": {"Message": "{}"}}, "'aws:sns'"),
        ("record", "None"),
        (None, "None"),
    ],
    ids=repr,
)
def test_events_of_other_sources_are_refused_whole(foreign: Any, source: str) -> None:
    """A record that isn't of SQS raises NotAnSQSEventError with its source; nothing is run."""
    seen: list[Any] = []
    with pytest.raises(NotAnSQSEventError, match=f"comes from {source}, not from an SQS queue"):
        queued(recording(seen))(event(record(message()), foreign), LambdaContext())
    assert seen == []


@pytest.mark.parametrize("message_id", [None, "", 7, ["a"]])
def test_a_record_without_its_id_is_refused(message_id: Any) -> None:
    """A record that couldn't be reported as failed raises NotAnSQSEventError; nothing is run."""
    seen: list[Any] = []
    with pytest.raises(NotAnSQSEventError, match="no messageId"):
        queued(recording(seen))(
            event(record(message()), record(message(), messageId=message_id)), LambdaContext()
        )
    assert seen == []


@pytest.mark.parametrize("misused", ["report", None, {"failures": "report"}])
def test_options_go_by_name(misused: Any) -> None:
    """An option in the place of the handler raises an error that shows how it is written."""
    decorate: Any = queued
    if misused is None:
        assert callable(decorate(None))
    else:
        with pytest.raises(SettingError, match=r'@queued\(failures="report"\)'):
            decorate(misused)


def generating(event: Any, context: Any) -> Iterator[int]:
    """Do nothing, bit by bit."""
    yield 1


async def generating_later(event: Any, context: Any) -> AsyncIterator[int]:
    """Do nothing, bit by bit, later."""
    yield 1


@pytest.mark.parametrize("function", [generating, generating_later])
@pytest.mark.parametrize("decorator", [queued, queued(failures="report"), TaskRouter().task])
def test_what_would_not_run_is_refused(decorator: Any, function: Any) -> None:
    """A function whose call runs nothing isn't taken, since its messages would be lost."""
    with pytest.raises(SettingError, match="none of whose body runs when it is called"):
        decorator(function)
