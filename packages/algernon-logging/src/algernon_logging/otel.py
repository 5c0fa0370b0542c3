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

# By this key, which OpenTelemetry's instrumentations look for, they leave a call alone.
_SUPPRESSED = "suppress_instrumentation"
_FLUSH_MS = 5_000

_task: ContextVar[trace.Span | None] = ContextVar("algernon_otel_task", default=None)
_message: ContextVar[trace.Span | None] = ContextVar("algernon_otel_message", default=None)


class OpenTelemetry:
    """Traces with whatever tracer provider and propagator the process has set.

    A record's span is a consumer's, below the sender's span and linked to it, as
    well as to the span that is around the batch; each message's a producer's.
    """

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("algernon_logging")

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
                **_ids(message),
            },
        )
        _message.set(span)
        carrier: dict[str, str] = {}
        propagate.inject(carrier, context=trace.set_span_in_context(span))
        return carrier

    def begin_publishing(self) -> None:
        """Keep an instrumentation of botocore from writing another span over each message's own."""
        context.attach(context.set_value(_SUPPRESSED, value=True))

    def end_sending(self, error: Exception | None) -> None:
        """Close the message's span."""
        span = _message.get()
        if span is not None:
            _note(span, error)
            span.end()

    def end_invocation(self) -> None:
        """Have the tracer provider export what it holds, if it knows how."""
        flush = getattr(trace.get_tracer_provider(), "force_flush", None)
        if flush is not None:
            with suppress(Exception):
                flush(_FLUSH_MS)

    def _consumer_span(self, record: Mapping[str, Any]) -> trace.Span:
        around = trace.get_current_span().get_span_context()
        sender_context = propagate.extract(record["attributes"])
        sender = trace.get_current_span(sender_context).get_span_context()
        links = {span.span_id: trace.Link(span) for span in (sender, around) if span.is_valid}
        span = self._tracer.start_span(
            f"process {record['task_name']}",
            context=sender_context,
            kind=trace.SpanKind.CONSUMER,
            links=list(links.values()),
            attributes={
                "messaging.system": "aws_sqs",
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.destination.name": record["queue_arn"].rpartition(":")[2],
                "messaging.message.id": record["message_id"],
                "messaging.message.conversation_id": record["chain_id"],
                "algernon.receive_count": record["receive_count"],
                **_ids(record),
            },
        )
        _task.set(span)
        # The record's own context variables end with it, so nothing is ever detached.
        context.attach(trace.set_span_in_context(span, sender_context))
        return span


def _ids(facts: Mapping[str, Any]) -> dict[str, str]:
    return {f"algernon.{name}": facts[name] for name in ("task_name", "task_id", "chain_id")}


def _note(span: trace.Span, error: BaseException | None) -> None:
    if error is not None:
        span.record_exception(error)
        span.set_status(trace.StatusCode.ERROR, f"{type(error).__name__}: {error}")
