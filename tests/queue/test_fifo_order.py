"""What goes on to a FIFO topic keeps the order of its message group."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    SettingError,
    Task,
    TaskRouter,
    TasksNotSentError,
    queued,
    send_task,
    send_tasks,
)

from ..wire import Answer
from .events import ALL_DONE, LambdaContext, event, failed, fifo_record, message, record
from .test_publishing import XML, batch_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Call, Wire


class FifoTopic:
    """A FIFO topic that feeds a FIFO queue."""

    def __init__(self, aws: LocalAWS) -> None:
        sns, self._sqs = aws.client("sns"), aws.client("sqs")
        fifo = {"FifoTopic": "true"}
        self.arn = sns.create_topic(Name="next.fifo", Attributes=fifo)["TopicArn"]
        self._url = self._sqs.create_queue(QueueName="next.fifo", Attributes={"FifoQueue": "true"})[
            "QueueUrl"
        ]
        sns.subscribe(
            TopicArn=self.arn,
            Protocol="sqs",
            Endpoint="arn:aws:sqs:eu-west-1:123456789012:next.fifo",
            Attributes={"RawMessageDelivery": "true"},
        )

    @property
    def listeners(self) -> dict[str, str]:
        """The topic as the listener of the Task `next`."""
        return {"next": self.arn}

    def take(self) -> list[tuple[str, Any]]:
        """Take everything out of the queue: the group and the argument n of each, in order."""
        taken = []
        while received := self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, AttributeNames=["All"]
        ).get("Messages"):
            for one in received:
                kwargs = json.loads(one["Body"])["task_kwargs"]
                taken.append((one["Attributes"]["MessageGroupId"], kwargs["n"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"])
        return taken


@pytest.fixture
def topic(aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch) -> FifoTopic:
    """A FIFO topic, to which results travel inline."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "200000")
    return FifoTopic(aws)


def published(call: Call) -> list[tuple[str, str]]:
    """Return the Id and the message of each entry of a PublishBatch."""
    form = call.form
    ids = {key.rsplit(".", 1)[0]: value for key, value in form.items() if key.endswith(".Id")}
    return [(value, form[f"{prefix}.Message"]) for prefix, value in ids.items()]


def refusing(text: str, times: int = 99) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Return what has SNS refuse the messages that hold a text, so many times.

    It says that it took those that came with them.
    """
    left = [times]

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        entries = published(call) if call.operation == "PublishBatch" else []
        refused = [int(number) for number, body in entries if text in body]
        if refused and left[0]:
            left[0] -= 1
            taken = tuple(int(number) for number, _ in entries if int(number) not in refused)
            return batch_answer(taken, tuple(refused))
        return forward()

    return treat


def returning_rows(rows: str, topic: FifoTopic) -> Any:
    """Return a handler whose results hold so much, and go to the topic."""

    @queued(failures="report", listeners=topic.listeners)
    def handler(event: Any, context: Any) -> Any:
        return {"n": event["task_kwargs"]["n"], "rows": rows}

    return handler


def numbered(count: int, *groups: str) -> list[dict[str, Any]]:
    """Return so many numbered records, in these groups by turns."""
    return [
        fifo_record(groups[n % len(groups)], message("work", task_kwargs={"n": n}, callback="next"))
        for n in range(count)
    ]


@pytest.mark.parametrize("size", [10, 60_000])
@pytest.mark.parametrize("slow_first", [False, True])
def test_results_that_do_not_fit_one_call_keep_their_order(
    topic: FifoTopic, wire: Wire, size: int, slow_first: bool
) -> None:
    """Ten results of one group come out as they went in, though a call takes its time."""
    if slow_first:
        calls: list[Call] = []

        def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
            if call.service == "sns":
                calls.append(call)
                wire.delay = 0
            return forward()

        wire.delay = 0.3
        wire.treatment = treat
    handler = returning_rows("x" * size, topic)
    assert handler(event(*numbered(10, "a")), LambdaContext()) == ALL_DONE
    assert topic.take() == [("a", n) for n in range(10)]


def test_groups_share_calls(topic: FifoTopic, wire: Wire) -> None:
    """What is of different groups goes together, and each group keeps its order."""
    handler = returning_rows("x", topic)
    assert handler(event(*numbered(10, "a", "b", "c", "d", "e")), LambdaContext()) == ALL_DONE
    assert wire.counted()["sns PublishBatch"] == 2
    taken = topic.take()
    for group in "abcde":
        numbers = [n for name, n in taken if name == group]
        assert numbers == sorted(numbers)
        assert len(numbers) == 2


def test_a_group_stops_at_its_first_refused_entry(topic: FifoTopic, wire: Wire) -> None:
    """What SNS won't take keeps back what comes after it in its group, and nothing else."""
    wire.treatment = refusing('"n":2,')
    records = numbered(6, "a", "b")
    answer = returning_rows("x", topic)(event(*records), LambdaContext(millis_left=300))
    assert answer == failed(records[2], records[4])
    assert ("a", 4) not in topic.take()


