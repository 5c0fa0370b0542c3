"""OpenTelemetry: the spans of Tasks and messages, as an exporter gets them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from .traces import NAPS, THREE, Queue, Workers, attributes_of, record

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from .runtime_api import LambdaFunction

for _needed in ("algernon_queue", "opentelemetry.sdk"):
    pytest.importorskip(_needed, reason=f"{_needed} isn't installed")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENDER = "00f067aa0ba902b7"
SENT = {"traceparent": f"00-{TRACE}-{SENDER}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{SENDER}-00"}

#: A worker whose spans are kept in memory, until the test asks for them.
WORKER = """
import asyncio, boto3, json, time
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from algernon_logging import lambda_logged
from algernon_queue import TaskRouter, send_task

exporter = InMemorySpanExporter()
provider = TracerProvider(sampler=sampling.DEFAULT_ON)
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("the user's")

router = TaskRouter(failures="report")
logged = lambda_logged(router.handler)

def handler(event, context):
    if event == "spans":
        spans = [json.loads(span.to_json()) for span in exporter.get_finished_spans()]
        exporter.clear()
        return spans
    return logged(event, context)

@router.task
def start(**message):
    return {"task_id": send_task(**message)}
"""
INSTRUMENTED = """
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
BotocoreInstrumentor().instrument()
"""
NOTHING = """
@router.task
def ship():
    pass
