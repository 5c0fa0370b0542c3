"""What a Task returns goes to its callback, through S3."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from algernon_queue import TaskArgumentsError, TaskRouter, queued, send_task
from algernon_storage import StoredData

from .events import (
    ALL_DONE,
    TASK_ID,
    LambdaContext,
    enveloped,
    event,
    failed,
    message,
    record,
)
from .handlers import returning

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from .conftest import Listeners


def pointer_of(sent: dict[str, Any]) -> str:
    """Return the pointer that a message has in the place of keyword arguments."""
    pointer = StoredData.pointer_in(sent["task_kwargs"])
    assert pointer is not None
    return pointer


def test_a_callback_s_message_has_the_recorded_form(bucket: str, listeners: Listeners) -> None:
    """The message has the callback's name, a pointer to the result, and ids; no callback."""
    listeners.add("next")
    one = record(message("work", callback="next", task_id=TASK_ID))
    assert returning({"pair": (1, Decimal("1.5"))})(event(one), LambdaContext()) == ALL_DONE
    (sent,) = listeners.messages()
    pointer = pointer_of(sent)
    assert sent == {
        "task_name": "next",
        "task_kwargs": {
            "_alg_class": "StoredData",
            "_alg_module": "algernon.aws.snakes",
            "value": {"pointer": pointer},
        },
        "callback": None,
        "task_id": sent["task_id"],
        "chain_id": TASK_ID,
        "hops": 1,
    }
    assert UUID(sent["task_id"]).version == 5
    stored = StoredData.retrieve(pointer)
    assert stored.data == {"pair": (1, Decimal("1.5"))}
    assert stored.full_unpack
    assert pointer.startswith(f"{bucket}#cache/{sent['task_id']}!")


def test_no_result_is_no_arguments(bucket: str, listeners: Listeners) -> None:
    """None goes on as empty keyword arguments, and not through S3."""
    listeners.add("next")
    returning(None)(event(record(message("work", callback="next"))), LambdaContext())
    assert [sent["task_kwargs"] for sent in listeners.messages()] == [{}]


@pytest.mark.parametrize("result", [{}, [], [1, 2], "text", 0, False, 1.5, (1,), {1}])
def test_any_other_result_goes_on_as_it_is(bucket: str, listeners: Listeners, result: Any) -> None:
    """A result of any type that can travel is stored, whether it would do as arguments or not."""
    listeners.add("next")
    returning(result)(event(record(message("work", callback="next"))), LambdaContext())
    (sent,) = listeners.messages()
    data = StoredData.retrieve(pointer_of(sent)).data
    assert data == result
    assert type(data) is type(result)


def test_a_mapping_that_would_change_is_not_sent(bucket: str, listeners: Listeners) -> None:
    """A subclass of dict, which would come back as a dict, is its record's failure."""
    listeners.add("next")
    one = record(message("work", callback="next"))
    assert returning(defaultdict(int, n=1))(event(one), LambdaContext()) == failed(one)


@pytest.mark.parametrize("callback", [None, ""])
def test_without_a_callback_nothing_is_sent(
    bucket: str, listeners: Listeners, callback: str | None
) -> None:
    """The result of a Task without a callback stays where it is."""
    one = record(message("work", callback=callback))
    assert returning({"n": 1})(event(one), LambdaContext()) == ALL_DONE
    assert listeners.messages() == []


def test_stored_arguments_are_put_back_in_place(bucket: str) -> None:
    """The handler gets stored keyword arguments as they were sent, still as plain JSON."""
    seen = []
    data = {"pair": (1, 2), "who": "ada", "_alg_class": "mine"}
    pointer = StoredData("kwargs", data, full_unpack=True).store()
    tag = {
        "_alg_class": "StoredData",
        "_alg_module": "algernon.aws.snakes",
        "value": {"pointer": pointer},
    }
    one = record(enveloped(message("work", task_kwargs=tag)))

    @queued
    def handler(event: Any, context: Any) -> None:
        seen.append(event["task_kwargs"])

    assert handler(event(one), LambdaContext()) == ALL_DONE
    assert seen == [
        {
            "_alg_class": "dict",
            "value": [
                ["pair", {"_alg_class": "tuple", "value": [1, 2]}],
                ["who", "ada"],
                ["_alg_class", "mine"],
            ],
        }
    ]
    router = TaskRouter()

    @router.task
    def work(**kwargs: Any) -> None:
        seen.append(kwargs)

    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert seen[1] == data


