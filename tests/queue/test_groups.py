"""Groups: what is refused, what is written down, and what is sent for them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5

import algernon_storage
import pytest
from algernon_queue import (
    Group,
    GroupNotSentError,
    SentGroup,
    SettingError,
    Task,
    TaskArgumentsError,
    TaskNameError,
    TaskRouter,
    UnknownListenerError,
)
from algernon_queue.testing import InMemorySystem
from algernon_serialize import SerializeError, UnserializableError, ajson
from algernon_storage import LedgerError, MissingBucketError, MissingObjectError, StoredData

from ..wire import Answer, Call
from .events import event
from .topics import SNS_LIMIT, messages_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners

FIFO_TOPIC = "arn:aws:sns:eu-west-1:123456789012:price.fifo"

router = TaskRouter(failures="report")


@router.task
def price(item: Any, note: Any = None) -> dict[str, Any]:
    """Be a member."""
    return {"item": item, "note": note}


@router.task
def total(results: Any, currency: str = "EUR") -> dict[str, int]:
    """Get the results."""
    return {"total": sum(results)}


@router.task
def bill(total: int) -> None:
    """Get what isn't results."""


@router.task
def add(results: Any, more: int) -> None:
    """Get results, and what else it must be given."""


def members(count: int) -> list[Task]:
    """Return so many members."""
    return [price.request(item=f"{number:04}") for number in range(count)]


def keys_of(aws: LocalAWS, bucket: str) -> list[str]:
    """Return what in a bucket the names of objects end with, in order."""
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return sorted(
        found["Key"].rpartition("!")[2] for page in pages for found in page.get("Contents", ())
    )


@pytest.fixture
def sns(listeners: Listeners, bucket: str) -> Listeners:
    """The listeners of the Tasks, and the worker's bucket."""
    listeners.add("price", "total", "bill")
    return listeners


@pytest.mark.parametrize(
    ("requests", "problem"),
    [
        ([price], "Group was given <Task price: .*>, without the arguments"),
        ([print], "Group was given a builtin_function_or_method, which is no Task"),
        ("ab", "Group was given a str, which is no Task"),
        (7, "a Group was given an int, but wants its members"),
        (Task("price"), "a Group was given a Task, but wants its members"),
        (price, "a Group was given a RoutedTask, but wants its members"),
        ([Group([])], "the member 0 of a Group is a Group itself: make it a Task that returns it"),
        (
            [Task("price", task_id=str(uuid4()))],
            "the member 0 of a Group, .*'price', has a task_id",
        ),
        ([Task("price", unique="7")], r"has a unique: .* by send\(unique=…\)"),
        ([Task("price", keep_result=True)], "has a keep_result: .* is kept anyway"),
        ([Task("price")] * 10_001, "more than 10000 members"),
        (iter(lambda: Task("price"), None), "more than 10000 members"),
    ],
)
def test_what_cannot_be_a_member_is_refused(requests: Any, problem: str) -> None:
    """A Group takes Tasks with their arguments, at most ten thousand, and none that says whose."""
    with pytest.raises(SettingError, match=problem):
        Group(requests)


def test_a_member_that_names_listeners_is_refused() -> None:
    """Listeners can't be carried by a Task that is made for later."""
    with pytest.raises(SettingError, match="names listeners"):
        Group([price.using(listeners={"price": FIFO_TOPIC}).request(item="tea")])


@pytest.mark.parametrize(
    ("then", "error", "problem"),
    [
        (print, SettingError, r"Group\(then=…\) was given a builtin_function_or_method"),
        (total.request(results=[]), SettingError, "a Task 'total' with its arguments"),
        (bill, TaskArgumentsError, r"'bill' can't take the results of a Group: it takes \(total"),
        (bill.then("total"), TaskArgumentsError, "'bill' can't take the results"),
        (add, TaskArgumentsError, r"'add' can't take .*, and \['more'\] too, by using"),
        (total.using(kwargs={"results": []}), TaskArgumentsError, "gives it 'results' already"),
        (total.using(message_group="7"), SettingError, "it can give .* alone|kwargs alone"),
        ("a b", TaskNameError, "'a b' can't be a Task's name"),
        ("", TaskNameError, "'' can't be a Task's name"),
    ],
)
def test_what_cannot_get_the_results_is_refused(
    then: Any, error: type[Exception], problem: str
) -> None:
    """What follows on a Group is a Task that takes the results, or a chain that begins with one."""
    with pytest.raises(error, match=problem):
        Group([], then=then)


