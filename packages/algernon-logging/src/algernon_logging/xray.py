"""Tracing with AWS X-Ray: the one module that knows its SDK."""

from __future__ import annotations

import functools
import logging
import os
import re
import traceback
from contextvars import ContextVar
from time import time
from typing import TYPE_CHECKING, Any

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
from aws_xray_sdk.core import patch, xray_recorder  # noqa: E402
from aws_xray_sdk.core.lambda_launcher import LambdaContext  # noqa: E402
from aws_xray_sdk.core.models.dummy_entities import DummySegment  # noqa: E402
from aws_xray_sdk.core.models.facade_segment import FacadeSegment  # noqa: E402
from aws_xray_sdk.core.models.subsegment import Subsegment  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The message attribute that brings a trace from Task to Task, named as X-Ray's HTTP header.
TRACE_ATTRIBUTE = "X-Amzn-Trace-Id"

# AWS X-Ray Developer Guide, "Tracing header".
_ROOT = re.compile(r"Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?![^;])")
_PARENT = re.compile(r"Parent=([0-9a-f]{16})(?![^;])")
_SAMPLED = re.compile(r"Sampled=([01])(?![^;])")

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
    "sqlalchemy.sql.expression": "sqlalchemy_core",
    "sqlite3": "sqlite3",
}


class XRay:
    """Traces with X-Ray: a subsegment a record, in the trace of whoever sent the message."""

    def __init__(self) -> None:
        context = xray_recorder.context
        if "AWS_XRAY_CONTEXT_MISSING" not in os.environ and context.context_missing == "LOG_ERROR":
            context.context_missing = "IGNORE_ERROR"
        context._local = _Storage(context._local)
        if isinstance(context, LambdaContext):
            # It would put the invocation's trace in the place of the record's.
            refresh = context._refresh_context
            context._refresh_context = lambda: None if _of_the_record.get() else refresh()
        for module, library in _PATCHES.items():
            wrapt.register_post_import_hook(functools.partial(_patch, library), module)

    def begin_task(self, record: Mapping[str, Any]) -> str | None:
        """Open a subsegment named after the Task, and return its trace's id, if it is sampled."""
        subsegment = self._subsegment(record)
        return None if subsegment is None else str(subsegment.trace_id)

    def end_task(self, record: Mapping[str, Any], end: Mapping[str, Any]) -> None:
        """Send the subsegment."""
        state = _of_the_record.get()
        if state is None:
            if end["outcome"] == "returned" or "task_name" not in record:
                return
            subsegment = self._subsegment(record)
        else:
            subsegment = state.subsegment
        if subsegment is None:
            return
        if end["started_at"] is not None:
            subsegment.start_time = end["started_at"]
        subsegment.put_annotation("outcome", end["outcome"])
        error = end["error"]
        if error is not None:
            frames = traceback.extract_tb(error.__traceback__, limit=xray_recorder.max_trace_back)
            subsegment.add_exception(error, frames)
        seconds = end["seconds"]
        subsegment.close(time() if seconds is None else subsegment.start_time + seconds)
        xray_recorder.emitter.send_entity(subsegment)

    def begin_sending(self, _message: Mapping[str, Any], /) -> Mapping[str, str]:
        """Return the attribute that names the current subsegment, and whether it is sampled."""
        state = _of_the_record.get()
        header = _header_of_the_current_entity() if state is None else state.header()
        return {} if header is None else {TRACE_ATTRIBUTE: header}

    def begin_publishing(self) -> None:
        """Do nothing: a header that the SDK adds to the call goes to no message's attributes."""

    def end_sending(self, error: Exception | None) -> None:
        """Do nothing: the calls that send are subsegments already."""

    def end_invocation(self) -> None:
        """Do nothing: every subsegment is sent when it ends."""

    def _subsegment(self, record: Mapping[str, Any]) -> Subsegment | None:
        if not global_sdk_config.sdk_enabled():
            return None
        attributes = record["attributes"]
        sender = _parse(attributes.get(TRACE_ATTRIBUTE) or attributes.get("AWSTraceHeader"))
        around = _parse(_header_of_the_current_entity())
        trace_id, parent_id, is_sampled = sender or around or (None, None, None)
        if is_sampled is None and around is not None:
            is_sampled = around[2]
        if trace_id is None:
            return None
        if not is_sampled:
            _of_the_record.set(_State(DummySegment(), None, (trace_id, parent_id)))
            return None
        segment = FacadeSegment("facade", parent_id, trace_id, True)  # noqa: FBT003 - its own way
        subsegment = Subsegment(record["task_name"], "local", segment)
        segment.add_subsegment(subsegment)
        _of_the_record.set(_State(segment, subsegment, (trace_id, subsegment.id)))
        for name in ("task_name", "task_id", "chain_id", "receive_count"):
            subsegment.put_annotation(name, record[name])
        if around is not None and around[0] != trace_id:
            # The way back from the chain's trace to the function's own.
            subsegment.put_annotation("invocation_trace_id", around[0])
        return subsegment