def test_stored_nothing_is_no_arguments(bucket: str) -> None:
    """Stored keyword arguments that are null are empty ones."""
    pointer = StoredData("kwargs", None, full_unpack=True).store()
    tag = {
        "_alg_class": "StoredData",
        "_alg_module": "algernon.aws.snakes",
        "value": {"pointer": pointer},
    }
    seen = []

    @queued
    def handler(event: Any, context: Any) -> None:
        seen.append(event["task_kwargs"])

    handler(event(record(message("work", task_kwargs=tag))), LambdaContext())
    assert seen == [{}]


def test_a_rerun_sends_the_same_message(aws: LocalAWS, bucket: str, listeners: Listeners) -> None:
    """A Task that runs twice gives its callback the same id, key and data, also if it differs."""
    listeners.add("next")
    one = record(message("work", callback="next", task_id=TASK_ID))
    handler = returning({"run": 1}, {"run": 2})
    handler(event(one), LambdaContext())
    handler(event({**one, "messageId": "redelivered-elsewhere"}), LambdaContext())
    first, second = listeners.messages()
    assert first == second
    assert StoredData.retrieve(pointer_of(first)).data == {"run": 1}
    found = aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert len(found) == 1


def test_duplicates_in_one_batch_send_the_same_message(bucket: str, listeners: Listeners) -> None:
    """A message that comes twice in a batch leads to one id and one object."""
    listeners.add("next")
    twins = [record(message("work", callback="next", task_id=TASK_ID)) for _ in range(4)]
    handler = queued(lambda event, context: {"n": 1})
    assert handler(event(*twins), LambdaContext()) == ALL_DONE
    sent = listeners.messages()
    assert len(sent) == 4
    assert len({json.dumps(message) for message in sent}) == 1


def test_ids_differ_by_parent_position_and_name(bucket: str, listeners: Listeners) -> None:
    """Another parent, another place in the chain or another callback gives another id."""
    listeners.add("a", "b")
    others = TASK_ID.replace("4f", "5f")
    records = [
        record(message("work", callback="a", task_id=TASK_ID)),
        record(message("work", callback="a", task_id=others)),
        record(message("work", callback="b", task_id=TASK_ID)),
        record(message("a", callback="a#b#b", task_id=TASK_ID, callback_position=0)),
        record(message("b", callback="a#b#b", task_id=TASK_ID, callback_position=1)),
    ]
    assert queued(lambda event, context: None)(event(*records), LambdaContext()) == ALL_DONE
    ids = [sent["task_id"] for sent in listeners.messages()]
    assert len(set(ids)) == 5


def test_an_id_is_the_parent_s_in_any_spelling(bucket: str, listeners: Listeners) -> None:
    """A task_id in capitals or braces is the same UUID, so it leads to the same child."""
    listeners.add("next")
    for spelling in (TASK_ID, TASK_ID.upper(), f"{{{TASK_ID}}}", TASK_ID.replace("-", "")):
        one = record(message("work", callback="next", task_id=spelling))
        returning(None)(event(one), LambdaContext())
    assert len({sent["task_id"] for sent in listeners.messages()}) == 1


def test_a_message_without_an_id_takes_sns_s_else_sqs_s(bucket: str, listeners: Listeners) -> None:
    """Where no task_id was sent, the MessageId of the envelope stands in, or the messageId."""
    seen = []

    @queued
    def handler(event: Any, context: Any) -> None:
        seen.append(event["task_id"])

    raw = record(message())
    wrapped = record(enveloped(message(), MessageId=TASK_ID))
    both = record(enveloped(message(task_id=TASK_ID.replace("4f", "5f")), MessageId=TASK_ID))
    no_id = record(enveloped(message(task_id=""), MessageId=""))
    handler(event(raw, wrapped, both, no_id), LambdaContext())
    assert seen == [
        raw["messageId"],
        TASK_ID,
        TASK_ID.replace("4f", "5f"),
        no_id["messageId"],
    ]


