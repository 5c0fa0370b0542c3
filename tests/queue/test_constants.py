"""Keyword arguments that a later Task of a chain gets besides what the one before returns."""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import pytest
from algernon_queue import (
    BatchFailedError,
    MalformedMessageError,
    Task,
    TaskArgumentsError,
    TaskRouter,
    current_task,
    queued,
    send_tasks,
)
from algernon_serialize import UnserializableError, ajson
from algernon_storage import StoredData, content_sha256

from .events import ALL_DONE, TASK_ID, LambdaContext, event, fifo_record, message, record
from .queues import SourceQueue
from .topics import SNS_LIMIT, messages_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners
    from .watching import Notes

Got = list[tuple[str, dict[str, Any]]]


@pytest.mark.parametrize(
    ("callback", "constants", "problem"),
    [
        (None, {0: {"n": 1}}, r"for the Task 0 of its callback None, in which there is none"),
        ("bill", {1: {"n": 1}}, r"for the Task 1 of its callback 'bill', in which there is none"),
        ("bill", {-1: {"n": 1}}, r"for the Task -1 of its callback"),
        ("bill", {"0": {"n": 1}}, r"for the Task '0' of its callback"),
        ("bill", {False: {"n": 1}}, r"for the Task False of its callback"),
        ("bill", [{"n": 1}], r"the constants of the Task 'price' are a list"),
        ("bill", None, r"the constants of the Task 'price' are a NoneType"),
        ("bill#mail", {1: ["n"]}, r"for 'mail', the Task 1 of its callback, aren't a mapping"),
        ("bill", {0: {1: "n"}}, r"for 'bill', .* aren't a mapping whose keys are all str"),
        ("bill", {0: {"_alg_class": "n"}}, r"for 'bill', .* have the key '_alg_class'"),
        ("bill", {0: {"a\ud800": "n"}}, r"for 'bill', .* have the key 'a\\ud800'"),
        ("price#bill", {0: {"n": 1}}, r"'price#bill', which is itself: put them into its task_kw"),
    ],
)
def test_constants_are_for_later_tasks(callback: str | None, constants: Any, problem: str) -> None:
    """Constants that aren't keyword arguments of a Task of the callback are refused at once."""
    with pytest.raises(TaskArgumentsError, match=problem):
        Task("price", {}, callback, constants=constants)


def noting(
    *names: str, results: dict[str, Any] | None = None, is_async: bool = False, **options: Any
) -> tuple[TaskRouter, Got]:
    """Return a router of Tasks that take anything, and what each of them got, in order.

    Args:
        names: The Tasks.
        results: What they return, by name; what they got by default.
        is_async: Whether they are ``async def``.
        options: The router's.
    """
    router, got = TaskRouter(**{"failures": "report", **options}), Got()

    def add(name: str) -> None:
        def work(**kwargs: Any) -> Any:
            got.append((name, kwargs))
            return kwargs if results is None else results.get(name)

        async def work_later(**kwargs: Any) -> Any:
            await asyncio.sleep(0.001)
            return work(**kwargs)

        router.task(name=name)(work_later if is_async else work)

    for name in names:
        add(name)
    return router, got


def failure_of(handler: Any, body: str) -> Exception:
    """Have a handler of ``failures="batch"`` fail for one message, and return why."""
    with pytest.raises(BatchFailedError) as caught:
        handler(event(record(body)), LambdaContext())
    (error,) = caught.value.failures.values()
    return error


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "enveloped"])
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_later_tasks_get_their_constants(
    bucket: str, listeners: Listeners, raw: bool, is_async: bool
) -> None:
    """Each Task gets what the one before returns and its own constants, of any types."""
    listeners.add("price", "bill", "mail", raw=raw)
    results = {"price": {"total": Decimal("9.90")}, "bill": None}
    router, got = noting("price", "bill", "mail", results=results, is_async=is_async)
    constants: Any = {0: {"currency": ("EUR", 2)}, 1: {"to": {"ada", "eve"}, "mine": {"a": [None]}}}
    send_tasks([Task("price", {"items": [1]}, "bill#mail", constants=constants)])
    listeners.drive(router.handler, LambdaContext())
    assert got == [
        ("price", {"items": [1]}),
        ("bill", {"total": Decimal("9.90"), "currency": ("EUR", 2)}),
        ("mail", {"to": {"ada", "eve"}, "mine": {"a": [None]}}),
    ]