class _State:
    """What the SDK is to know inside a record's Task.

    Attributes:
        subsegment: The record's, or None if it isn't sampled.
    """

    def __init__(
        self, segment: Any, subsegment: Subsegment | None, position: tuple[str, str | None]
    ) -> None:
        self._segment = segment
        self.subsegment = subsegment
        self._position = position

    @property
    def segment(self) -> Any:
        """The segment above all others."""
        return self._segment

    @property
    def first(self) -> Any:
        """What new subsegments belong to, if no other is open."""
        return self.subsegment or self._segment

    def header(self) -> str:
        """Return the tracing header for whoever comes next."""
        root, parent = self._position
        sampled = int(self.subsegment is not None)
        middle = f"Parent={parent};" if parent else ""
        return f"Root={root};{middle}Sampled={sampled}"


_of_the_record: ContextVar[_State | None] = ContextVar("algernon_xray_record", default=None)
# The open subsegments under the record's own. Never changed in place, so that what runs at
# the same time for one record, such as the tasks of asyncio.gather, has a nesting each.
_open: ContextVar[tuple[Any, ...]] = ContextVar("algernon_xray_open", default=())


class _Storage:
    """Where the SDK keeps the current segment: a record's own place, or the thread's as ever."""

    def __init__(self, of_the_thread: Any) -> None:
        object.__setattr__(self, "_of_the_thread", of_the_thread)

    def __getattr__(self, name: str) -> Any:
        state = _of_the_record.get()
        if state is None:
            return getattr(self._of_the_thread, name)
        return _Entities() if name == "entities" else state.segment

    def __setattr__(self, name: str, value: Any) -> None:
        state = _of_the_record.get()
        if state is None:
            setattr(self._of_the_thread, name, value)
        elif name == "entities":
            _open.set(tuple(entity for entity in value if entity is not state.first))


class _Entities:
    """The open segments of a record, as the list that the SDK takes them for."""

    def __len__(self) -> int:
        return 1 + len(_open.get())

    def __getitem__(self, index: int) -> Any:
        state = _of_the_record.get()
        return ((state and state.first), *_open.get())[index]

    def append(self, entity: Any) -> None:
        """Open a subsegment."""
        _open.set((*_open.get(), entity))

    def pop(self) -> Any:
        """Close the innermost one; the record's own stays."""
        *others, last = _open.get() or (None,)
        _open.set(tuple(others))
        return last


def _patch(library: str, _module: Any) -> None:
    patch((library,), raise_errors=False)


def _header_of_the_current_entity() -> str | None:
    entity = xray_recorder.get_trace_entity()
    if entity is None or isinstance(entity, DummySegment) or not getattr(entity, "trace_id", None):
        return None
    return f"Root={entity.trace_id};Parent={entity.id};Sampled={int(bool(entity.sampled))}"


def _parse(header: str | None) -> tuple[str, str | None, bool | None] | None:
    """Return the trace's id, the parent's, and whether it is sampled, or None of no trace."""
    if not header or (root := _ROOT.search(header)) is None:
        return None
    parent, sampled = _PARENT.search(header), _SAMPLED.search(header)
    return root[1], parent and parent[1], sampled and sampled[1] == "1"
