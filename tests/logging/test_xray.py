"""AWS X-Ray: which segments of calls and Tasks reach its daemon."""

from __future__ import annotations

import importlib.util
import json
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .traces import (
    IN_LAMBDA,
    Daemon,
    Queue,
    Workers,
    attributes_of,
    credentials,
    record,
    run_program,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ..conftest import LocalAWS
    from .conftest import StartFunction

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
SAMPLED = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"
UNSAMPLED = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=0"
SENDER = "1-67891233-abcdef012345678912345678"
SENT = f"Root={SENDER};Parent=463ac35c9f6413ad;Sampled=1"
HEADER = "X-Amzn-Trace-Id"

WORKER = """
import boto3, threading
from algernon_logging import lambda_logged

def call():
    boto3.client("sqs").list_queues()
"""
HANDLER = """
@lambda_logged
def handler(event, context):
    call()
"""
#: A worker with Tasks, which come after it; "start" sends the first message of a chain.
TASKS = """
import asyncio, boto3, threading, time
from algernon_logging import lambda_logged
from algernon_queue import TaskRouter, send_task
from aws_xray_sdk.core import xray_recorder

router = TaskRouter(failures="report")
handler = lambda_logged(router.handler)

@router.task
def start(**message):
    return {"task_id": send_task(**message)}
"""
THREE = """
@router.task
def weigh(n):
    return {"n": n + 1}

@router.task
def pack(n):
    return {"n": n + 1}

@router.task
def ship(n):
    raise ValueError("no ship")
"""


@dataclass(frozen=True)
class Subsegment:
    """What a document says of one (sub)segment."""

    name: str
    trace_id: str
    id: str
    parent_id: str | None
    annotations: dict[str, Any]
    document: dict[str, Any]


def subsegments(documents: list[dict[str, Any]]) -> list[Subsegment]:
    """Return the subsegments of documents, those inside others included."""
    found = []
    for document in documents:
        found.append(
            Subsegment(
                document["name"],
                document["trace_id"],
                document["id"],
                document.get("parent_id"),
                document.get("annotations", {}),
                document,
            )
        )
        found += subsegments(document.get("subsegments", []))
    return found


def of_tasks(documents: list[dict[str, Any]]) -> list[Subsegment]:
    """Return the subsegments of Tasks."""
    return [each for each in subsegments(documents) if "task_id" in each.annotations]


@pytest.fixture
def run(daemon: Daemon, aws: LocalAWS, bucket: str) -> Callable[..., str]:
    """Run code in a new process, which must succeed, and give what it prints anywhere."""
    always = {
        **credentials(aws),
        "AWS_XRAY_DAEMON_ADDRESS": daemon.address,
        "ALGERNON_BUCKET_NAME": bucket,
        # So that nothing is written of a Task that is well.
        "AWS_LAMBDA_LOG_LEVEL": "WARN",
    }
    return lambda code, **environment: run_program(code, {**always, **environment})


@pytest.fixture
def workers(tmp_path: Path, daemon: Daemon, aws: LocalAWS, bucket: str) -> Iterator[Workers]:
    """Start workers under Lambda's own runtime client, that end with the test."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    if importlib.util.find_spec("awslambdaric") is None:
        pytest.skip("awslambdaric isn't installed: it has Linux wheels only, not for every Python")
    environment = {
        **credentials(aws),
        "AWS_XRAY_DAEMON_ADDRESS": daemon.address,
        "ALGERNON_BUCKET_NAME": bucket,
        "AWS_LAMBDA_LOG_LEVEL": "WARN",
    }
    with ExitStack() as running:
        yield Workers(tmp_path, running, environment)


def test_aws_call_in_lambda_is_a_subsegment_of_its_trace(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """A boto3 call of a sampled invocation sends one subsegment with the trace's id."""
    code = f"{WORKER}{HANDLER}\nhandler({{}}, None)"
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == ""
    (subsegment,) = daemon.received()
    assert subsegment["trace_id"] == ROOT
    assert subsegment["parent_id"] == "53995c3f42cd8ad8"
    assert (subsegment["name"], subsegment["namespace"]) == ("sqs", "aws")
    assert subsegment["aws"]["operation"] == "ListQueues"
    assert subsegment["http"]["response"]["status"] == 200


def test_failed_aws_call_is_a_subsegment_with_its_error(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """A boto3 call that fails reaches the user's code as before, and the trace as an error."""
    code = f"""{WORKER}
@lambda_logged
def handler(event, context):
    sqs = boto3.client("sqs")
    try:
        sqs.get_queue_url(QueueName="nobody's")
    except sqs.exceptions.QueueDoesNotExist:
        print("missing")
handler({{}}, None)
"""
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == "missing\n"
    (subsegment,) = daemon.received()
    assert subsegment["error"] is True


def test_aws_call_in_a_thread_is_a_subsegment_too(run: Callable[..., str], daemon: Daemon) -> None:
    """Calls in threads that the handler starts belong to the same trace, without remarks."""
    code = f"""{WORKER}
@lambda_logged
def handler(event, context):
    threads = [threading.Thread(target=call) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
handler({{}}, None)
"""
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == ""
    assert [document["trace_id"] for document in daemon.received()] == [ROOT] * 3


@pytest.mark.parametrize(
    "trace_header",
    [UNSAMPLED, f"Root={ROOT}", f"Root={ROOT};Parent=53995c3f42cd8ad8", ""],
    ids=["unsampled", "root only", "undecided", "empty"],
)
def test_unsampled_invocation_sends_and_prints_nothing(
    trace_header: str, run: Callable[..., str], daemon: Daemon
) -> None:
    """Where Lambda doesn't sample the invocation, its calls work and leave no trace."""
    code = f"{WORKER}{HANDLER}\nhandler({{}}, None)"
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=trace_header) == ""
    assert daemon.received() == []


def test_aws_call_while_lambda_initializes_prints_nothing(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """Calls made while the worker's module is imported, before any trace, work silently."""
    assert run(f"{WORKER}{HANDLER}\ncall()", **IN_LAMBDA) == ""
    assert daemon.received() == []


def test_no_daemon_is_no_trouble(run: Callable[..., str]) -> None:
    """Where nothing listens for segments, calls work and nothing is printed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    code = f"{WORKER}{HANDLER}\nfor _ in range(3): handler({{}}, None)"
    printed = run(
        code,
        **IN_LAMBDA,
        _X_AMZN_TRACE_ID=SAMPLED,
        AWS_XRAY_DAEMON_ADDRESS=f"127.0.0.1:{port}",
    )
    assert printed == ""


def test_trace_true_outside_lambda_prints_nothing_without_a_segment(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """Where tracing was asked for and no segment is open, calls work silently."""
    code = f"""{WORKER}
@lambda_logged(trace=True)
def handler(event, context):
    call()

handler({{}}, None)
threading.Thread(target=call).start()
"""
    assert run(code) == ""
    assert daemon.received() == []


def test_trace_true_outside_lambda_records_in_the_users_segment(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """Where the user opens a segment, the calls inside are sent with it."""
    code = f"""{WORKER}
from aws_xray_sdk.core import xray_recorder

@lambda_logged(trace=True)
def handler(event, context):
    call()

with xray_recorder.in_segment("batch job", sampling=1):
    handler({{}}, None)
"""
    assert run(code) == ""
    (segment,) = daemon.received()
    assert segment["name"] == "batch job"
    assert [child["name"] for child in segment["subsegments"]] == ["sqs"]


@pytest.mark.parametrize(
    ("code", "environment", "expected"),
    [
        ("", {}, "IGNORE_ERROR"),
        ("", {"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR"}, "LOG_ERROR"),
        ("", {"AWS_XRAY_CONTEXT_MISSING": "RUNTIME_ERROR"}, "RUNTIME_ERROR"),
        ('xray_recorder.configure(context_missing="RUNTIME_ERROR")', {}, "RUNTIME_ERROR"),
    ],
    ids=["default", "variable", "variable, strict", "configured"],
)
def test_users_own_choice_for_missing_segments_stays(
    code: str, environment: dict[str, str], expected: str, run: Callable[..., str]
) -> None:
    """What to do without a segment is the user's choice where the user made one."""
    code = f"""
from aws_xray_sdk.core import xray_recorder
{code}
from algernon_logging import lambda_logged
lambda_logged(trace=True)(lambda: None)
print(xray_recorder.context.context_missing)
"""
    assert run(code, **environment) == f"{expected}\n"


@pytest.mark.parametrize(
    ("code", "environment", "errors"),
    [
        ("", {}, 0),
        ("", {"AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR"}, 0),
        ("", {"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR"}, 2),
        ('xray_recorder.configure(context_missing="LOG_ERROR")', {}, 2),
        ("xray_recorder.configure(context=Context())", {}, 0),
        ('xray_recorder.configure(context=Context(), context_missing="LOG_ERROR")', {}, 2),
    ],
    ids=["default", "ignored", "variable", "configured", "context", "context, configured"],
)
def test_missing_segments_are_logged_where_that_is_chosen(
    code: str, environment: dict[str, str], errors: int, run: Callable[..., str]
) -> None:
    """LOG_ERROR logs an error for each call outside a segment, for nothing else, and else none."""
    code = f"""
import sqlite3
from algernon_logging import lambda_logged
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.context import Context

@lambda_logged(trace=True)
def main():
    with xray_recorder.in_subsegment("alone"):
        pass
    print(sqlite3.connect(":memory:").execute("SELECT 7").fetchone()[0], flush=True)

main()
{code}
main()
with xray_recorder.in_segment("job", sampling=1):
    main()
"""
    printed = run(code, **environment)
    first, then, inside, _ = printed.split("7\n")
    assert then.count("cannot find the current segment") == errors == len(then.splitlines())
    assert len(first.splitlines()) == (errors if environment else 0)
    assert inside == ""


def test_disabled_sdk_stays_disabled(run: Callable[..., str], daemon: Daemon) -> None:
    """The SDK's own switch keeps boto3 as it is."""
    code = f"{WORKER}{HANDLER}\nhandler({{}}, None)"
    printed = run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED, AWS_XRAY_SDK_ENABLED="false")
    assert printed == ""
    assert daemon.received() == []


def test_each_warm_invocation_has_its_own_trace(
    start_function: StartFunction, daemon: Daemon, aws: LocalAWS
) -> None:
    """Under Lambda's runtime, each sampled invocation's call is sent with that trace's id."""
    function = start_function(
        f"{WORKER}{HANDLER}",
        environment={"AWS_ENDPOINT_URL": aws.url, "AWS_XRAY_DAEMON_ADDRESS": daemon.address},
    )
    for number in range(4):
        header = f"Root=1-5759e988-{number:024};Parent=53995c3f42cd8ad8;Sampled={number % 2}"
        assert function.invoke(trace_id=header).error is None
    assert [document["trace_id"][-1] for document in daemon.received()] == ["1", "3"]
    assert function.log_events() == []
    assert function.printed() == ""


@pytest.mark.parametrize("raw", [False, True], ids=["enveloped", "raw"])
@pytest.mark.parametrize("define", ["def", "async def"])
def test_chain_across_two_functions_is_one_connected_trace(
    define: str, raw: bool, workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """Each Task's subsegment is below that of the Task before, in the trace of the first."""
    queues = [
        Queue.of(aws, "scales", "weigh", "ship", raw=raw),
        Queue.of(aws, "packing", "pack", raw=raw),
    ]
    source = TASKS + THREE.replace("def", define)
    functions = [workers.start(name, source) for name in ("one", "two")]
    message = {"task_name": "weigh", "task_kwargs": {"n": 1}, "callback": "weigh#pack#ship"}
    started = functions[0].invoke({"task_name": "start", "task_kwargs": message}, trace_id=SAMPLED)
    task_id = started.result["task_id"]
    for number in (0, 1, 0):
        event = queues[number].batch()
        assert len(event["Records"]) == 1
        header = f"Root=1-5759e988-{number:024};Parent=53995c3f42cd8ad{number};Sampled=1"
        assert functions[number].invoke(event, trace_id=header).error is None
    everything = subsegments(daemon.received())
    weigh, pack, ship = of_tasks([each.document for each in everything])
    assert [each.name for each in (weigh, pack, ship)] == ["weigh", "pack", "ship"]
    assert {each.trace_id for each in (weigh, pack, ship)} == {ROOT}
    # What the invocation called belongs to Lambda's own segment, and so does the first Task.
    assert (weigh.parent_id, pack.parent_id, ship.parent_id) == (
        "53995c3f42cd8ad8", weigh.id, pack.id,
    )  # fmt: skip
    of_the_chain = [each for each in everything if each.trace_id == ROOT]
    known = {each.id for each in of_the_chain}
    assert {each.parent_id for each in of_the_chain} - known == {"53995c3f42cd8ad8"}
    # The results are fetched where their messages come from.
    fetches = [
        each.parent_id
        for each in everything
        if each.document.get("aws", {}).get("operation") == "GetObject"
    ]
    assert fetches == [weigh.id, pack.id]
    assert weigh.annotations == {
        "task_name": "weigh",
        "task_id": task_id,
        "chain_id": task_id,
        "receive_count": 1,
        "outcome": "done",
        "invocation_trace_id": f"1-5759e988-{0:024}",
    }
    assert pack.annotations["invocation_trace_id"] == f"1-5759e988-{1:024}"
    assert len({each.annotations["task_id"] for each in (weigh, pack, ship)}) == 3
    assert {each.annotations["chain_id"] for each in (weigh, pack, ship)} == {task_id}
    assert [each.document.get("fault", False) for each in (weigh, pack, ship)] == [
        False, False, True,
    ]  # fmt: skip
    (exception,) = ship.document["cause"]["exceptions"]
    assert (exception["type"], exception["message"]) == ("ValueError", "no ship")
    assert exception["stack"][-1]["label"] == "ship"
    assert ship.annotations["outcome"] == "failed"


def test_each_chain_of_a_batch_stays_in_its_own_trace(
    workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """Messages of several chains in one batch go on in the trace that each came in."""
    queue = Queue.of(aws, "scales", "weigh", "pack")
    function = workers.start("one", TASKS + THREE)
    message = {"task_name": "weigh", "task_kwargs": {"n": 1}, "callback": "weigh#pack"}
    roots = [f"1-5759e988-{number:024}" for number in range(1, 4)]
    for root in roots:
        function.invoke(
            {"task_name": "start", "task_kwargs": message},
            trace_id=f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1",
        )
    for _ in range(2):
        event = queue.batch()
        assert len(event["Records"]) == 3
        assert function.invoke(event, trace_id=SAMPLED).error is None
    tasks = of_tasks(daemon.received())
    assert sorted(each.trace_id for each in tasks) == sorted(roots * 2)
    for root in roots:
        weigh, pack = (each for each in tasks if each.trace_id == root)
        assert (weigh.name, pack.name, pack.parent_id) == ("weigh", "pack", weigh.id)
        assert weigh.annotations["chain_id"] == pack.annotations["chain_id"]


@pytest.mark.parametrize("define", ["def", "async def"])
def test_subsegment_has_the_times_of_its_task(
    define: str, workers: Workers, daemon: Daemon
) -> None:
    """A subsegment begins and ends when its Task does, not when its batch does."""
    function = workers.start(
        "one",
        TASKS
        + f"""
@router.task
{define} nap(seconds):
    {"await asyncio" if "async" in define else "time"}.sleep(seconds)
""",
    )
    event = {
        "Records": [
            record({"task_name": "nap", "task_kwargs": {"seconds": seconds}})
            for seconds in (0.3, 0.1)
        ]
    }
    function.invoke(event, trace_id=SAMPLED)
    times = [
        (each.document["start_time"], each.document["end_time"])
        for each in of_tasks(daemon.received())
    ]
    (first_start, first_end), (second_start, second_end) = times
    # A clock may be set meanwhile, by a little.
    assert first_end - first_start > 0.25
    assert second_end - second_start > 0.05
    if define == "def":
        assert second_start > first_end - 0.05
    else:
        assert second_end < first_end


def test_second_delivery_is_a_second_subsegment_of_the_sender(
    workers: Workers, daemon: Daemon
) -> None:
    """A retry, a duplicate and a dead letter are each below the sender's, with their outcome."""
    function = workers.start(
        "one",
        TASKS.replace('failures="report"', 'failures="report", once=True')
        + """
tries = []

@router.task
def ship():
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("not yet")
""",
    )
    once = record({"task_name": "ship"}, {HEADER: SENT})
    for number in range(1, 4):
        once["attributes"]["ApproximateReceiveCount"] = str(number)
        function.invoke({"Records": [once]}, trace_id=SAMPLED)
    tasks = of_tasks(daemon.received())
    outcomes = [(each.annotations["receive_count"], each.annotations["outcome"]) for each in tasks]
    assert outcomes == [(1, "failed"), (2, "done"), (3, "duplicate")]
    assert {(each.trace_id, each.parent_id) for each in tasks} == {(SENDER, "463ac35c9f6413ad")}
    assert len({each.id for each in tasks}) == 3


def test_duplicate_sends_its_result_on_in_the_trace_of_its_chain(
    workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """What a duplicate sends again is in the trace of its own sender, as the first message was."""
    queue = Queue.of(aws, "next", "next", raw=True)
    source = TASKS.replace('failures="report"', 'failures="report", once=True')
    function = workers.start("one", source + THREE)
    message = {"task_name": "weigh", "task_kwargs": {"n": 1}, "callback": "next"}
    once = record(message, {HEADER: SENT})
    for _ in range(2):
        answer = function.invoke({"Records": [once]}, trace_id=SAMPLED)
        assert answer.result == {"batchItemFailures": []}
    headers = [each[HEADER] for each in attributes_of(queue.batch()) + attributes_of(queue.batch())]
    first, second = of_tasks(daemon.received())
    assert second.annotations["outcome"] == "duplicate"
    assert headers == [f"Root={SENDER};Parent={first.id};Sampled=1", SENT]


def test_dead_letter_keeps_its_place_in_the_trace(
    workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """A Task that ends in the dead-letter queue is a fault, and moved back goes on in its trace."""
    queue = Queue.of(aws, "orders", "ship", raw=True)
    function = workers.start(
        "one", TASKS + THREE.replace("task\ndef ship", "task(retries=0)\ndef ship")
    )
    aws.client("sns").publish(
        TopicArn=aws.topic_arn("ship"),
        Message=json.dumps({"task_name": "ship", "task_kwargs": {"n": 1}}),
        MessageAttributes={HEADER: {"DataType": "String", "StringValue": SENT}},
    )
    assert function.invoke(queue.batch(), trace_id=SAMPLED).error is None
    (ship,) = of_tasks(daemon.received())
    assert (ship.annotations["outcome"], ship.document["fault"]) == ("dead_letter", True)
    dead_url = aws.client("sqs").get_queue_url(QueueName="orders-dead")["QueueUrl"]
    dead = Queue(aws, dead_url, queue.arn).batch()
    assert attributes_of(dead)[0][HEADER] == SENT
    function.invoke(dead, trace_id=SAMPLED)
    (again,) = of_tasks(daemon.received())
    assert (again.trace_id, again.parent_id) == (ship.trace_id, ship.parent_id)
    assert again.annotations["task_id"] == ship.annotations["task_id"]


def test_what_fails_before_its_task_runs_is_a_subsegment_too(
    workers: Workers, daemon: Daemon
) -> None:
    """A record whose arguments can't be fetched is a fault in its sender's trace."""
    pointer = {
        "_alg_class": "StoredData",
        "_alg_module": "algernon.aws.snakes",
        "value": {"pointer": "worker-bucket#cache/lost!1.json"},
    }
    function = workers.start("one", TASKS + THREE)
    lost = record({"task_name": "ship", "task_kwargs": pointer}, {HEADER: SENT})
    unreadable = record({"no": "task_name"}, {HEADER: SENT})
    function.invoke({"Records": [lost, unreadable]}, trace_id=SAMPLED)
    (ship,) = of_tasks(daemon.received())
    assert (ship.trace_id, ship.document["fault"]) == (SENDER, True)
    assert 0 <= ship.document["end_time"] - ship.document["start_time"] < 5


SENDING = (
    TASKS
    + """
@router.task
def ship():
    call = boto3.client("sqs").list_queues()
"""
)


@pytest.mark.parametrize(
    ("message_s", "lambda_s", "goes_on"),
    [
        (UNSAMPLED, SAMPLED, UNSAMPLED),
        (f"Root={SENDER}", None, f"Root={SENDER}"),
        (f"Root={SENDER};Parent=463ac35c9f6413ad", None, f"Root={SENDER};Parent=463ac35c9f6413ad"),
        (f"Root={SENDER};Parent=463ac35c9f6413ad", UNSAMPLED,
         f"Root={SENDER};Parent=463ac35c9f6413ad;Sampled=0"),
        (f"Root={SENDER};Sampled=?", None, f"Root={SENDER}"),
        (None, UNSAMPLED, UNSAMPLED),
        (None, f"Root={ROOT};Lineage=1:a87bd80c:0", f"Root={ROOT}"),
        (None, None, None),
    ],
    ids=[
        "unsampled", "root alone", "undecided", "undecided in unsampled", "asking",
        "unsampled invocation", "passed through", "nothing",
    ],
)  # fmt: skip
def test_what_is_not_sampled_is_not_sent_but_goes_on(
    message_s: str | None,
    lambda_s: str | None,
    goes_on: str | None,
    workers: Workers,
    daemon: Daemon,
    aws: LocalAWS,
) -> None:
    """Without a decision to sample nothing is sent, and the next message has the same header."""
    queue = Queue.of(aws, "next", "next", raw=True)
    function = workers.start("one", SENDING)
    attributes = {HEADER: message_s} if message_s else {}
    event = {"Records": [record({"task_name": "ship", "callback": "next"}, attributes)]}
    assert function.invoke(event, trace_id=lambda_s).error is None
    assert [each for each in subsegments(daemon.received()) if each.trace_id != ROOT] == []
    assert attributes_of(queue.batch()) == [{HEADER: goes_on} if goes_on else {}]
    assert function.printed() == ""


def test_message_s_decision_counts_in_an_unsampled_invocation(
    workers: Workers, daemon: Daemon
) -> None:
    """A sampled chain is sent from an invocation that isn't, and nothing else is."""
    function = workers.start("one", SENDING)
    function.invoke(
        {"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}, trace_id=UNSAMPLED
    )
    sqs, ship = subsegments(daemon.received())
    assert (sqs.name, sqs.parent_id, ship.trace_id) == ("sqs", ship.id, SENDER)


def test_header_that_names_no_parent_begins_the_trace(workers: Workers, daemon: Daemon) -> None:
    """What is sampled, but has nobody above it, is a segment and no subsegment."""
    function = workers.start("one", SENDING)
    header = f"Root={SENDER};Sampled=1"
    function.invoke({"Records": [record({"task_name": "ship"}, {HEADER: header})]})
    sqs, ship = subsegments(daemon.received())
    assert (ship.name, ship.trace_id, sqs.parent_id) == ("ship", SENDER, ship.id)
    assert not {"parent_id", "type", "namespace"} & set(ship.document)


HOSTILE = [
    "Root=1-5759e988-bd862e3fe1be46a99427279",
    "Root=1-5759E988-BD862E3FE1BE46A994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    f"Root={ROOT}\r\nX-Injected: 1;Parent=53995c3f42cd8ad8;Sampled=1",
    f"xRoot={SENDER};Parent=53995c3f42cd8ad8;Sampled=1",
    "Root=" + "1" * 200_000,
    ";=;;==Root;Root=;Parent",
    "\x00\ud800",
]
NO_TEXTS = [5, None, True, ["Root"], {"Root": ROOT}]


@pytest.mark.parametrize(
    "records",
    [
        [record({"task_name": "ship", "callback": "next"}, {HEADER: header}) for header in HOSTILE],
        [
            record({"task_name": "ship", "callback": "next"}, {}, {"AWSTraceHeader": header})
            for header in (*HOSTILE, *NO_TEXTS)
        ],
    ],
    ids=["attribute", "AWSTraceHeader"],
)
def test_header_that_is_none_is_left_out(
    records: list[dict[str, Any]], workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """A header that X-Ray wouldn't write is as good as no header, and goes no further."""
    queue = Queue.of(aws, "next", "next", raw=True)
    function = workers.start("one", SENDING)
    assert function.invoke({"Records": records}).result == {"batchItemFailures": []}
    assert function.printed() == ""
    assert daemon.received() == []
    sent = attributes_of(queue.batch()) + attributes_of(queue.batch())
    assert sent == [{}] * len(records)


def test_bad_header_of_the_message_gives_way_to_the_one_that_sns_called_with(
    workers: Workers, daemon: Daemon
) -> None:
    """Where the message's own header is none, AWSTraceHeader names the trace."""
    function = workers.start("one", SENDING)
    sent = record({"task_name": "ship"}, {HEADER: "Root=nowhere"}, {"AWSTraceHeader": SENT})
    function.invoke({"Records": [sent]}, trace_id=SAMPLED)
    (ship,) = of_tasks(daemon.received())
    assert (ship.trace_id, ship.parent_id) == (SENDER, "463ac35c9f6413ad")


@pytest.mark.parametrize("message_s", [SENT, None], ids=["sender's", "invocation's"])
def test_worker_with_a_disabled_sdk_leaves_the_chain_connected(
    message_s: str | None, workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """A worker whose SDK is switched off sends nothing, and the header goes on as it came."""
    queue = Queue.of(aws, "next", "next", raw=True)
    function = workers.start("one", SENDING, AWS_XRAY_SDK_ENABLED="false")
    attributes = {HEADER: message_s} if message_s else {}
    event = {"Records": [record({"task_name": "ship", "callback": "next"}, attributes)]}
    assert function.invoke(event, trace_id=SAMPLED).error is None
    assert attributes_of(queue.batch()) == [{HEADER: message_s or SAMPLED}]
    assert daemon.received() == []
    assert function.printed() == ""


def test_daemon_that_cannot_be_found_is_no_trouble(workers: Workers) -> None:
    """Where the daemon's name leads nowhere, Tasks are done and nothing is printed."""
    function = workers.start("one", SENDING, AWS_XRAY_DAEMON_ADDRESS="daemon.invalid:2000")
    event = {"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}
    assert function.invoke(event, trace_id=SAMPLED).result == {"batchItemFailures": []}
    assert function.printed() == ""


def test_subsegments_at_the_same_time_have_the_right_parents(
    workers: Workers, daemon: Daemon
) -> None:
    """What runs under asyncio.gather, or in threads, is below what it was started in."""
    function = workers.start(
        "one",
        TASKS
        + """
async def part(name):
    async with xray_recorder.in_subsegment_async(name):
        await asyncio.sleep(0.02)
        await asyncio.to_thread(step, f"{name}, thread")
        async with xray_recorder.in_subsegment_async(f"{name}, inside"):
            await asyncio.sleep(0.02)

def step(name):
    with xray_recorder.in_subsegment(name):
        time.sleep(0.02)

@router.task
async def ship(n):
    await asyncio.gather(*(part(f"{n}.{number}") for number in range(3)))
    xray_recorder.put_annotation("mine", n)
""",
    )
    event = {
        "Records": [
            record({"task_name": "ship", "task_kwargs": {"n": n}}, {HEADER: SENT}) for n in range(3)
        ]
    }
    function.invoke(event, trace_id=SAMPLED)
    found = subsegments(daemon.received())
    by_id = {each.id: each for each in found}
    assert len(found) == len(by_id) == 3 + 3 * 9
    for each in found:
        if each.name == "ship":
            assert each.parent_id == "463ac35c9f6413ad"
        elif "," in each.name:
            assert by_id[each.parent_id or ""].name == each.name.partition(",")[0]
        else:
            ship = by_id[each.parent_id or ""]
            assert each.name.startswith(f"{ship.annotations['mine']}.")
        assert each.document["end_time"] >= each.document["start_time"]


def test_thread_that_is_told_its_segment_is_in_the_record_s_trace(
    workers: Workers, daemon: Daemon
) -> None:
    """A thread of any kind joins the Task by set_trace_entity, and not a moment longer."""
    function = workers.start(
        "one",
        TASKS
        + """
from concurrent.futures import ThreadPoolExecutor
thread = ThreadPoolExecutor(1)

def step(name, entity):
    if entity is not None:
        xray_recorder.set_trace_entity(entity)
    with xray_recorder.in_subsegment(name):
        pass

@router.task
def ship(told):
    entity = xray_recorder.get_trace_entity() if told else None
    thread.submit(step, f"told: {told}", entity).result()
""",
    )
    for told in (True, False):
        message = {"task_name": "ship", "task_kwargs": {"told": told}}
        event = {"Records": [record(message, {HEADER: SENT})]}
        assert function.invoke(event, trace_id=SAMPLED).result == {"batchItemFailures": []}
    joined, ship, apart, _ = subsegments(daemon.received())
    assert (joined.name, joined.parent_id) == ("told: True", ship.id)
    # As before: the invocation's.
    assert (apart.name, apart.trace_id) == ("told: False", ROOT)


def test_subsegments_that_code_leaves_open_stay_in_their_record(
    workers: Workers, daemon: Daemon
) -> None:
    """What a Task leaves open ends with it, and what it closes too often does no harm."""
    function = workers.start(
        "one",
        TASKS
        + """
@router.task
def leak():
    xray_recorder.begin_subsegment("left open")

@router.task
def close():
    for _ in range(3):
        xray_recorder.end_subsegment()
    xray_recorder.clear_trace_entities()
    with xray_recorder.in_subsegment("after"):
        pass
""",
    )
    event = {"Records": [record({"task_name": name}, {HEADER: SENT}) for name in ("leak", "close")]}
    for _ in range(2):
        assert function.invoke(event, trace_id=SAMPLED).result == {"batchItemFailures": []}
    assert function.printed() == ""
    after, leak, left, close, *second_time = subsegments(daemon.received())
    assert (left.name, left.parent_id) == ("left open", leak.id)
    assert left.document["in_progress"] is True
    assert (after.parent_id, close.parent_id) == (close.id, "463ac35c9f6413ad")
    assert [each.name for each in second_time] == ["after", "leak", "left open", "close"]


def test_work_that_goes_on_after_its_record_does_no_harm(workers: Workers, daemon: Daemon) -> None:
    """An asyncio task that outlives its Task still makes its calls, which aren't recorded."""
    function = workers.start(
        "one",
        TASKS
        + """
background, outcomes = [], []

async def go_on():
    try:
        await asyncio.sleep(0.05)
        for name in ("late", "later"):
            async with xray_recorder.in_subsegment_async(name):
                boto3.client("sqs").list_queues()
        outcomes.append("well")
    except BaseException as error:
        outcomes.append(repr(error))

@router.task
async def begin():
    background.append(asyncio.create_task(go_on()))
    async with xray_recorder.in_subsegment_async("part"):
        background.append(asyncio.create_task(go_on()))

@router.task
async def finish():
    await asyncio.gather(*background)
    return {"outcomes": outcomes}
""",
    )
    for name in ("begin", "finish"):
        event = {"Records": [record({"task_name": name}, {HEADER: SENT})]}
        assert function.invoke(event, trace_id=SAMPLED).result == {"batchItemFailures": []}
    assert [each.name for each in subsegments(daemon.received())] == ["part", "begin", "finish"]
    outcomes = function.invoke({"task_name": "finish"}).result
    assert outcomes == {"outcomes": ["well", "well"]}
    assert function.printed() == ""


def test_message_that_a_task_sends_is_below_the_innermost_subsegment(
    workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """A Task's send_task names the subsegment in which it is called; its callback, its own."""
    queue = Queue.of(aws, "next", "next", "last", raw=True)
    function = workers.start(
        "one",
        TASKS
        + """
@router.task
def ship():
    with xray_recorder.in_subsegment("part"):
        send_task("next")
""",
    )
    ship_and_last = record({"task_name": "ship", "callback": "last"}, {HEADER: SENT})
    function.invoke({"Records": [ship_and_last]}, trace_id=SAMPLED)
    found = {each.name: each for each in subsegments(daemon.received()) if each.trace_id == SENDER}
    headers = {
        json.loads(each["body"])["task_name"]: attributes[HEADER]
        for batch in [queue.batch()]
        for each, attributes in zip(batch["Records"], attributes_of(batch), strict=True)
    }
    assert headers == {
        "next": f"Root={SENDER};Parent={found['part'].id};Sampled=1",
        "last": f"Root={SENDER};Parent={found['ship'].id};Sampled=1",
    }


def test_back_end_that_fails_harms_no_task(workers: Workers) -> None:
    """Whatever the SDK raises, Tasks are done, and a line says what failed."""
    function = workers.start(
        "one",
        TASKS
        + """
class Broken:
    def send_entity(self, entity):
        raise RuntimeError("no emitter")

xray_recorder.emitter = Broken()

@router.task
def ship():
    return None
""",
    )
    event = {"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}
    assert function.invoke(event).result == {"batchItemFailures": []}
    assert "an observer of Tasks failed" in function.printed()
    assert "RuntimeError: no emitter" in function.printed()


@pytest.mark.parametrize("sampled", [0, 1])
def test_current_subsegment_can_always_be_annotated(
    sampled: int, workers: Workers, daemon: Daemon
) -> None:
    """Code that annotates its Task's subsegment works in traces that aren't sampled, too."""
    function = workers.start(
        "one",
        TASKS
        + """
@router.task
def ship():
    xray_recorder.current_subsegment().put_annotation("customer", "ada")
    with xray_recorder.in_subsegment("inner") as inner:
        inner.put_annotation("n", 1)
""",
    )
    sent = record({"task_name": "ship"}, {HEADER: SENT.replace("Sampled=1", f"Sampled={sampled}")})
    assert function.invoke({"Records": [sent]}, trace_id=SAMPLED).result == {
        "batchItemFailures": []
    }
    ships = of_tasks(daemon.received())
    assert [each.annotations.get("customer") for each in ships] == ["ada"] * sampled


@pytest.mark.parametrize("when", ["before", "after"])
def test_context_that_the_user_configures_is_watched(
    when: str, workers: Workers, daemon: Daemon
) -> None:
    """The SDK's context for asyncio, which code configures at any time, keeps the chain's trace."""
    configure = """
from aws_xray_sdk.core.async_context import AsyncContext
asyncio.set_event_loop(asyncio.new_event_loop())
xray_recorder.configure(context=AsyncContext())
"""
    decorated = "handler = lambda_logged(router.handler)\n"
    source = TASKS.replace(
        decorated, configure + decorated if when == "before" else decorated + configure
    )
    function = workers.start(
        "one",
        source
        + """
@router.task
async def ship():
    with xray_recorder.in_subsegment("inner"):
        await asyncio.sleep(0)
""",
    )
    function.invoke({"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}, trace_id=SAMPLED)
    found = {each.name: each for each in subsegments(daemon.received())}
    assert found["inner"].parent_id == found["ship"].id
    assert {each.trace_id for each in (found["inner"], found["ship"])} == {SENDER}


def test_document_that_is_too_large_loses_what_the_task_added(
    workers: Workers, daemon: Daemon
) -> None:
    """A Task's subsegment that wouldn't fit into a datagram is sent without its metadata."""
    function = workers.start(
        "one",
        TASKS
        + """
@router.task
def ship():
    xray_recorder.current_subsegment().put_metadata("body", "x" * 100_000)
""",
    )
    function.invoke({"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}, trace_id=SAMPLED)
    (ship,) = of_tasks(daemon.received())
    assert ship.annotations["outcome"] == "done"
    assert "metadata" not in ship.document


def test_errors_of_any_kind_are_recorded(workers: Workers, daemon: Daemon) -> None:
    """An error that can't be told, bears no mark, or tells too much still makes a fault."""
    function = workers.start(
        "one",
        TASKS
        + """
from dataclasses import dataclass

class Untold(Exception):
    def __str__(self):
        raise ValueError

@dataclass(frozen=True)
class Frozen(Exception):
    n: int = 1

@router.task
def ship(n):
    if n == 3:
        with xray_recorder.in_subsegment("inside"):
            raise ValueError("once")
    raise (Untold(), Frozen(), ValueError("x" * 1_000_000))[n]
""",
        AWS_LAMBDA_LOG_LEVEL="FATAL",
    )
    event = {
        "Records": [
            record({"task_name": "ship", "task_kwargs": {"n": n}}, {HEADER: SENT}) for n in range(4)
        ]
    }
    assert len(function.invoke(event).result["batchItemFailures"]) == 4
    # The worker asks its queue how often it gives messages out, which isn't the Tasks'.
    found = [
        each for each in subsegments(daemon.received()) if each.document.get("namespace") != "aws"
    ]
    inside, untold, _, talkative, once = found
    assert [each.document["fault"] for each in found] == [True] * 5
    assert untold.document["cause"]["exceptions"][0]["type"] == "Untold"
    assert len(talkative.document["cause"]["exceptions"][0]["message"]) == 4_000
    # An exception is told once; who passes it on refers to it by its id.
    assert once.document["cause"] == inside.document["cause"]["exceptions"][0]["id"]


@pytest.mark.parametrize(
    ("task_name", "name"),
    [
        ("größe (2) <b>;?*!$~^|", "größe _2_ _b_________"),
        ("shop/eu.orders:ship-it+now@1", "shop/eu.orders:ship-it+now@1"),
        ("x" * 256, "x" * 200),
    ],
    ids=["odd", "rich", "long"],
)
def test_name_is_one_that_x_ray_takes(
    task_name: str, name: str, workers: Workers, daemon: Daemon
) -> None:
    """A subsegment is named as X-Ray's segment documents may be, and annotated with all of it."""
    function = workers.start(
        "one",
        """
from algernon_logging import lambda_logged
from algernon_queue import queued
handler = lambda_logged(queued(lambda event, context: None))
""",
    )
    function.invoke({"Records": [record({"task_name": task_name}, {HEADER: SENT})]})
    (task,) = of_tasks(daemon.received())
    assert (task.name, task.annotations["task_name"]) == (name, task_name)
    assert function.printed() == ""


OUTSIDE = """
import json
from types import SimpleNamespace

def work(records):
    context = SimpleNamespace(aws_request_id="r-1")
    print(handler({"Records": json.loads(records)}, context)["batchItemFailures"])
"""


def test_record_outside_lambda_belongs_to_the_users_segment(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """Where the user opens a segment around batches, each batch's records are below it."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    records = json.dumps([record({"task_name": "ship"}), record({"task_name": "ship"})])
    code = f"""{SENDING}{OUTSIDE}
for number in range(3):
    with xray_recorder.in_segment(f"job {{number}}", sampling=1):
        work({records!r})
with xray_recorder.in_segment("unsampled", sampling=0):
    work({records!r})
work({records!r})
"""
    assert run(code, ALGERNON_TRACING="xray") == "[]\n" * 5
    found = subsegments(daemon.received())
    jobs = [each for each in found if each.name.startswith("job")]
    assert [job.name for job in jobs] == ["job 0", "job 1", "job 2"]
    for job in jobs:
        tasks = [each for each in found if each.parent_id == job.id]
        assert [each.name for each in tasks] == ["ship", "ship"]
        assert {each.trace_id for each in tasks} == {job.trace_id}
        assert all(each.name == "sqs" for each in found if each.parent_id in {t.id for t in tasks})
    assert len(found) == 3 * 5


def test_segment_that_a_task_opens_outside_lambda_is_its_own(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """A Task's own segment is sent by itself, and the Task goes on in its record's trace."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    records = json.dumps([record({"task_name": "ship"}, {HEADER: SENT})] * 2)
    code = f"""{TASKS}{OUTSIDE}
@router.task
def ship():
    with xray_recorder.in_segment("own", sampling=1):
        with xray_recorder.in_subsegment("within"):
            pass
    with xray_recorder.in_subsegment("after"):
        pass
work({records!r})
"""
    assert run(code, ALGERNON_TRACING="xray") == "[]\n"
    names = [(each.name, each.trace_id == SENDER) for each in subsegments(daemon.received())]
    own, tasks_own = [("own", False), ("within", False)], [("ship", True), ("after", True)]
    assert names == own * 2 + tasks_own * 2


def test_missing_segments_that_raise_harm_no_batch(run: Callable[..., str], daemon: Daemon) -> None:
    """Where the user wants missing segments to raise, only the user's own calls do."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    records = json.dumps(
        [record({"task_name": "ship"}), record({"task_name": "ship"}, {HEADER: SENT})]
    )
    code = f"""{TASKS}{OUTSIDE}
@router.task
def ship():
    pass
work({records!r})
"""
    assert run(code, ALGERNON_TRACING="xray", AWS_XRAY_CONTEXT_MISSING="RUNTIME_ERROR") == "[]\n"
    (ship,) = of_tasks(daemon.received())
    assert ship.trace_id == SENDER