"""


@dataclass(frozen=True)
class Span:
    """A span that was exported."""

    name: str
    kind: str
    trace_id: str
    id: str
    parent_id: str | None
    links: list[str]
    attributes: dict[str, Any]
    events: list[dict[str, Any]]
    status: dict[str, Any]
    start: float
    end: float

    @property
    def ids(self) -> tuple[str, str]:
        """The Task and the chain that it is about."""
        return self.attributes["algernon.task_id"], self.attributes["algernon.chain_id"]


def spans_of(function: LambdaFunction) -> list[Span]:
    """Take the spans that a function has exported since it was last asked."""
    return [
        Span(
            name=span["name"],
            kind=span["kind"].removeprefix("SpanKind."),
            trace_id=span["context"]["trace_id"].removeprefix("0x"),
            id=span["context"]["span_id"].removeprefix("0x"),
            parent_id=span["parent_id"] and span["parent_id"].removeprefix("0x"),
            links=[link["context"]["span_id"].removeprefix("0x") for link in span["links"]],
            attributes=span["attributes"],
            events=span["events"],
            status=span["status"],
            start=datetime.fromisoformat(span["start_time"]).timestamp(),
            end=datetime.fromisoformat(span["end_time"]).timestamp(),
        )
        for span in function.invoke("spans").result
    ]


@pytest.fixture
def aws_environment(aws_environment: dict[str, str]) -> dict[str, str]:
    """The variables of a worker, which traces with OpenTelemetry."""
    return {**aws_environment, "ALGERNON_TRACING": "otel"}


@pytest.mark.parametrize("raw", [False, True], ids=["enveloped", "raw"])
@pytest.mark.parametrize("define", ["def", "async def"])
@pytest.mark.parametrize("instrumented", [False, True], ids=["plain", "botocore instrumented"])
def test_chain_across_two_functions_is_one_connected_trace(
    instrumented: bool, define: str, raw: bool, workers: Workers, aws: LocalAWS
) -> None:
    """Each Task's span is below its message's, and that below the Task that sent it."""
    if instrumented:
        pytest.importorskip("opentelemetry.instrumentation.botocore", reason="it isn't installed")
    queues = [
        Queue.of(aws, "scales", "weigh", "ship", raw=raw),
        Queue.of(aws, "packing", "pack", raw=raw),
    ]
    source = WORKER + THREE.replace("def", define) + (INSTRUMENTED if instrumented else "")
    functions = [workers.start(name, source) for name in ("one", "two")]
    message = {"task_name": "weigh", "task_kwargs": {"n": 1}, "callback": "weigh#pack#ship"}
    started = functions[0].invoke({"task_name": "start", "task_kwargs": message})
    task_id = started.result["task_id"]
    for number in (0, 1, 0):
        assert functions[number].invoke(queues[number].batch()).error is None
    spans = [span for function in functions for span in spans_of(function)]
    chain = {span.name: span for span in spans if "algernon.task_id" in span.attributes}
    names = [
        "send weigh", "process weigh", "send pack", "process pack", "send ship", "process ship",
    ]  # fmt: skip
    assert sorted(chain) == sorted(names)
    in_order = [chain[name] for name in names]
    assert len({span.trace_id for span in in_order}) == 1
    parents = [None, *(span.id for span in in_order[:-1])]
    assert [span.parent_id for span in in_order] == parents
    of_the_trace = [span for span in spans if span.trace_id == in_order[0].trace_id]
    assert {span.parent_id for span in of_the_trace} <= {None, *(span.id for span in of_the_trace)}
    assert [span.name for span in of_the_trace if span.parent_id is None] == ["send weigh"]
    # The results are fetched below the spans of the messages that bring them.
    fetches = [span.parent_id for span in spans if span.name == "S3.GetObject"]
    assert fetches == ([chain["send ship"].id, chain["send pack"].id] if instrumented else [])
    # Each message is published in the span of its own, and no call of SNS has another.
    assert not [span.name for span in spans if span.name.startswith(("SNS", "weigh send"))]
    for sending, processing in zip(in_order[::2], in_order[1::2], strict=True):
        assert (sending.kind, processing.kind) == ("PRODUCER", "CONSUMER")
        assert processing.links == [sending.id]
        assert sending.ids == processing.ids
    assert in_order[0].ids == (task_id, task_id)
    assert {span.ids[1] for span in in_order} == {task_id}
    assert len({span.ids[0] for span in in_order}) == 3


def test_spans_have_the_attributes_of_the_conventions(workers: Workers, aws: LocalAWS) -> None:
    """Spans have what OpenTelemetry's conventions for messaging require, and Algernon's ids."""
    queue = Queue.of(aws, "scales", "weigh", "pack")
    function = workers.start("one", WORKER + THREE)
    message = {"task_name": "weigh", "task_kwargs": {"n": 1}, "callback": "weigh#pack"}
    function.invoke({"task_name": "start", "task_kwargs": message})
    event = queue.batch()
    function.invoke(event)
    sending, _, processing = spans_of(function)
    task_id = sending.attributes["algernon.task_id"]
    ids = {
        "algernon.task_name": "weigh",
        "algernon.task_id": task_id,
        "algernon.chain_id": task_id,
        "messaging.message.conversation_id": task_id,
    }
    assert sending.attributes == {
        **ids,
        "messaging.system": "aws.sns",
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": "weigh",
        "aws.sns.topic.arn": aws.topic_arn("weigh"),
    }
    assert processing.attributes == {
        **ids,
        "messaging.system": "aws_sqs",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": "scales",
        "messaging.message.id": event["Records"][0]["messageId"],
        "algernon.receive_count": 1,
        "algernon.outcome": "done",
    }
    assert (sending.status, processing.status) == ({"status_code": "UNSET"},) * 2


def test_error_of_a_task_is_recorded(workers: Workers) -> None:
    """A Task that raises has a span with an error, its type and its traceback."""
    function = workers.start("one", WORKER + THREE)
    function.invoke({"Records": [record({"task_name": "ship", "task_kwargs": {"n": 1}}, SENT)]})
    (span,) = spans_of(function)
    assert span.status == {"status_code": "ERROR", "description": "ValueError: no ship"}
    assert span.attributes["error.type"] == "ValueError"
    assert span.attributes["algernon.outcome"] == "failed"
    (event,) = span.events
    assert event["attributes"]["exception.type"] == "ValueError"
    assert "raise ValueError" in event["attributes"]["exception.stacktrace"]


def test_error_that_cannot_be_told_is_recorded(workers: Workers) -> None:
    """A Task whose error refuses to be a text has a span with an error all the same."""
    function = workers.start(
        "one",
        WORKER
        + """
class Untold(Exception):
    def __str__(self):
        raise RuntimeError

@router.task
def ship():
    raise Untold
