"""Run Tasks from SQS in Lambda, and send their results to the next Task."""

from .current_task import CurrentTask, current_task
from .errors import (
    BatchFailedError,
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
    SettingError,
    TaskArgumentsError,
    TaskNameError,
    TaskRunningError,
    TasksNotSentError,
    TooManyHopsError,
    UnknownListenerError,
    UnregisteredTaskError,
    UnrunTaskError,
    WorkerLostError,
)
from .observers import MessageFacts, Observer, RecordEnd, RecordFacts, observers
from .queued import queued
from .result import SentTask
from .routed_task import RoutedTask, Sendable
from .router import TaskRouter
from .sending import send_task, send_tasks
from .stated import stated
from .task import PipelineTermination, Task
from .task_context import TaskContext

__all__ = [
    "BatchFailedError",
    "CurrentTask",
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
    "PublishError",
    "QueueError",
    "RecordEnd",
    "RecordFacts",
    "RefusedEntryError",
    "RoutedTask",
    "Sendable",
    "SentTask",
    "SettingError",
    "Task",
    "TaskArgumentsError",
    "TaskContext",
    "TaskNameError",
    "TaskRouter",
    "TaskRunningError",
    "TasksNotSentError",
    "TooManyHopsError",
    "UnknownListenerError",
    "UnregisteredTaskError",
    "UnrunTaskError",
    "WorkerLostError",
    "current_task",
    "observers",
    "queued",
    "send_task",
    "send_tasks",
    "stated",
]
