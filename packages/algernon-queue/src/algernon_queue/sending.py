"""Sending a Task on its way, for whoever starts a chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from algernon_storage import StoredData

from .errors import TasksNotSentError
from .listener import find_listeners
from .message import write_message
from .parallel import in_parallel
from .publishing import MAX_BYTES, Publication, publish
from .task import Task


def send_task(
    task_name: str,
    task_kwargs: Mapping[str, Any] | None = None,
    callback: str | None = None,
    *,
    listeners: Mapping[str, str] | None = None,
) -> str:
    """Send one Task to its listener.

    Args:
        task_name: The Task's name.
        task_kwargs: Its keyword arguments: anything that `ajson` can send. What
            SNS has no room for goes through S3 (`ALGERNON_BUCKET_NAME`).
        callback: The Task that gets the result, or a chain ``"a#b#c"``. A chain
            that begins with the Task itself goes on with the one after it.
        listeners: The ARN of the SNS topic of each Task, for those that aren't
            found by SSM Parameter Store or by their name.

    Returns:
        The task_id, a UUID.

    Raises:
        TaskNameError: A name can't be a Task's.
        TaskArgumentsError: The keyword arguments aren't a mapping with str keys.
        UnknownListenerError: No topic is known for the Task.
        PublishError: SNS doesn't take the message.
        algernon_serialize.UnserializableError: `ajson` can't send an argument.
        algernon_storage.StorageError: An argument can't be stored.

    Example:
        ``send_task("resize", {"width": 640}, callback="store#notify")``
    """
    return send_tasks([Task(task_name, task_kwargs or {}, callback)], listeners=listeners)[0]


def send_tasks(tasks: Iterable[Task], *, listeners: Mapping[str, str] | None = None) -> list[str]:
    """Send many Tasks to their listeners, ten a call.

    Args:
        tasks: The Tasks.
        listeners: As in `send_task`.

    Returns:
        The task_id of each, in order.

    Raises:
        UnknownListenerError: No topic is known for a Task; nothing was sent.
        TasksNotSentError: SNS doesn't take some of the messages, which `failures`
            names; the others were sent.
        algernon_serialize.UnserializableError: `ajson` can't send an argument;
            nothing was sent.
        algernon_storage.StorageError: An argument can't be stored; nothing was sent.
    """
    todo = list(tasks)
    topics = find_listeners({task.task_name for task in todo}, listeners, None)
    task_ids = [str(uuid4()) for _ in todo]
    messages = in_parallel(lambda one: _message(*one), zip(todo, task_ids, strict=True))
    publications = []
    for task, task_id, message in zip(todo, task_ids, messages, strict=True):
        topic = topics[task.task_name]
        if isinstance(topic, Exception):
            raise topic
        if isinstance(message, Exception):
            raise message
        publications.append(Publication(task.task_name, task_id, topic, message))
    outcomes = enumerate(publish(publications))
    failures = {number: error for number, error in outcomes if error is not None}
    if failures:
        raise TasksNotSentError(failures, task_ids) from next(iter(failures.values()))
    return task_ids


def _message(task: Task, task_id: str) -> str:
    position = _position(task)
    kwargs = dict(task.task_kwargs)
    message = write_message(task.task_name, kwargs, task.callback, task_id, position)
    if len(message.encode()) <= MAX_BYTES:
        return message
    stored = StoredData(task_id, kwargs, full_unpack=True)
    return write_message(task.task_name, stored, task.callback, task_id, position)


def _position(task: Task) -> int | None:
    chain = task.callback.split("#") if task.callback else []
    if len(chain) < 2:
        return None
    return 0 if chain[0] == task.task_name else -1
