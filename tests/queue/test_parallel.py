"""A batch costs three round trips to AWS, not one for each record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from algernon_queue import queued
from algernon_storage import StoredData

from .events import ALL_DONE, LambdaContext, event, message, record

if TYPE_CHECKING:
    from ..wire import Wire
    from .conftest import Listeners


def stored_batch() -> list[dict[str, Any]]:
    """Return ten records with stored keyword arguments and a callback."""
    return [
        record(
            message(
                "work",
                callback="next",
                task_kwargs={
                    "_alg_class": "StoredData",
                    "_alg_module": "algernon.aws.snakes",
                    "value": {"pointer": StoredData("kwargs", {"n": n}, timestamp=str(n)).store()},
                },
            )
        )
        for n in range(10)
    ]


def test_a_batch_costs_three_round_trips(bucket: str, listeners: Listeners, wire: Wire) -> None:
    """Ten fetches go at once, then ten uploads at once, then one call publishes all."""
    listeners.add("next")
    records = stored_batch()
    handler = queued(lambda event, context: {"n": event["task_kwargs"]["n"] + 1})
    handler(event(record(message("warm", callback="next", task_kwargs={"n": 0}))), LambdaContext())
    listeners.messages()

    wire.clear()
    wire.expect_rounds(10, 10, 1)
    assert handler(event(*records), LambdaContext()) == ALL_DONE

    operations = [call.operation for call in wire.calls]
    assert operations == ["GET"] * 10 + ["PUT"] * 10 + ["PublishBatch"]
    results = [StoredData.pointer_in(sent["task_kwargs"]) for sent in listeners.messages()]
    numbers = [StoredData.retrieve(pointer).data["n"] for pointer in results if pointer]
    assert sorted(numbers) == list(range(1, 11))


def test_connections_are_kept_for_the_next_batch(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """Ten fetches at once leave ten connections open, so the next batch opens none."""
    listeners.add("next")
    records = stored_batch()
    handler = queued(lambda event, context: None)
    wire.expect_rounds(10, 1, 10)
    handler(event(*records), LambdaContext())
    wire.connections = 0
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert wire.connections == 0


def test_topics_are_published_to_at_once(bucket: str, listeners: Listeners, wire: Wire) -> None:
    """Callbacks with different listeners cost a call each, at the same time."""
    names = [f"next-{n}" for n in range(5)]
    listeners.add(*names)
    records = [record(message("work", callback=name)) for name in names * 2]
    wire.expect_rounds(5)
    assert queued(lambda event, context: None)(event(*records), LambdaContext()) == ALL_DONE
    assert wire.counted() == {"sns PublishBatch": 5}
    assert len(listeners.messages()) == 10


def test_large_batches_are_published_ten_a_call(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """A batch of more than ten is published in calls of ten at the most."""
    listeners.add("next")
    records = [record(message("work", callback="next")) for _ in range(25)]
    assert queued(lambda event, context: None)(event(*records), LambdaContext()) == ALL_DONE
    sizes = [sum(key.endswith(".Id") for key in call.form) for call in wire.calls]
    assert sorted(sizes) == [5, 10, 10]
    assert len(listeners.messages()) == 25


def test_nothing_to_do_costs_nothing(bucket: str, wire: Wire) -> None:
    """Records with neither stored arguments nor a callback ask nothing of AWS."""
    records = [record(message("work", task_kwargs={"n": n})) for n in range(10)]
    assert queued(lambda event, context: {"n": 1})(event(*records), LambdaContext()) == ALL_DONE
    assert wire.calls == []