def test_the_callback_is_an_object_as_long_as_constants_are_to_come(listeners: Listeners) -> None:
    """Where no Task still to come has any, the callback is a text, as older workers read it."""
    listeners.add("price", "a", "b", "c")
    router, _ = noting("price", "a", "b", "c", results={})
    send_tasks([Task("price", {}, "a#b#c", constants={1: {"n": 1}, 0: {"m": (2,)}})])
    seen = []
    while records := listeners.take():
        (body,) = [json.loads(one["body"]) for one in records]
        seen.append((body["task_name"], body["callback"], body["callback_position"]))
        assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    first = {"kwargs": {"m": {"_alg_class": "tuple", "value": [2]}}}
    second = {"kwargs": {"n": 1}}
    assert seen == [
        ("price", {"chain": "a#b#c", "steps": {"0": first, "1": second}}, -1),
        ("a", {"chain": "a#b#c", "steps": {"0": first, "1": second}}, 0),
        ("b", {"chain": "a#b#c", "steps": {"1": second}}, 1),
        ("c", "a#b#c", 2),
    ]


@pytest.mark.parametrize(
    ("callback", "constants", "order"),
    [
        ("price", {0: {"n": 1}}, [("price", {}), ("price", {"n": 1})]),
        ("bill", {0: {"n": 1}}, [("price", {}), ("bill", {"n": 1})]),
        ("price#bill", {1: {"n": 1}}, [("price", {}), ("bill", {"n": 1})]),
        (
            "bill#bill#price",
            {0: {"n": 0}, 2: {"n": 2}},
            [("price", {}), ("bill", {"n": 0}), ("bill", {}), ("price", {"n": 2})],
        ),
        ("bill", {}, [("price", {}), ("bill", {})]),
        ("bill", {0: {}}, [("price", {}), ("bill", {})]),
    ],
)
def test_each_task_of_a_chain_runs_once(
    listeners: Listeners, callback: str, constants: Any, order: Got
) -> None:
    """Constants change nothing of which Tasks run, also where names come again or are alone."""
    listeners.add("price", "bill")
    router, got = noting("price", "bill", results={})
    send_tasks([Task("price", {}, callback, constants=constants)])
    listeners.drive(router.handler, LambdaContext())
    assert got == order


def test_a_chain_of_routed_tasks_sends_constants(bucket: str, listeners: Listeners) -> None:
    """What `using` gives to a Task in `then` reaches that one, also where names come again."""
    listeners.add("price", "bill")
    got: list[Any] = []
    router = TaskRouter(failures="report")

    @router.task
    def price(n: int, factor: int = 1) -> dict[str, int]:
        got.append(("price", n, factor))
        return {"n": n * factor}

    @router.task
    def bill(n: int, currency: str) -> None:
        got.append(("bill", n, currency))

    twice = price.using(kwargs={"factor": 2})
    price.then(twice, bill.using(kwargs={"currency": "EUR"})).send(n=1)
    listeners.drive(router.handler, LambdaContext())
    assert got == [("price", 1, 1), ("price", 1, 2), ("bill", 2, "EUR")]


@pytest.mark.parametrize("constants", [{}, {0: {}}])
def test_without_constants_a_message_is_as_it_was(listeners: Listeners, constants: Any) -> None:
    """A Task without constants, or with none in them, has the text for its callback."""
    listeners.add("price")
    (task_id,) = send_tasks([Task("price", {"n": 1}, "bill", constants=constants)])
    assert listeners.messages() == [
        {
            "task_name": "price",
            "task_kwargs": {"n": 1},
            "callback": "bill",
            "task_id": task_id,
            "chain_id": task_id,
        }
    ]


