"""A state machine of Step Functions waits for a Task, or calls a worker directly."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    PipelineTermination,
    SettingError,
    TaskRouter,
    queued,
    stated,
)
from algernon_serialize import UnknownClassError, UnserializableError, ajson
from algernon_storage import MissingBucketError, StoredData
from botocore.exceptions import ClientError

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
from .queues import SourceQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ..conftest import LocalAWS
    from ..wire import Treatment, Wire
    from .conftest import Listeners

TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAXy"
OUTPUT_LIMIT = 262_144  # bytes


#: A message by which a Task doubles a number.
MESSAGE = {"task_name": "work", "task_kwargs": {"n": 2}}


class TooHotError(Exception):
    """Raised when it is too hot to work."""


class VeryLongNameError(TooHotError):
    """Raised when nobody wants to read on."""


VeryLongNameError.__name__ = "E" * 300


def waited_for(text: str | None = None, /, *, token: str = TOKEN, **others: Any) -> str:
    """Return a message with which a state machine waits for a Task."""
    given: Any = json.loads(message(**others)) if text is None else text
    return json.dumps({"Input": given, "TaskToken": token})


def reports(wire: Wire) -> list[tuple[str, dict[str, Any]]]:
    """Return what Step Functions was told, in order: the operation, and what it carries."""
    return [
        (call.operation, json.loads(call.body)) for call in wire.calls if call.service == "states"
    ]


def success(output: str, token: str = TOKEN) -> tuple[str, dict[str, Any]]:
    """Return a report of a success."""
    return "SendTaskSuccess", {"taskToken": token, "output": output}


def failure(error: str, cause: str) -> tuple[str, dict[str, Any]]:
    """Return a report of a failure."""
    return "SendTaskFailure", {"taskToken": TOKEN, "error": error, "cause": cause}


def refusing(code: str, message: str = "no") -> Treatment:
    """Return what has Step Functions take no report."""
    body = json.dumps({"__type": code, "message": message}).encode()
    return lambda call, forward: Answer(400, [], body) if call.service == "states" else forward()


def worker(outcome: Any, **options: Any) -> TaskRouter:
    """Return a router whose Task ``work`` returns or raises what it is given."""
    router = TaskRouter(**{"failures": "report", **options})

    @router.task
    def work(n: int = 0) -> Any:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return router


@pytest.mark.parametrize("failures", ["batch", "report"])
@pytest.mark.parametrize("wrap", [str, enveloped], ids=["raw", "enveloped"])
@pytest.mark.parametrize(
    "content",
    [
        {**MESSAGE, "TaskToken": TOKEN},
        {"Input": MESSAGE, "TaskToken": TOKEN},
        {"Input": json.dumps(MESSAGE), "TaskToken": TOKEN},
        {"Input": {**MESSAGE, "TaskToken": TOKEN}},
        {"Input": json.dumps({**MESSAGE, "TaskToken": TOKEN})},
        {"Input": {**MESSAGE, "TaskToken": "older"}, "TaskToken": TOKEN},
        {**MESSAGE, "Input": {"n": 1}, "TaskToken": TOKEN},
    ],
    ids=[
        "beside the task_name",
        "beside Input",
        "beside Input as a text",
        "in Input",
        "in Input as a text",
        "beside Input and in it",
        "beside the task_name and Input",
    ],
)
def test_a_task_that_is_waited_for_runs_and_reports(
    wire: Wire, failures: Any, wrap: Any, content: dict[str, Any]
) -> None:
    """Its result goes to the state machine, under the token, and the message is done."""
    router = TaskRouter(failures=failures)

    @router.task
    def work(n: int) -> dict[str, int]:
        return {"doubled": 2 * n}

    one = record(wrap(json.dumps(content)))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert reports(wire) == [success('{"doubled":4}')]
    assert wire.counted() == {"states SendTaskSuccess": 1}


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_a_failure_under_a_token_beside_the_task_name_is_reported(
    wire: Wire, failures: Any
) -> None:
    """The state machine is told of it, and the message is done."""
    one = record(enveloped(message(TaskToken=TOKEN)))
    router = worker(TooHotError("42 °C"), failures=failures)
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert reports(wire) == [failure("TooHotError", "42 °C")]


@pytest.mark.parametrize("bad", [{"task_kwargs": {"m": 1}}, {"task_id": "7"}, {"task_name": 7}])
def test_what_is_wrong_beside_a_token_is_reported(wire: Wire, bad: dict[str, Any]) -> None:
    """A message that can't be run or read is its state machine's to know, by its token."""
    body = json.dumps({"task_name": "work", "TaskToken": TOKEN, **bad})
    assert worker(None).handler(event(record(body)), LambdaContext()) == ALL_DONE
    ((operation, report),) = reports(wire)
    assert (operation, report["taskToken"]) == ("SendTaskFailure", TOKEN)


@pytest.mark.parametrize("token", ["", 7, [TOKEN], {"Token": TOKEN}, True], ids=repr)
@pytest.mark.parametrize("form", ["beside", "around"])
def test_a_token_that_is_no_text_fails_its_record(
    wire: Wire, form: str, token: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody could be told under it, so the Task isn't run, and the error says why."""
    ran = []
    router = TaskRouter(failures="report")
    router.task(name="work")(lambda: ran.append(1))
    body = {"Input": {"task_name": "work"}} if form == "around" else {"task_name": "work"}
    one, good = record(json.dumps({**body, "TaskToken": token})), record(message())
    one["eventSourceARN"] = None  # there is no queue to move it from
    assert router.handler(event(one, good), LambdaContext()) == failed(one)
    assert "MalformedMessageError: the TaskToken of the message is" in caplog.text
    assert (len(ran), reports(wire)) == (1, [])


