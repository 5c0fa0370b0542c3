"""Small results travel inside the message, where ALGERNON_INLINE_BYTES allows it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, TaskRouter, send_task
from algernon_serialize import ajson
from algernon_storage import StorageSettingError, StoredData

from .events import ALL_DONE, LambdaContext, event, failed, message, record
from .handlers import returning
from .topics import SNS_LIMIT, messages_in

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


def calling(count: int = 1) -> list[dict[str, Any]]:
    """Return records with a callback."""
    return [record(message(callback="next")) for _ in range(count)]


@pytest.mark.parametrize("setting", [None, "", "0"])
def test_by_default_every_result_goes_through_s3(
    bucket: str,
    listeners: Listeners,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    setting: str | None,
) -> None:
    """Without the setting, or with 0, the message has a pointer however small the result is."""
    if setting is not None:
        monkeypatch.setenv("ALGERNON_INLINE_BYTES", setting)
    listeners.add("next")
    assert returning({"n": 1})(event(*calling()), LambdaContext()) == ALL_DONE
    (sent,) = listeners.messages()
    assert StoredData.pointer_in(sent["task_kwargs"]) is not None
    assert wire.counted() == {"s3 PUT": 1, "sns PublishBatch": 1}


@pytest.mark.parametrize(
    "result",
    [
        {"price": Decimal("9.90"), "pair": (1, {2, 3})},
        {"_alg_class": "tuple", "value": [1]},
        {
            "_alg_class": "StoredData",
            "_alg_module": "algernon.aws.snakes",
            "value": {"pointer": "foreign-bucket#cache/n!1.json"},
        },
    ],
    ids=["objects", "like a tag", "like a pointer"],
)
def test_a_small_result_travels_in_the_message(
    bucket: str,
    listeners: Listeners,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    result: dict[str, Any],
) -> None:
    """With the setting, the callback gets the very same without S3, its objects rebuilt."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "1000")
    topics = listeners.add("work", "next")
    router = TaskRouter(failures="report")
    got = []

    @router.task
    def work() -> dict[str, Any]:
        return result

    @router.task(name="next")
    def following(**kwargs: Any) -> None:
        got.append(kwargs)

    send_task("work", {}, "next", listeners=topics)
    listeners.drive(router.handler, LambdaContext())
    assert got == [result]
    assert wire.counted() == {"sns PublishBatch": 2}


@pytest.mark.parametrize("surplus", [0, 1])
def test_the_setting_counts_the_bytes_that_s3_would_keep(
    aws: LocalAWS,
    bucket: str,
    listeners: Listeners,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    surplus: int,
) -> None:
    """A result whose object would be exactly so long travels inline, and a longer one doesn't."""
    result = {"text": "é" * 100}
    StoredData("probe", result, full_unpack=True).store()
    (probe,) = aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    wire.clear()
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", str(probe["Size"] - surplus))
    listeners.add("next")
    assert returning(result)(event(*calling()), LambdaContext()) == ALL_DONE
    (sent,) = listeners.messages()
    assert (sent["task_kwargs"] == result) == (surplus == 0)
    assert wire.counted().get("s3 PUT", 0) == surplus


@pytest.mark.parametrize("surplus", [0, 1])
def test_what_sns_has_no_room_for_goes_through_s3(
    bucket: str,
    listeners: Listeners,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    surplus: int,
) -> None:
    """A message of exactly 256 KiB is sent as it is; a longer one isn't, whatever is allowed."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "10000000")
    listeners.add("next")
    returning({"text": ""})(event(*calling()), LambdaContext())
    (empty,) = listeners.take()
    room = SNS_LIMIT - len(empty["body"].encode())
    wire.clear()
    # Each of the two characters at the end has two bytes.
    result = {"text": "x" * (room - 4 + surplus) + "éé"}
    assert returning(result)(event(*calling()), LambdaContext()) == ALL_DONE
    assert wire.counted().get("s3 PUT", 0) == surplus
    (call,) = [call for call in wire.calls if call.service == "sns"]
    (text,) = messages_in(call)
    assert (len(text.encode()) == SNS_LIMIT) == (surplus == 0)
    (sent,) = listeners.messages()
    assert ajson.loads(json.dumps(sent["task_kwargs"])) == result


def test_inline_results_share_calls_as_far_as_they_fit(
    bucket: str, listeners: Listeners, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten results of 60,000 bytes are too much for one call, and are spread over three."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "100000")
    listeners.add("next")
    results = [{"n": n, "text": "x" * 60_000} for n in range(10)]
    assert returning(*results)(event(*calling(10)), LambdaContext()) == ALL_DONE
    calls = [messages_in(call) for call in wire.calls if call.service == "sns"]
    assert sorted(map(len, calls)) == [2, 4, 4]
    assert all(sum(len(text.encode()) for text in texts) <= SNS_LIMIT for texts in calls)
    assert [sent["task_kwargs"]["n"] for sent in listeners.messages()] == list(range(10))


def test_small_and_large_results_go_their_ways(
    bucket: str, listeners: Listeners, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one batch, each result takes the way that its length allows."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "500")
    listeners.add("next")
    results: list[Any] = [{"n": 0}, {"n": 1, "text": "x" * 500}, None, [1, 2]]
    assert returning(*results)(event(*calling(4)), LambdaContext()) == ALL_DONE
    assert wire.counted() == {"s3 PUT": 1, "sns PublishBatch": 1}
    sent = [ajson.loads(json.dumps(one["task_kwargs"])) for one in listeners.messages()]
    assert sorted(map(repr, sent)) == sorted(repr(result or {}) for result in results)


def test_a_result_that_cannot_travel_inline_is_its_record_s_failure(
    bucket: str, listeners: Listeners, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that ajson can't send fails, inline as through S3."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "500")
    listeners.add("next")
    records = calling(2)
    assert returning({"n": {...}, "m": object()}, {"n": 1})(
        event(*records), LambdaContext()
    ) == failed(records[0])
    assert len(listeners.messages()) == 1


def test_a_ledger_keeps_its_results_in_s3(
    bucket: str, listeners: Listeners, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With once=True the result is in the bucket anyway, so the message has its pointer."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", "500")
    listeners.add("next")
    assert returning({"n": 1}, once=True)(event(*calling()), LambdaContext()) == ALL_DONE
    (sent,) = listeners.messages()
    pointer = StoredData.pointer_in(sent["task_kwargs"])
    assert pointer is not None
    assert StoredData.retrieve(pointer).data == {"n": 1}


@pytest.mark.parametrize("setting", ["-1", "1e3", "1 KiB", "many", "1.0", " 7", "9" * 19])
def test_a_wrong_setting_fails_those_who_need_it(
    bucket: str, listeners: Listeners, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """A value that is no number of bytes fails the records with a result, and says so."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", setting)
    listeners.add("next")
    records = [*calling(2), record(message())]
    results: list[Any] = [{"n": 1}, None, {"n": 1}]
    assert returning(*results)(event(*records), LambdaContext()) == failed(records[0])
    assert [sent["task_kwargs"] for sent in listeners.messages()] == [{}]
    with pytest.raises(BatchFailedError) as caught:
        returning(*results, failures="batch")(event(*records), LambdaContext())
    (error,) = caught.value.failures.values()
    assert isinstance(error, StorageSettingError)
    assert f"ALGERNON_INLINE_BYTES is {setting!r}, which is no number of bytes" in str(error)
