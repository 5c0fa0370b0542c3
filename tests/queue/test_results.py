"""A result that somebody gets is what the Task returned, when it returned it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, PipelineTermination, TaskRouter, queued
from algernon_serialize import AlgObject, UnserializableError, ajson
from algernon_storage import Claim, Outcome, StoredData

from ..wire import Answer
from .events import ALL_DONE, LambdaContext, event, fifo_record, message, record
from .queues import SourceQueue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


def batch(**others: Any) -> dict[str, Any]:
    """Return a batch of three numbered records."""
    return event(
        *(record(message("fill", task_kwargs={"n": n}, **others)) for n in (1, 2, 3)),
    )


def filling(kind: str, form: dict[str, Any], **options: Any) -> Any:
    """Return a handler whose Task fills in and returns the same object each time."""
    router = TaskRouter(failures="report", **options)

    def filled(n: int) -> Any:
        form["n"] = n
        return form

    if kind == "sync":
        router.task(name="fill")(filled)
    else:

        async def fill(n: int) -> Any:
            return filled(n)

        router.task(fill)
    return router.handler


@pytest.mark.parametrize("inline", ["0", "10000"])
@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_object_that_is_filled_in_again_was_sent_as_it_was(
    bucket: str,
    listeners: Listeners,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    once: bool,
    inline: str,
) -> None:
    """Three Tasks that return one dict send three results, however these travel."""
    monkeypatch.setenv("ALGERNON_INLINE_BYTES", inline)
    listeners.add("next")
    handler = filling(kind, {"currency": "EUR"}, once=once)
    assert handler(batch(callback="next"), LambdaContext()) == ALL_DONE
    results = [ajson.loads(json.dumps(sent["task_kwargs"])) for sent in listeners.messages()]
    assert sorted(result["n"] for result in results) == [1, 2, 3]
    assert {result["currency"] for result in results} == {"EUR"}


def test_a_fifo_queue_s_coroutines_too(bucket: str, listeners: Listeners) -> None:
    """On a FIFO queue as well, each result is that of its own moment."""
    listeners.add("next")
    handler = filling("async", {})
    records = [
        fifo_record("a", message("fill", task_kwargs={"n": n}, callback="next")) for n in (1, 2, 3)
    ]
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    results = [ajson.loads(json.dumps(sent["task_kwargs"])) for sent in listeners.messages()]
    assert sorted(result["n"] for result in results) == [1, 2, 3]


def test_a_state_machine_gets_it_as_it_was(wire: Wire) -> None:
    """So does who waits with a token."""
    wire.treatment = lambda call, forward: Answer(200, [], b"{}")
    bodies = [
        json.dumps({"TaskToken": f"t{n}", "Input": {"task_name": "fill", "task_kwargs": {"n": n}}})
        for n in (1, 2, 3)
    ]
    assert filling("sync", {})(event(*map(record, bodies)), LambdaContext()) == ALL_DONE
    outputs = {
        (told := json.loads(call.body))["taskToken"]: json.loads(told["output"])
        for call in wire.calls
    }
    assert outputs == {"t1": {"n": 1}, "t2": {"n": 2}, "t3": {"n": 3}}


def test_an_early_end_s_result_is_kept_as_it_was(aws: LocalAWS, bucket: str) -> None:
    """The ledger keeps the result of each Task that ended its chain, as it was then."""
    form: dict[str, Any] = {}
    router = TaskRouter(failures="report", once=True)

    @router.task
    def fill(n: int) -> None:
        form["n"] = n
        raise PipelineTermination(form)

    assert router.handler(batch(callback="never"), LambdaContext()) == ALL_DONE
    s3 = aws.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    kept = [
        json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())["data_string"]["n"]
        for key in keys
        if "!done" in key
    ]
    assert sorted(kept) == [1, 2, 3]


@pytest.mark.parametrize("once", [False, True])
def test_stored_data_in_a_result_is_as_it_was(
    bucket: str, listeners: Listeners, once: bool
) -> None:
    """What a StoredData in a result holds, is that of the same moment."""
    listeners.add("next")
    rows: list[int] = []
    router = TaskRouter(failures="report", once=once)

    @router.task
    def fill(n: int) -> dict[str, Any]:
        rows.append(n)
        return {"rows": StoredData(f"rows-{n}", rows, full_unpack=True)}

    assert router.handler(batch(callback="next"), LambdaContext()) == ALL_DONE
    results = [ajson.loads(json.dumps(sent["task_kwargs"])) for sent in listeners.messages()]
    assert sorted(result["rows"] for result in results) == [[1], [1, 2], [1, 2, 3]]


def test_stored_data_in_results_is_uploaded_in_parallel(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """Parts of many results are stored at the same time, after all Tasks ran."""
    listeners.add("next")
    ran: list[float] = []

    @queued(failures="report")
    def handler(event: Any, context: Any) -> Any:
        ran.append(len([call for call in wire.calls if call.operation == "PUT"]))
        return {"rows": StoredData(f"rows-{len(ran)}", [1], full_unpack=True)}

    wire.expect_rounds(5)
    records = [record(message(callback="next")) for _ in range(5)]
    assert handler(event(*records), LambdaContext()) == ALL_DONE
    assert ran == [0] * 5
    assert all("/rows-" in call.path for call in wire.calls[:5])
    assert len([call for call in wire.calls if "/rows-" in call.path]) == 5


def test_a_part_that_cannot_be_stored_fails_its_record_alone(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """A result is not sent before its parts are stored."""
    listeners.add("next")

    @queued(failures="report")
    def handler(event: Any, context: Any) -> Any:
        n = event["task_kwargs"]["n"]
        return {"n": n, "rows": StoredData(f"rows-{n}", [n], full_unpack=True)}

    wire.treatment = lambda call, forward: (
        Answer(403, [], b"<Error><Code>AccessDenied</Code></Error>")
        if "rows-2" in call.path
        else forward()
    )
    three = batch(callback="next")
    answer = handler(three, LambdaContext())
    assert answer == {"batchItemFailures": [{"itemIdentifier": three["Records"][1]["messageId"]}]}
    assert len(listeners.messages()) == 2


class Changing(AlgObject):
    """An object that tells how often it was written."""

    def __init__(self) -> None:
        self._written = 0

    def to_json(self) -> Mapping[str, Any]:
        """Count."""
        self._written += 1
        return {"written": self._written}

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Changing:
        """Rebuild it."""
        one = cls()
        one._written = json_dict["written"]
        return one


class KeepingLedger:
    """A ledger of somebody's own, which keeps what it is given."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def claim(self, task_id: str, seconds: float) -> Claim | Outcome | None:
        """Give every claim."""
        return Claim(task_id, token="")

    def finish(self, claim: Claim, result: Any, *, ends_chain: bool = False) -> Outcome:
        """Keep the text."""
        self.results.append(ajson.dumps(result))
        return Outcome(f"somewhere#else/{claim.task_id}!0.json", ends_chain)

    def release(self, claim: Claim) -> None:
        """Forget nothing."""


