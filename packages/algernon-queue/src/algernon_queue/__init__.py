"""Run Tasks from SQS in Lambda, and send their results to the next Task."""

from .errors import (
    BatchFailedError,
    GroupStoppedError,
    MalformedMessageError,
    NotAnSQSEventError,
    OutOfTimeError,
    PublishError,
    QueueError,
    SettingError,
    TaskArgumentsError,
    TaskNameError,
    UnknownListenerError,
    UnregisteredTaskError,
)
from .queued import queued
from .router import TaskRouter
from .sending import send_task, send_tasks
from .task import Task

__all__ = [
    "BatchFailedError",
    "GroupStoppedError",
    "MalformedMessageError",
    "NotAnSQSEventError",
    "OutOfTimeError",
    "PublishError",
    "QueueError",
    "SettingError",
    "Task",
    "TaskArgumentsError",
    "TaskNameError",
    "TaskRouter",
    "UnknownListenerError",
    "UnregisteredTaskError",
    "queued",
    "send_task",
    "send_tasks",
]
