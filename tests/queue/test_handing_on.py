"""A `queued` handler hands on what it doesn't know, and the next Task gets it as it was sent."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import TaskRouter, queued, send_task
from algernon_serialize import AlgObject, ajson, rebuild_event
from algernon_storage import StoredData

from .events import ALL_DONE, LambdaContext, enveloped, event, failed, record

if TYPE_CHECKING:
    from ..wire import Wire
    from .conftest import Listeners

Change = Callable[[dict[str, Any]], Any]


class Order(AlgObject, wire_name="shop.orders:Order"):
    """What only the next worker knows; whoever hands it on sees its tag."""

    def __init__(self, number: int, total: Decimal) -> None:
        self.number = number
        self.total = total

    @classmethod
    def parse_json(cls, json_dict: Any) -> Order:
        """Make an order of its attributes."""
        return cls(json_dict["number"], json_dict["total"])


#: Keyword arguments with tags of many kinds, and a user's own dict that looks like one.
KWARGS = {
    "price": Decimal("9.90"),
    "pair": (1, {2, 3}),
    "order": Order(7, Decimal("1.50")),
    "rows": [{"at": datetime(2026, 1, 2, tzinfo=UTC)}, {4: "four"}],
    "mine": {"_alg_class": "set", "value": [1]},
}

CHANGES: dict[str, tuple[Change, dict[str, Any]]] = {
    "whole": (lambda kwargs: kwargs, KWARGS),
    "dict()": (dict, KWARGS),
    "copy": (copy.copy, KWARGS),
    "deepcopy": (copy.deepcopy, KWARGS),
    "{**, more}": (lambda kwargs: {**kwargs, "more": 1}, {**KWARGS, "more": 1}),
    "| more": (lambda kwargs: kwargs | {"more": (1, 2)}, KWARGS | {"more": (1, 2)}),
    "parts": (
        lambda kwargs: {"part": kwargs["rows"][0]["at"], "parts": [kwargs["pair"]]},
        {"part": datetime(2026, 1, 2, tzinfo=UTC), "parts": [(1, {2, 3})]},
    ),
    "part of a tag": (
        lambda kwargs: {"total": kwargs["order"]["value"]["total"]},
        {"total": Decimal("1.50")},
    ),
    "user's own beside": (
        lambda kwargs: {"mine": {"_alg_class": "tuple", "value": [1]}, "pair": kwargs["pair"]},
        {"mine": {"_alg_class": "tuple", "value": [1]}, "pair": (1, {2, 3})},
    ),
    "by way of json": (
        lambda kwargs: json.loads(json.dumps(kwargs)),
        json.loads(ajson.dumps(KWARGS)),
    ),
}
WAYS = ["return", "send_task"]


def hand_over(way: str, change: Change, listeners: Listeners, task_kwargs: Any) -> list[Any]:
    """Have a worker hand keyword arguments on, and return what the Task ``next`` gets."""
    arns = listeners.add("next")
    callback = "next" if way == "return" else None

    @queued(failures="report")
    def hand_on(event: Any, context: Any) -> Any:
        if way == "return":
            return change(event["task_kwargs"])
        send_task("next", change(event["task_kwargs"]), listeners=arns)
        return None

    body = ajson.dumps({"task_name": "work", "task_kwargs": task_kwargs, "callback": callback})
    assert hand_on(event(record(enveloped(body))), LambdaContext()) == ALL_DONE
    router, got = receiving()
    listeners.drive(router.handler, LambdaContext())
    return got


def receiving() -> tuple[TaskRouter, list[Any]]:
    """Return a router of the Task ``next``, and the keyword arguments that it gets."""
    router, got = TaskRouter(failures="report"), []

    @router.task(name="next")
    def receive(**kwargs: Any) -> None:
        got.append(kwargs)

    return router, got


def as_text(value: Any) -> str:
    """Return a value's text, by which types are compared as well."""
    return ajson.dumps(value, sort_keys=True)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_handed_on_arrives_as_it_was_sent(
    bucket: str, listeners: Listeners, way: str, name: str
) -> None:
    """Whole, copied, extended or in parts, tags go on as tags, and a user's own dict as data."""
    change, expected = CHANGES[name]
    (got,) = hand_over(way, change, listeners, KWARGS)
    assert as_text(got) == as_text(expected)


