"""Tracing with OpenTelemetry: the one module that knows its API."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .errors import MissingExtraError

try:
    from opentelemetry import context, propagate, trace
except ImportError as error:
    raise MissingExtraError(
        "ALGERNON_TRACING is 'otel', but opentelemetry-api isn't installed: install the extra"
        " algernon-logging[otel]",
        name=error.name,
    ) from error

if TYPE_CHECKING:
    from collections.abc import Mapping

# By these keys, newer and older ones of OpenTelemetry's instrumentations leave a call alone.
_SUPPRESSED = {
    "suppress_instrumentation",
    getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation"),
}
_FLUSH_MS = 5_000

_around: ContextVar[trace.SpanContext] = ContextVar(
    "algernon_otel_around", default=trace.INVALID_SPAN_CONTEXT
)
_task: ContextVar[trace.Span | None] = ContextVar("algernon_otel_task", default=None)
_message: ContextVar[trace.Span | None] = ContextVar("algernon_otel_message", default=None)


class OpenTelemetry:
    """Traces with whatever tracer provider and propagator the process has set.

    A record's span is a consumer's, below the sender's span and linked to it, as
    well as to the span that is around the batch; each message's a producer's. They
    have the attributes of OpenTelemetry's "Semantic conventions for messaging
    spans"; their names end with the Task's, as one queue may serve many Tasks.
    """

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("algernon_logging")

    def receive(self, record: Mapping[str, Any]) -> None:
        """Make the sender's span the current one."""
        around = trace.get_current_span().get_span_context()
        sender_context = propagate.extract(record["attributes"])
        _around.set(around)
        # The record's own context variables end with it, so nothing is ever detached.
        context.attach(sender_context)

    def begin_task(self, record: Mapping[str, Any]) -> str | None:
        """Open the record's consumer span, and return its trace's id, if it is recorded."""
        span = self._consumer_span(record)
        span_context = span.get_span_context()
        return trace.format_trace_id(span_context.trace_id) if span.is_recording() else None

    def end_task(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        """Close the record's span."""
        span = _task.get()
        if span is None:
            if end["outcome"] == "returned" or "task_name" not in record:
                return
            span = self._consumer_span(record)
        span.set_attribute("algernon.outcome", end["outcome"])
        _note(span, end["error"])
        at = None
        if end["started_at"] is not None and end["seconds"] is not None:
            at = int((end["started_at"] + end["seconds"]) * 1e9)
        span.end(at)

    def begin_sending(self, message: Mapping[str, Any]) -> Mapping[str, str]:
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
        _message.set(span)
        carrier: dict[str, str] = {}
        propagate.inject(carrier, context=_inside(span, context.get_current()))
        return carrier

    def begin_publishing(self) -> None:
        """Keep an instrumentation of botocore from writing another span over each message's own."""
        for key in _SUPPRESSED:
            context.attach(context.set_value(key, value=True))

    def end_sending(self, error: Exception | None) -> None:
        """Close the message's span."""
        span = _message.get()
        if span is not None:
            _note(span, error)
            span.end()

    def flush(self) -> None:
        """Have the tracer provider export what it holds, if it knows how."""
        flush = getattr(trace.get_tracer_provider(), "force_flush", None)
        if flush is not None:
            with suppress(Exception):
                flush(_FLUSH_MS)

    def _consumer_span(self, record: Mapping[str, Any]) -> trace.Span:
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
        _task.set(span)
        context.attach(_inside(span, context.get_current()))
        return span


def _inside(span: trace.Span, around: context.Context) -> context.Context:
    # Without a tracer provider, older versions give a span that is in no trace.
    is_in_trace = span.get_span_context().is_valid
    return trace.set_span_in_context(span, around) if is_in_trace else around


def _queue(arn: str) -> dict[str, str]:
    # An event that was made by hand may come from no queue at all.
    return {"messaging.destination.name": arn.rpartition(":")[2]} if arn else {}


def _ids(facts: Mapping[str, Any]) -> dict[str, str]:
    return {f"algernon.{name}": facts[name] for name in ("task_name", "task_id", "chain_id")}


def _note(span: trace.Span, error: BaseException | None) -> None:
    if error is None:
        return
    kind = type(error).__name__
    module = type(error).__module__
    prefix = "" if module == "builtins" else f"{module}."
    span.set_attribute("error.type", f"{prefix}{type(error).__qualname__}")
    span.set_status(trace.StatusCode.ERROR, kind)
    with suppress(Exception):  # an error may do anything when it is told
        span.record_exception(error)
        span.set_status(trace.StatusCode.ERROR, f"{kind}: {error}")
