"""What won't ever succeed goes to the dead-letter queue at once, and says why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    PermanentError,
    TaskArgumentsError,
    TaskRouter,
    queued,
)
from algernon_serialize import AlgObject, ajson
from algernon_storage import StoredData

from ..wire import Answer
from .events import (
    ALL_DONE,
    TASK_ID,
    LambdaContext,
    enveloped,
    event,
    failed,
    fifo_record,
    message,
    record,
)
from .queues import SourceQueue, entries_of, not_allowing

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Call, Treatment, Wire

MOVING = "SendMessageBatch"
MIB = 1024 * 1024  # the bytes that SQS takes in a message, and in a call


class CancelledError(PermanentError):
    """Raised when nobody wants the work any more."""


@pytest.fixture
def queue(aws: LocalAWS) -> SourceQueue:
    """A queue with a dead-letter queue."""
    return SourceQueue(aws)


def router(failures: Any = "report") -> TaskRouter:
    """Return a router whose Tasks fail for good as they are told to."""
    tasks = TaskRouter(failures=failures)

    @tasks.task
    def work(reason: str = "no", *, cancelled: bool = False) -> None:
        raise CancelledError(reason) if cancelled else PermanentError(reason)

    @tasks.task
    def good(n: int = 0) -> None:
        """Do nothing."""

    @tasks.task
    def bad() -> None:
        raise ValueError("not for good")

    return tasks


def reasons(dead: dict[str, Any]) -> dict[str, str]:
    """Return what a dead letter says of why it is one."""
    return {
        name.removeprefix("algernon."): value["StringValue"]
        for name, value in dead.get("MessageAttributes", {}).items()
        if name.startswith("algernon.")
    }


def bytes_of(entry: dict[str, Any]) -> int:
    """Return the bytes of an entry that count against SQS's limit: its body and attributes."""
    attributes = entry.get("MessageAttributes", {})
    return len(entry["MessageBody"].encode()) + sum(
        len(name.encode())
        + sum(len(part.encode()) for part in value.values())  # base64, so a bit more than it is
        for name, value in attributes.items()
    )