""",
    )
    function.invoke({"Records": [record({"task_name": "ship"}, SENT)]})
    (span,) = spans_of(function)
    assert span.status == {"status_code": "ERROR", "description": "worker.Untold"}


def test_each_chain_of_a_batch_stays_in_its_own_trace(workers: Workers, aws: LocalAWS) -> None:
    """Messages of several chains in one batch go on in the trace that each came in."""
    queue = Queue.of(aws, "scales", "weigh", "pack")
    function = workers.start("one", WORKER + THREE)
    message = {"task_name": "weigh", "task_kwargs": {"n": 1}, "callback": "weigh#pack"}
    for _ in range(3):
        function.invoke({"task_name": "start", "task_kwargs": message})
    for _ in range(2):
        event = queue.batch()
        assert len(event["Records"]) == 3
        function.invoke(event)
    chains: dict[str, list[Span]] = {}
    for span in spans_of(function):
        if "algernon.chain_id" in span.attributes:
            chains.setdefault(span.ids[1], []).append(span)
    assert len(chains) == 3
    for chain in chains.values():
        assert len({span.trace_id for span in chain}) == 1
        assert sorted(span.name for span in chain) == [
            "process pack", "process weigh", "send pack", "send weigh",
        ]  # fmt: skip
        assert [span.name for span in chain if span.parent_id is None] == ["send weigh"]
    assert len({chain[0].trace_id for chain in chains.values()}) == 3


@pytest.mark.parametrize("define", NAPS)
def test_span_has_the_times_of_its_task(define: str, workers: Workers) -> None:
    """A span begins and ends when its Task does, not when its batch does."""
    function = workers.start("one", WORKER + NAPS[define])
    naps = [record({"task_name": "nap", "task_kwargs": {"n": n}}) for n in (1, 2)]
    function.invoke({"Records": naps})
    first, second = spans_of(function)
    # A clock may be set meanwhile, by a little.
    assert first.end - first.start > 0.09
    assert second.end - second.start > 0.09
    assert (second.start > first.end - 0.05) == (define == "def")
    assert (second.end < first.end - 0.05) == (define == "async def")


def test_second_delivery_is_a_second_span_of_the_sender(workers: Workers) -> None:
    """A retry and a duplicate are each below the sender's span, with their outcome."""
    function = workers.start(
        "one",
        WORKER.replace('failures="report"', 'failures="report", once=True')
        + """
tries = []

@router.task
def ship():
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("not yet")
""",
    )
    once = record({"task_name": "ship"}, SENT)
    for number in range(1, 4):
        once["attributes"]["ApproximateReceiveCount"] = str(number)
        function.invoke({"Records": [once]})
    spans = [span for span in spans_of(function) if "algernon.outcome" in span.attributes]
    outcomes = [
        (span.attributes["algernon.receive_count"], span.attributes["algernon.outcome"])
        for span in spans
    ]
    assert outcomes == [(1, "failed"), (2, "done"), (3, "duplicate")]
    assert {(span.trace_id, span.parent_id) for span in spans} == {(TRACE, SENDER)}


def test_duplicate_sends_its_result_on_in_the_trace_of_its_chain(
    workers: Workers, aws: LocalAWS
) -> None:
    """What a duplicate sends again is in the trace of its own sender, as the first message was."""
    queue = Queue.of(aws, "next", "next", raw=True)
    source = WORKER.replace('failures="report"', 'failures="report", once=True')
    function = workers.start("one", source + NOTHING)
    once = record({"task_name": "ship", "callback": "next"}, SENT)
    for _ in range(2):
        assert function.invoke({"Records": [once]}).result == {"batchItemFailures": []}
    first, second = [*attributes_of(queue.batch()), *attributes_of(queue.batch())]
    assert first["traceparent"].split("-")[1] == second["traceparent"].split("-")[1] == TRACE
    assert first != second


def test_dead_letter_keeps_its_place_in_the_trace(workers: Workers, aws: LocalAWS) -> None:
    """A Task that ends in the dead-letter queue has an error, and moved back goes on in place."""
    queue = Queue.of(aws, "orders", "ship", raw=True)
    function = workers.start(
        "one", WORKER + THREE.replace("task\ndef ship", "task(retries=0)\ndef ship")
    )
    message = {"task_name": "ship", "task_kwargs": {"n": 1}}
    function.invoke({"task_name": "start", "task_kwargs": message})
    function.invoke(queue.batch())
    sending, ship = (span for span in spans_of(function) if "algernon.task_id" in span.attributes)
    assert ship.attributes["algernon.outcome"] == "dead_letter"
    assert (ship.status["status_code"], ship.parent_id) == ("ERROR", sending.id)
    dead_url = aws.client("sqs").get_queue_url(QueueName="orders-dead")["QueueUrl"]
    function.invoke(Queue(aws, dead_url, queue.arn).batch())
    (again,) = spans_of(function)
    assert (again.trace_id, again.parent_id) == (sending.trace_id, sending.id)
    assert again.ids == ship.ids