def test_everybody_is_told_the_chain_and_a_queued_handler_its_event(
    listeners: Listeners, notes: Notes
) -> None:
    """Context, current_task and observers have the chain's text, the event what was sent."""
    seen: list[Any] = []

    @queued(failures="report")
    def handler(event: dict[str, Any], context: dict[str, Any]) -> None:
        task = current_task()
        assert task is not None
        seen.append((event, context["task"]["callback"], task.callback))

    steps = {"1": {"kwargs": {"n": {"_alg_class": "decimal", "value": "1"}}}}
    callback = {"chain": "a#b", "steps": steps}
    body = message("b", task_kwargs={"m": 1}, callback=callback, callback_position=1)
    assert handler(event(record(body)), LambdaContext()) == ALL_DONE
    ((got, in_context, current),) = seen
    assert got["callback"] == callback
    assert got["task_kwargs"] == {"m": 1, **steps["1"]["kwargs"]}
    assert (in_context, current) == ("a#b", "a#b")
    assert [said[1]["callback"] for said in notes.said if said[0] == "received"] == ["a#b"]


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ({"currency": "CHF", "total": 1}, r"gets \['currency'\] both as constants of its chain"),
        ([{"total": 1}], r"was sent a list: .* has to return a dict"),
        (("total", 1), r"was sent a tuple: .* has to return a dict"),
        (7, r"was sent an int: .* has to return a dict"),
    ],
)
@pytest.mark.parametrize("is_fifo", [False, True])
def test_constants_that_do_not_fit_a_result_are_a_failure_for_good(
    aws: LocalAWS, bucket: str, listeners: Listeners, result: Any, problem: str, is_fifo: bool
) -> None:
    """What can't be added to constants goes to the dead-letter queue at once, and isn't run."""
    listeners.add("price", "bill")
    pricing, _ = noting("price", results={"price": result})
    send_tasks([Task("price", {}, "bill", constants={0: {"currency": "EUR"}})])
    assert pricing.handler(event(*listeners.take()), LambdaContext()) == ALL_DONE
    ((body,),) = [[one["body"] for one in listeners.take()]]
    queue = SourceQueue(aws, is_fifo=is_fifo)
    in_order = {"MessageGroupId": "g"} if is_fifo else {}
    for number, text in enumerate((body, message("bill", task_kwargs={"n": 1}))):
        once = {"MessageDeduplicationId": str(number)} if is_fifo else {}
        queue.send(text, **in_order, **once)
    billing, got = noting("bill")
    assert billing.handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    assert got == [("bill", {"n": 1})]
    (letter,) = queue.dead_letters()
    assert json.loads(letter["Body"]) == json.loads(body)
    reasons = letter["MessageAttributes"]
    assert reasons["algernon.error"]["StringValue"] == "TaskArgumentsError"
    assert reasons["algernon.task_name"]["StringValue"] == "bill"
    assert re.search(problem, reasons["algernon.reason"]["StringValue"])
    assert "CHF" not in reasons["algernon.reason"]["StringValue"]


@pytest.mark.parametrize(
    "result",
    [
        {"_alg_class": "set", "value": [1]},
        OrderedDict(b=1, a=2),
        StoredData("total", {"total": Decimal(1)}, full_unpack=True, bucket="worker-bucket"),
    ],
    ids=["looks like a tag", "ordered", "stored"],
)
def test_a_result_that_is_tagged_as_a_whole_is_added_to(
    bucket: str, listeners: Listeners, result: Any
) -> None:
    """A result that a message holds as one tagged value is taken out of that first."""
    listeners.add("price", "bill")
    router, got = noting("price", "bill", results={"price": result})
    send_tasks([Task("price", {}, "bill", constants={0: {"currency": "EUR"}})])
    listeners.drive(router.handler, LambdaContext())
    returned = result.data if isinstance(result, StoredData) else result
    assert got[1] == ("bill", {**returned, "currency": "EUR"})


@dataclass
class Receipt:
    """A result that isn't a dict."""

    total: Decimal
    paid: bool = False


ajson.register(Receipt)


@pytest.mark.parametrize("kind", ["queued", "router"])
def test_the_fields_of_a_result_are_added_to(bucket: str, listeners: Listeners, kind: str) -> None:
    """A dataclass is taken for its fields, whoever returns it."""
    listeners.add("price", "bill")
    receipt = Receipt(Decimal("9.90"))
    if kind == "queued":
        pricing = queued(failures="report")(lambda event, context: receipt)
    else:
        pricing = noting("price", results={"price": receipt})[0].handler
    send_tasks([Task("price", {}, "bill", constants={0: {"currency": "EUR"}})])
    assert pricing(event(*listeners.take()), LambdaContext()) == ALL_DONE
    router, got = noting("bill")
    listeners.drive(router.handler, LambdaContext())
    assert got == [("bill", {"total": Decimal("9.90"), "paid": False, "currency": "EUR"})]


