"""A redrive: which letters go back to their queues, and how."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon.commands.main import main
from algernon.system.letters.canary import longest_until_back
from algernon.system.letters.letter import Selection
from algernon.system.letters.redrive import Redrive
from algernon.system.place import Place, leading_to
from algernon.system.task_queues import TaskQueues
from algernon_storage import FailureNote, Outcomes
from botocore.exceptions import ClientError

from ..wire import Answer
from .queues import bodies, letters_of, message, new_queues, place_on, put, reasons, received, text

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Call, Wire

ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
RESULT_ID = "0d9b7a5c-1f0a-4d4e-8a0f-5b6c7d8e9f01"


@pytest.fixture
def sqs(aws: LocalAWS) -> Any:
    """A client for SQS."""
    return aws.client("sqs")


@pytest.fixture
def place(aws: LocalAWS) -> Iterator[Place]:
    """The local AWS, where this process is led."""
    place = place_on(aws)
    with leading_to(place):
        yield place


def move(place: Place, *tasks: TaskQueues, **options: Any) -> int:
    """Redrive letters, and return how many went, which are as many as were planned."""
    redrive = Redrive(place, tasks, **options)
    plan = redrive.plan()
    moved = redrive.carry_out(plan).moved
    assert dict(moved) == plan.counts
    return moved.total()


def enveloped(message: str) -> str:
    """Return a message in the envelope in which SNS hands it to SQS."""
    return json.dumps({"Type": "Notification", "MessageId": str(uuid4()), "Message": message})


def test_a_letter_goes_back_as_it_was(sqs: Any, place: Place, wire: Wire) -> None:
    """Its body, all of its attributes, its tenant and its trace go with it."""
    charge = new_queues(sqs, "charge")
    attributes: dict[str, Any] = {
        **reasons("ConnectionError", **{"algernon.task_id": ID}),
        "picture": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG"},
    }
    trace = text("Root=1-5f84c7a4-4e1b2c3d4e5f607182")
    body = message("charge", expires_at=1795000000.50, grüße="ü")
    put(
        sqs, letters_of(charge), body, attributes, MessageSystemAttributes={"AWSTraceHeader": trace}
    )

    assert move(place, charge) == 1

    (moved,) = received(sqs, charge.queue_url)
    assert (moved["Body"], moved["MessageAttributes"]) == (body, attributes)
    # moto forgets those of a call that sends several.
    (sent,) = (json.loads(each.body) for each in wire.calls if each.operation == "SendMessageBatch")
    assert sent["Entries"][0]["MessageSystemAttributes"] == {"AWSTraceHeader": trace}
    assert received(sqs, letters_of(charge)) == []


@pytest.mark.parametrize("around", [str, enveloped])
def test_one_that_sqs_moved_does_not_expire_any_more(
    sqs: Any, place: Place, around: Callable[[str], str]
) -> None:
    """Without the attributes of a worker nobody could tell that it was redriven."""
    charge = new_queues(sqs, "charge")
    late, lasting = message("charge", expires_at=1795000000.50), message("charge")
    put(sqs, letters_of(charge), around(late))
    put(sqs, letters_of(charge), around(lasting))

    assert move(place, charge) == 2

    found = [json.loads(body) for body in bodies(sqs, charge.queue_url)]
    contents = [each.get("Message", json.dumps(each)) for each in found]
    assert sorted(contents) == sorted([lasting, late.replace(', "expires_at": 1795000000.5', "")])


def test_one_without_an_id_keeps_that_by_which_sqs_knew_it(sqs: Any, place: Place) -> None:
    """If it goes twice, it is the same Task both times."""
    charge = new_queues(sqs, "charge")
    message_id = put(sqs, letters_of(charge), '{"task_name": "charge"}')

    assert move(place, charge) == 1

    (moved,) = received(sqs, charge.queue_url)
    assert moved["MessageId"] != message_id
    assert moved["MessageAttributes"] == {"algernon.task_id": text(message_id)}


@pytest.mark.parametrize(
    "attributes",
    [
        {"algernon.other": text("x")},
        {"algernon.task_id": {"DataType": "Binary", "BinaryValue": b"x"}},
    ],
)
def test_one_keeps_its_id_whatever_else_is_called_as_ours(
    sqs: Any, place: Place, attributes: dict[str, Any]
) -> None:
    """Only an id that can be read is one, whoever set the attribute."""
    charge = new_queues(sqs, "charge")
    message_id = put(sqs, letters_of(charge), '{"task_name": "charge"}', attributes)

    assert move(place, charge) == 1

    (moved,) = received(sqs, charge.queue_url)
    assert moved["MessageAttributes"]["algernon.task_id"] == text(message_id)


def test_what_no_task_sent_goes_as_it_is(sqs: Any, place: Place) -> None:
    """Its worker decides what to make of it."""
    charge = new_queues(sqs, "charge")
    put(sqs, letters_of(charge), "anything")

    assert move(place, charge) == 1

    (moved,) = received(sqs, charge.queue_url)
    assert (moved["Body"], moved.get("MessageAttributes")) == ("anything", None)


def note(outcomes: Outcomes, *ids: str) -> None:
    """Note a failure under ids."""
    for each in ids:
        outcomes.note_failure(each, FailureNote("ConnectionError", "no", ID, 1))


def test_failures_are_forgotten_before_a_letter_goes(
    sqs: Any, bucket: str, place: Place, wire: Wire
) -> None:
    """Whoever waits for the result waits again: first the notes, then the letter."""
    charge = new_queues(sqs, "charge")
    note(Outcomes(), ID, RESULT_ID)
    kept = {"chain": "charge#mail", "keep_result": RESULT_ID}
    body = message("charge", task_id=ID, callback=kept, callback_position=0)
    put(sqs, letters_of(charge), body, reasons("ConnectionError"))
    wire.clear()

    assert move(place, charge) == 1

    assert [Outcomes().failure(each) for each in (ID, RESULT_ID)] == [None, None]
    order = ["DELETE", "DELETE", "SendMessageBatch", "DeleteMessageBatch"]
    assert [each.operation for each in wire.calls if each.operation in order] == order


@pytest.mark.parametrize("is_trusted", [True, False])
def test_failures_of_a_member_are_forgotten_where_its_group_lies(
    sqs: Any, bucket: str, aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, *, is_trusted: bool
) -> None:
    """A message says where that is, so it has to be a place that this system trusts."""
    from uuid import UUID, uuid5

    aws.client("s3").create_bucket(
        Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    if is_trusted:
        monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "theirs")
    group_id = str(uuid4())
    member_id = str(uuid5(UUID(group_id), "3"))
    theirs = Outcomes(bucket="theirs", folder="cache")
    note(theirs, member_id)
    charge = new_queues(sqs, "charge")
    group = {"id": group_id, "index": 3, "bucket": "theirs", "folder": "cache"}
    put(sqs, letters_of(charge), message("charge", task_id=member_id, callback={"group": group}))

    with leading_to(place := place_on(aws)):
        assert move(place, charge) == 1

        assert (theirs.failure(member_id) is None) == is_trusted


def test_without_the_right_to_forget_nothing_goes(
    sqs: Any, bucket: str, place: Place, wire: Wire
) -> None:
    """Else whoever waits would be told of a failure that isn't one any more."""
    charge = new_queues(sqs, "charge")
    put(sqs, letters_of(charge), message("charge"))
    denied = b"<Error><Code>AccessDenied</Code><Message>no s3:DeleteObject</Message></Error>"
    wire.treatment = lambda call, forward: (
        Answer(403, [], denied) if call.operation == "DELETE" else forward()
    )

    with pytest.raises(ClientError, match="AccessDenied"):
        move(place, charge)

    assert (bodies(sqs, charge.queue_url), len(received(sqs, letters_of(charge)))) == ([], 1)


