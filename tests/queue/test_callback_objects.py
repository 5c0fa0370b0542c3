"""A callback that is an object is read as it is meant, or refused before anything runs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, MalformedMessageError, TaskRouter, queued
from hypothesis import example, given, settings
from hypothesis import strategies as st

from .events import ALL_DONE, TASK_ID, LambdaContext, event, message, record
from .queues import SourceQueue

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from .conftest import Listeners

#: Steps that say nothing wrong.
STEPS = {"0": {"kwargs": {"n": 1}}}


def no_result(event: Any, context: Any) -> None:
    """Do nothing."""


def not_to_run(event: Any, context: Any) -> None:
    """Fail the test."""
    pytest.fail("it was run")


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ({"collect": True}, "collect"),
        ({"deadline": 60, "keep_result": TASK_ID}, "deadline"),
        ({"steps": {"1": {"kwargs": {}, "delay": 60}}}, "delay"),
        ({"chain": None, "steps": {}, "tolerated": 1}, "tolerated"),
    ],
)
def test_what_needs_a_newer_worker_is_refused_before_anything_runs(
    aws: LocalAWS, others: dict[str, Any], named: str
) -> None:
    """It goes to the dead-letter queue as it was, with a reason that says what to do."""
    queue = SourceQueue(aws)
    body = message("work", callback={"chain": "next#last", "steps": STEPS, **others})
    queue.send(body)
    assert queued(failures="report")(not_to_run)(event(*queue.receive()), LambdaContext()) == (
        ALL_DONE
    )
    (letter,) = queue.dead_letters()
    assert letter["Body"] == body
    attributes = letter["MessageAttributes"]
    assert attributes["algernon.error"]["StringValue"] == "MalformedMessageError"
    reason = attributes["algernon.reason"]["StringValue"]
    assert f"has ['{named}'], which this worker is too old to know: nothing was run" in reason


@pytest.mark.parametrize(
    ("callback", "position", "problem"),
    [
        ({"chain": 5}, None, "the chain in .* is no chain of names"),
        ({"chain": ""}, None, "the chain in .* is no chain of names"),
        ({"chain": "a##b"}, None, "the chain in .* is no chain of names"),
        ({"chain": ["a"]}, None, "the chain in .* is no chain of names"),
        ({"chain": "a\nb"}, None, "the chain in .* is no chain of names"),
        ({"chain": "a", "steps": []}, None, "the steps in .* are a list"),
        ({"chain": "a", "steps": None}, None, "the steps in .* are a NoneType"),
        ({"chain": "a", "steps": {"1": {}}}, None, "has a step '1', which is no number"),
        ({"chain": "a#b", "steps": {"01": {}}}, None, "has a step '01', which is no number"),
        ({"chain": "a#b", "steps": {"-1": {}}}, None, "has a step '-1', which is no number"),
        ({"chain": "a#b", "steps": {"0\n": {}}}, None, r"has a step '0\\n', which is no number"),
        (
            {"chain": "a#b", "steps": {"\u0661": {}}},
            None,
            "has a step '\u0661', which is no number",
        ),
        ({"chain": "a#b", "steps": {"9" * 5000: {}}}, None, f"a step '{'9' * 40}', which is no"),
        ({"steps": STEPS}, None, "has a step '0', which is no number"),
        ({"chain": "a", "steps": {"0": None}}, None, "a step in .* is a NoneType"),
        ({"chain": "a", "steps": {"0": [1]}}, None, "a step in .* is a list"),
        ({"chain": "a", "steps": {"0": {"kwargs": 1}}}, None, "the kwargs of a step .* are an int"),
        (
            {"chain": "a", "steps": {"0": {"kwargs": {"_alg_class": "set", "value": []}}}},
            None,
            "the kwargs of a step .* are a tagged value",
        ),
        (
            {"chain": "a", "steps": {"0": {"kwargs": {"\n\ud800": 1}}}},
            None,
            "the kwargs of a step .* have a lone surrogate in a key",
        ),
        (
            {"chain": "a", "steps": {"0": {"kwargs": {"n": "x" * 70_000}}}},
            None,
            "takes 700.. bytes, more than the 65536",
        ),
        ({"chain": "work", "steps": STEPS}, None, "doesn't say which of the chain's Tasks"),
        ({"chain": "a#work", "steps": STEPS}, None, "doesn't say which of the chain's Tasks"),
        ({"chain": "a#work", "steps": STEPS}, 0, "number 0 of the chain 'a#work', where it isn't"),
        ({"chain": "work", "steps": STEPS}, 1, "number 1 of the chain 'work', where it isn't"),
        ({"chain": "work", "steps": STEPS}, "0", "number '0' of the chain"),
        ({"steps": {}}, 0, "number 0 of the chain None, where it isn't"),
        ([STEPS], None, "is neither the name of a Task nor a chain .* nor an object"),
        (5, None, "is neither the name of a Task nor a chain .* nor an object"),
        (True, None, "is neither the name of a Task nor a chain .* nor an object"),
    ],
)
def test_a_malformed_object_is_refused(callback: Any, position: Any, problem: str) -> None:
    """It raises MalformedMessageError, which says what is wrong; the Task isn't run."""
    body = message("work", callback=callback, callback_position=position)
    with pytest.raises(BatchFailedError) as caught:
        queued(not_to_run)(event(record(body)), LambdaContext())
    (error,) = caught.value.failures.values()
    assert isinstance(error, MalformedMessageError)
    assert re.search(problem, str(error))
    assert "xxx" not in str(error)