def test_span_around_the_batch_is_linked(workers: Workers) -> None:
    """A record's span is in its sender's trace, linked to the span of the invocation as well."""
    function = workers.start(
        "one",
        WORKER.replace(
            "    return logged(event, context)",
            '    with tracer.start_as_current_span("invocation"):\n'
            "        return logged(event, context)",
        )
        + NOTHING,
    )
    event = {"Records": [record({"task_name": "ship"}, SENT), record({"task_name": "ship"})]}
    function.invoke(event)
    sent, unsent, invocation = spans_of(function)
    assert (sent.trace_id, sent.parent_id) == (TRACE, SENDER)
    assert sent.links == [SENDER, invocation.id]
    # Whose sender had no span begins a trace of its own: one for each chain.
    assert (unsent.parent_id, unsent.links) == (None, [invocation.id])
    assert unsent.trace_id not in {TRACE, invocation.trace_id}
    assert invocation.parent_id is None


def test_spans_at_the_same_time_have_the_right_parents(workers: Workers) -> None:
    """What runs under asyncio.gather, or in asyncio's threads, is below its own Task."""
    function = workers.start(
        "one",
        WORKER
        + INSTRUMENTED
        + """
def step(name):
    with tracer.start_as_current_span(name):
        boto3.client("sqs").list_queues()

async def part(name):
    with tracer.start_as_current_span(name):
        await asyncio.sleep(0.02)
        await asyncio.to_thread(step, f"{name}, thread")

@router.task
async def ship(n):
    trace.get_current_span().set_attribute("mine", n)
    await asyncio.gather(*(part(f"{n}.{number}") for number in range(3)))
""",
    )
    event = {
        "Records": [record({"task_name": "ship", "task_kwargs": {"n": n}}, SENT) for n in range(3)]
    }
    function.invoke(event)
    spans = spans_of(function)
    by_id = {span.id: span for span in spans}
    assert len(by_id) == 3 + 3 * 3 * 3
    for span in spans:
        if span.name == "process ship":
            assert span.parent_id == SENDER
            continue
        parent = by_id[span.parent_id or ""]
        if span.name == "SQS.ListQueues":
            assert parent.name.endswith(", thread")
        elif span.name.endswith(", thread"):
            assert parent.name == span.name.removesuffix(", thread")
        else:
            assert span.name.startswith(f"{parent.attributes['mine']}.")


def test_message_that_cannot_be_published_is_an_error(workers: Workers, aws: LocalAWS) -> None:
    """Where SNS doesn't take a message, its span and that of the Task say so."""
    function = workers.start("one", WORKER + NOTHING)
    event = {"Records": [record({"task_name": "ship", "callback": "nowhere"}, SENT)]}
    function.invoke(event)
    sending, ship = spans_of(function)
    assert (sending.name, sending.parent_id) == ("send nowhere", ship.id)
    for span in (sending, ship):
        assert span.status["status_code"] == "ERROR"
        assert span.attributes["error.type"] == "algernon_queue.errors.UnknownListenerError"


def test_message_of_a_batch_that_stays_whole_is_an_error(workers: Workers, aws: LocalAWS) -> None:
    """A message that isn't sent, since another record keeps the batch back, ends with an error."""
    queue = Queue.of(aws, "next", "next")
    function = workers.start(
        "one",
        WORKER.replace('failures="report"', 'failures="batch"')
        + """
from algernon_storage import aws_client

def refuse(params, **others):
    body = params["body"]
    if b"bad" in (body if isinstance(body, bytes) else body.getvalue()):
        raise OSError("nothing bad is stored")

@router.task
def ship(n):
    aws_client("s3").meta.events.register("before-call.s3.PutObject", refuse, "refuse")
    return {"result": "bad" if n else "good"}
""",
    )
    event = {
        "Records": [
            record({"task_name": "ship", "task_kwargs": {"n": n}, "callback": "next"}, SENT)
            for n in range(2)
        ]
    }
    error = function.invoke(event).error
    assert error is not None
    assert error["errorType"] == "BatchFailedError"
    assert queue.batch() == {"Records": []}
    spans = spans_of(function)
    sending = [span for span in spans if span.name == "send next"]
    assert [span.status["status_code"] for span in sending] == ["ERROR"] * 2
    outcomes = {
        span.attributes["algernon.outcome"]: span.status["status_code"]
        for span in spans
        if span.name == "process ship"
    }
    assert outcomes == {"handed_back": "UNSET", "failed": "ERROR"}


