"""Where X-Ray's SDK stands: a place of each record's own, and else of each asyncio task's.

The SDK keeps one stack of open segments a thread, in which the tasks of asyncio.gather,
a web framework's requests and the like close each other's.
"""

from __future__ import annotations

import re
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from aws_xray_sdk import global_sdk_config
from aws_xray_sdk.core.exceptions.exceptions import AlreadyEndedException
from aws_xray_sdk.core.models.dummy_entities import DummySegment, DummySubsegment
from aws_xray_sdk.core.models.facade_segment import FacadeSegment
from aws_xray_sdk.core.models.subsegment import Subsegment

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...tasks import TaskRecord
    from ..trace_header import TracePosition

# AWS X-Ray Developer Guide, "AWS X-Ray segment documents": a name, and the 64 kB of a document.
_NOT_IN_A_NAME = re.compile(r"[^\w\s.:/%&#=+\\@-]")
_LONGEST_NAME = 200


def name_of(what: str) -> str:
    """Return what X-Ray takes as the name of a subsegment."""
    return _NOT_IN_A_NAME.sub("_", what)[:_LONGEST_NAME] or "unknown"


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

    def begin(self, record: TaskRecord) -> None:
        """Open the record's subsegment."""
        subsegment = TaskSubsegment(name_of(record["task_name"]), "local", self.segment)
        self.segment.add_subsegment(subsegment)
        self.subsegment = subsegment
        self.position = self.position._replace(parent_id=subsegment.id)
        subsegment.put_annotation("task_name", record["task_name"])
        subsegment.put_annotation("task_id", record["task_id"])
        subsegment.put_annotation("chain_id", record["chain_id"])
        subsegment.put_annotation("receive_count", record["receive_count"])
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
        for entity in reversed(_still_open(_open.get() or ())):
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

# The open subsegments under the record's own.
_open: ContextVar[tuple[Any, ...] | None] = ContextVar("algernon_xray_open", default=None)

# Segments that were closed and sent, which may still be on the stacks of other contexts.
_sent: WeakSet[Any] = WeakSet()


class EntityStorage:
    """Where the SDK keeps the current segments: in context variables.

    Stacks are tuples and never changed in place. So what runs at the same time, such as the
    tasks of asyncio.gather, begins with the stack of what started it, and has its own. A
    new thread begins without one, as it does with the SDK alone.

    Args:
        of_the_thread: Where the SDK kept them until now, which is still read.
    """

    def __init__(self, of_the_thread: Any) -> None:
        # Variables of its own, since another context of the SDK begins with nothing.
        for name, value in (
            ("_of_the_thread", of_the_thread),
            ("_entities", ContextVar[tuple[Any, ...] | None]("algernon_xray_entities")),
            ("_segment", ContextVar[Any]("algernon_xray_segment")),
        ):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        state = record_state.get()
        if name == "entities":
            if state is not None:
                return _Entities(_open, state)
            if self._entities.get(None) is None:
                self._entities.set(tuple(getattr(self._of_the_thread, name, None) or ()))
            return _Entities(self._entities)
        if state is not None:
            return state.segment
        if name == "segment" and (segment := self._segment.get(None)) is not None:
            return segment
        return getattr(self._of_the_thread, name)

    def __setattr__(self, name: str, value: Any) -> None:
        state = record_state.get()
        if name == "entities" and state is not None:
            _open.set(tuple(entity for entity in value if entity is not state.first))
        elif name == "entities":
            self._entities.set(tuple(value))
        elif state is None:
            self._segment.set(value)

    def clear(self) -> None:
        """Forget the current segment; a record's own stays."""
        if record_state.get() is not None:
            _open.set(())
            return
        for entity in self._entities.get(None) or ():
            if not entity.in_progress:
                _sent.add(entity)
        self._entities.set(())
        self._segment.set(None)
        of_the_thread = self._of_the_thread
        clear = getattr(of_the_thread, "clear", None) or of_the_thread.__dict__.clear
        clear()


class _Entities:
    """The open segments, as the list that the SDK takes them for.

    Args:
        stack: The variable that holds them.
        state: The record's, whose own subsegment, or segment, is beneath them.
    """

    def __init__(
        self, stack: ContextVar[tuple[Any, ...] | None], state: RecordState | None = None
    ) -> None:
        self._stack = stack
        self._state = state

    def _all(self) -> tuple[Any, ...]:
        beneath = () if self._state is None else (self._state.first,)
        return (*beneath, *self._above())

    def _above(self) -> tuple[Any, ...]:
        entities = self._stack.get(None) or ()
        found = _still_open(entities)
        if entities and not found and self._state is None:
            # By what is left of it, the SDK finds the segment, and sends it if it is over.
            segment = getattr(entities[0], "parent_segment", entities[0])
            return () if segment in _sent else (segment,)
        return found

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, index: int) -> Any:
        return self._all()[index]

    def append(self, entity: Any) -> None:
        """Open a subsegment."""
        self._stack.set((*self._above(), entity))

    def pop(self) -> None:
        """Forget the innermost subsegment, which was closed; a record's own stays."""
        self._stack.set(self._above())


def _still_open(entities: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave out what was closed in another context.

    A segment stays when it is closed, since it is sent with the last of what is below it.
    """
    return tuple(
        entity
        for entity in entities
        if entity.in_progress or not (isinstance(entity, Subsegment) or entity in _sent)
    )


def put_subsegment(put: Callable[[Any], None], subsegment: Any) -> None:
    """Open a subsegment in the SDK's way, but not below what was closed at the same time."""
    with suppress(AlreadyEndedException):
        put(subsegment)


def refresh_outside_records(storage: EntityStorage, refresh: Callable[[], None]) -> None:
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