@pytest.mark.parametrize("inline", ["0", "200000"])
@pytest.mark.parametrize("size", [10, 100_000, 600_000])
def test_results_of_any_size_go_with_constants(
    bucket: str, listeners: Listeners, monkeypatch: pytest.MonkeyPatch, inline: str, size: int
) -> None:
    """Whether a result goes by a pointer or inline, its Task gets the constants too."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", inline)
    listeners.add("price", "bill", "mail")
    router, got = noting("price", "bill", "mail", results={"price": {"t": "é" * (size // 2)}})
    constants: Any = {0: {"text": "x" * 60_000}, 1: {"last": True}}
    send_tasks([Task("price", {"rows": "y" * size}, "bill#mail", constants=constants)])
    listeners.drive(router.handler, LambdaContext())
    assert got == [
        ("price", {"rows": "y" * size}),
        ("bill", {"t": "é" * (size // 2), "text": "x" * 60_000}),
        ("mail", {"last": True}),
    ]


def test_what_the_ledger_sends_again_has_its_constants(
    used_bucket: str, listeners: Listeners
) -> None:
    """Each time that a message comes, the callback gets the first result and the constants."""
    listeners.add("price", "bill", "mail")
    results = {"price": {"total": "x" * 300_000}, "bill": {"paid": True}}
    router, got = noting("price", "bill", "mail", results=results, once=True)
    constants = {0: {"currency": "EUR"}, 1: {"to": "ada"}}
    send_tasks([Task("price", {}, "bill#mail", constants=constants)])
    (first,) = listeners.take()
    for _ in range(2):
        assert router.handler(event(first), LambdaContext()) == ALL_DONE
    again = listeners.take()
    assert len(again) == 2
    assert json.loads(again[0]["body"]) == json.loads(again[1]["body"])
    assert router.handler(event(again[0]), LambdaContext()) == ALL_DONE
    assert router.handler(event(again[1]), LambdaContext()) == ALL_DONE
    mails = listeners.take()
    assert [json.loads(one["body"])["task_name"] for one in mails] == ["mail", "mail"]
    assert router.handler(event(mails[0]), LambdaContext()) == ALL_DONE
    assert got == [
        ("price", {}),
        ("bill", {"total": "x" * 300_000, "currency": "EUR"}),
        ("mail", {"paid": True, "to": "ada"}),
    ]


def test_a_chain_keeps_its_message_group(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """On FIFO topics, what goes on with constants stays in its group."""
    fifo = {"FifoTopic": "true"}
    arn = aws.client("sns").create_topic(Name="next.fifo", Attributes=fifo)["TopicArn"]
    router, _ = noting("work", results={"work": {"n": 1}}, listeners={"next": arn})
    callback = {"chain": "next", "steps": {"0": {"kwargs": {"m": 2}}}}
    body = message("work", callback=callback, callback_position=-1)
    assert router.handler(event(fifo_record("g", body)), LambdaContext()) == ALL_DONE
    (call,) = [call for call in wire.calls if call.operation == "PublishBatch"]
    (sent,) = messages_in(call)
    assert json.loads(sent)["callback"] == callback
    assert json.loads(sent)["callback_position"] == 0
    assert call.form["PublishBatchRequestEntries.member.1.MessageGroupId"] == "g"


def test_stored_data_among_constants_goes_through_s3(
    aws: LocalAWS, bucket: str, listeners: Listeners
) -> None:
    """A StoredData is stored once and travels as a pointer, and its Task gets what it holds."""
    listeners.add("price", "bill", "mail")
    router, got = noting("price", "bill", "mail", results={})
    rows = StoredData("rows", ["x" * 100_000, (1, 2)], full_unpack=True)
    send_tasks([Task("price", {}, "bill#mail", constants={1: {"rows": rows}})])
    listeners.drive(router.handler, LambdaContext())
    assert got == [("price", {}), ("bill", {}), ("mail", {"rows": ["x" * 100_000, (1, 2)]})]
    assert aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_constants_without_room_are_refused_at_once(wire: Wire, listeners: Listeners) -> None:
    """Constants for which a later message of the chain might have no room aren't sent at all."""
    listeners.add("price")
    constants = {0: {"a": "é" * 16_384}, 1: {"b": "x" * 32_768}}
    with pytest.raises(TaskArgumentsError, match=r"more than the 65536 that .* StoredData"):
        send_tasks([Task("price"), Task("price", {}, "bill#mail", constants=constants)])
    assert listeners.messages() == []