def test_what_is_taken_at_last_keeps_its_place(topic: FifoTopic, wire: Wire) -> None:
    """An entry that SNS has no time for at first is taken before those behind it."""
    wire.treatment = refusing('"n":1,', times=2)
    assert returning_rows("x", topic)(event(*numbered(4, "a")), LambdaContext()) == ALL_DONE
    assert topic.take() == [("a", n) for n in range(4)]


def test_a_refused_call_stops_the_groups_in_it(topic: FifoTopic, wire: Wire) -> None:
    """A call that goes wrong as a whole keeps back the rest of its groups."""

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        if (
            call.operation == "PublishBatch"
            and '"n":1,' in call.form[next(key for key in call.form if key.endswith(".Message"))]
        ):
            return Answer(
                403, XML, b"<ErrorResponse><Error><Code>Odd</Code></Error></ErrorResponse>"
            )
        return forward()

    wire.treatment = treat
    records = numbered(3, "a")
    answer = returning_rows("x", topic)(event(*records), LambdaContext())
    assert answer == failed(*records[1:])
    assert topic.take() == [("a", 0)]


def test_who_sends_many_keeps_their_order_too(topic: FifoTopic, wire: Wire) -> None:
    """Tasks that are sent in one message group arrive in order, and stop at a refusal."""
    tasks = [Task("next", {"n": n}, message_group="orders") for n in range(4)]
    send_tasks(tasks, listeners=topic.listeners)
    assert topic.take() == [("orders", n) for n in range(4)]

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        bodies = "".join(body for _, body in published(call))
        if '"n":6}' in bodies:
            return Answer(
                403, XML, b"<ErrorResponse><Error><Code>Odd</Code></Error></ErrorResponse>"
            )
        return forward()

    wire.treatment = refuse
    with pytest.raises(TasksNotSentError) as caught:
        send_tasks(
            [Task("next", {"n": n}, message_group="orders") for n in range(5, 9)],
            listeners=topic.listeners,
        )
    assert list(caught.value.failures) == [1, 2, 3]
    assert "before it in its message group" in str(caught.value.failures[2])
    wire.treatment = None
    assert topic.take() == [("orders", 5)]


def test_a_message_group_can_be_given(topic: FifoTopic) -> None:
    """A sender says the group; without one, each message is a group of its own."""
    send_task("next", {"n": 1}, message_group="customer-1", listeners=topic.listeners)
    task_id = send_task("next", {"n": 2}, listeners=topic.listeners)
    assert sorted(topic.take(), key=lambda one: int(one[1])) == [("customer-1", 1), (task_id, 2)]


def test_a_fifo_task_sends_in_its_own_group(topic: FifoTopic) -> None:
    """What a Task of a FIFO queue sends is of its group, unless it says another."""
    router = TaskRouter(failures="report", listeners=topic.listeners)

    @router.task
    def work(n: int) -> None:
        send_task("next", {"n": n})
        send_task("next", {"n": n + 100}, message_group="other")

    one = fifo_record("customer-7", message("work", task_kwargs={"n": 0}))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert sorted(topic.take()) == [("customer-7", 0), ("other", 100)]


def test_a_standard_task_has_no_group_to_pass_on(topic: FifoTopic) -> None:
    """What came from a standard queue, though with a tenant, sends in groups of their own."""
    router = TaskRouter(failures="report", listeners=topic.listeners)
    sent = []
    router.task(name="work")(lambda: sent.append(send_task("next", {"n": 1})))
    one = record(message("work"), attributes={"MessageGroupId": "tenant"})
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert topic.take() == [(sent[0], 1)]


@pytest.mark.parametrize("group", ["", "a b", "ä", "x" * 129, 7])
def test_a_group_is_what_sns_takes(wire: Wire, group: Any) -> None:
    """What can't be a message group is refused before anything is sent."""
    with pytest.raises(SettingError, match="can't be the message group"):
        send_task("next", message_group=group)
    assert wire.calls == []


def test_a_standard_topic_takes_no_group(aws: LocalAWS, wire: Wire) -> None:
    """A group for a topic that keeps no order is refused, and nothing is sent."""
    arn = aws.client("sns").create_topic(Name="next")["TopicArn"]
    with pytest.raises(SettingError, match="is no FIFO topic"):
        send_task("next", message_group="a", listeners={"next": arn})
    assert wire.calls == []