def member_in(bucket: str, folder: str) -> tuple[str, str]:
    """Return the id of a group's member, and its message."""
    from uuid import UUID, uuid5

    group = {"id": str(uuid4()), "index": 3, "bucket": bucket, "folder": folder}
    member_id = str(uuid5(UUID(str(group["id"])), "3"))
    return member_id, message("charge", task_id=member_id, callback={"group": group})


@pytest.mark.parametrize("is_canary", [True, False])
def test_a_group_that_lies_where_nothing_can_be_stops_no_redrive(
    sqs: Any, bucket: str, place: Place, *, is_canary: bool
) -> None:
    """Nothing is known of a member there, since S3 has no room for the name of its object."""
    charge = new_queues(sqs, "charge")
    member_id, body = member_in(bucket, f"cache/{'y' * 985}")
    for each in (body, message("charge"), message("charge")):
        put(sqs, letters_of(charge), each, reasons("A"))
    redrive = Redrive(place, [charge])
    plan = redrive.plan()

    done = (
        redrive.carry_out_after_canaries(plan, within=0.2) if is_canary else redrive.carry_out(plan)
    )

    assert (done.moved.total(), done.refused) == (3, [])
    assert member_id in ids_in(sqs, charge.queue_url)


@pytest.mark.parametrize("is_canary", [True, False])
def test_a_failure_that_others_do_not_let_go_of_holds_its_letter_alone(
    sqs: Any, bucket: str, aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, *, is_canary: bool
) -> None:
    """Its group lies in a bucket that is trusted, and isn't there any more."""
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "gone-bucket")
    charge = new_queues(sqs, "charge")
    member_id, body = member_in("gone-bucket", "cache")
    for each in (body, message("charge"), message("charge")):
        put(sqs, letters_of(charge), each, reasons("A"))
    with leading_to(place := place_on(aws)):
        redrive = Redrive(place, [charge])
        plan = redrive.plan()

        done = (
            redrive.carry_out_after_canaries(plan, within=0.2)
            if is_canary
            else redrive.carry_out(plan)
        )

    assert done.moved.total() == 2
    (refusal,) = done.refused
    assert (refusal.letter.id, refusal.went) == (member_id, False)
    assert "gone-bucket" in refusal.reason
    assert ids_in(sqs, letters_of(charge)) == [member_id]


SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def ids_by_cause(sqs: Any, charge: TaskQueues, ship: TaskQueues) -> dict[str, set[str]]:
    """Put letters of three causes into the queues of two Tasks, and return their Tasks' ids."""
    causes = {"charge CardDeclinedError": 25, "charge ConnectionError": 13, "ship none": 11}
    ids = {}
    for cause, number in causes.items():
        task, error = cause.split()
        queues = charge if task == "charge" else ship
        ids[cause] = {str(uuid4()) for _ in range(number)}
        for task_id in ids[cause]:
            attributes = {} if error == "none" else reasons(error)
            body = message(task, task_id=task_id, chain_id=ID)
            put(sqs, letters_of(queues), body, attributes)
    return ids


@pytest.mark.parametrize(
    ("selection", "causes"),
    [
        (Selection(), ["charge CardDeclinedError", "charge ConnectionError", "ship none"]),
        (Selection(error="ConnectionError"), ["charge ConnectionError"]),
        (Selection(error=""), ["ship none"]),
        (Selection(task="charge"), ["charge CardDeclinedError", "charge ConnectionError"]),
        (Selection(task="charge", error="CardDeclinedError"), ["charge CardDeclinedError"]),
        (Selection(chain=ID, task="ship"), ["ship none"]),
        (Selection(chain=RESULT_ID), []),
        (Selection(since=datetime.now(UTC) + timedelta(days=1)), []),
        (Selection(since=SINCE, error="ConnectionError"), ["charge ConnectionError"]),
    ],
)
def test_those_that_are_meant_go_and_all_others_stay(
    sqs: Any, place: Place, selection: Selection, causes: list[str]
) -> None:
    """Each filter moves exactly those for which it holds."""
    charge, ship = new_queues(sqs, "charge"), new_queues(sqs, "ship")
    ids = ids_by_cause(sqs, charge, ship)

    moved = move(place, charge, ship, selection=selection)

    def found(*urls: str) -> list[str]:
        return sorted(json.loads(body)["task_id"] for url in urls for body in bodies(sqs, url))

    wanted = {each for cause in causes for each in ids[cause]}
    assert moved == len(wanted)
    assert found(charge.queue_url, ship.queue_url) == sorted(wanted)
    others = sorted({each for some in ids.values() for each in some} - wanted)
    assert found(letters_of(charge), letters_of(ship)) == others


def test_a_letter_is_named_by_its_id(sqs: Any, place: Place) -> None:
    """The beginning of its Task's id, or of SQS's id of it, is enough."""
    charge = new_queues(sqs, "charge")
    message_id = put(sqs, letters_of(charge), "anything")
    for task_id in (ID, RESULT_ID):
        put(sqs, letters_of(charge), message("charge", task_id=task_id))

    assert move(place, charge, selection=Selection(ids=(ID[:8], message_id[:8]))) == 2

    (left,) = bodies(sqs, letters_of(charge))
    assert json.loads(left)["task_id"] == RESULT_ID


def test_a_limit_holds(sqs: Any, place: Place) -> None:
    """No more go than that, and all the others stay."""
    charge = new_queues(sqs, "charge")
    for _ in range(25):
        put(sqs, letters_of(charge), message("charge"))

    assert move(place, charge, limit=12) == 12

    assert len(received(sqs, charge.queue_url)) == 12
    assert len(received(sqs, letters_of(charge))) == 13


