"""Run Tasks from SQS in Lambda, and send their results to the next Task."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from algernon_serialize import register_later

from .current_task import CurrentTask, current_task
from .errors import (
    BatchFailedError,
    GroupNotSentError,
    GroupOverError,
    GroupStoppedError,
    MalformedMessageError,
    NoCurrentTaskError,
    NoDeadLetterQueueError,
    NotAnSQSEventError,
    NotTriedError,
    OutOfTimeError,
    PermanentError,
    PublishError,
    QueueError,
    RefusedEntryError,
    ResultError,
    ResultNotKeptError,
    ResultTimeoutError,
    SettingError,
    TaskArgumentsError,
    TaskCancelledError,
    TaskExpiredError,
    TaskFailedError,
    TaskFailure,
    TaskNameError,
    TaskRunningError,
    TasksNotSentError,
    TooManyHopsError,
    UnknownListenerError,
    UnregisteredTaskError,
    UnrunTaskError,
    WaitInTaskError,
    WorkerLostError,
)
from .observers import MessageFacts, Observer, RecordEnd, RecordFacts, observers
from .queued import queued
from .result import SentTask, as_completed, wait_all
from .routed_task import RoutedTask, Sendable
from .router import TaskRouter
from .sending import send_task, send_tasks
from .stated import stated
from .task import PipelineTermination, Task
from .task_context import TaskContext
from .task_needs import TaskNeeds

if TYPE_CHECKING:
    from .group import Group
    from .results import Results
    from .sent_group import Progress, SentGroup

__all__ = [
    "BatchFailedError",
    "CurrentTask",
    "Group",
    "GroupNotSentError",
    "GroupOverError",
    "GroupStoppedError",
    "MalformedMessageError",
    "MessageFacts",
    "NoCurrentTaskError",
    "NoDeadLetterQueueError",
    "NotAnSQSEventError",
    "NotTriedError",
    "Observer",
    "OutOfTimeError",
    "PermanentError",
    "PipelineTermination",
    "Progress",
    "PublishError",
    "QueueError",
    "RecordEnd",
    "RecordFacts",
    "RefusedEntryError",
    "ResultError",
    "ResultNotKeptError",
    "ResultTimeoutError",
    "Results",
    "RoutedTask",
    "Sendable",
    "SentGroup",
    "SentTask",
    "SettingError",
    "Task",
    "TaskArgumentsError",
    "TaskCancelledError",
    "TaskContext",
    "TaskExpiredError",
    "TaskFailedError",
    "TaskFailure",
    "TaskNameError",
    "TaskNeeds",
    "TaskRouter",
    "TaskRunningError",
    "TasksNotSentError",
    "TooManyHopsError",
    "UnknownListenerError",
    "UnregisteredTaskError",
    "UnrunTaskError",
    "WaitInTaskError",
    "WorkerLostError",
    "as_completed",
    "current_task",
    "observers",
    "queued",
    "send_task",
    "send_tasks",
    "stated",
    "wait_all",
]

# What few cold starts need.
_LATER = {
    "Group": "group",
    "Progress": "sent_group",
    "Results": "results",
    "SentGroup": "sent_group",
}


if not TYPE_CHECKING:  # A type checker that saw it would take any name for one of this module.

    def __getattr__(name: str) -> object:
        module = _LATER.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _results() -> list[type]:
    from . import results  # noqa: F401 - which registers them, before the first object is read

    return []


register_later(_results)