def test_baggage_and_state_go_on_with_the_chain(workers: Workers, aws: LocalAWS) -> None:
    """What a sender puts into baggage is there in its Task, and in the messages of that."""
    queue = Queue.of(aws, "next", "next", "last", raw=True)
    function = workers.start(
        "one",
        WORKER
        + """
@router.task
def ship():
    token = context.attach(baggage.set_baggage("tenant", baggage.get_baggage("shop") + " GmbH"))
    send_task("next")
    context.detach(token)
""",
    )
    sent = {**SENT, "baggage": "shop=caf%C3%A9", "tracestate": "vendor=1"}
    function.invoke({"Records": [record({"task_name": "ship", "callback": "last"}, sent)]})
    batch = queue.batch()
    carried = {
        json.loads(each["body"])["task_name"]: attributes
        for each, attributes in zip(batch["Records"], attributes_of(batch), strict=True)
    }
    assert carried["next"]["baggage"] == "shop=caf%C3%A9,tenant=caf%C3%A9+GmbH"
    assert carried["last"]["baggage"] == "shop=caf%C3%A9"
    for attributes in carried.values():
        assert attributes["tracestate"] == "vendor=1"
        assert attributes["traceparent"].startswith(f"00-{TRACE}-")


def test_another_propagator_writes_and_reads_its_own_attributes(
    workers: Workers, aws: LocalAWS
) -> None:
    """With X-Ray's propagator a worker goes on in the trace of one that uses X-Ray's SDK."""
    pytest.importorskip("opentelemetry.propagators.aws", reason="it isn't installed")
    queue = Queue.of(aws, "next", "next", raw=True)
    function = workers.start("one", WORKER + NOTHING, OTEL_PROPAGATORS="xray")
    header = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SENDER};Sampled=1"
    sent = record({"task_name": "ship", "callback": "next"}, {"X-Amzn-Trace-Id": header})
    function.invoke({"Records": [sent]})
    sending, ship = (span for span in spans_of(function) if "algernon.task_id" in span.attributes)
    assert (ship.trace_id, ship.parent_id) == (TRACE, SENDER)
    assert attributes_of(queue.batch()) == [{"X-Amzn-Trace-Id": header.replace(SENDER, sending.id)}]


@pytest.mark.parametrize(
    ("sampler", "sent"),
    [("ALWAYS_OFF", SENT), ("DEFAULT_ON", UNSAMPLED), ("DEFAULT_OFF", {})],
    ids=["never", "sender's", "by default"],
)
def test_what_is_not_sampled_is_not_exported_but_goes_on(
    sampler: str, sent: dict[str, str], workers: Workers, aws: LocalAWS
) -> None:
    """A chain that isn't sampled exports nothing, and the next Task hears that it isn't."""
    queue = Queue.of(aws, "next", "next", raw=True)
    source = WORKER.replace("sampling.DEFAULT_ON", f"sampling.{sampler}") + NOTHING
    function = workers.start("one", source)
    function.invoke({"Records": [record({"task_name": "ship", "callback": "next"}, sent)]})
    assert spans_of(function) == []
    (attributes,) = attributes_of(queue.batch())
    flags = int(attributes["traceparent"].rpartition("-")[2], 16)
    assert flags & 1 == 0
    assert function.printed() == ""


def test_without_a_provider_the_sender_s_context_goes_on(workers: Workers, aws: LocalAWS) -> None:
    """Where only the API is there, nothing is recorded, and the chain isn't torn."""
    queue = Queue.of(aws, "next", "next", raw=True)
    source = WORKER.replace("trace.set_tracer_provider(provider)", "") + NOTHING
    function = workers.start("one", source)
    sent = [SENT, {**SENT, "baggage": "shop=1"}, {}]
    records = [record({"task_name": "ship", "callback": "next"}, each) for each in sent]
    assert function.invoke({"Records": records}).result == {"batchItemFailures": []}
    assert spans_of(function) == []
    assert sorted(attributes_of(queue.batch()), key=len) == sorted(sent, key=len)
    assert function.printed() == ""


