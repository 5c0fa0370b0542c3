"""Tracing with AWS X-Ray: the one module that knows its SDK."""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
import traceback
from contextlib import suppress
from contextvars import ContextVar
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import SettingError

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

import wrapt  # noqa: E402
from aws_xray_sdk import global_sdk_config  # noqa: E402

try:
    from aws_xray_sdk.core import patch, xray_recorder
except Exception as error:
    # Its class can't be imported either, then.
    if type(error).__name__ != "InvalidDaemonAddressException":
        raise
    raise SettingError(
        "the environment variable AWS_XRAY_DAEMON_ADDRESS is"
        f" {os.environ.get('AWS_XRAY_DAEMON_ADDRESS')!r}, but it is 'HOST:PORT' or"
        " 'tcp:HOST:PORT udp:HOST:PORT'"
    ) from error
from aws_xray_sdk.core.exceptions.exceptions import SegmentNotFoundException  # noqa: E402
from aws_xray_sdk.core.lambda_launcher import LAMBDA_TRACE_HEADER_KEY, LambdaContext  # noqa: E402
from aws_xray_sdk.core.models.dummy_entities import DummySegment  # noqa: E402
from aws_xray_sdk.core.models.facade_segment import FacadeSegment  # noqa: E402
from aws_xray_sdk.core.models.subsegment import Subsegment  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The message attribute that brings a trace from Task to Task, named as X-Ray's HTTP header.
TRACE_ATTRIBUTE = "X-Amzn-Trace-Id"

# AWS X-Ray Developer Guide, "Tracing header".
_ROOT = re.compile(r"(?<![^;])Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?![^;])")
_PARENT = re.compile(r"(?<![^;])Parent=([0-9a-f]{16})(?![^;])")
_SAMPLED = re.compile(r"(?<![^;])Sampled=([01])(?![^;])")

# AWS X-Ray Developer Guide, "AWS X-Ray segment documents": a name, and the 64 kB of a document.
_NOT_IN_A_NAME = re.compile(r"[^\w\s.:/%&#=+\\@-]")
_LONGEST_NAME = 200
_LONGEST_REASON = 4_000

# What the SDK can patch, by the module whose import is waited for.
_PATCHES = {
    "aiobotocore.client": "aiobotocore",
    "botocore.client": "botocore",
    "httpx": "httpx",
    "mysql.connector": "mysql",
    "pg8000": "pg8000",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2",
    "pymongo": "pymongo",
    "pymysql": "pymysql",
    "pynamodb.connection": "pynamodb",
    "requests": "requests",
    "sqlalchemy": "sqlalchemy_core",
    "sqlite3": "sqlite3",
}


