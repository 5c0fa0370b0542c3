"""Bad input raises an error of its own, and is its own record's failure only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon_queue import (
    BatchFailedError,
    MalformedMessageError,
    TaskArgumentsError,
    TaskRouter,
    UnknownListenerError,
    UnregisteredTaskError,
)
from algernon_serialize import MalformedTagError, UnknownClassError, UnserializableError
from algernon_storage import (
    MalformedObjectError,
    MalformedPointerError,
    MissingBucketError,
    MissingObjectError,
    UntrustedBucketError,
)

from .events import TASK_ID, LambdaContext, enveloped, event, failed, message, record

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from .conftest import Listeners

#: It stands in the payload of every case, and mustn't get into any log or error of ours.
MARKER = "s3cr3t-p4yl04d"

PAYLOAD = {"secret": MARKER}


def stored(pointer: Any) -> str:
    """Return a message whose keyword arguments are stored."""
    tag = {
        "_alg_class": "StoredData",
        "_alg_module": "algernon.aws.snakes",
        "value": {"pointer": pointer},
    }
    return message("work", task_kwargs=tag)


def tagged(**tag: Any) -> str:
    """Return a message with a tag among its arguments."""
    return message("work", task_kwargs={**PAYLOAD, "tag": tag})


CASES: dict[str, tuple[Any, type[Exception], str]] = {
    "no JSON": (MARKER, MalformedMessageError, "the body of the record can't be read: .* JSON"),
    "half a JSON": (f'{{"task_name": "{MARKER}', MalformedMessageError, "isn't JSON"),
    "empty": ("", MalformedMessageError, "isn't JSON"),
    "no body": (None, MalformedMessageError, "the body of the record is a NoneType, not a text"),
    "body of a number": (5, MalformedMessageError, "is an int, not a text"),
    "body of JSON": (PAYLOAD, MalformedMessageError, "is a dict, not a text"),
    "a list": (json.dumps([MARKER]), MalformedMessageError, "a message is a JSON object .* a list"),
    "a text": (json.dumps(MARKER), MalformedMessageError, "a message is a JSON object .* a str"),
    "too deep": ("[" * 100_000, MalformedMessageError, "nests too deeply"),
    "no task_name": (
        json.dumps({"task_kwargs": PAYLOAD}),
        MalformedMessageError,
        r"no task_name, but the keys \['task_kwargs'\]: send it with send_task",
    ),
    "empty task_name": (message("", task_kwargs=PAYLOAD), MalformedMessageError, "no task_name"),
    "task_name no text": (
        json.dumps({"task_name": PAYLOAD}),
        MalformedMessageError,
        "no task_name",
    ),
    "task_name of two lines": (message("a\nb"), MalformedMessageError, "no task_name"),
    "envelope of no JSON": (
        enveloped(MARKER),
        MalformedMessageError,
        "the Message in SNS's envelope can't be read",
    ),
    "envelope of nothing": (
        json.dumps({"Type": "Notification", "Message": None}),
        MalformedMessageError,
        "the Message in SNS's envelope is a NoneType",
    ),
    "envelope without task_name": (
        enveloped(json.dumps(PAYLOAD)),
        MalformedMessageError,
        r"no task_name, but the keys \['secret'\]",
    ),
    "envelope in envelope": (
        enveloped(enveloped(message())),
        MalformedMessageError,
        "no task_name",
    ),
    "callback no text": (
        message("work", callback=[MARKER], task_kwargs=PAYLOAD),
        MalformedMessageError,
        "the callback of a message for 'work' is neither",
    ),
    "callback of a newer version": (
        message("work", callback={"chain": "next", "collect": MARKER}, task_kwargs=PAYLOAD),
        MalformedMessageError,
        r"has \['collect'\], which this worker is too old to know",
    ),
    "a result that is kept under no id": (
        message("work", callback={"keep_result": "7"}, task_kwargs=PAYLOAD),
        MalformedMessageError,
        "the keep_result in the callback of a message for 'work' is '7', which is no UUID",
    ),
    "a result that is kept under another id than its Task's": (
        message("work", callback={"keep_result": str(uuid4())}, task_kwargs=PAYLOAD),
        MalformedMessageError,
        "with which it would be",
    ),
    "a group that is none": (
        message("work", callback={"group": {"id": TASK_ID, "index": 1}}, task_kwargs=PAYLOAD),
        MalformedMessageError,
        "the group in the callback of a message for 'work' isn't an object of id, index",
    ),
    "a member of nothing": (
        message("work", callback={"group": None}, task_kwargs=PAYLOAD),
        MalformedMessageError,
        "the group in the callback of a message for 'work' isn't an object of id, index",
    ),
    "a member that no group has": (
        message(
            "work",
            callback={"group": {"id": TASK_ID, "index": -1, "bucket": "b", "folder": "f"}},
            task_kwargs=PAYLOAD,
        ),
        MalformedMessageError,
        "the index '-1' of the group in the callback of a message for 'work' is no number",
    ),
    "a member under another's id": (
        message(
            "work",
            callback={"group": {"id": TASK_ID, "index": 1, "bucket": "b", "folder": "f"}},
            task_kwargs=PAYLOAD,
        ),
        MalformedMessageError,
        "with which it would be",
    ),
    "both a member and kept": (
        message(
            "work",
            callback={
                "keep_result": TASK_ID,
                "group": {"id": TASK_ID, "index": 1, "bucket": "b", "folder": "f"},
            },
            task_kwargs=PAYLOAD,
        ),
        MalformedMessageError,
        "has both a keep_result and a group",
    ),
    "a ledger or none": (
        message("work", once="yes", task_kwargs=PAYLOAD),
        MalformedMessageError,
        "says once: 'yes', which is neither true nor false",
    ),
    "an end that is no time": (
        message("work", expires_at="soon", task_kwargs=PAYLOAD),
        MalformedMessageError,
        "says expires_at: 'soon', which is no number of seconds",
    ),
    "constants of no Task": (
        message("work", callback={"steps": {"0": {"kwargs": PAYLOAD}}}),
        MalformedMessageError,
        "has a step '0', which is no number of a Task of its chain",
    ),
    "constants that are there already": (
        message(
            "work",
            callback={"chain": "work", "steps": {"0": {"kwargs": PAYLOAD}}},
            callback_position=0,
            task_kwargs=PAYLOAD,
        ),
        TaskArgumentsError,
        r"the Task 'work' gets \['secret'\] both as constants of its chain and from",
    ),
    "constants that nothing can be added to": (
        message(
            "work",
            callback={"chain": "work", "steps": {"0": {"kwargs": PAYLOAD}}},
            callback_position=0,
            task_kwargs=[MARKER],
        ),
        TaskArgumentsError,
        "was sent a list: the Task before it in the chain has to return a dict",
    ),
    "callback with a gap": (
        message("work", callback="a##b", task_kwargs=PAYLOAD),
        MalformedMessageError,
        "neither the name of a Task nor a chain",
    ),
    "callback of surrogates": (
        message("work", callback="\ud800", task_kwargs=PAYLOAD),
        MalformedMessageError,
        "neither the name of a Task nor a chain",
    ),
    "task_id no UUID": (
        message("work", task_id="7", task_kwargs=PAYLOAD),
        MalformedMessageError,
        "the task_id '7' .* is no UUID",
    ),
    "task_id no text": (message("work", task_id=[7]), MalformedMessageError, "is no UUID"),
    "unregistered": (
        message("nobody", task_kwargs=PAYLOAD),
        UnregisteredTaskError,
        "^task: nobody is not registered with the system$",
    ),
    "bad arguments": (
        message("work", task_kwargs={**PAYLOAD, "unheard": MARKER}),
        TaskArgumentsError,
        r"arguments \['secret', 'unheard'\]: .* 'unheard'",
    ),
    "arguments no mapping": (
        message("work", task_kwargs=[MARKER]),
        TaskArgumentsError,
        "was sent a list",
    ),
    "unknown class": (
        tagged(_alg_class="Popen", _alg_module="subprocess", value={"args": [MARKER]}),
        UnknownClassError,
        r"^\$\.task_kwargs\.tag: subprocess:Popen .* import the module",
    ),
    "malformed tag": (
        tagged(_alg_class="set", value=MARKER),
        MalformedTagError,
        r"^\$\.task_kwargs\.tag: this is no set",
    ),
    "no pointer": (stored("nothing"), MalformedPointerError, "'nothing' is no pointer"),
    "pointer no text": (stored(None), MalformedPointerError, "is no pointer"),
    "untrusted bucket": (
        stored("foreign-bucket#cache/n!1.json"),
        UntrustedBucketError,
        "'foreign-bucket'.*ALGERNON_TRUSTED_BUCKETS",
    ),
    "missing bucket": (
        stored("trusted-but-gone#cache/n!1.json"),
        MissingBucketError,
        "'trusted-but-gone' doesn't exist",
    ),
    "gone object": (
        stored("worker-bucket#cache/gone!1.json"),
        MissingObjectError,
        "nothing is stored at worker-bucket#cache/gone!1.json",
    ),
    "foreign object": (
        stored("worker-bucket#cache/foreign!1.json"),
        MalformedObjectError,
        "the object at worker-bucket#cache/foreign!1.json isn't stored data",
    ),
    "object of no JSON": (
        stored("worker-bucket#cache/no-json!1.json"),
        MalformedObjectError,
        "isn't stored data: the text isn't JSON",
    ),
    "unknown listener": (
        message("work", callback="nobody", task_kwargs=PAYLOAD),
        UnknownListenerError,
        "no listener is known for the Task 'nobody'",
    ),
    "result that can't travel": (
        message("unsendable", callback="next", task_kwargs=PAYLOAD),
        UnserializableError,
        "can't send a builtins.object",
    ),
}


@pytest.fixture
def surroundings(
    aws: LocalAWS, bucket: str, listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> Listeners:
    """A bucket with foreign objects in it, and a listener for one Task."""
    s3 = aws.client("s3")
    s3.put_object(Bucket=bucket, Key="cache/foreign!1.json", Body=json.dumps(PAYLOAD))
    s3.put_object(Bucket=bucket, Key="cache/no-json!1.json", Body=MARKER)
    prefix = f"/topics-{uuid4()}/"
    aws.client("ssm").put_parameter(
        Name=f"{prefix}next", Value=listeners.add("next")["next"], Type="String"
    )
    monkeypatch.setenv("ALGERNON_TOPIC_PARAMETER_PREFIX", prefix)
    monkeypatch.setenv("ALGERNON_TRUSTED_BUCKETS", "trusted-but-gone")
    return listeners


def worker(failures: Any) -> tuple[TaskRouter, list[Any]]:
    """Return a router, and the list in which its Tasks note that they ran."""
    router = TaskRouter(failures=failures)
    ran: list[Any] = []

    @router.task
    def work(secret: str, tag: Any = None) -> dict[str, str]:
        ran.append(secret)
        return {"secret": secret}

    @router.task
    def unsendable(secret: str) -> dict[str, Any]:
        return {"secret": secret, "handle": object()}

    return router, ran


def in_company(body: Any) -> list[dict[str, Any]]:
    """Return a batch in which a record stands between two good ones."""
    neighbours = [
        record(message("work", task_kwargs={"secret": f"{MARKER} {n}"}, callback="next"))
        for n in range(2)
    ]
    return [neighbours[0], record(body), neighbours[1]]


@pytest.mark.parametrize(("body", "kind", "problem"), CASES.values(), ids=CASES)
def test_bad_input_is_reported_alone(
    surroundings: Listeners,
    caplog: pytest.LogCaptureFixture,
    body: Any,
    kind: type[Exception],
    problem: str,
) -> None:
    """Reported, it is the only failure; its neighbours are done and their callbacks sent."""
    records = in_company(body)
    router, ran = worker("report")
    assert router.handler(event(*records), LambdaContext()) == failed(records[1])
    assert {f"{MARKER} 0", f"{MARKER} 1"} <= set(ran)
    assert [sent["task_name"] for sent in surroundings.messages()] == ["next", "next"]
    assert kind.__name__ in caplog.text
    assert MARKER not in caplog.text


@pytest.mark.parametrize(("body", "kind", "problem"), CASES.values(), ids=CASES)
def test_bad_input_has_an_error_of_its_own(
    surroundings: Listeners,
    caplog: pytest.LogCaptureFixture,
    body: Any,
    kind: type[Exception],
    problem: str,
) -> None:
    """In a batch that stays whole, it is the only failure; its error says what is wrong."""
    records = in_company(body)
    router, _ = worker("batch")
    with pytest.raises(BatchFailedError, match="1 of 3 records failed") as caught:
        router.handler(event(*records), LambdaContext())
    assert list(caught.value.failures) == [records[1]["messageId"]]
    (error,) = caught.value.failures.values()
    with pytest.raises(kind, match=problem):
        raise error
    assert surroundings.messages() == []
    seen: BaseException | None = caught.value
    while seen is not None:
        assert MARKER not in f"{seen} {seen!r}"
        seen = error if seen is caught.value else seen.__cause__ or seen.__context__
    assert MARKER not in caplog.text


def test_a_record_without_a_body_fails_alone(surroundings: Listeners) -> None:
    """A record that has no body at all is its own failure."""
    records = in_company("")
    del records[1]["body"]
    router, _ = worker("report")
    assert router.handler(event(*records), LambdaContext()) == failed(records[1])


def test_all_bad_input_at_once_is_sorted_out(surroundings: Listeners) -> None:
    """A batch with every kind of bad input reports exactly those, in the batch's order."""
    bad = [record(body) for body, _, _ in CASES.values()]
    good = [record(message("work", task_kwargs=PAYLOAD, callback="next")) for _ in bad]
    mixed = [one for pair in zip(bad, good, strict=True) for one in pair]
    router, _ = worker("report")
    assert router.handler(event(*mixed), LambdaContext()) == failed(*bad)
    assert len(surroundings.messages()) == len(good)


def test_done_work_logs_nothing(surroundings: Listeners, caplog: pytest.LogCaptureFixture) -> None:
    """A batch that is done leaves no line in the log, whatever the level."""
    caplog.set_level("DEBUG", "algernon_queue")
    router, _ = worker("report")
    good = record(message("work", task_kwargs=PAYLOAD, callback="next"))
    router.handler(event(good), LambdaContext())
    assert [entry for entry in caplog.records if entry.name.startswith("algernon")] == []
