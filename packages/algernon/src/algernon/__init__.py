"""Distributed, serverless Tasks on AWS, for Python.

Everything a worker needs under one name. A name is imported from its package
when it is first used, so that ``from algernon import ajson`` loads nothing of AWS.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from algernon_logging import LoggingError, bind, lambda_logged
    from algernon_queue import (
        CurrentTask,
        Group,
        PermanentError,
        PipelineTermination,
        Progress,
        QueueError,
        ResultNotKeptError,
        Results,
        ResultTimeoutError,
        RoutedTask,
        Sendable,
        SentGroup,
        SentTask,
        Task,
        TaskCancelledError,
        TaskContext,
        TaskExpiredError,
        TaskFailedError,
        TaskFailure,
        TaskNeeds,
        TaskRouter,
        WaitInTaskError,
        as_completed,
        current_task,
        queued,
        send_task,
        send_tasks,
        stated,
        wait_all,
    )
    from algernon_serialize import AlgObject, SerializeError, ajson, rebuild_event
    from algernon_storage import StorageError, StoredData

    from .errors import AlgernonError as AlgernonError
    from .errors import CommandError

__all__ = [
    "AlgObject",
    "CommandError",
    "CurrentTask",
    "Group",
    "LoggingError",
    "PermanentError",
    "PipelineTermination",
    "Progress",
    "QueueError",
    "ResultNotKeptError",
    "ResultTimeoutError",
    "Results",
    "RoutedTask",
    "Sendable",
    "SentGroup",
    "SentTask",
    "SerializeError",
    "StorageError",
    "StoredData",
    "Task",
    "TaskCancelledError",
    "TaskContext",
    "TaskExpiredError",
    "TaskFailedError",
    "TaskFailure",
    "TaskNeeds",
    "TaskRouter",
    "WaitInTaskError",
    "ajson",
    "as_completed",
    "bind",
    "current_task",
    "lambda_logged",
    "queued",
    "rebuild_event",
    "send_task",
    "send_tasks",
    "stated",
    "wait_all",
]

_HOMES = {
    "AlgObject": "algernon_serialize",
    "CommandError": "algernon.errors",
    "CurrentTask": "algernon_queue",
    "Group": "algernon_queue",
    "LoggingError": "algernon_logging",
    "PermanentError": "algernon_queue",
    "PipelineTermination": "algernon_queue",
    "Progress": "algernon_queue",
    "QueueError": "algernon_queue",
    "ResultNotKeptError": "algernon_queue",
    "ResultTimeoutError": "algernon_queue",
    "Results": "algernon_queue",
    "RoutedTask": "algernon_queue",
    "Sendable": "algernon_queue",
    "SentGroup": "algernon_queue",
    "SentTask": "algernon_queue",
    "SerializeError": "algernon_serialize",
    "StorageError": "algernon_storage",
    "StoredData": "algernon_storage",
    "Task": "algernon_queue",
    "TaskCancelledError": "algernon_queue",
    "TaskContext": "algernon_queue",
    "TaskExpiredError": "algernon_queue",
    "TaskFailedError": "algernon_queue",
    "TaskFailure": "algernon_queue",
    "TaskNeeds": "algernon_queue",
    "TaskRouter": "algernon_queue",
    "WaitInTaskError": "algernon_queue",
    "ajson": "algernon_serialize",
    "as_completed": "algernon_queue",
    "bind": "algernon_logging",
    "current_task": "algernon_queue",
    "lambda_logged": "algernon_logging",
    "queued": "algernon_queue",
    "rebuild_event": "algernon_serialize",
    "send_task": "algernon_queue",
    "send_tasks": "algernon_queue",
    "stated": "algernon_queue",
    "wait_all": "algernon_queue",
}


if not TYPE_CHECKING:  # A type checker that saw it would take any name for one of this module.

    def __getattr__(name: str) -> object:
        if name == "AlgernonError":
            from .errors import root_by_its_old_name

            return root_by_its_old_name()
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            module = import_module(home)
        except AttributeError as error:
            # Python would take it for a name that isn't there, and drop it.
            raise ImportError(f"{home} can't be imported: {error}", name=home) from error
        value = globals()[name] = getattr(module, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