@pytest.mark.parametrize("character", ["x", "é", '"', "\uffff", "\x00"])
def test_the_largest_constants_reach_the_last_task(
    bucket: str, listeners: Listeners, wire: Wire, character: str
) -> None:
    """Constants that just have room come through, whatever they are spelt as in JSON."""
    listeners.add("price", "bill", "mail")
    results = {"price": {"t": 200_000 * "t"}, "bill": {"t": 200_000 * "t"}}
    router, got = noting("price", "bill", "mail", results=results)
    text = character * (65_000 // len(json.dumps(character, ensure_ascii=False)[1:-1].encode()))
    task = Task("price", {"t": 200_000 * "t"}, "bill#mail", constants={1: {"n": text}})
    send_tasks([task])
    listeners.drive(router.handler, LambdaContext())
    assert [name for name, _ in got] == ["price", "bill", "mail"]
    assert got[2] == ("mail", {"t": 200_000 * "t", "n": text})
    calls = [call for call in wire.calls if call.operation == "PublishBatch"]
    assert all(len(text.encode()) <= SNS_LIMIT for call in calls for text in messages_in(call))


def test_constants_that_cannot_be_sent_are_found_at_once(listeners: Listeners) -> None:
    """The error says where the value is that ajson can't send; nothing is sent."""
    listeners.add("price")
    tasks = [Task("price"), Task("price", {}, "bill", constants={0: {"a": [object()]}})]
    with pytest.raises(UnserializableError, match=r"^\$\.callback\.steps\['0'\]\.kwargs\.a\[0\]"):
        send_tasks(tasks)
    assert listeners.messages() == []


def ids_of(work: Callable[[], Any]) -> Any:
    """Return what some work gives that a Task does, always under the same id."""
    given: list[Any] = []
    router = TaskRouter(failures="report")

    @router.task(name="work")
    def run() -> None:
        given.append(work())

    assert router.handler(event(record(message(task_id=TASK_ID))), LambdaContext()) == ALL_DONE
    return given[0]


def test_the_ids_of_what_a_task_sends_tell_constants_apart(
    bucket: str, listeners: Listeners
) -> None:
    """Other constants make another id, the same ones the same, in each run of the sender."""
    listeners.add("price")

    def task(**constants: Any) -> Task:
        return Task("price", {"n": 1}, "bill", constants={0: constants} if constants else {})

    tasks = [task(), task(a=1), task(a=2), task(a=StoredData("a", 1)), task(b=1)]
    first = ids_of(lambda: send_tasks(tasks))
    assert len(set(first)) == len(tasks)
    again = ids_of(lambda: send_tasks([task(a=StoredData("a", 1)), task(a=1), task()]))
    assert again == [first[3], first[1], first[0]]
    plain = f"sent#0#price#bill#{content_sha256({'n': 1})}"
    assert first[0] == str(uuid5(UUID(TASK_ID), plain))


def test_a_bare_message_gets_its_constants() -> None:
    """A message that Lambda is called with directly runs as it would out of its queue."""
    router, got = noting("bill")
    callback = {"chain": "bill", "steps": {"0": {"kwargs": {"n": {"_alg_class": "tuple"}}}}}
    callback["steps"]["0"]["kwargs"]["n"]["value"] = [1]  # type: ignore[index]
    bare = {"task_name": "bill", "callback": callback, "callback_position": 0}
    assert router.handler({**bare, "task_kwargs": {"m": 1}}, None) == {
        "m": 1,
        "n": {"_alg_class": "tuple", "value": [1]},
    }
    assert got == [("bill", {"m": 1, "n": (1,)})]
    with pytest.raises(TaskArgumentsError, match=r"gets \['n'\] both"):
        router.handler({**bare, "task_kwargs": {"n": 1}}, None)
    with pytest.raises(MalformedMessageError, match=r"has \['collect'\], which this worker is too"):
        router.handler({**bare, "callback": {**callback, "collect": {}}}, None)
    with pytest.raises(MalformedMessageError, match="only a message of a queue"):
        router.handler({**bare, "callback": {**callback, "keep_result": TASK_ID}}, None)
    assert len(got) == 1