@pytest.mark.parametrize(("rate", "number", "seconds"), [(4, 5, 1.0), (20, 25, 1.0), (2.5, 3, 0.8)])
def test_a_rate_holds(sqs: Any, place: Place, rate: float, number: int, seconds: float) -> None:
    """Together they take as long as the rate asks for."""
    charge = new_queues(sqs, "charge")
    for _ in range(number):
        put(sqs, letters_of(charge), message("charge"))
    redrive = Redrive(place, [charge], rate=rate)
    plan = redrive.plan()
    began = time.monotonic()

    assert redrive.carry_out(plan).moved.total() == number

    assert time.monotonic() - began >= seconds


def answer_of_batch(call: Call, failed: dict[int, dict[str, Any]], answer: Answer) -> Answer:
    """Return an answer in which some entries of a call, by their number, have failed."""
    entries = json.loads(call.body)["Entries"]
    said = json.loads(answer.body)
    refused = [{"Id": entries[number]["Id"], **failure} for number, failure in failed.items()]
    ids = {each["Id"] for each in refused}
    said["Successful"] = [each for each in said["Successful"] if each["Id"] not in ids]
    return Answer(200, answer.headers, json.dumps({**said, "Failed": refused}).encode())


def test_what_its_queue_refuses_stays(sqs: Any, place: Place, wire: Wire) -> None:
    """Each letter of a call can fail alone, and is told with SQS's reason."""
    charge = new_queues(sqs, "charge")
    for _ in range(10):
        put(sqs, letters_of(charge), message("charge"))
    fault = {"Code": "InvalidMessageContents", "Message": "a character", "SenderFault": True}

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation != "SendMessageBatch":
            return forward()
        return answer_of_batch(call, {2: fault}, forward())

    wire.treatment = refuse
    redrive = Redrive(place, [charge])
    done = redrive.carry_out(redrive.plan())
    wire.treatment = None

    assert done.moved.total() == 9
    assert [each.reason for each in done.refused] == ["InvalidMessageContents: a character"]
    (left,) = bodies(sqs, letters_of(charge))
    assert json.loads(left)["task_id"] == done.refused[0].letter.id