def refusing(code: str, *indexes: int, times: int = 99) -> Treatment:
    """Return what has SQS refuse entries of the first calls that would move messages."""
    tries = []

    def treat(call: Call, forward: Any) -> Answer:
        answer: Answer = forward()
        if call.operation != MOVING:
            return answer
        tries.append(call)
        entries = json.loads(call.body)["Entries"]
        refused = [
            {"Id": entry["Id"], "Code": code, "SenderFault": True, "Message": "no"}
            for entry in entries
            if int(entry["Id"]) in indexes and len(tries) <= times
        ]
        ids = {entry["Id"] for entry in refused}
        taken = [
            {"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "1"}
            for entry in entries
            if entry["Id"] not in ids
        ]
        return Answer(200, [], json.dumps({"Successful": taken, "Failed": refused}).encode())

    return treat


DOOMED: dict[str, tuple[str, str, str, str | None]] = {
    "PermanentError": (
        message(task_kwargs={"reason": "the order was cancelled"}),
        "PermanentError",
        "the order was cancelled",
        "work",
    ),
    "a subclass": (
        message(task_kwargs={"reason": "gone", "cancelled": True}),
        "CancelledError",
        "gone",
        "work",
    ),
    "bad arguments": (
        message("good", task_kwargs={"m": 1}),
        "TaskArgumentsError",
        "the Task 'good' can't be called with the arguments ['m']",
        "good",
    ),
    "arguments no mapping": (
        message("good", task_kwargs=[1]),
        "TaskArgumentsError",
        "the Task 'good' takes keyword arguments, but was sent a list",
        "good",
    ),
    "no JSON": ("no JSON", "MalformedMessageError", "can't be read: the text isn't JSON", None),
    "no message": ('{"n": 1}', "MalformedMessageError", "the message has no task_name", None),
    "an impossible callback": (
        message("good", callback="a##b"),
        "MalformedMessageError",
        "the callback of a message for 'good' is neither",
        None,
    ),
}


@pytest.mark.parametrize(("body", "error", "reason", "task_name"), DOOMED.values(), ids=DOOMED)
@pytest.mark.parametrize("wrap", [str, enveloped], ids=["raw", "enveloped"])
def test_what_will_never_succeed_is_moved_at_once(
    queue: SourceQueue,
    caplog: pytest.LogCaptureFixture,
    wrap: Any,
    body: str,
    error: str,
    reason: str,
    task_name: str | None,
) -> None:
    """After the first failure it is in the dead-letter queue as it was sent, with the reason."""
    sent = wrap(body)
    queue.send(sent)
    (one,) = queue.receive()
    good = record(message("good"), eventSourceARN=queue.arn)
    assert router().handler(event(good, one), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert dead["Body"] == sent
    found = reasons(dead)
    assert found["error"] == error
    assert reason in found["reason"]
    assert found["receive_count"] == "1"
    assert found.get("task_name") == task_name
    if wrap is str:
        assert found.get("task_id") == (one["messageId"] if task_name else None)
    assert "was moved to the dead-letter queue" in caplog.text


def test_arguments_beyond_what_is_read_are_no_use_to_try_again(
    queue: SourceQueue, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored arguments that are too long to be read are moved at once, and say what to set."""
    stored = StoredData("long", {"text": "x" * 1000}, full_unpack=True)
    queue.send(ajson.dumps({"task_name": "good", "task_kwargs": stored}))
    monkeypatch.setenv("ALGERNON_MAX_READ_BYTES", "100")
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert reasons(dead)["error"] == "ReadLimitError"
    assert "ALGERNON_MAX_READ_BYTES" in reasons(dead)["reason"]


class Parcel(AlgObject):
    """An object that is rebuilt from its weight, which it may have to look up."""

    found: int | Exception = 0

    @classmethod
    def parse_json(cls, json_dict: Any) -> Parcel:
        """Look for the weight in what was sent, and then elsewhere."""
        json_dict["weight"]
        if isinstance(cls.found, Exception):
            raise cls.found
        return cls()


@pytest.mark.parametrize(
    ("attributes", "found", "is_moved"),
    [
        ({}, 0, True),
        ({"weight": 1}, ValueError("no such weight"), True),
        ({"weight": 1}, CancelledError(), True),
        ({"weight": 1}, ConnectionError("the scales don't answer"), False),
        ({"weight": 1}, RuntimeError("who knows"), False),
    ],
)
def test_an_object_that_cannot_be_rebuilt_is_tried_again_if_that_may_help(
    queue: SourceQueue,
    monkeypatch: pytest.MonkeyPatch,
    attributes: dict[str, int],
    found: int | Exception,
    is_moved: bool,
) -> None:
    """What a class makes no object of is moved at once, unless something couldn't be reached."""
    monkeypatch.setattr(Parcel, "found", found)
    tag = {"_alg_class": "Parcel", "_alg_module": __name__, "value": attributes}
    queue.send(message("good", task_kwargs={"n": tag}))
    records = queue.receive()
    result = router().handler(event(*records), LambdaContext())
    assert result == (ALL_DONE if is_moved else failed(*records))
    dead = [reasons(one) for one in queue.dead_letters()]
    assert [one["error"] for one in dead] == ["RebuildError"] * is_moved
    assert all(f"$.task_kwargs.n: what was sent as {__name__}:Parcel" in d["reason"] for d in dead)


def test_a_queued_handler_may_say_so_too(queue: SourceQueue) -> None:
    """A handler without a router that raises PermanentError has its message moved."""
    queue.send(message("work", task_id=TASK_ID))

    @queued(failures="report")
    async def handler(event: Any, context: Any) -> None:
        raise CancelledError

    assert handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert reasons(dead) == {
        "error": "CancelledError",
        "receive_count": "1",
        "task_name": "work",
        "task_id": TASK_ID,
        "chain_id": TASK_ID,
    }


def test_other_errors_are_tried_again(queue: SourceQueue, wire: Wire) -> None:
    """What may succeed yet stays in the queue, and only what won't is moved."""
    queue.send(message("bad"), message("work"), message("good"))
    records = queue.receive()
    stays = [one for one in records if "bad" in one["body"]]
    assert router().handler(event(*records), LambdaContext()) == failed(*stays)
    assert [reasons(dead)["task_name"] for dead in queue.dead_letters()] == ["work"]
    assert [call.operation for call in wire.calls if call.operation.endswith("Batch")] == [MOVING]


def test_under_batch_nothing_is_moved(queue: SourceQueue, wire: Wire) -> None:
    """A batch that stays whole stays where it is."""
    queue.send(message(), message("work"), "no JSON", message("good"))
    with pytest.raises(BatchFailedError, match="3 of 4 records failed"):
        router("batch").handler(event(*queue.receive()), LambdaContext())
    assert wire.calls == []
    assert queue.dead_letters() == []


def test_the_sender_s_attributes_are_kept(queue: SourceQueue) -> None:
    """Message attributes of any type come along, next to the reasons."""
    attributes = {
        "tenant": {"DataType": "String", "StringValue": "Ada & Söhne"},
        "priority": {"DataType": "Number.int", "StringValue": "7"},
        "signature": {"DataType": "Binary.sha", "BinaryValue": bytes(range(256))},
    }
    queue.send(message("work"), MessageAttributes=attributes)
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert attributes.items() <= dead["MessageAttributes"].items()
    assert len(reasons(dead)) == 6


@pytest.mark.parametrize("count", range(11))
def test_a_dead_letter_is_the_message_as_it_was(
    queue: SourceQueue, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    """All of the sender's attributes go along, and the reasons where the ten have room for them.

    They go in six attributes, or in one, or, beside ten of the sender's, in the log alone.
    """
    attributes = {f"own.{n}": {"DataType": "String", "StringValue": "x"} for n in range(count)}
    queue.send(message("work", task_id=TASK_ID), MessageAttributes=attributes)
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    found = dead.get("MessageAttributes", {})
    assert {name for name in found if name.startswith("own.")} == set(attributes)
    assert len(found) <= 10
    told = reasons(dead)
    assert len(told) == (6 if count <= 4 else 1 if count <= 9 else 0)
    if len(told) == 1:
        told = {
            name.removeprefix("algernon."): value
            for name, value in json.loads(told["letter"]).items()
        }
    if told:
        assert told == {
            "error": "PermanentError",
            "reason": "no",
            "receive_count": "1",
            "task_name": "work",
            "task_id": TASK_ID,
            "chain_id": TASK_ID,
        }
    assert "PermanentError" in caplog.text


def test_a_letter_of_one_attribute_keeps_the_task_s_id_too(queue: SourceQueue) -> None:
    """A message without an id of its own that was moved is known by the same id afterwards."""
    attributes = {f"own.{n}": {"DataType": "String", "StringValue": "x"} for n in range(9)}
    queue.send(message("work"), MessageAttributes=attributes)
    (one,) = queue.receive()
    assert router().handler(event(one), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    queue.send(dead["Body"], MessageAttributes=dead["MessageAttributes"])
    seen = []

    @queued(failures="report")
    def handler(event: Any, context: Any) -> None:
        seen.append(event["task_id"])

    (again,) = [found for found in queue.receive() if found["messageId"] != one["messageId"]]
    handler(event(again), LambdaContext())
    assert seen == [one["messageId"]]


@pytest.mark.parametrize("letter", ["no JSON", "[]", '{"algernon.task_id": 7}', "null"])
def test_a_letter_by_somebody_else_names_no_task(queue: SourceQueue, letter: str) -> None:
    """What is no letter of ours leaves the message with the id that SQS gave it."""
    attributes = {"algernon.letter": {"DataType": "String", "StringValue": letter}}
    queue.send(message("good"), MessageAttributes=attributes)
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE


def test_the_tenant_of_a_fair_queue_is_kept(queue: SourceQueue, wire: Wire) -> None:
    """The message group that a message has on a standard queue comes along."""
    queue.send(message("work"))
    (one,) = queue.receive()
    one["attributes"]["MessageGroupId"] = "tenant-7"
    assert router().handler(event(one), LambdaContext()) == ALL_DONE
    ((entry,),) = entries_of(wire, MOVING)
    assert entry["MessageGroupId"] == "tenant-7"
    assert "MessageDeduplicationId" not in entry


def test_a_letter_that_was_dead_before_has_the_latest_reason(queue: SourceQueue) -> None:
    """The reasons of an earlier time, which a redrive brings along, are replaced."""
    earlier = {"algernon.error": {"DataType": "String", "StringValue": "EarlierError"}}
    queue.send(message("work"), MessageAttributes=earlier)
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert reasons(dead)["error"] == "PermanentError"


def test_the_trace_goes_on(queue: SourceQueue, wire: Wire) -> None:
    """The header by which X-Ray follows a message comes along."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    queue.send(message("work"))
    (one,) = queue.receive()
    one["attributes"]["AWSTraceHeader"] = trace
    assert router().handler(event(one), LambdaContext()) == ALL_DONE
    ((entry,),) = entries_of(wire, MOVING)
    assert entry["MessageSystemAttributes"] == {
        "AWSTraceHeader": {"DataType": "String", "StringValue": trace}
    }


def test_a_reason_has_only_characters_that_sqs_takes(queue: SourceQueue, wire: Wire) -> None:
    """Characters that SQS refuses are replaced, and the others kept."""
    reason = "tab\tline\n€😀 null\x00 escape\x1b lone\ud800 odd\ufffe\uffff end"
    queue.send(message(task_kwargs={"reason": reason}))
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    ((entry,),) = entries_of(wire, MOVING)
    assert entry["MessageAttributes"]["algernon.reason"]["StringValue"] == (
        "tab\tline\n€😀 null\ufffd escape\ufffd lone\ufffd odd\ufffd\ufffd end"
    )
    assert len(queue.dead_letters()) == 1


def test_a_long_reason_is_cut(queue: SourceQueue) -> None:
    """Of a reason, the first 1,024 characters are kept."""
    queue.send(message(task_kwargs={"reason": "ä" * 1024 + "b"}))
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert reasons(dead)["reason"] == "ä" * 1024


def test_without_a_redrive_policy_it_is_a_failure(
    aws: LocalAWS, caplog: pytest.LogCaptureFixture
) -> None:
    """A queue that has no dead-letter queue keeps the message, and the log says why."""
    queue = SourceQueue(aws, has_dead_letters=False)
    queue.send(message("work"))
    (one,) = queue.receive()
    assert router().handler(event(one), LambdaContext()) == failed(one)
    (problem,) = [entry for entry in caplog.records if "can't be moved" in entry.getMessage()]
    assert problem.levelname == "ERROR"
    assert one["messageId"] in problem.getMessage()
    assert f"the queue {queue.arn} has no redrive policy" in problem.getMessage()


def test_a_queue_that_is_not_there_is_no_other_record_s_trouble(
    queue: SourceQueue, caplog: pytest.LogCaptureFixture
) -> None:
    """A source that nobody knows, or that is none, fails the records that say it."""
    queue.send(message("work"))
    good = queue.receive()[0]
    unknown, odd = (
        record(message("work"), eventSourceARN=arn)
        for arn in ("arn:aws:sqs:eu-west-1:123456789012:gone", "odd")
    )
    answer = router().handler(event(unknown, good, odd), LambdaContext())
    assert answer == failed(unknown, odd)
    assert len(queue.dead_letters()) == 1
    assert caplog.text.count("can't be moved to the dead-letter queue") == 2


def test_a_refused_call_is_a_failure_of_all_in_it(
    queue: SourceQueue, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """When SQS refuses to take dead letters, they stay where they are."""
    wire.treatment = not_allowing(MOVING)
    queue.send(message("work"), message("good"), "no JSON")
    records = queue.receive()
    bad = [one for one in records if "good" not in one["body"]]
    assert router().handler(event(*records), LambdaContext()) == failed(*bad)
    assert caplog.text.count("can't be moved to the dead-letter queue") == 2
    assert "not allowed" in caplog.text


def test_a_refused_entry_is_its_own_failure(queue: SourceQueue, wire: Wire) -> None:
    """A dead letter that SQS refuses stays where it is, and the others are moved."""
    wire.treatment = refusing("InvalidMessageContents", 1)
    queue.send(*[message("work")] * 3)
    records = queue.receive()
    assert router().handler(event(*records), LambdaContext()) == failed(records[1])
    assert len(entries_of(wire, MOVING)) == 1


def test_a_throttled_entry_is_tried_again(queue: SourceQueue, wire: Wire) -> None:
    """A dead letter that SQS has no time for is sent once more, and it alone."""
    wire.treatment = refusing("ThrottlingException", 0, 2, times=1)
    queue.send(*[message("work")] * 3)
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    assert [[entry["Id"] for entry in entries] for entries in entries_of(wire, MOVING)] == [
        ["0", "1", "2"],
        ["0", "2"],
    ]


def test_on_a_fifo_queue_the_group_is_kept_and_goes_on(aws: LocalAWS, wire: Wire) -> None:
    """A FIFO dead-letter queue gets group and deduplication id; the rest of the group goes on."""
    queue = SourceQueue(aws, is_fifo=True)
    for n, body in enumerate([message("good"), message("work"), message("good")]):
        queue.send(body, MessageGroupId="orders", MessageDeduplicationId=str(n))
    records = queue.receive()
    assert router().handler(event(*records), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert dead["Attributes"]["MessageGroupId"] == "orders"
    assert dead["Attributes"]["MessageDeduplicationId"] == records[1]["messageId"]


def test_an_event_by_hand_asks_no_queue(wire: Wire) -> None:
    """A record that doesn't say its queue stays a failure, and costs no call."""
    records = [record("no JSON", eventSourceARN=arn) for arn in (None, "")]
    del records[0]["eventSourceARN"]
    assert router().handler(event(*records), None) == failed(*records)
    assert wire.calls == []


def test_a_body_of_nearly_a_mebibyte_is_moved(queue: SourceQueue, wire: Wire) -> None:
    """A message of any length is moved as it is, if SQS takes it with the reasons."""
    large = message("work", task_kwargs={"text": "é" * (MIB // 2 - 330)})
    large = large.encode().decode("unicode_escape")  # two bytes for each, instead of six
    queue.send(large, message("work"))
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    assert {dead["Body"] for dead in queue.dead_letters()} == {large, message("work")}
    calls = entries_of(wire, MOVING)
    assert len(calls) == 2
    assert all(sum(map(bytes_of, entries)) <= MIB for entries in calls)


def test_a_body_that_leaves_no_room_for_reasons_is_moved_without(
    queue: SourceQueue, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """What would be too long with the reasons goes as it is, and the log has them."""
    queue.send("x" * MIB, message("work"))
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    letters = {len(dead["Body"]): dead for dead in queue.dead_letters()}
    assert "MessageAttributes" not in letters[MIB]
    assert len(letters) == 2
    assert "MalformedMessageError" in caplog.text


def test_a_call_has_no_more_than_a_mebibyte(queue: SourceQueue, wire: Wire) -> None:
    """Ten messages of 200 KiB are moved in two calls, neither of which is too long."""
    bodies = [message("work", n=n, text="x" * (200 * 1024)) for n in range(10)]
    queue.send(*bodies)
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    calls = entries_of(wire, MOVING)
    assert [len(entries) for entries in calls] == [5, 5]
    assert all(sum(map(bytes_of, entries)) <= MIB for entries in calls)
    assert sorted(dead["Body"] for dead in queue.dead_letters()) == bodies


def test_attributes_count_as_bytes(queue: SourceQueue, wire: Wire) -> None:
    """The sender's attributes are reckoned with when a call's length is."""
    attributes = {"blob": {"DataType": "Binary", "BinaryValue": b"x" * 200_000}}
    body = message("work", text="x" * 200_000)
    queue.send(*[body] * 5, MessageAttributes=attributes)
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    assert sorted(map(len, entries_of(wire, MOVING))) == [1, 2, 2]


def test_many_are_moved_ten_a_call(queue: SourceQueue, wire: Wire) -> None:
    """A batch may have more records than one call takes."""
    queue.send(*[message("work")] * 12)
    records = queue.receive() + queue.receive()
    assert router().handler(event(*records), LambdaContext()) == ALL_DONE
    assert sorted(map(len, entries_of(wire, MOVING))) == [2, 10]


def test_a_queue_is_asked_once(queue: SourceQueue, wire: Wire) -> None:
    """Where the dead-letter queue is, is asked for the first dead letter only."""
    for _ in range(2):
        queue.send(message("work"))
        assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    assert wire.counted() == {
        "sqs GetQueueUrl": 2,
        "sqs GetQueueAttributes": 1,
        "sqs SendMessageBatch": 2,
    }


def test_the_errors_are_what_they_were() -> None:
    """Errors that won't go away are PermanentError, beside what they are in Python's terms."""
    assert issubclass(TaskArgumentsError, TypeError)
    assert issubclass(TaskArgumentsError, PermanentError)


def test_a_record_that_came_by_fifo_without_its_group_is_a_failure(wire: Wire) -> None:
    """A record by hand that lacks what a FIFO queue has stays a failure of its own."""
    one = fifo_record(None, "no JSON")
    assert router().handler(event(one), LambdaContext()) == failed(one)
