"""A pipe of EventBridge hands over the records of a queue as they are: as a list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    NotAnSQSEventError,
    TaskRouter,
    current_task,
    queued,
)

from .events import ALL_DONE, LambdaContext, enveloped, failed, fifo_record, message, record
from .queues import SourceQueue

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from .conftest import Listeners

Handler = Any


def worker(kind: str, ran: list[Any], **options: Any) -> Handler:
    """Return a handler of Lambda's that notes its arguments, and fails of what is odd."""
    options = {"failures": "report", **options}

    def work(n: int) -> dict[str, int]:
        ran.append(n)
        if n % 2:
            raise ValueError("odd")
        return {"n": n}

    if kind == "queued":
        return queued(**options)(lambda event, context: work(**event["task_kwargs"]))
    router = TaskRouter(**options)
    router.task(work)
    return router.handler


@pytest.mark.parametrize("kind", ["queued", "router"])
def test_a_list_of_records_is_a_batch(kind: str) -> None:
    """Each record is done, and what failed is reported as the pipe reads it."""
    ran: list[Any] = []
    records = [record(message(task_kwargs={"n": n})) for n in range(4)]
    answer = worker(kind, ran)(records, LambdaContext())
    assert answer == failed(records[1], records[3])
    assert ran == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["queued", "router"])
def test_a_list_of_one_is_a_batch_too(kind: str) -> None:
    """A pipe with a batch size of 1 hands over a list as well."""
    ran: list[Any] = []
    one = record(enveloped(message(task_kwargs={"n": 2})))
    assert worker(kind, ran)([one], LambdaContext()) == ALL_DONE
    assert ran == [2]


@pytest.mark.parametrize("kind", ["queued", "router"])
def test_under_batch_a_failure_keeps_the_whole_list(kind: str) -> None:
    """Where failures keep the batch, the pipe sees an error, and tries all of it again."""
    records = [record(message(task_kwargs={"n": n})) for n in range(2)]
    with pytest.raises(BatchFailedError, match="1 of 2 records failed"):
        worker(kind, [], failures="batch")(records, LambdaContext())


def test_results_go_on(bucket: str, listeners: Listeners) -> None:
    """A Task that came through a pipe has its callback sent."""
    listeners.add("next")
    records = [record(message(callback="next", task_kwargs={"n": n})) for n in (2, 4)]
    assert worker("router", [])(records, LambdaContext()) == ALL_DONE
    assert [sent["task_name"] for sent in listeners.messages()] == ["next", "next"]


def test_a_failure_stops_its_group() -> None:
    """The records of a FIFO queue keep their order through a pipe."""
    ran: list[Any] = []
    records = [fifo_record("a", message(task_kwargs={"n": n})) for n in range(4)]
    for one in records:
        one["eventSourceARN"] = "arn:aws:sqs:eu-west-1:123456789012:nowhere.fifo"
        one["receiptHandle"] = None
    assert worker("queued", ran)(records, LambdaContext()) == failed(*records[1:])
    assert ran == [0, 1]


def test_what_never_succeeds_is_moved(aws: LocalAWS) -> None:
    """What came through a pipe is moved to the dead-letter queue of its own queue."""
    queue = SourceQueue(aws)
    queue.send("no message", message(task_kwargs={"n": 2}))
    assert worker("router", [])(queue.receive(), LambdaContext()) == ALL_DONE
    assert [letter["Body"] for letter in queue.dead_letters()] == ["no message"]


def test_its_tasks_know_their_facts() -> None:
    """What SQS says of a record is known of one that comes through a pipe."""
    seen: list[Any] = []

    @queued
    def handler(event: Any, context: Any) -> None:
        seen.append((current_task(), context["sqs"]))

    one = record(message())
    handler([one], LambdaContext())
    ((task, sqs),) = seen
    assert task.message_id == sqs["message_id"] == one["messageId"]
    assert task.sent_at == sqs["sent_at"] == 1545082650.636


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ([], "no list of Records"),
        ({"messageId": "m", "body": message()}, "no list of Records"),
        ([json.loads(message())], "no messageId"),
        ([record(message()), "text"], "comes from None"),
        ([{"eventSource": "aws:kinesis", "data": "eA=="}], "comes from 'aws:kinesis'"),
    ],
    ids=["empty", "no list", "transformed", "text", "another source"],
)
@pytest.mark.parametrize("kind", ["queued", "router"])
def test_what_is_no_list_of_records_is_refused(kind: str, event: Any, problem: str) -> None:
    """What couldn't be reported as failed is refused whole, and nothing of it is run."""
    ran: list[Any] = []
    with pytest.raises(NotAnSQSEventError, match=problem):
        worker(kind, ran)(event, LambdaContext())
    assert ran == []
