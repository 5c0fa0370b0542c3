"""Sending Tasks on their way, for whoever starts a chain."""

from __future__ import annotations

import json
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from algernon_queue import (
    PublishError,
    SettingError,
    Task,
    TaskArgumentsError,
    TaskNameError,
    TaskRouter,
    TasksNotSentError,
    UnknownListenerError,
    queued,
    send_task,
    send_tasks,
)
from algernon_serialize import UnserializableError
from algernon_storage import MissingBucketError, StoredData
from botocore.exceptions import ClientError

from ..wire import Answer
from .events import LambdaContext, event
from .topics import SNS_LIMIT, messages_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


def test_one_task_is_sent(listeners: Listeners, wire: Wire) -> None:
    """A Task goes to its listener in one call, with arguments of any type, and an id."""
    listeners.add("work")
    kwargs = {"total": Decimal("1.50"), "pair": (1, None)}
    task_id = send_task("work", kwargs, callback="next")
    assert UUID(task_id).version == 4
    (sent,) = listeners.messages()
    assert sent == {
        "task_name": "work",
        "task_kwargs": {
            "total": {"_alg_class": "decimal", "value": "1.50"},
            "pair": {"_alg_class": "tuple", "value": [1, None]},
        },
        "callback": "next",
        "task_id": task_id,
        "chain_id": task_id,
    }
    assert [call.operation for call in wire.calls if call.service == "sns"] == ["PublishBatch"]


def test_arguments_and_callback_may_be_left_out(listeners: Listeners) -> None:
    """A Task without arguments has empty ones, and every one has another id."""
    listeners.add("work")
    assert send_task("work") != send_task("work", None)
    assert [(sent["task_kwargs"], sent["callback"]) for sent in listeners.messages()] == [
        ({}, None),
        ({}, None),
    ]


def test_any_mapping_will_do(listeners: Listeners) -> None:
    """Keyword arguments may be any mapping."""
    listeners.add("work")
    send_task("work", MappingProxyType({"n": 1}))
    assert [sent["task_kwargs"] for sent in listeners.messages()] == [{"n": 1}]


def test_many_tasks_are_sent_ten_a_call(listeners: Listeners, wire: Wire) -> None:
    """Twenty-five Tasks cost three calls, and their ids come in their order."""
    listeners.add("work")
    task_ids = send_tasks(Task("work", {"n": n}) for n in range(25))
    calls = [call for call in wire.calls if call.service == "sns"]
    assert sorted(len(messages_in(call)) for call in calls) == [5, 10, 10]
    by_number = {sent["task_kwargs"]["n"]: sent["task_id"] for sent in listeners.messages()}
    assert [by_number[n] for n in range(25)] == task_ids
    assert len(set(task_ids)) == 25


def test_tasks_of_different_names_go_to_their_own_listeners(
    listeners: Listeners, wire: Wire
) -> None:
    """Tasks of several names are sent together, each name to its topic."""
    listeners.add("a", "b")
    send_tasks([Task(name, {"n": n}) for n, name in enumerate("abab")])
    assert [sent["task_name"] for sent in listeners.messages()] == list("abab")
    assert wire.counted()["sns PublishBatch"] == 2


def test_no_tasks_are_no_call(wire: Wire) -> None:
    """Sending nothing costs nothing."""
    assert send_tasks([]) == []
    assert wire.calls == []


