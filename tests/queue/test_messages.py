"""Where in its chain a message's Task stands, and what a message may say about it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, MalformedMessageError, queued, send_task
from algernon_serialize import ajson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from .events import LambdaContext, enveloped, event, message, record

if TYPE_CHECKING:
    from ..wire import Wire
    from .conftest import Listeners


def no_result(event: Any, context: Any) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("task_name", "callback", "position", "following"),
    [
        ("a", "a#b#a#c", 0, ("b", 1)),
        ("b", "a#b#a#c", 1, ("a", 2)),
        ("a", "a#b#a#c", 2, ("c", 3)),
        ("c", "a#b#a#c", 3, None),
        ("a", "a#b#a#c", -1, ("a", 0)),
        ("starter", "a#b#a#c", -1, ("a", 0)),
    ],
)
def test_the_place_in_a_chain_decides(
    listeners: Listeners,
    task_name: str,
    callback: str,
    position: int,
    following: tuple[str, int] | None,
) -> None:
    """A message that says where in the chain its Task stands goes on from there."""
    listeners.add("a", "b", "c")
    body = message(task_name, callback=callback, callback_position=position)
    queued(no_result)(event(record(body)), LambdaContext())
    sent = [(found["task_name"], found["callback_position"]) for found in listeners.messages()]
    assert sent == ([] if following is None else [following])


@pytest.mark.parametrize(
    ("callback", "position"),
    [
        ("a#b#a", 1),
        ("a#b#a", 3),
        ("a#b#a", -2),
        ("a#b#a", "0"),
        ("a#b#a", 0.0),
        ("a#b#a", True),
        ("a#b#a", [0]),
        ("b#c", 0),
        (None, 0),
        ("b", 0),
    ],
)
def test_a_place_where_the_task_is_not_is_refused(callback: str | None, position: Any) -> None:
    """A message whose Task isn't where it says raises MalformedMessageError; it isn't run."""
    body = message("a", callback=callback, callback_position=position)
    with pytest.raises(BatchFailedError) as caught:
        queued(lambda event, context: pytest.fail("it was run"))(
            event(record(body)), LambdaContext()
        )
    (error,) = caught.value.failures.values()
    assert isinstance(error, MalformedMessageError)
    assert "where it isn't" in str(error)


def test_what_is_sent_can_be_read_by_hand(listeners: Listeners) -> None:
    """A sent message is a JSON object with the five documented keys."""
    listeners.add("work")
    task_id = send_task("work", {"n": 1}, "next")
    assert listeners.messages() == [
        {
            "task_name": "work",
            "task_kwargs": {"n": 1},
            "callback": "next",
            "task_id": task_id,
            "chain_id": task_id,
        }
    ]


def test_unknown_keys_are_not_handed_on(listeners: Listeners) -> None:
    """What a message has beyond the known keys is the handler's to see, and not the callback's."""
    listeners.add("next")
    body = message("work", callback="next", note="x", task_kwargs={})
    queued(no_result)(event(record(body)), LambdaContext())
    (sent,) = listeners.messages()
    known = {"task_name", "task_kwargs", "callback", "task_id", "chain_id", "hops"}
    assert set(sent) == known


@pytest.mark.parametrize(
    "text", ["\x00\x0b\x1f", "\ufffe\uffff", "a\ud800\uffff", "\t\r\n\\", "é😀"]
)
def test_a_queue_can_hold_any_text(listeners: Listeners, wire: Wire, text: str) -> None:
    """Characters that SQS would refuse are escaped in a sent message, and come back."""
    listeners.add("work")
    send_task("work", {text: text})
    (call,) = [call for call in wire.calls if call.service == "sns"]
    (sent,) = [value for name, value in call.form.items() if name.endswith(".Message")]
    # Amazon SQS API Reference, SendMessage: the characters that a message can have.
    assert re.fullmatch("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*", sent)
    assert ajson.loads(sent)["task_kwargs"] == {text: text}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["work", "next", "a#b#a", "work#next", "", "#"]) | st.text()
texts = names | st.text(st.characters(categories=["Cs", "Lu", "Cc"]))
bodies = (
    st.text()
    | anything.map(json.dumps)
    | st.fixed_dictionaries(
        {},
        optional={
            "task_name": texts | anything,
            "task_kwargs": anything,
            "callback": texts | anything,
            "task_id": st.uuids().map(str) | texts | anything,
            "chain_id": st.uuids().map(str) | texts | anything,
            "callback_position": st.integers(-2, 3) | anything,
            "Message": texts | anything,
        },
    ).map(json.dumps)
)


@settings(max_examples=150)
@given(bodies | bodies.map(enveloped) | anything)
@example(json.dumps({"task_name": "work", "callback": "\ud800"}))
@example(json.dumps({"task_name": "\ud800", "callback": "\ud800#\udfff"}))
@example(json.dumps({"task_name": "work", "task_id": "\ud800"}))
@example(json.dumps({"task_name": "work", "callback": "x" * 100_000}))
@example("[" * 100_000)
@example('{"task_name":"work","task_kwargs":' + "[" * 900 + "]" * 900 + ',"callback":"next"}')
@example("1" * 5000)
def test_no_body_can_harm_another_record(listeners: Listeners, body: Any) -> None:
    """Whatever stands in a record, the others are done and the invocation ends well."""
    listeners.add("neighbour")
    neighbours = [record(message("work", callback="neighbour")) for _ in range(2)]
    one = record(body)
    answer = queued(failures="report")(no_result)(
        event(neighbours[0], one, neighbours[1]), LambdaContext()
    )
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] in (
        [],
        [one["messageId"]],
    )
    sent = [found["task_name"] for found in listeners.messages()]
    assert sent.count("neighbour") >= 2
