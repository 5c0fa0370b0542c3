"""Tracing with OpenTelemetry: spans of Tasks and of messages."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from threading import Thread
from typing import TYPE_CHECKING

from .. import invocation
from ..errors import MissingExtraError
from ..lines import fields
from ..lines.exceptions import type_of
from ..tasks import Observer

try:
    from opentelemetry import context, propagate, trace
except ImportError as error:
    raise MissingExtraError(
        "ALGERNON_TRACING is 'otel', but opentelemetry-api isn't installed: pip install"
        " opentelemetry-api",
        name=error.name,
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..tasks import TaskEnd, TaskMessage, TaskRecord

# By these keys, newer and older ones of OpenTelemetry's instrumentations leave a call alone.
_SUPPRESSED = {
    "suppress_instrumentation",
    getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation"),
}
_FLUSH_SECONDS = 5.0
# Nothing that a propagator writes is longer: it is the most that W3C has a baggage take.
_LONGEST_ATTRIBUTE = 8_192

_around: ContextVar[trace.SpanContext] = ContextVar(
    "algernon_otel_around", default=trace.INVALID_SPAN_CONTEXT
)
_consumer: ContextVar[trace.Span | None] = ContextVar("algernon_otel_task", default=None)
_producer: ContextVar[trace.Span | None] = ContextVar("algernon_otel_message", default=None)


class OpenTelemetry(Observer):
    """Traces with whatever tracer provider and propagator the process has set.

    A record's span is a consumer's, below the sender's span and linked to it, as
    well as to the span that is around the batch; each message's a producer's. They
    have the attributes of OpenTelemetry's "Semantic conventions for messaging
    spans"; their names end with the Task's, as one queue may serve many Tasks.
    """

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("algernon_logging")

    def received(self, record: TaskRecord) -> None:
        """Make the sender's span the current one."""
        around = trace.get_current_span().get_span_context()
        sender_context = propagate.extract(
            {
                name: text
                for name, text in record["attributes"].items()
                if len(text) <= _LONGEST_ATTRIBUTE
            }
        )
        _around.set(around)
        # The record's own context variables end with it, so nothing is ever detached.
        context.attach(sender_context)

    def started(self, record: TaskRecord) -> None:
        """Open the record's consumer span."""
        span = self._consumer_span(record)
        if span.is_recording():
            fields.add(trace_id=trace.format_trace_id(span.get_span_context().trace_id))

    def ended(self, record: TaskRecord, end: TaskEnd) -> None:
        """Close the record's span."""
        span = _consumer.get()
        if span is None:
            if end["outcome"] == "handed_back" or "task_name" not in record:
                return
            span = self._consumer_span(record)
        span.set_attribute("algernon.outcome", end["outcome"])
        _record_error(span, end["error"])
        at = None
        if end["started_at"] is not None and end["seconds"] is not None:
            at = int((end["started_at"] + end["seconds"]) * 1e9)
        span.end(at)

    def sending(self, message: TaskMessage) -> Mapping[str, str]:
        """Open the message's producer span, and return what the propagator writes of it."""
        span = self._tracer.start_span(
            f"send {message['task_name']}",
            kind=trace.SpanKind.PRODUCER,
            attributes={
                "messaging.system": "aws.sns",
                "messaging.operation.type": "send",
                "messaging.operation.name": "send",
                "messaging.destination.name": message["topic_arn"].rpartition(":")[2],
                "messaging.message.conversation_id": message["chain_id"],
                "aws.sns.topic.arn": message["topic_arn"],
                **_ids(message),
            },
        )
        _producer.set(span)
        carrier: dict[str, str] = {}
        propagate.inject(carrier, context=_inside(span, context.get_current()))
        return carrier

    def publishing(self) -> None:
        """Keep an instrumentation of botocore from writing another span over each message's own."""
        for key in _SUPPRESSED:
            context.attach(context.set_value(key, value=True))

    def sent(self, message: TaskMessage, error: Exception | None) -> None:  # noqa: ARG002
        """Close the message's span."""
        span = _producer.get()
        if span is not None:
            _record_error(span, error)
            span.end()

    def batch_ended(self) -> None:
        """Have the spans exported, unless an invocation is about to."""
        if not invocation.is_running():
            self.flush()

    def flush(self) -> None:
        """Have the tracer provider export what it holds, if it knows how, for some seconds."""
        flush = getattr(trace.get_tracer_provider(), "force_flush", None)
        if flush is None:
            return
        # Some span processors take no notice of how long they may take.
        thread = Thread(target=_flush, args=(flush,), name="algernon-flush", daemon=True)
        thread.start()
        thread.join(_FLUSH_SECONDS)

    def _consumer_span(self, record: TaskRecord) -> trace.Span:
        sender = trace.get_current_span().get_span_context()
        around = _around.get()
        links = {span.span_id: trace.Link(span) for span in (sender, around) if span.is_valid}
        span = self._tracer.start_span(
            f"process {record['task_name']}",
            kind=trace.SpanKind.CONSUMER,
            links=list(links.values()),
            attributes={
                "messaging.system": "aws_sqs",
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                **_queue(record["queue_arn"]),
                "messaging.message.id": record["message_id"],
                "messaging.message.conversation_id": record["chain_id"],
                "algernon.receive_count": record["receive_count"],
                **_ids(record),
            },
        )
        _consumer.set(span)
        context.attach(_inside(span, context.get_current()))
        return span


def _flush(flush: Callable[[int], object]) -> None:
    with suppress(Exception):
        flush(int(_FLUSH_SECONDS * 1000))


def _inside(span: trace.Span, around: context.Context) -> context.Context:
    # Without a tracer provider, older versions give a span that is in no trace.
    is_in_trace = span.get_span_context().is_valid
    return trace.set_span_in_context(span, around) if is_in_trace else around


def _queue(arn: str) -> dict[str, str]:
    # An event that was made by hand may come from no queue at all.
    return {"messaging.destination.name": arn.rpartition(":")[2]} if arn else {}


def _ids(told: TaskRecord | TaskMessage) -> dict[str, str]:
    return {
        "algernon.task_name": told["task_name"],
        "algernon.task_id": told["task_id"],
        "algernon.chain_id": told["chain_id"],
    }


def _record_error(span: trace.Span, error: BaseException | None) -> None:
    if error is None:
        return
    kind = type_of(error)
    span.set_attribute("error.type", kind)
    span.set_status(trace.StatusCode.ERROR, kind)
    with suppress(Exception):  # an error may do anything when it is told
        span.record_exception(error)
        span.set_status(trace.StatusCode.ERROR, f"{kind}: {error}")