def test_a_handler_sees_the_token_that_stands_in_its_message() -> None:
    """A handler that reported under it by itself before goes on to see it."""
    seen: list[Any] = []
    handler = queued(failures="report")(lambda event, context: seen.append(event["TaskToken"]))
    handler(event(record(message(TaskToken=TOKEN))), LambdaContext())
    assert seen == [TOKEN]


@pytest.mark.parametrize(
    "bare",
    [
        {**MESSAGE, "TaskToken": TOKEN},
        {"Input": MESSAGE, "TaskToken": TOKEN},
        {"Input": json.dumps(MESSAGE), "TaskToken": TOKEN},
    ],
    ids=["beside", "around Input", "around Input as a text"],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_router_that_is_called_with_a_token_reports(
    wire: Wire, bare: dict[str, Any], asynchronous: bool
) -> None:
    """A state machine that calls the function itself, and waits under a token, is told too."""
    router = TaskRouter()

    def work(n: int) -> dict[str, Decimal]:
        return {"doubled": Decimal(2 * n)}

    async def work_later(n: int) -> dict[str, Decimal]:
        return work(n)

    router.task(name="work")(work_later if asynchronous else work)
    output = router.handler(bare, LambdaContext())
    assert reports(wire) == [success('{"doubled":{"_alg_class":"decimal","value":"4"}}')]
    assert output == {"doubled": {"_alg_class": "decimal", "value": "4"}}


def test_a_router_that_is_called_with_a_token_reports_failures_once(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """What the state machine knows isn't raised, or Lambda would try an asynchronous call again."""
    bare = {"task_name": "work", "TaskToken": TOKEN}
    assert worker(TooHotError("42 °C")).handler(bare, LambdaContext()) is None
    assert reports(wire) == [failure("TooHotError", "42 °C")]
    assert "TooHotError: 42 °C" in caplog.text


@pytest.mark.parametrize("outcome", [{"n": 1}, TooHotError("42 °C")], ids=["success", "failure"])
def test_a_direct_report_that_does_not_get_through_is_raised(wire: Wire, outcome: Any) -> None:
    """Whoever called the function sees that its state machine wasn't told, and of what."""
    wire.treatment = refusing("AccessDeniedException", "not allowed")
    with pytest.raises(ClientError, match="not allowed") as caught:
        worker(outcome).handler({"task_name": "work", "TaskToken": TOKEN}, LambdaContext())
    if isinstance(outcome, Exception):
        assert caught.value.__context__ is outcome


def test_a_queued_handler_sees_a_message_like_any_other(wire: Wire) -> None:
    """The handler gets the Input as the message, with the id of SQS where it has none."""
    seen = []

    @queued(failures="report")
    def handler(event: Any, context: Any) -> None:
        seen.append((event, dict(context["task"])))

    one = record(waited_for(task_kwargs={"n": 1}))
    assert handler(event(one), LambdaContext()) == ALL_DONE
    ((given, task),) = seen
    assert given == {
        "task_name": "work",
        "task_kwargs": {"n": 1},
        "task_id": one["messageId"],
        "chain_id": one["messageId"],
    }
    assert task == {
        "task_name": "work",
        "task_id": one["messageId"],
        "chain_id": one["messageId"],
        "callback": None,
    }
    assert reports(wire) == [success("{}")]


@pytest.mark.parametrize(
    ("result", "output"),
    [
        (None, "{}"),
        ([1, "zwei"], '[1,"zwei"]'),
        ("text", '"text"'),
        (
            {"price": Decimal("9.90"), "pair": [1, 2]},
            '{"price":{"_alg_class":"decimal","value":"9.90"},"pair":[1,2]}',
        ),
    ],
    ids=repr,
)
def test_the_output_is_json_with_tags(wire: Wire, result: Any, output: str) -> None:
    """What Python has and JSON hasn't travels tagged, for the next state's worker to rebuild."""
    worker(result).handler(event(record(waited_for())), LambdaContext())
    ((operation, report),) = reports(wire)
    assert operation == "SendTaskSuccess"
    assert report["output"] == output
    assert ajson.loads(report["output"]) == ({} if result is None else result)


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_a_failure_is_the_state_machine_s(
    wire: Wire, failures: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A failed Task is reported by its error's class, logged, and doesn't stay in the queue."""
    router = worker(TooHotError("42 °C"), failures=failures)
    router.task(name="good")(lambda: None)
    records = [record(message("good")), record(waited_for())]
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    assert reports(wire) == [failure("TooHotError", "42 °C")]
    assert f"message {records[1]['messageId']} for the Task work failed" in caplog.text


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (waited_for(task_name="nobody"), "UnregisteredTaskError"),
        (waited_for(task_kwargs={"m": 1}), "TaskArgumentsError"),
        (
            waited_for(task_kwargs={"n": {"_alg_class": "A", "_alg_module": "b", "value": 1}}),
            "UnknownClassError",
        ),
        (
            waited_for(
                task_kwargs={
                    "_alg_class": "StoredData",
                    "_alg_module": "algernon.aws.snakes",
                    "value": {"pointer": "worker-bucket#cache/gone!1.json"},
                }
            ),
            "MissingObjectError",
        ),
    ],
)
def test_what_cannot_be_run_is_reported_too(bucket: str, wire: Wire, body: str, error: str) -> None:
    """A Task that fails before it runs has failed all the same, and isn't moved anywhere."""
    assert worker(None).handler(event(record(body)), LambdaContext()) == ALL_DONE
    ((operation, report),) = reports(wire)
    assert (operation, report["error"]) == ("SendTaskFailure", error)
    assert not [call for call in wire.calls if call.service == "sqs"]


def test_under_batch_a_neighbour_s_failure_keeps_success_back(wire: Wire) -> None:
    """Of a batch that will run again, neither failures nor successes are reported."""
    router = worker({"n": 1}, failures="batch")
    router.task(name="bad")(lambda: 1 / 0)
    records = [record(waited_for()), record(waited_for(task_name="bad")), record(message("bad"))]
    with pytest.raises(BatchFailedError) as caught:
        router.handler(event(*records), LambdaContext())
    assert list(caught.value.failures) == [records[1]["messageId"], records[2]["messageId"]]
    assert reports(wire) == []


def test_error_and_cause_are_cut_to_their_limits(wire: Wire) -> None:
    """A class's name is cut at 256 characters, and what the error says at 32,768."""
    router = worker(VeryLongNameError("ü" * 40_000))
    assert router.handler(event(record(waited_for())), LambdaContext()) == ALL_DONE
    assert reports(wire) == [failure("E" * 256, "ü" * 32_768)]


@pytest.mark.parametrize("failures", ["batch", "report"])
@pytest.mark.parametrize(
    "result",
    [object(), {"n": {...}}, {"text": "\ud800"}],
    ids=["object", "set of Ellipsis", "lone surrogate"],
)
def test_a_result_that_cannot_travel_is_a_failure(wire: Wire, failures: Any, result: Any) -> None:
    """A result that ajson can't send is reported as a failure, since trying again won't help."""
    router = worker(result, failures=failures)
    assert router.handler(event(record(waited_for())), LambdaContext()) == ALL_DONE
    ((operation, report),) = reports(wire)
    if result == {"text": "\ud800"}:
        assert (operation, ajson.loads(report["output"])) == ("SendTaskSuccess", result)
    else:
        assert (operation, report["error"]) == ("SendTaskFailure", "UnserializableError")


@pytest.mark.parametrize("outcome", [{"n": 1}, TooHotError("42 °C")], ids=["success", "failure"])
@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_report_that_nobody_waits_for_is_done(
    wire: Wire, caplog: pytest.LogCaptureFixture, code: str, outcome: Any
) -> None:
    """When no state machine waits any more, the log says so and the message is done."""
    wire.treatment = refusing(code)
    assert worker(outcome).handler(event(record(waited_for())), LambdaContext()) == ALL_DONE
    assert f"no state machine waits for this Task any more: An error occurred ({code})" in (
        caplog.text
    )
    assert len(reports(wire)) == 1


@pytest.mark.parametrize("outcome", [{"n": 1}, TooHotError("42 °C")], ids=["success", "failure"])
def test_a_report_that_does_not_get_through_is_a_failure(
    wire: Wire, caplog: pytest.LogCaptureFixture, outcome: Any
) -> None:
    """When Step Functions doesn't take a report, the message stays, and others aren't touched."""
    wire.treatment = refusing("AccessDeniedException", "not allowed")
    router = worker(outcome)
    router.task(name="good")(lambda: None)
    records = [record(message("good")), record(waited_for())]
    assert router.handler(event(*records), LambdaContext()) == failed(records[1])
    assert "not allowed" in caplog.text
    wire.treatment = None
    assert router.handler(event(records[1]), LambdaContext()) == ALL_DONE


def test_a_result_that_cannot_travel_is_moved_when_nobody_can_be_told(
    aws: LocalAWS, wire: Wire
) -> None:
    """What would fail in the same way again goes to the dead-letter queue, told or not."""
    queue = SourceQueue(aws)
    queue.send(waited_for())
    wire.treatment = refusing("AccessDeniedException", "not allowed")
    assert worker(object()).handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    assert len(queue.dead_letters()) == 1


@pytest.mark.parametrize("surplus", [0, 1])
def test_a_large_output_goes_through_s3(bucket: str, wire: Wire, surplus: int) -> None:
    """An output of more than 262,144 bytes is stored, and the state gets a pointer to it."""
    # Each character has two bytes, the last one has one, and so has each quotation mark.
    result = "é" * (OUTPUT_LIMIT // 2 - 1) + "x" * surplus
    assert worker(result).handler(event(record(waited_for())), LambdaContext()) == ALL_DONE
    ((operation, report),) = reports(wire)
    assert operation == "SendTaskSuccess"
    assert len(report["output"].encode()) <= OUTPUT_LIMIT
    pointer = StoredData.pointer_in(json.loads(report["output"]))
    assert (pointer is not None) == (surplus == 1)
    assert ajson.loads(report["output"]) == result


def test_a_large_output_without_a_bucket_stays(wire: Wire) -> None:
    """What can't be stored fails its record, to be tried again when there is a bucket."""
    one = record(waited_for())
    router = worker("x" * OUTPUT_LIMIT)
    assert router.handler(event(one), LambdaContext()) == failed(one)
    assert reports(wire) == []


def test_token_and_callback_both_get_the_result(
    bucket: str, listeners: Listeners, wire: Wire
) -> None:
    """A message that a state machine waits for may have a callback too."""
    listeners.add("next")
    router = worker({"n": 1})
    body = waited_for(callback="next", task_id=TASK_ID)
    assert router.handler(event(record(body)), LambdaContext()) == ALL_DONE
    (sent,) = listeners.messages()
    assert ajson.loads(json.dumps(sent["task_kwargs"])) == {"n": 1}
    assert reports(wire) == [success('{"n":1}')]


def test_a_callback_that_cannot_be_sent_holds_the_report_back(bucket: str, wire: Wire) -> None:
    """A Task isn't reported as done as long as its result isn't on its way."""
    one = record(waited_for(callback="nobody"))
    assert worker({"n": 1}).handler(event(one), LambdaContext()) == failed(one)
    assert reports(wire) == []


def test_what_was_not_started_is_not_reported(wire: Wire) -> None:
    """Records that there was no time for stay in the queue, and the state machine waits on."""
    ran = []

    @queued(failures="report")
    def handler(event: Any, context: Any) -> None:
        ran.append(1)
        context["aws"].millis_left = 0

    records = [record(waited_for(token=f"token-{n}")) for n in range(3)]
    assert handler(event(*records), LambdaContext()) == failed(*records[1:])
    assert reports(wire) == [success("{}", "token-0")]


def test_what_was_stopped_is_not_reported(wire: Wire) -> None:
    """On a FIFO queue, the rest of a failed one's group stays, and nothing is said of it."""
    records = [fifo_record("a", waited_for()) for _ in range(2)]
    router = worker(TooHotError("42 °C"))
    assert router.handler(event(*records), LambdaContext()) == failed(records[1])
    assert reports(wire) == [failure("TooHotError", "42 °C")]


@pytest.mark.parametrize("failures", ["batch", "report"])
def test_an_early_end_reports_its_result(bucket: str, wire: Wire, failures: Any) -> None:
    """A Task that ends its chain early is a success, with the result that it ends with."""
    router = worker(PipelineTermination({"skipped": Decimal(1)}), failures=failures)
    one = record(waited_for(callback="never"))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE
    ((operation, report),) = reports(wire)
    assert operation == "SendTaskSuccess"
    assert ajson.loads(report["output"]) == {"skipped": Decimal(1)}
    assert wire.counted() == {"states SendTaskSuccess": 1}


def test_an_early_end_with_a_result_that_cannot_travel_is_a_failure(wire: Wire) -> None:
    """What ends a chain is looked at as any other result."""
    router = worker(PipelineTermination(object()))
    assert router.handler(event(record(waited_for())), LambdaContext()) == ALL_DONE
    ((operation, report),) = reports(wire)
    assert (operation, report["error"]) == ("SendTaskFailure", "UnserializableError")


def test_reports_go_out_at_once(wire: Wire) -> None:
    """Ten Tasks that are waited for report in parallel."""
    wire.expect_rounds(10)
    records = [record(waited_for(token=f"token-{n}")) for n in range(10)]
    assert worker(None).handler(event(*records), LambdaContext()) == ALL_DONE
    assert sorted(report["taskToken"] for _, report in reports(wire)) == sorted(
        f"token-{n}" for n in range(10)
    )


def test_what_was_done_before_reports_its_first_result(bucket: str, wire: Wire) -> None:
    """With a ledger, a message that comes again reports what the Task returned the first time."""
    results = [{"run": Decimal(1)}, {"run": Decimal(2)}]
    router = TaskRouter(failures="report", once=True)
    router.task(name="work")(lambda: results.pop(0))
    one = record(waited_for(task_id=TASK_ID))
    for _ in range(2):
        assert router.handler(event(one), LambdaContext()) == ALL_DONE
    assert len(results) == 1
    outputs = [ajson.loads(report["output"]) for _, report in reports(wire)]
    assert outputs == [{"run": Decimal(1)}] * 2


@pytest.mark.parametrize(
    "body",
    [
        message(),
        message(TaskToken=None),
        message(Input={"n": 1}),
        message(Input={"n": 1}, TaskToken=None),
        message(task_kwargs={"TaskToken": TOKEN}),
    ],
)
def test_without_a_token_nobody_is_told(wire: Wire, body: str) -> None:
    """A message without a token beside its task_name is like any other."""
    router = TaskRouter(failures="report")
    router.task(name="work")(lambda **kwargs: None)
    assert router.handler(event(record(body)), LambdaContext()) == ALL_DONE
    assert wire.calls == []


@pytest.mark.parametrize(
    "text", ["no JSON", "[1]", "{}", '{"task_name": 7}'], ids=["no JSON", "list", "empty", "name"]
)
def test_an_input_that_is_no_message_is_reported(wire: Wire, text: str) -> None:
    """A state machine that sends no message is told so, instead of waiting for ever."""
    assert worker(None).handler(event(record(waited_for(text))), LambdaContext()) == ALL_DONE
    ((operation, report),) = reports(wire)
    assert (operation, report["error"]) == ("SendTaskFailure", "MalformedMessageError")


# What Step Functions calls directly.


def test_a_stated_worker_gets_its_input_rebuilt() -> None:
    """Objects in the input are rebuilt, and those in the result travel as plain JSON with tags."""
    seen = []

    @stated
    def handler(event: Any, context: Any) -> Any:
        seen.append(event)
        return {"total": sum(event["prices"], Decimal(0)), "pair": event["pair"]}

    given = {
        "prices": [{"_alg_class": "decimal", "value": price} for price in ("9.90", "0.10")],
        "pair": {"_alg_class": "tuple", "value": [1, "zwei"]},
    }
    output = handler(given, LambdaContext())
    assert seen == [{"prices": [Decimal("9.90"), Decimal("0.10")], "pair": (1, "zwei")}]
    assert output == {"total": {"_alg_class": "decimal", "value": "10.00"}, "pair": given["pair"]}
    assert json.loads(json.dumps(output)) == output


@pytest.mark.parametrize(
    "given", [None, "text", 7, [1, 2], {}, {"_alg_class": "tuple", "value": []}]
)
def test_any_input_will_do(given: Any) -> None:
    """A state's input and output may be any JSON."""
    assert stated(lambda event, context: event)(given, LambdaContext()) == given


def test_a_stated_worker_without_a_result_has_the_output_null() -> None:
    """What returns nothing gives null."""
    assert stated(lambda event, context: None)({}, LambdaContext()) is None


def test_stored_data_in_the_input_is_fetched(bucket: str) -> None:
    """A pointer that an earlier state left is replaced by the data."""
    rows = [{"n": n, "pair": (n, n)} for n in range(3)]
    pointer = ajson.loads(ajson.dumps(StoredData("rows", rows, full_unpack=True)), rebuild=False)
    seen = []
    stated(lambda event, context: seen.append(event))({"rows": pointer}, LambdaContext())
    assert seen == [{"rows": rows}]


def test_a_large_result_is_stored_and_the_next_worker_fetches_it(bucket: str, wire: Wire) -> None:
    """An output beyond 262,144 bytes is a pointer, which the next stated worker unpacks."""
    rows = ["é" * 1000] * 200
    output = stated(lambda event, context: {"rows": rows})({}, LambdaContext())
    assert StoredData.pointer_in(output) is not None
    assert wire.counted() == {"s3 PUT": 1}
    seen = []
    stated(lambda event, context: seen.append(event))(output, LambdaContext())
    assert seen == [{"rows": rows}]


def test_a_stated_worker_may_be_async() -> None:
    """A coroutine is awaited."""

    @stated
    async def handler(event: Any, context: Any) -> Any:
        return {"doubled": 2 * event["n"]}

    assert [handler({"n": n}, LambdaContext()) for n in range(3)] == [
        {"doubled": 0},
        {"doubled": 2},
        {"doubled": 4},
    ]


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_stated_worker_may_end_early(asynchronous: bool) -> None:
    """The result of PipelineTermination is the output."""

    def handler(event: Any, context: Any) -> Any:
        raise PipelineTermination({"pair": (1, 2)})

    async def handler_later(event: Any, context: Any) -> Any:
        handler(event, context)

    state = stated(handler_later if asynchronous else handler)
    assert state({}, LambdaContext()) == {"pair": {"_alg_class": "tuple", "value": [1, 2]}}


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_stated_worker_s_errors_come_out_as_they_are(asynchronous: bool) -> None:
    """Step Functions matches Retry and Catch against the class, so the error is that very one."""
    error = TooHotError("42 °C")

    def handler(event: Any, context: Any) -> Any:
        raise error

    async def handler_later(event: Any, context: Any) -> Any:
        handler(event, context)

    with pytest.raises(TooHotError) as caught:
        stated(handler_later if asynchronous else handler)({}, LambdaContext())
    assert caught.value is error


def test_what_a_state_cannot_read_or_send_raises(wire: Wire) -> None:
    """An input of an unknown class, a result that can't travel and a missing bucket raise."""
    with pytest.raises(UnknownClassError):
        stated(print)({"_alg_class": "what", "_alg_module": "where", "value": 1}, None)
    with pytest.raises(UnserializableError):
        stated(lambda event, context: object())({}, None)
    with pytest.raises(MissingBucketError):
        stated(lambda event, context: "x" * OUTPUT_LIMIT)({}, None)


def generating(event: Any, context: Any) -> Iterator[int]:
    """Do nothing, bit by bit."""
    yield 1


async def generating_later(event: Any, context: Any) -> AsyncIterator[int]:
    """Do nothing, bit by bit, later."""
    yield 1


@pytest.mark.parametrize("misused", [generating, generating_later, None, "report"])
def test_what_would_not_run_is_no_stated_worker(misused: Any) -> None:
    """Generators, and what is no function, raise where they are decorated."""
    with pytest.raises(SettingError, match="stated was given"):
        stated(misused)


def test_a_stated_worker_keeps_its_context_and_its_name() -> None:
    """The context is one dict for the life of the process, with Lambda's own as ``aws``."""

    @stated
    def handler(event: Any, context: dict[str, Any]) -> int:
        """Count."""
        assert context["aws"] is current
        context["count"] = context.get("count", 0) + 1
        count: int = context["count"]
        return count

    counts = []
    for _ in range(3):
        current = LambdaContext()
        counts.append(handler({}, current))
    assert counts == [1, 2, 3]
    assert (handler.__name__, handler.__doc__) == ("handler", "Count.")


def test_a_router_may_be_called_directly(bucket: str, wire: Wire) -> None:
    """A bare message has its Task's result as the output, as a stated worker's."""
    router = TaskRouter()
    contexts = []

    @router.task
    def work(rows: list[Any], context: dict[str, Any]) -> Any:
        contexts.append(context["task"])
        return {"rows": rows, "total": Decimal(len(rows))}

    @router.task
    async def later() -> Any:
        raise PipelineTermination((1, 2))

    @router.task
    def bad() -> None:
        raise TooHotError("42 °C")

    pointer = ajson.loads(ajson.dumps(StoredData("rows", [1, 2], full_unpack=True)), rebuild=False)
    given = {"task_name": "work", "task_kwargs": {"rows": pointer}, "task_id": TASK_ID}
    output = router.handler(given, LambdaContext())
    assert output == {"rows": [1, 2], "total": {"_alg_class": "decimal", "value": "2"}}
    assert contexts == [
        {"task_name": "work", "task_id": TASK_ID, "chain_id": TASK_ID, "callback": None}
    ]
    tag = {"_alg_class": "tuple", "value": [1, 2]}
    assert router.handler({"task_name": "later"}, LambdaContext()) == tag
    with pytest.raises(TooHotError):
        router.handler({"task_name": "bad"}, LambdaContext())
    large = router.handler(
        {"task_name": "work", "task_kwargs": {"rows": ["x" * OUTPUT_LIMIT]}}, LambdaContext()
    )
    assert StoredData.pointer_in(large) is not None
