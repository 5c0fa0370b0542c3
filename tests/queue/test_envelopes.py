"""Bodies that amazon-sqs-extended-client put in S3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, MalformedMessageError, TaskRouter, queued
from algernon_storage import (
    MalformedObjectError,
    MissingBucketError,
    MissingObjectError,
    StoredData,
    UntrustedBucketError,
)

from ..conftest import REGION
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

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners

PAYLOAD_OFFLOADING = "software.amazon.payloadoffloading.PayloadS3Pointer"
FIRST_VERSION = "com.amazon.sqs.javamessaging.MessageS3Pointer"

Put = Any


def body_at(bucket: str, key: str, library: str = PAYLOAD_OFFLOADING) -> str:
    """Return the body that the library sends in the place of one that it put in S3."""
    return json.dumps([library, {"s3BucketName": bucket, "s3Key": key}])


@pytest.fixture
def put(aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Put:
    """A function that puts a payload in S3 and returns the body that leads to it."""
    s3 = aws.client("s3")
    # The libraries' keys are in no folder, if they aren't told to put them into one.
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", bucket)

    def put(text: str | bytes, *, key: str = "2d1c-4f", place: str = bucket, **others: Any) -> str:
        s3.put_object(Bucket=place, Key=key, Body=text)
        return body_at(place, key, **others)

    return put


def recording(seen: list[Any], **options: Any) -> Any:
    """Return a handler that notes what it gets."""
    return queued(**{"failures": "report", **options})(
        lambda event, context: seen.append((event["task_kwargs"], event["task_id"]))
    )


def error_of(body: str) -> Exception:
    """Return the error with which a record fails."""
    with pytest.raises(BatchFailedError) as caught:
        recording([], failures="batch")(event(record(body)), LambdaContext())
    (error,) = caught.value.failures.values()
    return error


@pytest.mark.parametrize("library", [PAYLOAD_OFFLOADING, FIRST_VERSION])
@pytest.mark.parametrize("wrap", [str, enveloped], ids=["raw", "enveloped"])
def test_a_body_in_s3_is_fetched(put: Put, wire: Wire, library: str, wrap: Any) -> None:
    """The handler gets the message as if it had come whole, in SNS's envelope too."""
    text = "é" * 300_000
    body = put(message(task_kwargs={"text": text}, task_id=TASK_ID), library=library)
    seen: list[Any] = []
    assert recording(seen)(event(record(wrap(body))), LambdaContext()) == ALL_DONE
    assert seen == [({"text": text}, TASK_ID)]
    assert wire.counted() == {"s3 GET": 1}


@pytest.mark.parametrize("wrap", [str, enveloped], ids=["raw", "enveloped"])
def test_a_message_without_an_id_takes_that_of_what_led_to_it(put: Put, wrap: Any) -> None:
    """Where the payload names no task_id, SNS's MessageId or SQS's messageId stands in."""
    one = record(wrap(put(message())))
    around = json.loads(one["body"])
    message_id = one["messageId"] if isinstance(around, list) else around["MessageId"]
    seen: list[Any] = []
    recording(seen)(event(one), LambdaContext())
    assert seen == [({}, message_id)]


def test_bodies_are_fetched_at_once(put: Put, wire: Wire) -> None:
    """Ten bodies are read in parallel."""
    bodies = [put(message(task_kwargs={"n": n}), key=f"key {n}/é#!") for n in range(10)]
    wire.expect_rounds(10)
    seen: list[Any] = []
    assert recording(seen)(event(*map(record, bodies)), LambdaContext()) == ALL_DONE
    assert [kwargs["n"] for kwargs, _ in seen] == list(range(10))


def test_stored_arguments_may_be_in_it(put: Put) -> None:
    """A payload whose keyword arguments are stored leads on to those."""
    pointer = StoredData("rows", {"rows": [1, 2]}, full_unpack=True).store()
    tag = {
        "_alg_class": "StoredData",
        "_alg_module": "algernon.aws.snakes",
        "value": {"pointer": pointer},
    }
    seen: list[Any] = []
    one = record(put(message(task_kwargs=tag)))
    assert recording(seen)(event(one), LambdaContext()) == ALL_DONE
    assert seen[0][0] == {"rows": [1, 2]}


def test_a_callback_goes_on_from_it(put: Put, listeners: Listeners) -> None:
    """The result of such a message goes to its callback."""
    listeners.add("next")
    router = TaskRouter(failures="report")
    router.task(name="work")(lambda: {"n": 1})
    one = record(put(message(callback="next")))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    (sent,) = listeners.messages()
    assert sent["task_name"] == "next"


def test_a_state_machine_may_wait_for_it(put: Put, wire: Wire) -> None:
    """A payload may be what Step Functions sends with a token."""
    one = record(put(json.dumps({"Input": json.loads(message()), "TaskToken": "t0ken"})))
    seen: list[Any] = []
    assert recording(seen)(event(one), LambdaContext()) == ALL_DONE
    assert len(seen) == 1
    assert wire.counted() == {"s3 GET": 1, "states SendTaskSuccess": 1}


