"""What observers want sent along arrives with the message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import Task, send_task, send_tasks

from .events import ALL_DONE, TASK_ID, LambdaContext, enveloped, event, failed, message, record
from .handlers import returning
from .queues import SourceQueue
from .topics import SNS_LIMIT
from .watching import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "enveloped"])
def test_attributes_arrive_with_the_message(
    bucket: str, listeners: Listeners, watch: Callable[..., Notes], raw: bool
) -> None:
    """What sending returns is what received is told at the other end, for callbacks and senders."""
    listeners.add("first", "second", raw=raw)
    attributes = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-01", "who.else": "ä €😀"}
    notes = watch(**attributes)
    send_task("first", {"n": 1}, "second")
    listeners.drive(returning({"n": 2}, {"n": 3}), LambdaContext())
    received = notes.of("received")
    assert [told["task_name"] for told in received] == ["first", "second"]
    assert [told["attributes"] for told in received] == [attributes] * 2


def test_no_attributes_are_none(listeners: Listeners, wire: Wire, notes: Notes) -> None:
    """An observer that wants nothing sent along, has nothing sent along."""
    listeners.add("work")
    send_task("work")
    (call,) = [call for call in wire.calls if call.service == "sns"]
    assert not any("MessageAttributes" in name for name in call.form)


def test_two_observers_attributes_go_together(
    listeners: Listeners, watch: Callable[..., Notes]
) -> None:
    """All of them go; of two with one name, the later observer's."""
    listeners.add("work")
    watch(a="1", both="first")
    last = watch(b="2", both="second")
    send_task("work")
    assert returning(None)(event(*listeners.take()), LambdaContext()) == ALL_DONE
    assert last.of("received")[0]["attributes"] == {"a": "1", "b": "2", "both": "second"}


def attribute_bytes(attributes: Mapping[str, str]) -> int:
    """Return what attributes add to a message: names, types and values."""
    return sum(len(name) + len("String") + len(text.encode()) for name, text in attributes.items())


