"""On a FIFO queue, a failure stops the rest of its message group."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, GroupStoppedError, TaskRouter, queued, send_task

from .events import LambdaContext, event, failed, fifo_record, message, record
from .queues import SourceQueue

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


def numbered(*groups: str | None, bad: int = -1, **others: Any) -> list[dict[str, Any]]:
    """Return numbered records of these groups, one of which may be no message."""
    return [
        fifo_record(group, "bad" if n == bad else message("work", task_kwargs={"n": n}, **others))
        for n, group in enumerate(groups)
    ]


def failing_at(*numbers: int, done: list[int]) -> Any:
    """Return a handler that fails at some numbers, and notes those that it did."""

    def handle(event: Any, context: Any) -> Any:
        n = event["task_kwargs"]["n"]
        if n in numbers:
            raise ValueError("no")
        done.append(n)
        return {"n": n}

    return handle


def test_a_failure_stops_its_group_and_no_other() -> None:
    """Records after a failed one in its group aren't run and are returned; others are done."""
    done: list[int] = []
    records = numbered("a", "b", "a", "b", "a", "c")
    handler = queued(failures="report")(failing_at(2, done=done))
    assert handler(event(*records), LambdaContext()) == failed(records[2], records[4])
    assert done == [0, 1, 3, 5]


def test_several_groups_fail_each_for_itself() -> None:
    """Each group stops at its own first failure."""
    done: list[int] = []
    records = numbered("a", "b", "a", "b", "a", "b")
    handler = queued(failures="report")(failing_at(0, 3, done=done))
    assert handler(event(*records), LambdaContext()) == failed(
        records[0], records[2], records[3], records[4], records[5]
    )
    assert done == [1]


def test_an_unreadable_record_stops_its_group() -> None:
    """A record that can't be read stops those after it, and not those before it."""
    done: list[int] = []
    records = numbered("a", "a", "a", "b", bad=1)
    handler = queued(failures="report")(failing_at(done=done))
    assert handler(event(*records), LambdaContext()) == failed(records[1], records[2])
    assert done == [0, 3]


def test_a_stored_argument_that_is_gone_stops_its_group(bucket: str) -> None:
    """A record whose stored arguments can't be fetched stops those after it."""
    done: list[int] = []
    records = numbered("a", "a", "a", "b")
    pointer = {
        "_alg_class": "StoredData",
        "_alg_module": "algernon.aws.snakes",
        "value": {"pointer": f"{bucket}#cache/gone!1.json"},
    }
    records[1] = fifo_record("a", message("work", task_kwargs=pointer))
    handler = queued(failures="report")(failing_at(done=done))
    assert handler(event(*records), LambdaContext()) == failed(records[1], records[2])
    assert done == [0, 3]


def test_under_batch_the_error_tells_failed_from_stopped() -> None:
    """The error of a batch lists the failed record's own error, and that the rest was stopped."""
    records = numbered("a", "a", "b")
    with pytest.raises(BatchFailedError) as caught:
        queued(failing_at(0, done=[]))(event(*records), LambdaContext())
    failures = caught.value.failures
    assert list(failures) == [records[0]["messageId"], records[1]["messageId"]]
    assert isinstance(failures[records[0]["messageId"]], ValueError)
    stopped = failures[records[1]["messageId"]]
    assert isinstance(stopped, GroupStoppedError)
    assert records[0]["messageId"] in str(stopped)
    assert "'a'" in str(stopped)


def test_a_standard_queue_has_no_groups() -> None:
    """On a standard queue, which may have group ids too, each record fails for itself."""
    done: list[int] = []
    attributes = {"MessageGroupId": "a"}
    records = [
        record(message("work", task_kwargs={"n": n}), attributes=attributes) for n in range(3)
    ]
    handler = queued(failures="report")(failing_at(1, done=done))
    assert handler(event(*records), LambdaContext()) == failed(records[1])
    assert done == [0, 2]


def test_a_failed_upload_stops_its_group(bucket: str, listeners: Listeners) -> None:
    """When a result can't be sent on, the group's later callbacks aren't published either."""
    listeners.add("next")
    records = numbered("a", "a", "a", "b", callback="next")

    @queued(failures="report")
    def handler(event: Any, context: Any) -> Any:
        n = event["task_kwargs"]["n"]
        return object() if n == 1 else {"n": n}

    assert handler(event(*records), LambdaContext()) == failed(records[1], records[2])
    assert len(listeners.messages()) == 2