class XRay:
    """Traces with X-Ray: a subsegment a record, in the trace of whoever sent the message."""

    def __init__(self) -> None:
        context = xray_recorder.context
        if "AWS_XRAY_CONTEXT_MISSING" not in os.environ and context.context_missing == "LOG_ERROR":
            context.context_missing = "IGNORE_ERROR"
        storage = _Storage(context._local)
        context._local = storage
        context.clear_trace_entities = storage.clear
        if isinstance(context, LambdaContext):
            context._refresh_context = functools.partial(
                _refresh, storage, context._refresh_context
            )
        for module, library in _PATCHES.items():
            wrapt.register_post_import_hook(functools.partial(_patch, library, module), module)

    def receive(self, record: Mapping[str, Any]) -> None:
        """Stand where the message's sender stood."""
        attributes = record["attributes"]
        sender = _parse(attributes.get(TRACE_ATTRIBUTE)) or _parse(attributes.get("AWSTraceHeader"))
        around = _around()
        position = sender or around
        if position is None:
            return
        if position.is_sampled is None and around is not None:
            position = position._replace(is_sampled=around.is_sampled)
        state = _State(position)
        if around is not None and around.trace_id != position.trace_id:
            state.invocation_trace_id = around.trace_id
        _of_the_record.set(state)

    def begin_task(self, record: Mapping[str, Any]) -> str | None:
        """Open a subsegment named after the Task, and return its trace's id, if it is sampled."""
        state = _of_the_record.get()
        if state is None or not state.is_sampled:
            return None
        state.begin(record)
        return state.position.trace_id

    def end_task(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        """Send the subsegment."""
        state = _of_the_record.get()
        if state is None or not state.is_sampled:
            return
        never_began = end["started_at"] is None and end["outcome"] != "returned"
        if never_began and "task_name" in record:
            state.begin(record)
        if (subsegment := state.subsegment) is None:
            return
        if end["started_at"] is not None:
            subsegment.start_time = end["started_at"]
        subsegment.put_annotation("outcome", end["outcome"])
        if end["error"] is not None:
            _note(subsegment, end["error"])
        seconds = end["seconds"]
        state.end(time() if seconds is None else subsegment.start_time + seconds)
        xray_recorder.emitter.send_entity(subsegment)

    def begin_sending(self, _message: Mapping[str, Any], /) -> Mapping[str, str]:
        """Return the attribute that names the current subsegment, and whether it is sampled."""
        state = _of_the_record.get()
        position = _around() if state is None else state.innermost()
        return {} if position is None else {TRACE_ATTRIBUTE: position.header}

    def begin_publishing(self) -> None:
        """Do nothing: a header that the SDK adds to the call goes to no message's attributes."""

    def end_sending(self, error: Exception | None) -> None:
        """Do nothing: the calls that send are subsegments already."""

    def flush(self) -> None:
        """Do nothing: every subsegment is sent when it ends."""


class _Position(NamedTuple):
    """A place in a trace.

    Attributes:
        trace_id: The trace.
        parent_id: Whom the next span there belongs to, or None at the trace's beginning.
        is_sampled: Whether it is sampled, or None where nobody has decided yet.
    """

    trace_id: str
    parent_id: str | None
    is_sampled: bool | None

    @property
    def header(self) -> str:
        """The tracing header that brings somebody there."""
        parent = f";Parent={self.parent_id}" if self.parent_id else ""
        sampled = "" if self.is_sampled is None else f";Sampled={int(self.is_sampled)}"
        return f"Root={self.trace_id}{parent}{sampled}"


def _parse(header: object) -> _Position | None:
    if not isinstance(header, str) or (root := _ROOT.search(header)) is None:
        return None
    parent, sampled = _PARENT.search(header), _SAMPLED.search(header)
    return _Position(root[1], parent and parent[1], sampled and sampled[1] == "1")


def _around() -> _Position | None:
    """Return where the SDK stands."""
    if global_sdk_config.sdk_enabled():
        entity = None
        with suppress(SegmentNotFoundException):
            entity = xray_recorder.get_trace_entity()
        if entity is not None and not entity.sampled:
            # The id of an unsampled subsegment is nobody's.
            entity = getattr(entity, "parent_segment", entity)
        if entity is not None and not isinstance(entity, DummySegment):
            is_sampled = None if entity.sampled is None else bool(entity.sampled)
            return _Position(entity.trace_id, entity.id, is_sampled)
    # The SDK forgets a header in which nothing is decided, and any header when it is disabled.
    in_lambda = isinstance(xray_recorder.context, LambdaContext)
    return _parse(os.environ.get(LAMBDA_TRACE_HEADER_KEY)) if in_lambda else None


class _TaskSegment(FacadeSegment):  # type: ignore[misc]
    """Stands for what a record's subsegment belongs to.

    Attributes:
        is_over: Whether the record has ended.
    """

    is_over = False


class _TaskSubsegment(Subsegment):  # type: ignore[misc]
    """A record's subsegment, which only the record's own end closes."""

    def close(self, end_time: float | None = None) -> None:
        """Do nothing: code that closes too much shall not end the record."""

    def end(self, end_time: float) -> None:
        """Close it."""
        super().close(end_time)


class _State:
    """What the SDK is to know inside a record.

    Attributes:
        position: The record's place in its trace.
        is_sampled: Whether anything is recorded there.
        segment: The segment above all others.
        subsegment: The record's, once it began, and until it has ended.
        invocation_trace_id: The trace of the invocation, where that is another.
    """

    def __init__(self, position: _Position) -> None:
        self.position = position
        self.is_sampled = bool(position.is_sampled) and global_sdk_config.sdk_enabled()
        self.segment: Any = (
            _TaskSegment("facade", position.parent_id, position.trace_id, sampled=True)
            if self.is_sampled
            else self._unsampled_segment()
        )
        self.subsegment: Any = None
        self.invocation_trace_id: str | None = None

    def begin(self, record: Mapping[str, Any]) -> None:
        """Open the record's subsegment."""
        name = _NOT_IN_A_NAME.sub("_", record["task_name"])[:_LONGEST_NAME]
        subsegment = _TaskSubsegment(name, "local", self.segment)
        self.segment.add_subsegment(subsegment)
        self.subsegment = subsegment
        self.position = self.position._replace(parent_id=subsegment.id)
        for key in ("task_name", "task_id", "chain_id", "receive_count"):
            subsegment.put_annotation(key, record[key])
        if self.invocation_trace_id is not None:
            # The way back from the chain's trace to the function's own.
            subsegment.put_annotation("invocation_trace_id", self.invocation_trace_id)

    def _unsampled_segment(self) -> Any:
        """Return what lets nothing be sent, but brings the trace on as it came."""
        segment = DummySegment()
        segment.trace_id = self.position.trace_id
        return segment

    @property
    def first(self) -> Any:
        """What new subsegments belong to, if no other is open."""
        return self.subsegment or self.segment

    def innermost(self) -> _Position:
        """Return the place of the innermost subsegment of this record."""
        for entity in reversed(_open_ones()):
            if entity.sampled and entity.trace_id == self.position.trace_id:
                return self.position._replace(parent_id=entity.id)
        return self.position

    def end(self, at: float) -> None:
        """Close the subsegment; what still runs for the record isn't recorded any more."""
        subsegment, segment = self.subsegment, self.segment
        self.subsegment, self.segment = None, self._unsampled_segment()
        self.is_sampled = False
        segment.is_over = True
        subsegment.end(at)
        if segment.initializing:
            # Nobody is above it: it is the segment that its trace begins with.
            subsegment.parent_id = subsegment.type = subsegment.namespace = None


_of_the_record: ContextVar[_State | None] = ContextVar("algernon_xray_record", default=None)
# The open subsegments under the record's own. Never changed in place, so that what runs at
# the same time for one record, such as the tasks of asyncio.gather, has a nesting each.
_open: ContextVar[tuple[Any, ...]] = ContextVar("algernon_xray_open", default=())


def _open_ones() -> tuple[Any, ...]:
    """Return the open subsegments, but for those that were closed in another context."""
    return tuple(
        entity for entity in _open.get() if entity.in_progress or not isinstance(entity, Subsegment)
    )


class _Storage:
    """Where the SDK keeps the current segment: a record's own place, or the thread's as ever."""

    def __init__(self, of_the_thread: Any) -> None:
        object.__setattr__(self, "_of_the_thread", of_the_thread)

    def __getattr__(self, name: str) -> Any:
        state = _of_the_record.get()
        if state is None:
            return getattr(self._of_the_thread, name)
        return _Entities(state) if name == "entities" else state.segment

    def __setattr__(self, name: str, value: Any) -> None:
        state = _of_the_record.get()
        if state is None:
            setattr(self._of_the_thread, name, value)
        elif name == "entities":
            _open.set(tuple(entity for entity in value if entity is not state.first))

    def clear(self) -> None:
        """Forget the current segment; a record's own stays."""
        if _of_the_record.get() is not None:
            _open.set(())
        else:
            of_the_thread = self._of_the_thread
            clear = getattr(of_the_thread, "clear", None) or of_the_thread.__dict__.clear
            clear()


class _Entities:
    """The open segments of a record, as the list that the SDK takes them for."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def __len__(self) -> int:
        return 1 + len(_open_ones())

    def __getitem__(self, index: int) -> Any:
        return (self._state.first, *_open_ones())[index]

    def append(self, entity: Any) -> None:
        """Open a subsegment."""
        _open.set((*_open_ones(), entity))

    def pop(self) -> None:
        """Forget the innermost subsegment, which was closed; the record's own stays."""
        _open.set(_open_ones())


def _refresh(storage: _Storage, refresh: Callable[[], None]) -> None:
    """Bring the SDK to the trace of the Lambda invocation, unless it is in a record's."""
    if _of_the_record.get() is not None:
        return
    # A thread of which code said that it works for a record, by set_trace_entity.
    segment = getattr(storage, "segment", None)
    if isinstance(segment, _TaskSegment):
        if not segment.is_over:
            return
        storage.clear()
    refresh()


def _note(subsegment: Subsegment, error: BaseException) -> None:
    frames = traceback.extract_tb(error.__traceback__, limit=-xray_recorder.max_trace_back)
    with suppress(Exception):  # an error may refuse the mark that the SDK puts on it
        subsegment.add_exception(error, frames)
    if isinstance(subsegment.cause, dict):
        for cause in subsegment.cause.get("exceptions", ()):
            cause.message = getattr(cause, "message", "")[:_LONGEST_REASON]


def _patch(library: str, name: str, module: Any) -> None:
    package, _, submodule = name.rpartition(".")
    if package:
        # Only after this is a submodule bound to its package, where what patches looks for it.
        setattr(sys.modules[package], submodule, module)
    patch((library,), raise_errors=False)
