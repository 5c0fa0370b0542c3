"""Where X-Ray's SDK stands inside a record: a place of the record's own."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from aws_xray_sdk import global_sdk_config
from aws_xray_sdk.core.models.dummy_entities import DummySegment, DummySubsegment
from aws_xray_sdk.core.models.facade_segment import FacadeSegment
from aws_xray_sdk.core.models.subsegment import Subsegment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .trace_header import TracePosition

# AWS X-Ray Developer Guide, "AWS X-Ray segment documents": a name, and the 64 kB of a document.
_NOT_IN_A_NAME = re.compile(r"[^\w\s.:/%&#=+\\@-]")
_LONGEST_NAME = 200


class TaskSegment(FacadeSegment):  # type: ignore[misc]
    """Stands for what a record's subsegment belongs to.

    Attributes:
        is_over: Whether the record has ended.
    """

    is_over = False


class TaskSubsegment(Subsegment):  # type: ignore[misc]
    """A record's subsegment, which only the record's own end closes."""

    def close(self, end_time: float | None = None) -> None:
        """Do nothing: code that closes too much shall not end the record."""

    def end(self, end_time: float) -> None:
        """Close it."""
        super().close(end_time)


class RecordState:
    """What the SDK is to know inside a record.

    Attributes:
        position: The record's place in its trace.
        is_recording: Whether anything is recorded there, which ends with the record.
        segment: The segment above all others.
        subsegment: The record's, once it began, and until it has ended.
        invocation_trace_id: The trace of the invocation, where that is another.
    """

    def __init__(self, position: TracePosition) -> None:
        self.position = position
        self.is_recording = bool(position.is_sampled) and global_sdk_config.sdk_enabled()
        self.segment: Any = (
            TaskSegment("facade", position.parent_id, position.trace_id, sampled=True)
            if self.is_recording
            else self._unsampled_segment()
        )
        self.subsegment: Any = None
        self.invocation_trace_id: str | None = None

    def begin(self, record: Mapping[str, Any]) -> None:
        """Open the record's subsegment."""
        name = _NOT_IN_A_NAME.sub("_", record["task_name"])[:_LONGEST_NAME]
        subsegment = TaskSubsegment(name, "local", self.segment)
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
        if self.subsegment is None and not self.segment.sampled:
            # So that code which annotates the current subsegment always has one.
            self.subsegment = DummySubsegment(self.segment)
        return self.subsegment or self.segment

    def innermost(self) -> TracePosition:
        """Return the place of the innermost subsegment of this record."""
        for entity in reversed(_open_ones()):
            if entity.sampled and entity.trace_id == self.position.trace_id:
                return self.position._replace(parent_id=entity.id)
        return self.position

    def end(self, at: float) -> None:
        """Close the subsegment; what still runs for the record isn't recorded any more."""
        subsegment, segment = self.subsegment, self.segment
        self.subsegment, self.segment = None, self._unsampled_segment()
        self.is_recording = False
        segment.is_over = True
        subsegment.end(at)
        if segment.initializing:
            # Nobody is above it: it is the segment that its trace begins with.
            subsegment.parent_id = subsegment.type = subsegment.namespace = None


record_state: ContextVar[RecordState | None] = ContextVar("algernon_xray_record", default=None)
# The open subsegments under the record's own. Never changed in place, so that what runs at
# the same time for one record, such as the tasks of asyncio.gather, has a nesting each.
_open: ContextVar[tuple[Any, ...]] = ContextVar("algernon_xray_open", default=())


def _open_ones() -> tuple[Any, ...]:
    """Return the open subsegments, but for those that were closed in another context."""
    return tuple(
        entity for entity in _open.get() if entity.in_progress or not isinstance(entity, Subsegment)
    )


class RecordStorage:
    """Where the SDK keeps the current segment: a record's own place, or the thread's as ever."""

    def __init__(self, of_the_thread: Any) -> None:
        object.__setattr__(self, "_of_the_thread", of_the_thread)

    def __getattr__(self, name: str) -> Any:
        state = record_state.get()
        if state is None:
            return getattr(self._of_the_thread, name)
        return _Entities(state) if name == "entities" else state.segment

    def __setattr__(self, name: str, value: Any) -> None:
        state = record_state.get()
        if state is None:
            setattr(self._of_the_thread, name, value)
        elif name == "entities":
            _open.set(tuple(entity for entity in value if entity is not state.first))

    def clear(self) -> None:
        """Forget the current segment; a record's own stays."""
        if record_state.get() is not None:
            _open.set(())
        else:
            of_the_thread = self._of_the_thread
            clear = getattr(of_the_thread, "clear", None) or of_the_thread.__dict__.clear
            clear()


class _Entities:
    """The open segments of a record, as the list that the SDK takes them for."""

    def __init__(self, state: RecordState) -> None:
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


def refresh_outside_records(storage: RecordStorage, refresh: Callable[[], None]) -> None:
    """Bring the SDK to the trace of the Lambda invocation, unless it is in a record's."""
    if record_state.get() is not None:
        return
    # A thread of which code said that it works for a record, by set_trace_entity.
    segment = getattr(storage, "segment", None)
    if isinstance(segment, TaskSegment):
        if not segment.is_over:
            return
        storage.clear()
    refresh()
