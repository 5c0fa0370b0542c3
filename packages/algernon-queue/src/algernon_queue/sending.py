"""Sending a Task on its way, for whoever starts a chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from algernon_storage import StoredData

from .errors import TasksNotSentError
from .listener import find_listeners
from .message import OutgoingTask, current_chain
from .parallel import in_parallel
from .publishing import Publication, publish, write_publication
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
        The task_id, a UUID. It is the id of the whole chain as well, unless a
        Task sends this one: what a Task sends belongs to the Task's own chain.

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
    addressed = []
    for task in todo:
        topic = topics[task.task_name]
        if isinstance(topic, Exception):
            raise topic
        addressed.append((task, topic))
    publications = _all_or_none(in_parallel(lambda one: _publication(*one), addressed))
    task_ids = [publication.task.task_id for publication in publications]
    outcomes = enumerate(publish(publications))
    failures = {number: error for number, error in outcomes if error is not None}
    if failures:
        raise TasksNotSentError(failures, task_ids) from next(iter(failures.values()))
    return task_ids


def _all_or_none(written: list[Publication | Exception]) -> list[Publication]:
    publications = [one for one in written if isinstance(one, Publication)]
    for error in written:
        if isinstance(error, Exception):
            for publication in publications:
                publication.withdraw()
            raise error
    return publications


def _publication(task: Task, topic: str) -> Publication:
    task_id = str(uuid4())
    chain_id = current_chain.get() or task_id
    outgoing = OutgoingTask(task.task_name, task_id, chain_id, task.callback, _position(task))

    def write(room: int) -> str:
        kwargs = dict(task.task_kwargs)
        message = outgoing.message(kwargs)
        if len(message.encode()) <= room:
            return message
        stored = StoredData(task_id, kwargs, full_unpack=True)
        stored.store()  # or it might travel inline all the same
        return outgoing.message(stored)

    return write_publication(outgoing, topic, write)


def _position(task: Task) -> int | None:
    chain = task.callback.split("#") if task.callback else []
    if len(chain) < 2:
        return None
    return 0 if chain[0] == task.task_name else -1