def test_only_hold_is_known() -> None:
    """A Group says how members fail, and there is one way so far."""
    with pytest.raises(SettingError, match="the failures of a Group are 'collect'"):
        Group([], failures="collect")  # type: ignore[call-overload]


def test_members_are_sent_as_what_they_are(sns: Listeners, bucket: str) -> None:
    """Each message says whose member it is, and its id follows from the group's."""
    sent = Group(members(3), then=total).send()
    place = {"id": sent.group_id, "bucket": bucket, "folder": "cache"}
    assert len(sent) == 3
    assert sns.messages() == [
        {
            "task_name": "price",
            "task_kwargs": {"item": f"000{index}"},
            "callback": {"group": {**place, "index": index}},
            "task_id": str(uuid5(UUID(sent.group_id), str(index))),
            "chain_id": sent.group_id,
        }
        for index in range(3)
    ]
    assert [member.task_id for member in sent] == [
        str(uuid5(UUID(sent.group_id), str(index))) for index in range(3)
    ]
    assert sent[-1] == sent[2]
    with pytest.raises(TypeError, match="slice"):
        sent[0:2]  # type: ignore[index]
    with pytest.raises(IndexError, match="no member 3 of the 3"):
        sent[3]


def test_a_chain_may_be_a_member(sns: Listeners) -> None:
    """Its first Task has an id of its own, and its message says what else is to come."""
    chain = price.then("bill", total.using(kwargs={"currency": "USD"}))
    sent = Group([chain.request(item="tea")]).send()
    (message,) = sns.messages()
    member_id = uuid5(UUID(sent.group_id), "0")
    assert message["task_id"] == str(uuid5(member_id, "0#price"))
    assert message["callback_position"] == -1
    assert message["callback"]["chain"] == "bill#total"
    assert message["callback"]["steps"] == {"1": {"kwargs": {"currency": "USD"}}}


def test_a_member_may_be_cancellable_and_expire(sns: Listeners) -> None:
    """The message says so, and the time is that at which the group was sent."""
    Group([price.using(cancellable=True, expires=60).request(item="tea")]).send()
    (message,) = sns.messages()
    assert message["once"] is True
    assert message["expires_at"] > 1.7e9


def test_large_arguments_go_through_the_bucket(
    sns: Listeners, aws: LocalAWS, bucket: str, wire: Wire
) -> None:
    """No message and no block grows with a member's arguments, which the worker gets."""
    large = price.request(item="x" * 100_000, note=StoredData("note", [1], full_unpack=True))
    Group([large] * 5).send()
    longest = max(len(text) for call in wire.calls for text in messages_in(call))
    assert longest < 1000
    assert len(keys_of(aws, bucket)) == 5 + 1 + 2
    handler = TaskRouter(failures="report")
    seen = []

    @handler.task(name="price")
    def take(item: str, note: list[int]) -> None:
        seen.append((len(item), note))

    while records := sns.take():
        for record in records:
            message = json.loads(record["body"])
            bare = {**message, "callback": None}
            assert handler.handler(event({**record, "body": json.dumps(bare)}), None) == {
                "batchItemFailures": []
            }
    assert seen == [(100_000, [1])] * 5


def test_many_members_go_out_in_few_calls(sns: Listeners, wire: Wire) -> None:
    """Ten members go in each call, and they are written down in blocks of some hundreds."""
    Group(members(1001)).send()
    assert wire.counted() == {
        "s3 PUT": 5 + 1 + 1,
        "sns PublishBatch": 101,
        "sts GetCallerIdentity": 1,
    } or wire.counted() == {"s3 PUT": 5 + 1, "sns PublishBatch": 101}
    assert all(len(call.body) < SNS_LIMIT * 3 for call in wire.calls)


def test_a_member_that_cannot_be_sent_is_named(sns: Listeners, wire: Wire) -> None:
    """Then nothing is sent, whichever it is."""
    with pytest.raises(UnserializableError, match=r"^\$\[1\]\.task_kwargs\.item: "):
        Group([price.request(item="tea"), price.request(item=object())]).send()
    assert sns.messages() == []