def test_results_are_never_compared() -> None:
    """A result that can't be compared is no trouble, not even where a record comes twice."""

    class Incomparable:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise ValueError("the truth value is ambiguous")

    outcomes: list[Any] = [Incomparable(), ValueError("no")]

    @queued(failures="report")
    def handler(event: Any, context: Any) -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ValueError):
            raise outcome
        return outcome

    (one,) = numbered("a")
    assert handler(event(one, one, one), LambdaContext()) == failed(one)
    assert outcomes == []


def test_a_record_by_hand_without_attributes_still_fails_for_itself() -> None:
    """A record of a FIFO queue that doesn't say its group stops no other."""
    done: list[int] = []
    records = numbered(None, None, "a")
    records[0]["attributes"] = None
    handler = queued(failures="report")(failing_at(0, done=done))
    assert handler(event(*records), LambdaContext()) == failed(records[0])
    assert done == [1, 2]


@pytest.fixture
def fifo_topic(aws: LocalAWS) -> str:
    """A FIFO topic."""
    arn: str = aws.client("sns").create_topic(
        Name="ordered.fifo", Attributes={"FifoTopic": "true"}
    )["TopicArn"]
    return arn


def published(wire: Wire) -> list[tuple[str | None, str | None, str]]:
    """Return group, deduplication id and task_id of each entry that was published."""
    found = []
    for call in wire.calls:
        if call.service == "sns":
            entries = [
                name.removesuffix(".Message") for name in call.form if name.endswith(".Message")
            ]
            found += [
                (
                    call.form.get(f"{entry}.MessageGroupId"),
                    call.form.get(f"{entry}.MessageDeduplicationId"),
                    json.loads(call.form[f"{entry}.Message"])["task_id"],
                )
                for entry in entries
            ]
    return found


def test_a_fifo_topic_keeps_the_groups(fifo_topic: str, wire: Wire) -> None:
    """What goes on to a FIFO topic stays in its record's group, under an id that stays the same."""
    records = numbered("a", "b", "a", callback="next")
    handler = queued(failures="report", listeners={"next": fifo_topic})(lambda event, context: None)
    assert handler(event(*records), LambdaContext()) == failed()
    first = published(wire)
    assert [group for group, _, _ in first] == ["a", "b", "a"]
    assert [key for _, key, _ in first] == [task_id for _, _, task_id in first]
    assert len({key for _, key, _ in first}) == 3
    wire.clear()
    assert handler(event(*records), LambdaContext()) == failed()
    assert published(wire) == first


def test_what_comes_from_no_group_has_one_of_its_own(fifo_topic: str, wire: Wire) -> None:
    """On a FIFO topic, what a standard queue or a sender sends waits for nothing else."""
    one = record(message("work", callback="next"))
    handler = queued(failures="report", listeners={"next": fifo_topic})(lambda event, context: None)
    assert handler(event(one), LambdaContext()) == failed()
    task_id = send_task("next", listeners={"next": fifo_topic})
    (_, _, child_id), (group, key, sent_id) = published(wire)
    assert published(wire)[0] == (child_id, child_id, child_id)
    assert (group, key, sent_id) == (task_id, task_id, task_id)


def test_a_standard_topic_has_no_groups(listeners: Listeners, wire: Wire) -> None:
    """What goes from a FIFO queue to a standard topic says nothing of its group."""
    listeners.add("next")
    records = numbered("a", callback="next")
    assert queued(lambda event, context: None)(event(*records), LambdaContext()) == failed()
    ((group, key, _),) = published(wire)
    assert (group, key) == (None, None)


def test_a_group_goes_on_once_its_failure_is_dealt_with(aws: LocalAWS) -> None:
    """What won't ever succeed leaves the queue, and the rest of its group is done after it."""
    queue = SourceQueue(aws, is_fifo=True)
    for n in range(3):
        queue.send(
            message("work", task_kwargs={"n": n}), MessageGroupId="a", MessageDeduplicationId=str(n)
        )
    done: list[int] = []
    router = TaskRouter(failures="report")

    @router.task(retries=1, backoff=0)
    def work(n: int) -> None:
        if n == 1:
            raise ValueError("no")
        done.append(n)

    rounds = []
    while records := queue.receive():
        answer = router.handler(event(*records), LambdaContext())
        left = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        queue.delete(*(one for one in records if one["messageId"] not in left))
        rounds.append(len(records) - len(left))
    assert done == [0, 2]
    assert rounds == [1, 2]
    (dead,) = queue.dead_letters()
    assert json.loads(dead["Body"])["task_kwargs"] == {"n": 1}