def chain_worker(ran: list[Any], *names: str) -> TaskRouter:
    """Return a router of Tasks that note their name and pass on how many have run."""
    router = TaskRouter()
    for name in names:

        def run(context: dict[str, Any], count: int = 0, *, name: str = name) -> dict[str, int]:
            ran.append((name, count))
            return {"count": count + 1}

        router.task(name=name)(run)
    return router


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "enveloped"])
@pytest.mark.parametrize(
    ("start", "callback", "order"),
    [
        ("a", None, "a"),
        ("a", "b", "ab"),
        ("a", "a", "aa"),
        ("a", "b#c", "abc"),
        ("a", "a#b#c", "abc"),
        ("a", "a#b#a#c", "abac"),
        ("a", "a#a#a", "aaa"),
        ("a", "b#a#b", "abab"),
        ("b", "a#b#a#c", "babac"),
        ("c", "a#b#a#c", "cabac"),
        ("a", "c#b#a", "acba"),
    ],
)
def test_a_chain_runs_to_its_end(
    bucket: str, listeners: Listeners, raw: bool, start: str, callback: str | None, order: str
) -> None:
    """A chain runs its Tasks in order, each with the result before it, and ends."""
    listeners.add("a", "b", "c", raw=raw)
    ran: list[Any] = []
    send_task(start, {}, callback)
    listeners.drive(chain_worker(ran, "a", "b", "c").handler, LambdaContext())
    assert ran == [(name, count) for count, name in enumerate(order)]


def test_each_task_of_a_chain_hands_on_the_whole_chain(bucket: str, listeners: Listeners) -> None:
    """Every message of a chain has the chain as it was sent."""
    listeners.add("a", "b", "c")
    send_task("a", {}, "a#b#a#c")
    worker = chain_worker([], "a", "b", "c")
    seen = []
    while records := listeners.take():
        seen += [json.loads(record["body"]) for record in records]
        worker.handler(event(*records), LambdaContext())
    assert [(sent["task_name"], sent["callback"]) for sent in seen] == [
        (name, "a#b#a#c") for name in "abac"
    ]
    assert len({sent["task_id"] for sent in seen}) == 4


@pytest.mark.parametrize(
    ("task_name", "callback", "following"),
    [
        ("a", "b", ("b", None)),
        ("a", "a#b#c", ("b", "a#b#c")),
        ("b", "a#b#c", ("c", "a#b#c")),
        ("c", "a#b#c", None),
        ("starter", "a#b#c", ("a", "a#b#c")),
        ("b", "a#b#a#b#c", ("a", "a#b#a#b#c")),
    ],
)
def test_messages_of_moncrief_s_go_on_as_moncrief_would(
    bucket: str,
    listeners: Listeners,
    task_name: str,
    callback: str,
    following: tuple[str, str | None] | None,
) -> None:
    """A message without id and place in the chain goes on after its Task's first place in it."""
    listeners.add("a", "b", "c")
    body = json.dumps({"task_name": task_name, "task_kwargs": {}, "callback": callback})
    queued(lambda event, context: None)(
        event(record(enveloped(body, Subject="callback"))), LambdaContext()
    )
    sent = [(found["task_name"], found["callback"]) for found in listeners.messages()]
    assert sent == ([] if following is None else [following])


def test_a_callback_that_gets_a_list_is_not_called(bucket: str, listeners: Listeners) -> None:
    """The router's next Task fails when what it is sent isn't a mapping, naming what it is."""
    listeners.add("work", "next")
    router = TaskRouter(failures="report")

    @router.task
    def work() -> list[int]:
        return [1, 2]

    @router.task(name="next")
    def following(**kwargs: Any) -> None:
        pytest.fail("it was called")

    send_task("work", {}, "next")
    assert router.handler(event(*listeners.take()), LambdaContext()) == ALL_DONE
    (one,) = listeners.take()
    assert router.handler(event(one), LambdaContext()) == failed(one)
    with pytest.raises(TaskArgumentsError, match="sent a list"):
        router.route({"task_name": "next", "task_kwargs": [1, 2]}, {})