@pytest.mark.parametrize("nobody", [{}, {"steps": {}}, {"chain": None}])
def test_an_object_without_a_chain_is_nobody(listeners: Listeners, nobody: Any) -> None:
    """Where the object names no chain, the result goes to nobody."""
    body = message("work", callback=nobody)
    assert queued(failures="report")(no_result)(event(record(body)), LambdaContext()) == ALL_DONE
    assert listeners.messages() == []


@pytest.mark.parametrize(
    ("callback", "following"),
    [
        ({"chain": "next"}, (None, None)),
        ({"chain": "next", "steps": {}}, (None, None)),
        ({"chain": "next#last"}, ("next#last", 0)),
        ({"chain": "next", "steps": STEPS}, ({"chain": "next", "steps": STEPS}, 0)),
        (
            {"chain": "next", "steps": {"0": {}}},
            ({"chain": "next", "steps": {"0": {"kwargs": {}}}}, 0),
        ),
    ],
)
def test_an_object_without_steps_is_what_its_chain_is(
    listeners: Listeners, callback: Any, following: tuple[Any, Any]
) -> None:
    """What its object says goes on to the callback; where that is the chain alone, the text."""
    listeners.add("next")
    body = message("work", callback=callback)
    assert queued(failures="report")(no_result)(event(record(body)), LambdaContext()) == ALL_DONE
    (sent,) = listeners.messages()
    assert (sent["callback"], sent.get("callback_position")) == following


def test_steps_that_are_past_are_left_alone(listeners: Listeners) -> None:
    """What was for a Task before is neither given to this one nor sent on."""
    listeners.add("last")
    got: list[Any] = []
    router = TaskRouter(failures="report")

    @router.task(name="next")
    def work(**kwargs: Any) -> None:
        got.append(kwargs)

    callback = {"chain": "first#next#last", "steps": {**STEPS, "2": {"kwargs": {"m": 2}}}}
    body = message("next", callback=callback, callback_position=1)
    assert router.handler(event(record(body)), LambdaContext()) == ALL_DONE
    assert got == [{}]
    (sent,) = listeners.messages()
    assert sent["callback"] == {"chain": "first#next#last", "steps": {"2": {"kwargs": {"m": 2}}}}


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
keyword_arguments = st.dictionaries(
    st.text() | st.text(st.characters(categories=["Cs", "Cc"])), plain, max_size=3
)
numbers = st.sampled_from(["0", "1", "2", "-1", "00", "1.0", "\u0663", ""]) | st.text()
names = st.sampled_from(["work", "next", "next#work", "work#next", "a#b#c"]) | st.text()
steps = st.fixed_dictionaries({}, optional={"kwargs": keyword_arguments | plain, "delay": plain})
objects = st.fixed_dictionaries(
    {},
    optional={
        "chain": names | plain,
        "steps": st.dictionaries(numbers, steps | plain, max_size=3) | plain,
        "keep_result": st.just(TASK_ID) | plain,
        "group": st.fixed_dictionaries(
            {"id": st.just(TASK_ID) | plain, "index": st.integers(-1, 2) | plain},
            optional={"bucket": st.just("b") | plain, "folder": st.just("f") | plain},
        )
        | plain,
    },
)


@settings(max_examples=100)
@given(objects, st.none() | st.integers(-2, 3))
@example({"chain": "work", "steps": {"0": {"kwargs": {"n": [[[]]]}}}}, 0)
@example({"chain": "work#next", "steps": {"1": {"kwargs": {"\ud800": "\uffff"}}}}, 0)
@example({"chain": "#".join(["a"] * 40_000), "steps": {"1": {}}}, -1)
def test_no_object_can_harm_another_record(
    listeners: Listeners, callback: Any, position: int | None
) -> None:
    """Whatever object a callback is, the others are done and the invocation ends well."""
    listeners.add("neighbour", "next")
    neighbours = [record(message("work", callback="neighbour")) for _ in range(2)]
    one = record(message("work", callback=callback, callback_position=position))
    answer = queued(failures="report")(no_result)(
        event(neighbours[0], one, neighbours[1]), LambdaContext()
    )
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] in (
        [],
        [one["messageId"]],
    )
    sent = [found["task_name"] for found in listeners.messages()]
    assert sent.count("neighbour") == 2


@settings(max_examples=50)
@given(st.dictionaries(st.text(), plain, max_size=3).filter(lambda new: "_alg_class" not in new))
@example({"n": {"_alg_class": "unheard of", "value": [{"_alg_class": 1}]}})
@example({"n": 10**30, "x": 1e-9, "\x00": "\ufffe"})
def test_what_is_for_a_later_task_is_handed_on_as_it_stood(
    listeners: Listeners, kwargs: dict[str, Any]
) -> None:
    """A worker that doesn't know what constants stand for hands them on unread."""
    listeners.add("next")
    callback = {"chain": "next", "steps": {"0": {"kwargs": kwargs}}}
    body = message("work", callback=callback)
    assert queued(failures="report")(no_result)(event(record(body)), LambdaContext()) == ALL_DONE
    (sent,) = listeners.messages()
    assert json.dumps(sent["callback"]) == json.dumps(json.loads(body)["callback"])