def test_what_sns_has_no_room_for_goes_through_s3(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """Keyword arguments of 300 KB are stored, and a worker gets them back."""
    listeners.add("work")
    rows = ["é" * 1000] * 150
    task_id = send_task("work", {"rows": rows, "pair": (1, 2)})
    assert wire.counted()["s3 PUT"] == 1
    (one,) = listeners.take()
    sent = json.loads(one["body"])
    assert len(one["body"]) < 500
    pointer = StoredData.pointer_in(sent["task_kwargs"])
    assert pointer is not None
    assert StoredData.retrieve(pointer).full_unpack
    assert sent["task_id"] == task_id
    got = []

    @queued
    def handler(event: Any, context: Any) -> None:
        got.append(event["task_kwargs"])

    handler(event(one), LambdaContext())
    assert got == [{"rows": rows, "pair": {"_alg_class": "tuple", "value": [1, 2]}}]


@pytest.mark.parametrize(("surplus", "uploads"), [(0, 0), (1, 1)])
def test_the_limit_is_256_kib_of_text(
    bucket: str, listeners: Listeners, wire: Wire, surplus: int, uploads: int
) -> None:
    """A message of exactly 256 KiB is sent as it is; one byte more, and it goes through S3."""
    listeners.add("work")
    send_task("work", {"text": ""})
    (empty,) = listeners.take()
    overhead = len(empty["body"].encode())
    wire.clear()
    # Each of the two characters at the end has two bytes.
    send_task("work", {"text": "x" * (SNS_LIMIT - overhead - 4 + surplus) + "éé"})
    assert wire.counted().get("s3 PUT", 0) == uploads
    (call,) = [call for call in wire.calls if call.service == "sns"]
    (text,) = messages_in(call)
    if not surplus:
        assert len(text.encode()) == SNS_LIMIT
    assert len(listeners.messages()) == 1


def test_what_may_travel_inline_still_has_to_fit(
    bucket: str, listeners: Listeners, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments that SNS has no room for are stored, however long may travel inline."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", str(2 * SNS_LIMIT))
    listeners.add("work")
    send_task("work", {"text": "x" * SNS_LIMIT})
    assert wire.counted()["s3 PUT"] == 1
    (sent,) = listeners.messages()
    assert StoredData.pointer_in(sent["task_kwargs"]) is not None


def test_a_call_has_no_more_than_256_kib_together(listeners: Listeners, wire: Wire) -> None:
    """Messages that are too much together are spread over calls, and stay inline."""
    listeners.add("work")
    sizes = [100_000, 100_000, 100_000, 250_000, 10, 10, 261_900, 10]
    # Each character has two bytes.
    send_tasks(Task("work", {"n": n, "text": "é" * (size // 2)}) for n, size in enumerate(sizes))
    calls = [call for call in wire.calls if call.service == "sns"]
    totals = [sum(len(text.encode()) for text in messages_in(call)) for call in calls]
    assert all(0 < total <= SNS_LIMIT for total in totals)
    assert sorted(len(messages_in(call)) for call in calls) == [1, 1, 1, 2, 3]
    assert "s3 PUT" not in wire.counted()
    assert [sent["task_kwargs"]["n"] for sent in listeners.messages()] == list(range(len(sizes)))


def test_stored_data_among_the_arguments_stores_itself(bucket: str, listeners: Listeners) -> None:
    """A StoredData in the arguments travels as its pointer."""
    listeners.add("work")
    rows = StoredData("rows", [1, 2, 3])
    send_task("work", {"rows": rows})
    (sent,) = listeners.messages()
    assert StoredData.pointer_in(sent["task_kwargs"]["rows"]) == rows.pointer
    assert StoredData.retrieve(rows.pointer).data == [1, 2, 3]


@pytest.mark.parametrize(
    ("callback", "position"),
    [("next", None), ("work", None), ("a#b", -1), ("work#next", 0), ("next#work", -1)],
)
def test_a_chain_is_started_where_it_begins(
    listeners: Listeners, callback: str, position: int | None
) -> None:
    """A chain that begins with the Task itself goes on after it, and any other before its start."""
    listeners.add("work")
    send_task("work", {}, callback)
    (sent,) = listeners.messages()
    assert (sent["callback"], sent.get("callback_position")) == (callback, position)


@pytest.mark.parametrize(
    "name", ["", "a b", "a#b", "a!b", "a/b", "a.fifo", "ü", "a" * 257, "a\n", None, 7, ["a"]]
)
def test_a_name_that_no_topic_could_have_is_refused(name: Any, wire: Wire) -> None:
    """A name that can't be a Task's raises TaskNameError, as the Task's or as a callback's."""
    with pytest.raises(TaskNameError, match="can't be a Task's name"):
        send_task(name)
    if name is not None and name != "a#b":
        with pytest.raises(TaskNameError, match="can't be a Task's name"):
            send_task("work", {}, name)
        with pytest.raises(TaskNameError):
            send_task("work", {}, f"next#{name}#a b")
    assert wire.calls == []


@pytest.mark.parametrize("kwargs", [[1], "text", 7, {1: 2}, {"a": 1, None: 2}])
def test_arguments_have_names(kwargs: Any, wire: Wire) -> None:
    """Keyword arguments that aren't a mapping with str keys raise TaskArgumentsError."""
    with pytest.raises(TaskArgumentsError, match="'work' aren't a mapping whose keys are all str"):
        send_task("work", kwargs)
    assert wire.calls == []


def test_arguments_that_cannot_travel_keep_all_back(listeners: Listeners, wire: Wire) -> None:
    """When one argument can't be sent, the error has the path to it and nothing is sent."""
    listeners.add("work")
    with pytest.raises(UnserializableError) as caught:
        send_tasks([Task("work", {"n": 1}), Task("work", {"rows": [object()]})])
    assert caught.value.path == "$.task_kwargs.rows[0]"
    assert "sns PublishBatch" not in wire.counted()


def test_arguments_that_cannot_be_stored_keep_all_back(listeners: Listeners, wire: Wire) -> None:
    """When large arguments have no bucket to go to, the error says so and nothing is sent."""
    listeners.add("work")
    with pytest.raises(MissingBucketError, match="ALGERNON_BUCKET_NAME"):
        send_tasks([Task("work", {"n": 1}), Task("work", {"text": "x" * 300_000})])
    assert "sns PublishBatch" not in wire.counted()


def test_a_listener_that_does_not_exist_is_told(aws: LocalAWS) -> None:
    """Sending to a topic that isn't there raises UnknownListenerError, which names it."""
    with pytest.raises(UnknownListenerError, match=r"'nobody' .*:nobody, which doesn't") as caught:
        send_task("nobody", {"secret": "s3cr3t"})
    assert isinstance(caught.value, PublishError)
    assert isinstance(caught.value.__cause__, ClientError)
    assert "s3cr3t" not in str(caught.value)


def test_of_many_those_that_could_be_are_sent(listeners: Listeners) -> None:
    """When some can't be sent, the error numbers them and the others are on their way."""
    listeners.add("work")
    tasks = [Task("work", {"n": 0}), Task("nobody"), Task("work", {"n": 2}), Task("nobody")]
    with pytest.raises(PublishError) as caught:
        send_tasks(tasks)
    first, *lines = str(caught.value).splitlines()
    assert first == "2 of 4 Tasks weren't sent:"
    assert [line[:12] for line in lines] == ["  number 1: ", "  number 3: "]
    assert [sent["task_kwargs"]["n"] for sent in listeners.messages()] == [0, 2]


def test_the_error_has_each_failure_and_each_id(listeners: Listeners) -> None:
    """What wasn't sent is there by its number, with its error, and so is everybody's task_id."""
    listeners.add("work")
    tasks = [Task("work", {"n": 0}), Task("nobody"), Task("work", {"n": 2}), Task("nobody")]
    with pytest.raises(TasksNotSentError) as caught:
        send_tasks(tasks)
    error = caught.value
    assert list(error.failures) == [1, 3]
    assert all(isinstance(each, UnknownListenerError) for each in error.failures.values())
    assert error.__cause__ is error.failures[1]
    sent = {message["task_kwargs"]["n"]: message["task_id"] for message in listeners.messages()}
    assert len(error.task_ids) == 4
    assert sent == {0: error.task_ids[0], 2: error.task_ids[2]}


def test_a_refused_call_is_the_failure_of_its_tasks_only(listeners: Listeners, wire: Wire) -> None:
    """When SNS refuses one of several calls, the Tasks of the others are sent."""
    topics = listeners.add("a", "b")
    wire.treatment = lambda call, forward: (
        Answer(403, [("Content-Type", "text/xml")], b"<ErrorResponse/>")
        if call.form.get("TopicArn") == topics["a"]
        else forward()
    )
    with pytest.raises(TasksNotSentError) as caught:
        send_tasks([Task(name, {"n": n}) for n, name in enumerate("abab")])
    assert list(caught.value.failures) == [0, 2]
    assert all(isinstance(error, PublishError) for error in caught.value.failures.values())
    assert [sent["task_kwargs"]["n"] for sent in listeners.messages()] == [1, 3]


def test_large_arguments_are_uploaded_at_once(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """The arguments of many Tasks that SNS has no room for go to S3 in parallel."""
    listeners.add("work")
    wire.expect_rounds(6)
    send_tasks([Task("work", {"n": n, "text": "x" * 300_000}) for n in range(6)])
    assert [call.service for call in wire.calls[:7]] == ["s3"] * 6 + ["sns"]
    assert len(listeners.messages()) == 6


def test_a_task_is_what_it_says() -> None:
    """A Task is equal to one of the same values, can't be changed, and has a readable repr."""
    task: Any = Task("resize", {"width": 640}, callback="store#notify")
    assert task == Task("resize", {"width": 640}, "store#notify")
    assert task != Task("resize", {"width": 641}, "store#notify")
    assert "resize" in repr(task)
    with pytest.raises(AttributeError):
        task.task_name = "other"


def resize(width: int) -> None:
    """Be a Task's function, somewhere else."""


@pytest.mark.parametrize(
    "send",
    [
        lambda: send_task(resize),  # type: ignore[arg-type]
        lambda: send_task("store", callback=resize),  # type: ignore[arg-type]
        lambda: send_tasks([Task(resize)]),  # type: ignore[arg-type]
        lambda: TaskRouter().task(name=resize)(resize),  # type: ignore[call-overload]
    ],
)
def test_a_function_is_told_to_be_no_name(send: Callable[[], Any], wire: Wire) -> None:
    """A function in the place of a Task's name raises an error that says what to write."""
    with pytest.raises(TaskNameError, match="write 'resize'"):
        send()
    assert wire.calls == []


@TaskRouter().task
def price(items: list[int]) -> dict[str, int]:
    """Be sent with its items."""
    return {"total": sum(items)}


@pytest.mark.parametrize(
    ("tasks", "problem"),
    [
        ([price], r"given <Task price: .*>, without .*: write price\.request\(…\)"),
        (price, r"given <Task price: .*>, without .*: write price\.request\(…\)"),
        ([price.then("mail")], r"given <Task price\.then\(mail\)>, without .* write task\.request"),
        ([price.request([1]), price], "given <Task price"),
        (price.request([1]), r"given a Task, but wants many: write send_tasks\(\[…\]\)"),
        ("price", r"given a str, which is no Task: .* price\.request\("),
        (["price"], "given a str, which is no Task"),
        ([{"items": ["secret"]}], "given a dict, which is no Task"),
        ([[price.request([1])]], "given a list, which is no Task"),
        ([("price", {})], "given a tuple, which is no Task"),
        (None, "given a NoneType, which is no Task"),
    ],
)
def test_what_is_no_task_is_told_how_to_be_one(tasks: Any, problem: str, wire: Wire) -> None:
    """What is given to send_tasks for a Task, and isn't one, is refused before anything is sent."""
    with pytest.raises(SettingError, match=f"^send_tasks was {problem}") as caught:
        send_tasks(tasks)
    assert "secret" not in str(caught.value)
    assert wire.calls == []


@pytest.mark.parametrize("callback", [["invoice"], ["invoice", "mail"], ("invoice", "mail"), []])
def test_a_list_of_names_is_no_chain(callback: Any, wire: Wire) -> None:
    """A callback that is a list of names raises an error that says how a chain is written."""
    with pytest.raises(TaskNameError, match=r"of the Task 'price' is one text, .* written 'a#b'"):
        send_task("price", {"items": [1]}, callback)
    assert wire.calls == []