@pytest.mark.parametrize(("surplus", "uploads"), [(0, 0), (1, 1)])
@pytest.mark.parametrize("by_callback", [False, True], ids=["send_task", "callback"])
def test_attributes_count_against_256_kib(
    bucket: str,
    listeners: Listeners,
    wire: Wire,
    watch: Callable[..., Notes],
    monkeypatch: pytest.MonkeyPatch,
    by_callback: bool,
    surplus: int,
    uploads: int,
) -> None:
    """A message fills 256 KiB with its attributes; one byte more, and it goes through S3."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", str(SNS_LIMIT))
    attributes = {"trace": "é" * 1000, "b": "2"}
    listeners.add("next")

    def send(text: str) -> None:
        if by_callback:
            one = record(message(task_id=TASK_ID, callback="next"))
            assert returning({"text": text})(event(one), LambdaContext()) == ALL_DONE
        else:
            send_task("next", {"text": text})

    send("")
    (empty,) = listeners.take()
    notes = watch(**attributes)
    room = SNS_LIMIT - len(empty["body"].encode()) - attribute_bytes(attributes)
    wire.clear()
    send("x" * (room + surplus))
    assert wire.counted().get("s3 PUT", 0) == uploads
    assert len(listeners.messages()) == 1
    if by_callback and not surplus:
        assert notes.ends[0]["sent_bytes"] == SNS_LIMIT


def test_attributes_count_in_a_call_of_many(
    listeners: Listeners, wire: Wire, watch: Callable[..., Notes]
) -> None:
    """Messages that fit into a call but for their attributes are spread over two."""
    listeners.add("work")
    tasks = [Task("work", {"text": "x" * 120_000})] * 2
    send_tasks(tasks)
    watch(trace="x" * 15_000)
    send_tasks(tasks)
    assert wire.counted()["sns PublishBatch"] == 3


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        7,
        "text",
        [1],
        {},
        {"a": None, "b": 7, "c": "text", "d": [1], "e": {}},
        {"a": {"Type": "String"}, "b": {"Value": 7, "stringValue": 7}, "c": {"Value": None}},
        {"a": {"Type": "Binary", "Value": ["x"]}, "b": {"dataType": "Binary", "binaryValue": "eA"}},
    ],
)
@pytest.mark.parametrize("where", ["envelope", "record"])
def test_attributes_of_any_form_do_no_harm(
    listeners: Listeners, notes: Notes, where: str, hostile: Any
) -> None:
    """What isn't a text among a message's attributes is left out, and the message is done."""
    bad = (
        record(enveloped(message(), MessageAttributes=hostile))
        if where == "envelope"
        else record(message(), messageAttributes=hostile)
    )
    good = record(message())
    answer = returning(None, None)(event(bad, good), LambdaContext())
    if where == "envelope" or hostile is None or isinstance(hostile, dict):
        assert answer == ALL_DONE
        assert notes.of("received")[0]["attributes"] == {}
        assert notes.outcomes == ["done", "done"]
    else:  # which is nothing that SQS hands over
        assert answer == failed(bad)
        assert notes.outcomes == ["failed", "done"]


def test_of_mixed_attributes_the_texts_are_told(aws: LocalAWS, notes: Notes) -> None:
    """Numbers are texts, as SQS has them, and what is binary isn't."""
    queue = SourceQueue(aws)
    attributes: dict[str, dict[str, Any]] = {
        "tenant": {"DataType": "String", "StringValue": "Söhne"},
        "priority": {"DataType": "Number", "StringValue": "7"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    queue.send(message(), MessageAttributes=attributes)
    assert returning(None)(event(*queue.receive()), LambdaContext()) == ALL_DONE
    assert notes.of("received")[0]["attributes"] == {"tenant": "Söhne", "priority": "7"}
    in_envelope = {
        name: {"Type": value["DataType"], "Value": value["StringValue"]}
        for name, value in attributes.items()
        if name != "blob"
    }
    one = record(enveloped(message(), MessageAttributes=in_envelope))
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    assert notes.of("received")[1]["attributes"] == {"tenant": "Söhne", "priority": "7"}


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        (None, 0),
        (7, 2),
        ("text", 2),
        (["a"], 2),
        ({"a": None}, 2),
        ({"a": 7}, 2),
        ({"a": b"x"}, 2),
        ({7: "x"}, 2),
        ({"a": "\ud800"}, 2),
        ({"a": "line\nline"}, 2),
        ({"a": "\x00"}, 2),
        ({"a b": "x"}, 2),
        ({"é": "x"}, 2),
        ({".a": "x"}, 2),
        ({"a..b": "x"}, 2),
        ({"AWS.a": "x"}, 2),
        ({"Amazon.a": "x"}, 2),
        ({"a" * 257: "x"}, 2),
        ({"": "x"}, 2),
    ],
)
def test_attributes_that_cannot_be_sent_are_left_out(
    listeners: Listeners,
    watch: Callable[..., Notes],
    caplog: pytest.LogCaptureFixture,
    attributes: Any,
    said: int,
) -> None:
    """What an observer wants sent that is no text isn't, which is logged; the message goes on."""
    listeners.add("next")
    watch().attributes = attributes
    watch(b="2")
    one = record(message(callback="next"))
    assert returning(None)(event(one), LambdaContext()) == ALL_DONE
    send_task("next")
    assert [set(sent["messageAttributes"]) for sent in listeners.take()] == [{"b"}] * 2
    assert caplog.text.count("an observer of Tasks wants sent what can't be attributes") == said


def test_ten_attributes_go_at_most(listeners: Listeners, watch: Callable[..., Notes]) -> None:
    """SNS drops a message with more under raw delivery, so the first ten go."""
    listeners.add("work")
    watch(**{f"a{number}": "x" for number in range(8)})
    watch(**{f"b{number}": "x" for number in range(8)})
    send_task("work")
    (sent,) = listeners.take()
    assert set(sent["messageAttributes"]) == {*(f"a{n}" for n in range(8)), "b0", "b1"}


def test_empty_attributes_are_left_out(
    listeners: Listeners, watch: Callable[..., Notes], caplog: pytest.LogCaptureFixture
) -> None:
    """SNS takes no empty attribute, so none is sent."""
    listeners.add("work")
    watch(a="", b="2")
    send_task("work")
    assert [set(sent["messageAttributes"]) for sent in listeners.take()] == [{"b"}]
    assert "an observer of Tasks failed" not in caplog.text