@pytest.mark.parametrize("way", WAYS)
def test_arguments_from_s3_are_handed_on(bucket: str, listeners: Listeners, way: str) -> None:
    """Keyword arguments that came through S3 go on as they were, also those too large for SNS."""
    large = {**KWARGS, "text": "x" * 300_000}
    stored = StoredData("kwargs", large, full_unpack=True)
    (got,) = hand_over(way, lambda kwargs: {**kwargs, "more": 1}, listeners, stored)
    assert as_text(got) == as_text({**large, "more": 1})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("full_unpack", [True, False])
def test_a_nested_stored_data_goes_on_with_its_pointer(
    bucket: str, listeners: Listeners, wire: Wire, way: str, full_unpack: bool
) -> None:
    """Stored data inside of keyword arguments isn't read on the way, nor stored again."""
    stored = StoredData("rows", [(1, 2)], full_unpack=full_unpack)
    stored.store()
    wire.clear()
    arguments = {"rows": stored, "deep": [{"rows": stored}]}
    (got,) = hand_over(way, lambda kwargs: {**kwargs, "n": 1}, listeners, arguments)
    assert [call.operation for call in wire.calls if "/rows" in call.path] == ["GET", "GET"]
    for part in (got["rows"], got["deep"][0]["rows"]):
        assert (part if full_unpack else part.data) == [(1, 2)]
        assert full_unpack or part.pointer == stored.pointer


@pytest.mark.parametrize("way", WAYS)
def test_arguments_that_are_a_tag_themselves_go_on(
    bucket: str, listeners: Listeners, way: str
) -> None:
    """A user's own dict that looks like a tag, as the keyword arguments, goes on as that dict."""
    mine = {"_alg_class": "set", "value": [(1, 2)]}
    assert hand_over(way, dict, listeners, mine) == [mine]


def test_a_forged_tag_is_the_next_task_s_failure(bucket: str, listeners: Listeners) -> None:
    """What nobody can rebuild goes on as it stood, and fails where it is rebuilt."""
    listeners.add("next")
    forged = {"x": {"_alg_class": "set", "value": [1], "extra": [1]}}
    body = json.dumps({"task_name": "work", "task_kwargs": forged, "callback": "next"})
    hand_on = queued(failures="report")(lambda event, context: event["task_kwargs"])
    assert hand_on(event(record(body)), LambdaContext()) == ALL_DONE
    router, got = receiving()
    (sent,) = listeners.take()
    pointer = StoredData.pointer_in(json.loads(sent["body"])["task_kwargs"])
    assert pointer is not None
    assert StoredData.retrieve(pointer, rebuild=False).data == forged
    assert router.handler(event(sent), LambdaContext()) == failed(sent)
    assert got == []


@pytest.mark.parametrize("way", WAYS)
def test_a_rebuilt_event_goes_on_too(bucket: str, listeners: Listeners, way: str) -> None:
    """A handler may rebuild what it hands on, in a copy, and rebuild it again."""

    def rebuilt(kwargs: dict[str, Any]) -> dict[str, Any]:
        once = rebuild_event(kwargs)
        assert isinstance(once["price"], Decimal)
        return rebuild_event({**once, "more": once["mine"]})

    (got,) = hand_over(way, rebuilt, listeners, KWARGS)
    assert as_text(got) == as_text({**KWARGS, "more": KWARGS["mine"]})


def test_a_router_takes_what_was_rebuilt_before(bucket: str) -> None:
    """A handler that rebuilds a message may have a router run it: a user's own dict stays one."""
    router, got = receiving()

    @queued(failures="report")
    def handler(event: Any, context: Any) -> Any:
        return router.route({**rebuild_event(event)}, context)

    body = ajson.dumps({"task_name": "next", "task_kwargs": KWARGS})
    assert handler(event(record(body)), LambdaContext()) == ALL_DONE
    assert [as_text(kwargs) for kwargs in got] == [as_text(KWARGS)]