def test_a_trusted_bucket_is_read_too(
    aws: LocalAWS, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body may be in another bucket, if ALGERNON_TRUSTED_BUCKETS names it."""
    aws.client("s3").create_bucket(
        Bucket="senders-bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    body = put(message(), place="senders-bucket")
    one = record(body)
    seen: list[Any] = []
    assert recording(seen)(event(one), LambdaContext()) == failed(one)
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "other, senders-bucket")
    assert recording(seen)(event(one), LambdaContext()) == ALL_DONE
    assert len(seen) == 1


@pytest.mark.parametrize("wrap", [str, enveloped], ids=["raw", "enveloped"])
def test_an_untrusted_bucket_is_not_asked(bucket: str, wire: Wire, wrap: Any) -> None:
    """A body in a bucket that the worker doesn't trust fails its record, without a call."""
    error = error_of(wrap(body_at("foreign-bucket", "key")))
    assert isinstance(error, UntrustedBucketError)
    assert "'foreign-bucket'" in str(error)
    assert wire.calls == []


def test_an_object_that_is_no_payload_is_not_read(
    aws: LocalAWS, bucket: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body leads into the worker's folder, or one that is trusted, and to nothing else."""
    s3 = aws.client("s3")
    for folder in ("cache", "payloads", "secrets"):
        s3.put_object(Bucket=bucket, Key=f"{folder}/key", Body=message())
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", f"{bucket}/payloads")
    bodies = [body_at(bucket, f"{folder}/key") for folder in ("cache", "payloads")]
    seen: list[Any] = []
    assert recording(seen)(event(*map(record, bodies)), LambdaContext()) == ALL_DONE
    wire.clear()
    for key in ("secrets/key", "cache/../secrets/key", "key", "/cache/key"):
        assert isinstance(error_of(body_at(bucket, key)), UntrustedBucketError)
    assert wire.calls == []


def test_each_body_fails_for_itself(put: Put, aws: LocalAWS) -> None:
    """A body that is gone, untrusted or no message fails its own record, and no other."""
    bad = [
        body_at("worker-bucket", "gone"),
        body_at("foreign-bucket", "key"),
        put("no JSON", key="no-json"),
        put(b"\xff\xfe", key="no-text"),
        put(json.dumps([1]), key="no-message"),
        put(body_at("worker-bucket", "good"), key="pointer to a pointer"),
    ]
    good = put(message(), key="good")
    records = [record(body) for one in bad for body in (good, one)]
    seen: list[Any] = []
    answer = recording(seen)(event(*records), LambdaContext())
    assert answer == failed(*records[1::2])
    assert len(seen) == len(bad)


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        (None, MissingObjectError, "nothing is stored at worker-bucket#2d1c-4f"),
        ("no JSON", MalformedMessageError, "the payload in S3 can't be read"),
        (b"\xff\xfe", MalformedObjectError, "isn't a message's body, which is text in UTF-8"),
        ("[1]", MalformedMessageError, "a message is a JSON object"),
        ("{}", MalformedMessageError, "no task_name"),
    ],
)
def test_a_bad_body_says_what_is_wrong(
    put: Put, text: str | bytes | None, kind: type[Exception], problem: str
) -> None:
    """The error says what is wrong with what is in S3."""
    body = body_at("worker-bucket", "2d1c-4f") if text is None else put(text)
    error = error_of(body)
    assert isinstance(error, kind)
    assert problem in str(error)


def test_a_bucket_that_is_gone_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trusted bucket that doesn't exist fails the record, and says so."""
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "gone-bucket")
    error = error_of(body_at("gone-bucket", "key"))
    assert isinstance(error, MissingBucketError)


def test_a_body_that_is_gone_stops_its_group(put: Put) -> None:
    """On a FIFO queue, the rest of the group waits for it."""
    bodies = [put(message()), body_at("worker-bucket", "gone"), message(), message()]
    records = [
        fifo_record(group, body) for group, body in zip(["a", "a", "a", "b"], bodies, strict=True)
    ]
    seen: list[Any] = []
    assert recording(seen)(event(*records), LambdaContext()) == failed(*records[1:3])
    assert len(seen) == 2


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(["someone.else.Pointer", {"s3BucketName": "worker-bucket", "s3Key": "k"}]),
        json.dumps([PAYLOAD_OFFLOADING, {"s3BucketName": "", "s3Key": "k"}]),
        json.dumps([PAYLOAD_OFFLOADING, {"s3BucketName": "worker-bucket"}]),
        json.dumps([PAYLOAD_OFFLOADING, {"s3BucketName": "worker-bucket", "s3Key": "\ud800"}]),
        json.dumps([PAYLOAD_OFFLOADING]),
        json.dumps([PAYLOAD_OFFLOADING, {"s3BucketName": "worker-bucket", "s3Key": "k"}, 1]),
    ],
)
def test_what_is_no_pointer_is_no_message(bucket: str, wire: Wire, body: str) -> None:
    """A list that isn't what the library writes is a malformed message, and nothing is read."""
    assert isinstance(error_of(body), MalformedMessageError)
    assert wire.calls == []
