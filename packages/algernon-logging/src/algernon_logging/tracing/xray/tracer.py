"""Tracing with X-Ray: subsegments of Tasks, in the traces of their senders."""

from __future__ import annotations

import functools
import logging
import os
from time import time
from typing import TYPE_CHECKING, Any

from ...errors import LoggingSettingError
from ...invocation import in_lambda
from ...lines import fields
from ...tasks import Observer
from ..trace_header import TracePosition, parse_trace_header

# These would otherwise remark on calls that have no segment to belong to, such as those
# made while a module is imported, on a daemon that isn't there, and on others' headers.
# Nothing is wrong with the calls: they aren't traced. Some are made when the SDK is imported.
for _name, _level in (
    ("aws_xray_sdk", logging.WARNING),
    ("aws_xray_sdk.core.context", logging.CRITICAL),
    ("aws_xray_sdk.core.emitters.udp_emitter", logging.CRITICAL),
    ("aws_xray_sdk.core.lambda_launcher", logging.ERROR),
    ("aws_xray_sdk.core.models.trace_header", logging.ERROR),
    ("aws_xray_sdk.core.recorder", logging.ERROR),
):
    logging.getLogger(_name).setLevel(_level)

from aws_xray_sdk import global_sdk_config  # noqa: E402

try:
    from aws_xray_sdk.core import xray_recorder
except Exception as error:
    # Its class can't be imported either, then.
    if type(error).__name__ != "InvalidDaemonAddressException":
        raise
    raise LoggingSettingError(
        "the environment variable AWS_XRAY_DAEMON_ADDRESS is"
        f" {os.environ.get('AWS_XRAY_DAEMON_ADDRESS')!r}, but it is 'HOST:PORT' or"
        " 'tcp:HOST:PORT udp:HOST:PORT'"
    ) from error
from aws_xray_sdk.core.lambda_launcher import LAMBDA_TRACE_HEADER_KEY, LambdaContext  # noqa: E402
from aws_xray_sdk.core.models.dummy_entities import DummySegment  # noqa: E402

from .calls import record_error  # noqa: E402
from .context import (  # noqa: E402
    EntityStorage,
    RecordState,
    put_subsegment,
    record_state,
    refresh_outside_records,
)
from .patching import patch_what_is_imported  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...tasks import TaskEnd, TaskMessage, TaskRecord

# From here on, that context is missing is told where somebody chose LOG_ERROR.
logging.getLogger("aws_xray_sdk.core.context").setLevel(logging.ERROR)

#: The message attribute that brings a trace from Task to Task, named as X-Ray's HTTP header.
TRACE_ATTRIBUTE = "X-Amzn-Trace-Id"

# AWS X-Ray Developer Guide, "AWS X-Ray segment documents": 64 kB a document, which comes in
# one datagram with a header.
_MOST_BYTES = 63_000


class XRay(Observer):
    """Traces with X-Ray: a subsegment a record, in the trace of whoever sent the message."""

    def __init__(self) -> None:
        self._context: Any = None
        self._watch_context()
        self._watch_configuration()
        patch_what_is_imported()

    def received(self, record: TaskRecord) -> None:
        """Stand where the message's sender stood."""
        self._watch_context()
        sender = parse_trace_header(record["attributes"].get(TRACE_ATTRIBUTE))
        around = _around()
        position = sender or parse_trace_header(record["trace_header"]) or around
        if position is None:
            return
        if position.is_sampled is None and around is not None:
            position = position._replace(is_sampled=around.is_sampled)
        state = RecordState(position)
        if around is not None and around.trace_id != position.trace_id:
            state.invocation_trace_id = around.trace_id
        record_state.set(state)

    def started(self, record: TaskRecord) -> None:
        """Open a subsegment named after the Task, if its trace is sampled."""
        state = record_state.get()
        if state is not None and state.is_recording:
            state.begin(record)
            fields.add(trace_id=state.position.trace_id)

    def ended(self, record: TaskRecord, end: TaskEnd) -> None:
        """Send the subsegment, or one of what failed before it ran."""
        state = record_state.get()
        if state is None or not state.is_recording:
            return
        never_began = end["started_at"] is None and end["outcome"] != "handed_back"
        if never_began and "task_name" in record:
            state.begin(record)
        if (subsegment := state.subsegment) is None:
            return
        if end["started_at"] is not None:
            subsegment.start_time = end["started_at"]
        subsegment.put_annotation("outcome", end["outcome"])
        if end["error"] is not None:
            record_error(subsegment, end["error"])
        seconds = end["seconds"]
        state.end(time() if seconds is None else subsegment.start_time + seconds)
        if len(subsegment.serialize()) > _MOST_BYTES:
            subsegment.metadata, subsegment.subsegments = {}, []
        xray_recorder.emitter.send_entity(subsegment)

    def sending(self, message: TaskMessage) -> Mapping[str, str]:  # noqa: ARG002
        """Return the attribute that names the current subsegment, and whether it is sampled."""
        state = record_state.get()
        position = _around() if state is None else state.innermost()
        return {} if position is None else {TRACE_ATTRIBUTE: position.header}

    def _watch_context(self) -> None:
        """Give the SDK a place of each record's and task's own, in whatever context it has."""
        context = xray_recorder.context
        if context is self._context:
            return
        self._context = context
        if "AWS_XRAY_CONTEXT_MISSING" not in os.environ and context.context_missing == "LOG_ERROR":
            context.context_missing = "IGNORE_ERROR"
        storage = EntityStorage(context._local)
        context._local = storage
        context.clear_trace_entities = storage.clear
        context.put_subsegment = functools.partial(put_subsegment, context.put_subsegment)
        if isinstance(context, LambdaContext):
            context._refresh_context = functools.partial(
                refresh_outside_records, storage, context._refresh_context
            )

    def _watch_configuration(self) -> None:
        """Watch a context that code configures later, before what else it configures counts."""
        configure = xray_recorder.configure

        @functools.wraps(configure)
        def watched(*args: Any, **kwargs: Any) -> None:
            if kwargs.get("context"):
                xray_recorder.context = kwargs["context"]
                self._watch_context()
            configure(*args, **kwargs)

        xray_recorder.configure = watched

    def flush(self) -> None:
        """Do nothing: every subsegment is sent when it ends."""


def _current_entity() -> Any:
    """Return the innermost segment, without a word where there is none."""
    context = xray_recorder.context
    if not isinstance(context, LambdaContext):
        entities = getattr(context._local, "entities", None)
        return entities[-1] if entities else None
    return xray_recorder.get_trace_entity()


def _around() -> TracePosition | None:
    """Return where the SDK stands."""
    if global_sdk_config.sdk_enabled():
        entity = _current_entity()
        if entity is not None and not entity.sampled:
            # The id of an unsampled subsegment is nobody's.
            entity = getattr(entity, "parent_segment", entity)
        if entity is not None and not isinstance(entity, DummySegment):
            is_sampled = None if entity.sampled is None else bool(entity.sampled)
            return TracePosition(entity.trace_id, entity.id, is_sampled)
    # The SDK forgets a header in which nothing is decided, and any header when it is disabled.
    if in_lambda() or isinstance(xray_recorder.context, LambdaContext):
        return parse_trace_header(os.environ.get(LAMBDA_TRACE_HEADER_KEY))
    return None