def test_a_member_without_a_listener_is_named(
    sns: Listeners, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where parameters tell the topics, an unknown Task is told before anything is written."""
    monkeypatch.setenv("ALGERNON_TOPIC_PARAMETER_PREFIX", "/topics/")
    with pytest.raises(UnknownListenerError, match="'price'"):
        Group(members(2)).send()
    assert "s3 PUT" not in wire.counted()


def test_what_gets_the_results_has_a_listener(
    sns: Listeners, aws: LocalAWS, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That there is none for it is told when the group is sent, and not when all are done."""
    monkeypatch.setenv("ALGERNON_TOPIC_PARAMETER_PREFIX", "/topics/")
    aws.client("ssm").put_parameter(
        Name="/topics/price", Value=aws.topic_arn("price"), Type="String"
    )
    with pytest.raises(UnknownListenerError, match="'summary'"):
        Group(members(2), then="summary").send()
    assert "s3 PUT" not in wire.counted()


def test_a_message_group_asks_for_a_fifo_topic(sns: Listeners) -> None:
    """A member in a message group of a topic that has none is refused."""
    with pytest.raises(SettingError, match="is no FIFO topic"):
        Group([price.using(message_group="7").request(item="tea")]).send()


def test_without_a_bucket_nothing_is_sent(
    listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group takes a bucket, and the error says how to name it."""
    monkeypatch.delenv("ALGERNON_BUCKET_NAME", raising=False)
    listeners.add("price")
    with pytest.raises(MissingBucketError, match="ALGERNON_BUCKET_NAME"):
        Group(members(1)).send()
    assert listeners.messages() == []


def test_a_bucket_that_ignores_conditions_is_refused(sns: Listeners, wire: Wire) -> None:
    """Where two headers could both stand, no member is sent."""
    algernon_storage.reset()

    def ignore(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        return Answer(200, [("ETag", '"7"')], b"") if answer.status == 412 else answer

    wire.treatment = ignore
    with pytest.raises(LedgerError, match="ignores If-None-Match"):
        Group(members(1)).send()
    assert sns.messages() == []


def test_an_equal_group_of_a_task_is_sent_under_one_id(sns: Listeners) -> None:
    """A Task that runs twice sends its groups under the same ids, and others under others."""
    worker = TaskRouter(failures="report")
    ids: list[str] = []

    @worker.task
    def split(counts: list[int]) -> None:
        ids.extend(Group(members(count), then=total).send().group_id for count in counts)

    def run(*counts: int) -> list[str]:
        ids.clear()
        body = {
            "task_name": "split",
            "task_kwargs": {"counts": counts},
            "task_id": str(UUID(int=7)),
        }
        record = {"messageId": "m", "eventSource": "aws:sqs", "body": json.dumps(body)}
        assert worker.handler(event(record), None) == {"batchItemFailures": []}
        return list(ids)

    first = run(1, 2, 1)
    assert len({*first}) == 3
    assert run(1, 2, 1) == first
    assert run(2, 3) == [first[1], run(3)[0]]


def test_what_was_written_down_first_counts(sns: Listeners) -> None:
    """A Task that runs again after its group was written sends that one's members once more."""
    worker = TaskRouter(failures="report")

    @worker.task
    def split() -> None:
        # It is written under another name each time.
        note = StoredData("note", [1], full_unpack=True)
        Group([price.request(item="tea", note=note)]).send()

    body = {"task_name": "split", "task_kwargs": {}, "task_id": str(UUID(int=7))}
    record = {"messageId": "m", "eventSource": "aws:sqs", "body": json.dumps(body)}
    worker.handler(event(record), None)
    (first,) = sns.messages()
    worker.handler(event(record), None)
    assert sns.messages() == [first]


def test_a_unique_group_is_sent_once(sns: Listeners) -> None:
    """Whoever sends another one under its key gets that one, and sends nothing."""
    sent = Group(members(2), then=total).send(unique="march")
    assert len(sns.messages()) == 2
    again = Group(members(3)).send(unique="march")
    assert again == sent
    assert len(again) == 2
    assert sns.messages() == []
    assert Group(members(3)).send(unique="april") != sent
    for unique in ("", 7, "\ud800"):
        with pytest.raises(SettingError, match="is no text that tells it from others"):
            Group([]).send(unique=unique)  # type: ignore[arg-type]


def test_what_sns_did_not_take_is_sent_again(sns: Listeners, wire: Wire) -> None:
    """What fails is raised, and a second try sends all members of the same group."""

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation == "PublishBatch" and "0001" in call.body.decode():
            return Answer(400, [], b"<ErrorResponse><Error><Code>Throttled</Code></Error>")
        return forward()

    wire.treatment = refuse
    with pytest.raises(GroupNotSentError, match="these 10 weren't sent") as caught:
        Group(members(25)).send(unique="march")
    assert sorted(caught.value.failures) == [*range(10)]
    sns.messages()
    wire.treatment = None
    sent = Group(members(25)).send(unique="march")
    assert sent.group_id == caught.value.group_id
    assert len(sns.messages()) == 25


def test_a_group_within_a_value_is_refused(sns: Listeners) -> None:
    """A Task returns a Group by itself, and not among other things; none is an argument."""
    with pytest.raises(UnserializableError, match="a Group is no value that is sent: have a Task"):
        price.send(item=Group([]))
    worker = TaskRouter(failures="report")

    @worker.task
    def split() -> dict[str, Any]:
        return {"groups": [Group([])]}

    with pytest.raises(UnserializableError, match=r"groups\[0\]: a Group is no value"):
        worker.handler({"task_name": "split", "task_kwargs": {}}, None)
    tag = {"_alg_class": "Group", "_alg_module": "algernon_queue.group", "value": {}}
    with pytest.raises(SerializeError, match="a Group is no value"):
        ajson.loads(json.dumps(tag))


def test_a_group_that_never_was_is_not_found(bucket: str) -> None:
    """A group that is made from an id says what could be wrong with it."""
    nobody = SentGroup[Any](uuid4())
    for ask in (nobody.state, nobody.progress, nobody.cancel, lambda: len(nobody)):
        with pytest.raises(MissingObjectError, match="there is no group"):
            ask()
    with pytest.raises(SettingError, match="'7' is no group's id"):
        SentGroup("7")


def test_a_group_shows_no_arguments() -> None:
    """What a Group and what was sent say of themselves is nobody's secret."""
    group = Group([price.request(item="secret")], then=total.then(bill))
    assert repr(group) == "<Group of 1 Tasks, then total#bill>"
    group_id = str(uuid4())
    assert repr(SentGroup(group_id)) == f"SentGroup({group_id!r})"
    assert group
    assert len(Group([])) == 0


def test_a_batch_that_stays_whole_keeps_the_groups_of_its_tasks() -> None:
    """What failed beside it has a Task under a ledger come again, but neither run nor stay."""
    ran: list[int] = []
    worker = TaskRouter(once=True, failures="batch")

    @worker.task
    def split(n: int) -> Group[Any]:
        ran.append(n)
        return Group([double.request(n=n)])

    @worker.task
    def double(n: int) -> int:
        return 2 * n

    with InMemorySystem(worker) as system:
        sent = split.using(keep_result=True).send(n=4)
        queue = system._tasks["split"].queue
        # A copy that comes in the same batch keeps it whole until the first one is done.
        queue.send(replace(queue.messages[0], message_id="a copy"))
        system.run()
        assert not system.dead_letters
        assert [*sent.result()] == [8]
    assert ran == [4]


def test_copies_of_what_was_cancelled_leave_together() -> None:
    """Of a cancelled chain no copy waits for another one in its batch, which isn't run either."""
    ran: list[str] = []
    worker = TaskRouter(once=True, failures="batch")

    @worker.task
    def first() -> None:
        ran.append("first")

    @worker.task
    def last() -> None:
        ran.append("last")

    with InMemorySystem(worker) as system:
        sent = first.then(last).using(cancellable=True).send()
        queue = system._tasks["first"].queue
        queue.send(replace(queue.messages[0], message_id="a copy"))
        assert sent.cancel()
        group = Group([last.request()]).send()
        queue = system._tasks["last"].queue
        queue.send(replace(queue.messages[0], message_id="a copy"))
        assert group.cancel()
        system.run()
        assert not system.dead_letters
    assert ran == []