def test_a_ledger_of_one_s_own_gets_the_same_text(listeners: Listeners) -> None:
    """What such a ledger writes of a result is what others get: tags and all."""
    listeners.add("next")
    ledger = KeepingLedger()
    form: dict[str, Any] = {"pair": (1, 2), "own": {"_alg_class": "set", "value": [1]}}
    handler = filling("sync", form, once=ledger)
    assert handler(batch(callback="next"), LambdaContext()) == ALL_DONE
    assert sorted(ajson.loads(text)["n"] for text in ledger.results) == [1, 2, 3]
    assert all(ajson.loads(text)["pair"] == (1, 2) for text in ledger.results)
    assert all(ajson.loads(text)["own"] == form["own"] for text in ledger.results)


def test_what_nobody_gets_is_not_looked_at(bucket: str, wire: Wire) -> None:
    """Without a callback, the result isn't written at all."""
    changing = Changing()
    handler = queued(failures="report", once=True)(lambda event, context: changing)
    assert handler(event(record(message())), LambdaContext()) == ALL_DONE
    assert changing._written == 0


class Refusing(AlgObject):
    """An object whose own code fails when it is written."""

    def to_json(self) -> Mapping[str, Any]:
        """Fail."""
        raise LookupError("nothing to write")

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Refusing:
        """Rebuild it."""
        return cls()


@pytest.mark.parametrize(
    ("result", "error"), [(object(), "UnserializableError"), (Refusing(), "LookupError")]
)
@pytest.mark.parametrize("once", [False, True])
def test_a_result_that_cannot_be_sent_is_permanent(
    aws: LocalAWS,
    bucket: str,
    listeners: Listeners,
    caplog: pytest.LogCaptureFixture,
    once: bool,
    result: Any,
    error: str,
) -> None:
    """The message is a dead letter at once, under the name that the log has too."""
    listeners.add("next")
    queue = SourceQueue(aws)
    queue.send(message(callback="next"))
    handler = queued(failures="report", once=once)(lambda event, context: {"n": [result]})
    assert handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert dead["MessageAttributes"]["algernon.error"]["StringValue"] == error
    assert f"failed: {error}" in caplog.text


def test_it_fails_when_its_task_has_run(bucket: str, listeners: Listeners) -> None:
    """Under batch, the error says which part of the result can't travel."""
    listeners.add("next")
    handler = queued(lambda event, context: {"rows": [object()]})
    with pytest.raises(BatchFailedError) as caught:
        handler(event(record(message(callback="next"))), LambdaContext())
    (error,) = caught.value.failures.values()
    assert isinstance(error, UnserializableError)
    assert "rows[0]" in str(error)
