"""`sqs_event` and `lambda_context` are what Lambda would hand to a worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon_queue import (
    CurrentTask,
    SettingError,
    Task,
    TaskArgumentsError,
    TaskRouter,
    current_task,
    queued,
    send_task,
)
from algernon_queue.testing import lambda_context, sqs_event
from algernon_serialize import UnserializableError

from ..waiting import wait_for
from .events import ALL_DONE, failed

if TYPE_CHECKING:
    from .conftest import Listeners


def told(event: dict[str, Any]) -> CurrentTask:
    """Return what a Task is told of itself when it is run from an event."""
    seen: list[CurrentTask | None] = []
    router = TaskRouter(failures="report")
    router.task(name="price")(lambda **kwargs: seen.append(current_task()))
    assert router.handler(event, lambda_context()) == ALL_DONE
    (task,) = seen
    assert task is not None
    return task


def test_a_worker_runs_the_tasks_of_an_event() -> None:
    """The batch has each Task, in order, with its arguments as they were."""
    router = TaskRouter(failures="report")
    seen: list[Any] = []

    @router.task
    def price(items: Any) -> None:
        seen.append(items)

    event = sqs_event(Task("price", {"items": [1]}), Task("price", {"items": (1, {2})}))
    assert router.handler(event, lambda_context()) == ALL_DONE
    assert seen == [[1], (1, {2})]


def test_a_queued_handler_gets_the_message() -> None:
    """The message is the one that is sent: name, arguments, callback and ids."""
    seen: list[Any] = []

    @queued(failures="report")
    def handler(event: dict[str, Any], context: dict[str, Any]) -> None:
        seen.append(event)

    task_id = str(uuid4())
    handler(sqs_event(Task("price", {"items": [1]}, task_id=task_id)), lambda_context())
    assert seen == [
        {
            "task_name": "price",
            "task_kwargs": {"items": [1]},
            "callback": None,
            "task_id": task_id,
            "chain_id": task_id,
        }
    ]


def test_a_message_is_written_as_by_send_task(listeners: Listeners) -> None:
    """What SNS would bring is in the event's envelope, letter for letter."""
    task = Task("price", {"items": (1, "\ufffe")}, "price#bill", str(uuid4()))
    topics = listeners.add("price")
    send_task(*_parts(task), task_id=task.task_id, listeners=topics)
    (sent,) = listeners.take()
    (record,) = sqs_event(task)["Records"]
    assert json.loads(record["body"])["Message"] == sent["body"]


def _parts(task: Task) -> tuple[str, Any, str | None]:
    return task.task_name, task.task_kwargs, task.callback


def test_a_record_has_what_lambda_s_have() -> None:
    """A record and its envelope have the keys that AWS documents."""
    (record,) = sqs_event(Task("price"))["Records"]
    assert set(record) == {
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfBody",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    }
    assert set(record["attributes"]) == {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert set(json.loads(record["body"])) >= {
        "Type",
        "MessageId",
        "TopicArn",
        "Message",
        "Timestamp",
    }


def test_a_task_is_told_what_the_event_says() -> None:
    """Receive count and attributes are what the test gives; the time is now."""
    task = told(sqs_event(Task("price"), receive_count=3, message_attributes={"tenant": "seven"}))
    assert task.receive_count == 3
    assert task.message_attributes == {"tenant": "seven"}
    assert task.sent_at is not None
    assert task.sent_at > 1_600_000_000


def test_messages_of_one_event_have_ids_of_their_own() -> None:
    """Of two Tasks that are the same, one may fail alone."""
    router = TaskRouter(failures="report")
    runs = iter([ZeroDivisionError, None])

    @router.task
    def price() -> None:
        if error := next(runs):
            raise error

    event = sqs_event(Task("price"), Task("price"))
    assert router.handler(event, lambda_context()) == failed(event["Records"][0])


def test_a_message_group_makes_a_fifo_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Task with a group comes from a FIFO queue, and so do those with it."""
    task = told(sqs_event(Task("price", message_group="shop")))
    assert task.message_group == "shop"
    assert str(task.queue_arn).endswith(".fifo")
    assert not str(told(sqs_event(Task("price"))).queue_arn).endswith(".fifo")
    own_id = str(uuid4())
    event = sqs_event(Task("price", task_id=own_id), Task("price", message_group="shop"))
    assert [record["attributes"]["MessageGroupId"] for record in event["Records"]] == [
        own_id,
        "shop",
    ]


def test_a_failure_in_a_group_stops_those_behind_it() -> None:
    """On a FIFO queue the rest of a message group stays with the one that failed."""
    router = TaskRouter(failures="report")

    @router.task
    def price(n: int) -> None:
        if n == 1:
            raise ZeroDivisionError

    event = sqs_event(
        Task("price", {"n": 1}, message_group="a"),
        Task("price", {"n": 2}, message_group="a"),
        Task("price", {"n": 3}, message_group="b"),
    )
    assert router.handler(event, lambda_context()) == failed(*event["Records"][:2])


def test_what_cant_be_sent_makes_no_event() -> None:
    """An argument that `ajson` can't send raises here as it does in `send_task`."""
    with pytest.raises(UnserializableError, match="task_kwargs"):
        sqs_event(Task("price", {"items": object()}))
    with pytest.raises(TaskArgumentsError):
        sqs_event(Task("price", {1: 2}))  # type: ignore[dict-item]


@pytest.mark.parametrize("task", ["price", {"items": [1]}, [Task("price")], ("price", {}), None])
def test_what_is_no_task_makes_no_event(task: Any) -> None:
    """What isn't a Task is refused, with what to write."""
    with pytest.raises(SettingError, match=r"sqs_event was given .*, which is no Task: give it"):
        sqs_event(Task("price"), task)


def test_a_router_s_task_is_no_event_without_its_arguments() -> None:
    """A Task of a router is refused by an error that says to write request()."""
    price: Any = TaskRouter().task(name="price")(lambda items: None)
    with pytest.raises(SettingError, match=r"sqs_event was given <Task price: .*\.request\(…\)"):
        sqs_event(price)


@pytest.mark.parametrize("receive_count", [0, -1, 1.5, "1", True, None])
def test_what_was_never_received_is_in_no_event(receive_count: Any) -> None:
    """A message that Lambda hands over was received a whole number of times, from once on."""
    with pytest.raises(SettingError, match=f"the receive_count is {receive_count!r}, but"):
        sqs_event(Task("price"), receive_count=receive_count)


def test_time_runs_out() -> None:
    """The time that is left shrinks, and never below zero."""
    context = lambda_context(seconds_left=0.05)
    assert context.get_remaining_time_in_millis() <= 50
    wait_for(lambda: context.get_remaining_time_in_millis() == 0)


def test_what_cant_be_started_in_time_stays_in_the_queue() -> None:
    """Where there is hardly any time left, only the first record is started."""
    router = TaskRouter(failures="report")
    runs: list[int] = []

    @router.task
    def price(n: int) -> None:
        runs.append(n)

    event = sqs_event(Task("price", {"n": 1}), Task("price", {"n": 2}))
    answer = router.handler(event, lambda_context(seconds_left=0))
    assert (runs, answer) == ([1], failed(event["Records"][1]))


def test_a_context_says_which_function_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the function, in its region, and each invocation has an id."""
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    context = lambda_context(function_name="prices")
    assert context.function_name == "prices"
    assert context.invoked_function_arn == (
        "arn:aws:lambda:eu-north-1:123456789012:function:prices"
    )
    assert context.aws_request_id != lambda_context().aws_request_id
    assert (context.function_version, int(context.memory_limit_in_mb)) == ("$LATEST", 256)