def test_what_was_throttled_is_tried_again(sqs: Any, place: Place, wire: Wire) -> None:
    """An entry that SQS fails through no fault of its sender's goes in the next call."""
    charge = new_queues(sqs, "charge")
    for _ in range(10):
        put(sqs, letters_of(charge), message("charge"))
    throttled = {"Code": "ThrottlingException", "Message": "later", "SenderFault": False}

    def throttle(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation != "SendMessageBatch":
            return forward()
        wire.treatment = None
        entries = json.loads(call.body)["Entries"]
        return answer_of_batch(
            call,
            dict.fromkeys(range(len(entries)), throttled),
            Answer(200, [("Content-Type", "application/x-amz-json-1.0")], b'{"Successful": []}'),
        )

    wire.treatment = throttle

    assert move(place, charge) == 10

    assert len(received(sqs, charge.queue_url)) == 10


def test_large_letters_go_in_calls_that_sqs_takes(sqs: Any, place: Place, wire: Wire) -> None:
    """All messages of a call together have a MiB at most."""
    charge = new_queues(sqs, "charge")
    for _ in range(6):
        put(sqs, letters_of(charge), message("charge", task_kwargs={"x": "x" * 250_000}))

    assert move(place, charge) == 6

    sent = [each for each in wire.calls if each.operation == "SendMessageBatch"]
    assert len(sent) == 2
    assert all(len(each.body) < 1.1 * 1024 * 1024 for each in sent)


def too_long_for_sqs(call: Call, forward: Callable[[], Answer]) -> Answer:
    """Refuse a call as SQS does, which counts attributes."""
    if call.operation == "SendMessageBatch":
        entries = json.loads(call.body)["Entries"]
        size = sum(
            len(entry["MessageBody"])
            + sum(
                len(name) + sum(map(len, attribute.values()))
                for name, attribute in entry.get("MessageAttributes", {}).items()
            )
            for entry in entries
        )
        if size > 1024 * 1024:
            code = b'{"__type": "com.amazonaws.sqs#BatchRequestTooLong", "message": "too long"}'
            return Answer(400, [], code)
    return forward()


def body_of(size: int) -> str:
    """Return a message without an id, of so many bytes."""
    start, end = '{"task_name": "charge", "task_kwargs": {"x": "', '"}}'
    return f"{start}{'x' * (size - len(start) - len(end))}{end}"


def test_the_id_that_a_letter_gets_counts_against_the_bytes_of_a_call(
    sqs: Any, place: Place, wire: Wire
) -> None:
    """Ten that would just fit without it go in two calls, and a single one goes without it."""
    charge = new_queues(sqs, "charge")
    for size in [1024 * 1024 // 10] * 10 + [1024 * 1024 - 10]:
        put(sqs, letters_of(charge), body_of(size))
    wire.treatment = too_long_for_sqs

    assert move(place, charge) == 11

    moved = received(sqs, charge.queue_url)
    assert sorted("MessageAttributes" in each for each in moved) == [False] + [True] * 10


def test_one_that_sqs_refuses_a_call_for_holds_no_other(sqs: Any, place: Place, wire: Wire) -> None:
    """It stays with SQS's reason, and the others of the call go, each once."""
    charge = new_queues(sqs, "charge")
    for number in range(10):
        put(sqs, letters_of(charge), message("charge", task_kwargs={"bad": number == 6}))

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation == "SendMessageBatch" and rb"\"bad\": true" in call.body:
            said = b'{"__type": "com.amazonaws.sqs#InvalidMessageContents", "message": "bad"}'
            return Answer(400, [], said)
        return forward()

    wire.treatment = refuse
    redrive = Redrive(place, [charge])
    done = redrive.carry_out(redrive.plan())
    wire.treatment = None

    assert done.moved.total() == 9
    reasons_told = [(each.went, each.reason) for each in done.refused]
    assert reasons_told == [(False, "InvalidMessageContents: bad")]
    assert len(received(sqs, charge.queue_url)) == 9
    assert len(received(sqs, letters_of(charge))) == 1


def test_what_cannot_be_moved_stays(sqs: Any, place: Place) -> None:
    """Where the queue takes nothing, the letter can be read again at once."""
    charge = new_queues(sqs, "charge")
    put(sqs, letters_of(charge), "one")
    sqs.delete_queue(QueueUrl=charge.queue_url)

    with pytest.raises(ClientError, match="NonExistentQueue"):
        move(place, charge)

    assert len(received(sqs, letters_of(charge))) == 1


def test_a_letter_that_went_and_was_not_deleted_goes_again_under_its_id(
    sqs: Any, place: Place, wire: Wire
) -> None:
    """What can't be deleted is told as what went, and a ledger knows the Task again."""
    charge = new_queues(sqs, "charge")
    put(sqs, letters_of(charge), '{"task_name": "charge"}')
    denied = b'{"__type": "AccessDenied", "message": "no sqs:DeleteMessage"}'
    wire.treatment = lambda call, forward: (
        Answer(403, [], denied) if call.operation == "DeleteMessageBatch" else forward()
    )
    redrive = Redrive(place, [charge])
    done = redrive.carry_out(redrive.plan())
    wire.treatment = None

    assert done.moved.total() == 1
    assert [(each.went, "AccessDenied" in each.reason) for each in done.refused] == [(True, True)]
    assert move(place, charge) == 1

    moved = received(sqs, charge.queue_url)
    ids = {each["MessageAttributes"]["algernon.task_id"]["StringValue"] for each in moved}
    assert (len(moved), len(ids)) == (2, 1)


def test_nothing_more_goes_once_nothing_is_deleted(sqs: Any, place: Place, wire: Wire) -> None:
    """Each that went without being deleted would go again the next time."""
    charge = new_queues(sqs, "charge", is_fifo=True)
    put_in_line(sqs, charge, "A", "A", "A")
    denied = b'{"__type": "AccessDenied", "message": "no sqs:DeleteMessage"}'
    wire.treatment = lambda call, forward: (
        Answer(403, [], denied) if call.operation == "DeleteMessageBatch" else forward()
    )
    redrive = Redrive(place, [charge])
    with pytest.raises(ClientError, match="DeleteMessageBatch"):
        redrive.carry_out(redrive.plan())
    wire.treatment = None

    assert (redrive.done.moved.total(), [each.went for each in redrive.done.refused]) == (1, [True])
    assert len(received(sqs, charge.queue_url)) == 1


def test_a_letter_that_is_not_deleted_is_told(sqs: Any, place: Place, wire: Wire) -> None:
    """The others go on; it lies in both places, and goes again the next time."""
    charge = new_queues(sqs, "charge")
    for _ in range(12):
        put(sqs, letters_of(charge), message("charge"))
    failure = {"Code": "ReceiptHandleIsInvalid", "Message": "expired", "SenderFault": True}
    kept: set[str] = set()

    def keep_one(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation != "DeleteMessageBatch":
            return forward()
        entries = json.loads(call.body)["Entries"]
        kept.add(entries[0]["ReceiptHandle"]) if not kept else None
        numbers = [n for n, entry in enumerate(entries) if entry["ReceiptHandle"] in kept]
        return answer_of_batch(call, dict.fromkeys(numbers, failure), forward())

    wire.treatment = keep_one
    redrive = Redrive(place, [charge])

    done = redrive.carry_out(redrive.plan())

    assert done.moved.total() == 12
    assert [(each.went, "expired" in each.reason) for each in done.refused] == [(True, True)]


@pytest.mark.parametrize("is_fifo", [True, False])
def test_what_comes_back_meanwhile_is_not_moved_again(
    sqs: Any, place: Place, wire: Wire, *, is_fifo: bool
) -> None:
    """Of a Task that is still broken, each letter goes once."""
    charge = new_queues(sqs, "charge", is_fifo=is_fifo)
    group = "orders" if is_fifo else None
    for _ in range(25):
        put(sqs, letters_of(charge), message("charge"), reasons("ConnectionError"), group=group)

    def fail_at_once(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if call.operation == "SendMessageBatch":
            for entry in json.loads(call.body)["Entries"]:
                body, attributes = entry["MessageBody"], reasons("ConnectionError")
                put(sqs, letters_of(charge), body, attributes, group=group)
        return answer

    wire.treatment = fail_at_once
    redrive = Redrive(place, [charge])
    done = redrive.carry_out(redrive.plan())
    wire.treatment = None

    assert (done.moved.total(), done.unseen) == (25, 0)
    found = [json.loads(body)["task_id"] for body in bodies(sqs, charge.queue_url)]
    assert len(set(found)) == len(found)


def put_in_line(sqs: Any, charge: TaskQueues, *errors: str, group: str = "orders") -> list[str]:
    """Put letters of a FIFO queue one behind the other, and return their Tasks' ids."""
    ids = [str(uuid4()) for _ in errors]
    for task_id, error in zip(ids, errors, strict=True):
        body = message("charge", task_id=task_id)
        put(sqs, letters_of(charge), body, reasons(error), group=group)
    return ids


def ids_in(sqs: Any, url: str) -> list[str]:
    """Return the ids of the Tasks of all that a queue holds, each taken out of it, in order."""
    ids: list[str] = []
    while found := received(sqs, url):
        for each in found:
            ids.append(json.loads(each["Body"])["task_id"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return ids


def test_letters_of_a_message_group_keep_their_order(sqs: Any, place: Place) -> None:
    """All go, though SQS shows ten at a time, and each stays in its group."""
    charge = new_queues(sqs, "charge", is_fifo=True)
    first = put_in_line(sqs, charge, *["ConnectionError"] * 23, group="first")
    second = put_in_line(sqs, charge, *["ConnectionError"] * 4, group="second")
    redrive = Redrive(place, [charge])
    plan = redrive.plan()

    done = redrive.carry_out(plan)

    assert (len(plan.letters) + plan.hidden, done.moved.total()) == (27, 27)
    groups: dict[str, list[str]] = {"first": [], "second": []}
    while found := received(sqs, charge.queue_url):
        for each in found:
            groups[each["Attributes"]["MessageGroupId"]].append(json.loads(each["Body"])["task_id"])
            sqs.delete_message(QueueUrl=charge.queue_url, ReceiptHandle=each["ReceiptHandle"])
    assert groups == {"first": first, "second": second}


def test_a_fifo_letter_goes_though_sqs_remembers_that_it_was_sent(sqs: Any, place: Place) -> None:
    """It goes under an id by which the queue doesn't know it yet."""
    charge = new_queues(sqs, "charge", is_fifo=True)
    for url in (charge.queue_url, letters_of(charge)):
        for number in range(3):
            body = message("charge", task_id=str(number))
            put(sqs, url, body, group="orders", MessageDeduplicationId=f"{number}")
    assert ids_in(sqs, charge.queue_url) == ["0", "1", "2"]

    assert move(place, charge) == 3

    assert ids_in(sqs, charge.queue_url) == ["0", "1", "2"]


def test_a_letter_that_stays_holds_those_behind_it(sqs: Any, place: Place) -> None:
    """None overtakes another of its message group, and the plan says how many can't go."""
    charge = new_queues(sqs, "charge", is_fifo=True)
    ids = put_in_line(sqs, charge, "A", "A", "B", "A", "A")
    others = put_in_line(sqs, charge, "B", "A", group="others")
    redrive = Redrive(place, [charge], Selection(error="A"))
    plan = redrive.plan()

    assert (len(plan.letters), plan.behind) == (2, 3)
    assert redrive.carry_out(plan).moved.total() == 2

    assert ids_in(sqs, charge.queue_url) == ids[:2]
    assert sorted(ids_in(sqs, letters_of(charge))) == sorted(ids[2:] + others)


def test_a_limit_holds_in_message_groups_too(sqs: Any, place: Place) -> None:
    """It counts those that SQS didn't show at first as well."""
    charge = new_queues(sqs, "charge", is_fifo=True)
    ids = put_in_line(sqs, charge, *["A"] * 30)
    redrive = Redrive(place, [charge], limit=17)

    assert redrive.carry_out(redrive.plan()).moved.total() == 17

    assert ids_in(sqs, charge.queue_url) == ids[:17]
    assert ids_in(sqs, letters_of(charge)) == ids[17:]


def failing(sqs: Any, charge: TaskQueues, error: str) -> Callable[..., Answer]:
    """Return what has letters of an error fail again as soon as they were sent."""

    def treat(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if call.operation == "SendMessageBatch":
            for entry in json.loads(call.body)["Entries"]:
                noted = entry["MessageAttributes"]["algernon.error"]["StringValue"]
                if noted == error:
                    group = entry.get("MessageGroupId")
                    attributes = reasons(error)
                    put(sqs, letters_of(charge), entry["MessageBody"], attributes, group=group)
        return answer

    return treat


@pytest.mark.parametrize("is_fifo", [True, False])
def test_of_a_cause_that_is_still_there_one_letter_goes(
    sqs: Any, place: Place, wire: Wire, *, is_fifo: bool
) -> None:
    """Without outcomes, it is its coming back that tells, on a queue of either kind."""
    charge = new_queues(sqs, "charge", is_fifo=is_fifo)
    group = "orders" if is_fifo else None
    for _ in range(12):
        put(sqs, letters_of(charge), message("charge"), reasons("A"), group=group)
    wire.treatment = failing(sqs, charge, "A")
    redrive = Redrive(place, [charge])

    done = redrive.carry_out_after_canaries(redrive.plan(), within=60)

    assert (done.moved.total(), [each.is_good for each in done.verdicts]) == (1, [False])
    assert len(ids_in(sqs, charge.queue_url)) == 1
    assert len(ids_in(sqs, letters_of(charge))) == 12


def test_what_a_canary_failed_of_is_told_without_credentials(
    sqs: Any, place: Place, wire: Wire
) -> None:
    """As elsewhere: a reason may name a URL with a password."""
    charge = new_queues(sqs, "charge")
    why = reasons("A", **{"algernon.reason": "no answer of https://user:hunter2@db/x"})
    put(sqs, letters_of(charge), message("charge"), why)

    def fail_again(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if call.operation == "SendMessageBatch":
            put(sqs, letters_of(charge), json.loads(call.body)["Entries"][0]["MessageBody"], why)
        return answer

    wire.treatment = fail_again
    redrive = Redrive(place, [charge])

    (verdict,) = redrive.carry_out_after_canaries(redrive.plan(), within=60).verdicts

    assert "no answer of https://" in verdict.reason
    assert "hunter2" not in verdict.reason


@pytest.mark.parametrize("is_fifo", [True, False])
def test_of_a_cause_that_is_gone_all_letters_go(sqs: Any, place: Place, *, is_fifo: bool) -> None:
    """Once the first isn't back in time, the rest go, in order where the queue has one."""
    charge = new_queues(sqs, "charge", is_fifo=is_fifo)
    group = "orders" if is_fifo else None
    ids = [str(uuid4()) for _ in range(13)]
    for task_id in ids:
        body = message("charge", task_id=task_id)
        put(sqs, letters_of(charge), body, reasons("A"), group=group)
    redrive = Redrive(place, [charge])

    done = redrive.carry_out_after_canaries(redrive.plan(), within=1)

    assert (done.moved.total(), [each.is_good for each in done.verdicts]) == (13, [True])
    moved = ids_in(sqs, charge.queue_url)
    assert (moved if is_fifo else sorted(moved)) == (ids if is_fifo else sorted(ids))


def test_causes_behind_one_another_are_tried_one_after_the_other(
    sqs: Any, place: Place, wire: Wire
) -> None:
    """In a message group none goes before those in front of it went, be it as the first."""
    charge = new_queues(sqs, "charge", is_fifo=True)
    ids = put_in_line(sqs, charge, "A", "A", "B", "A", "C", "B", "A")
    wire.treatment = failing(sqs, charge, "C")
    redrive = Redrive(place, [charge])

    done = redrive.carry_out_after_canaries(redrive.plan(), within=3)

    tried = [(each.letter.dead.error, each.is_good) for each in done.verdicts]
    assert tried == [("A", True), ("B", True), ("C", False)]
    # That which failed again stands behind the others by then, and holds none of them.
    assert ids_in(sqs, charge.queue_url) == ids
    assert ids_in(sqs, letters_of(charge)) == [ids[4]]


def test_what_somebody_else_holds_is_counted_once(sqs: Any, place: Place) -> None:
    """However often a redrive goes over the letters, each that it can't have is one."""
    charge, ship = new_queues(sqs, "charge", is_fifo=True), new_queues(sqs, "ship")
    put_in_line(sqs, charge, "A", "B", "C")
    for _ in range(2):
        put(sqs, letters_of(ship), message("ship"), reasons("A"))
    redrive = Redrive(place, [charge, ship])
    plan = redrive.plan()
    sqs.receive_message(QueueUrl=letters_of(ship), MaxNumberOfMessages=1, VisibilityTimeout=600)

    done = redrive.carry_out_after_canaries(plan, within=0.2)

    assert (len(done.verdicts), done.moved.total(), done.unseen) == (4, 4, 1)


def test_a_letter_that_says_nothing_of_itself_is_known_again(
    sqs: Any, place: Place, wire: Wire
) -> None:
    """One that is no Task's message has no id, and comes back under another one of SQS's."""
    charge = new_queues(sqs, "charge")
    for _ in range(3):
        put(sqs, letters_of(charge), "anything", reasons("MalformedMessageError"))
    wire.treatment = failing(sqs, charge, "MalformedMessageError")
    redrive = Redrive(place, [charge])

    done = redrive.carry_out_after_canaries(redrive.plan(), within=60)

    assert (done.moved.total(), [each.is_good for each in done.verdicts]) == (1, [False])


def test_nothing_that_comes_of_one_with_an_outcome_is_no_good_sign(
    sqs: Any, bucket: str, place: Place
) -> None:
    """Of what was sent with keep_result, an outcome has to come, or the others stay."""
    charge = new_queues(sqs, "charge")
    for _ in range(3):
        task_id = str(uuid4())
        body = message("charge", task_id=task_id, callback={"keep_result": task_id})
        put(sqs, letters_of(charge), body, reasons("A"))
    redrive = Redrive(place, [charge])

    done = redrive.carry_out_after_canaries(redrive.plan(), within=0.2)

    assert (done.moved.total(), [each.is_good for each in done.verdicts]) == (1, [False])
    assert "nothing came of it within 0.2 s" in done.verdicts[0].reason


def test_a_message_is_given_up_after_all_of_its_receives(sqs: Any, place: Place) -> None:
    """So long a letter that fails each time takes to come back, of the slowest queue."""
    quick, slow = new_queues(sqs, "charge", receives=2), new_queues(sqs, "ship", receives=7)

    assert longest_until_back(place, [quick, slow]) == 7 * 20


def subscribe(aws: LocalAWS, topic: str, queues: TaskQueues) -> None:
    """Have a Task's queue listen to a topic."""
    sqs, sns = aws.client("sqs"), aws.client("sns")
    asked = sqs.get_queue_attributes(QueueUrl=queues.queue_url, AttributeNames=["QueueArn"])
    suffix, attributes = (".fifo", {"FifoTopic": "true"}) if queues.is_fifo else ("", {})
    arn = sns.create_topic(Name=f"{topic}{suffix}", Attributes=attributes)["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])


def test_a_system_without_a_stack_is_redriven(
    sqs: Any, aws: LocalAWS, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its bucket needn't be known: then its workers forget what failed."""
    charge = new_queues(sqs, "charge")
    subscribe(aws, "shop-charge", charge)
    put(sqs, letters_of(charge), message("charge"), reasons("ConnectionError"))

    assert main(["dead", "redrive", "--prefix", "shop-", "--yes"]) == 0

    assert capsys.readouterr().out.splitlines()[-1] == "1 letter moved"
    assert len(received(sqs, charge.queue_url)) == 1


def test_what_went_is_told_where_the_rest_cannot(
    sqs: Any, aws: LocalAWS, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever breaks a redrive off, it says how far it got, and ends with 1."""
    charge = new_queues(sqs, "charge", is_fifo=True)
    subscribe(aws, "shop-charge", charge)
    put_in_line(sqs, charge, *["A"] * 5)
    sent = []

    def deny_the_third(call: Call, forward: Callable[[], Answer]) -> Answer:
        if call.operation == "SendMessageBatch":
            sent.append(call)
            if len(sent) == 3:
                return Answer(403, [], b'{"__type": "AccessDenied", "message": "no"}')
        return forward()

    wire.treatment = deny_the_third

    assert main(["dead", "redrive", "--prefix", "shop-", "--yes", "--json"]) == 1

    told = capsys.readouterr()
    assert json.loads(told.out)["done"]["moved"] == 2
    assert "AccessDenied" in told.err