@pytest.mark.parametrize("where", ["outside", "inside", "async inside"])
def test_spans_are_exported_when_the_invocation_ends(where: str, workers: Workers) -> None:
    """Spans that a processor gathers are exported before Lambda freezes the process."""
    source = WORKER.replace(
        "SimpleSpanProcessor(exporter)",
        "BatchSpanProcessor(exporter, schedule_delay_millis=600_000)",
    )
    if where != "outside":
        source = source.replace("lambda_logged(router.handler)", "router.handler")
        source += "\n" + NOTHING.replace("@router.task", "@router.task\n@lambda_logged")
        if where == "async inside":
            source = source.replace("def ship()", "async def ship()")
    else:
        source += NOTHING
    source += """
import logging
flush = provider.force_flush
def force_flush(milliseconds):
    logging.getLogger("exporter").warning("flushed")
    return flush(milliseconds)
provider.force_flush = force_flush
"""
    function = workers.start("one", source)
    for number in range(1, 3):
        function.invoke({"Records": [record({"task_name": "ship"}, SENT)]})
        assert [span.name for span in spans_of(function)] == ["process ship"]
        # Once an invocation, and not in the name of any record.
        said = [line for line in function.printed().splitlines() if "flushed" in line]
        assert len(said) == number
        assert "chain_id" not in said[-1]


def test_exporter_that_takes_long_is_left_alone(workers: Workers) -> None:
    """A flush that takes no notice of its five seconds ends nobody's invocation in a timeout."""
    function = workers.start(
        "one",
        WORKER
        + NOTHING
        + """
import algernon_logging.tracing.otel
algernon_logging.tracing.otel._FLUSH_SECONDS = 0.2
def force_flush(milliseconds):
    time.sleep(600)
provider.force_flush = force_flush
""",
        ALGERNON_TRACING="otel",
    )
    event = {"Records": [record({"task_name": "ship"}, SENT)]}
    assert function.invoke(event).result == {"batchItemFailures": []}


def test_provider_that_cannot_flush_harms_nobody(workers: Workers) -> None:
    """A provider whose flush raises, or that has none, is no trouble."""
    function = workers.start(
        "one",
        WORKER
        + NOTHING
        + """
def force_flush(milliseconds):
    raise OSError("no network")
provider.force_flush = force_flush
""",
    )
    event = {"Records": [record({"task_name": "ship"}, SENT)]}
    assert function.invoke(event).result == {"batchItemFailures": []}
    assert [span.name for span in spans_of(function)] == ["process ship"]
    assert function.printed() == ""


def test_context_that_is_none_is_left_out(workers: Workers, aws: LocalAWS) -> None:
    """Attributes that no propagator would write begin a new trace, and go no further."""
    queue = Queue.of(aws, "next", "next", raw=True)
    function = workers.start("one", WORKER + NOTHING)
    hostile = [
        {"traceparent": "00-" + "0" * 32 + f"-{SENDER}-01"},
        {"traceparent": f"ff-{TRACE}-{SENDER}-01"},
        {"traceparent": "x" * 200_000},
        {"traceparent": f"00-{TRACE}-{SENDER}-01\r\nX-Injected: 1"},
        {"tracestate": "a=b" * 1_000, "traceparent": ""},
        {"baggage": "," * 100_000},
        {"baggage": "a=%0D%0AX-Injected: 1"},
    ]
    records = [record({"task_name": "ship", "callback": "next"}, each) for each in hostile]
    assert function.invoke({"Records": records}).result == {"batchItemFailures": []}
    ships = [span for span in spans_of(function) if span.name == "process ship"]
    assert [span.parent_id for span in ships] == [None] * 7
    assert len({span.trace_id for span in ships} - {TRACE}) == 7
    attributes = [*attributes_of(queue.batch()), *attributes_of(queue.batch())]
    assert {each["traceparent"].split("-")[1] for each in attributes} == {
        span.trace_id for span in ships
    }
    assert all(text.isprintable() for each in attributes for text in each.values())


def test_event_made_by_hand_has_a_span(workers: Workers) -> None:
    """A record that comes from no queue has a span that names none."""
    function = workers.start("one", WORKER + NOTHING)
    by_hand = {"messageId": str(uuid4()), "body": '{"task_name": "ship"}'}
    function.invoke({"Records": [by_hand]})
    (ship,) = spans_of(function)
    assert "messaging.destination.name" not in ship.attributes
    assert ship.attributes["algernon.outcome"] == "done"
