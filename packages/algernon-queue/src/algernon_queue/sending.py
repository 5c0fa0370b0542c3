"""Sending a Task on its way, for whoever starts a chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from algernon_serialize import NestingError, UnserializableError, ajson
from algernon_storage import Document, StoredData, content_sha256

from ._aws.clock import now
from ._aws.parallel import in_parallel
from ._aws.topics import MessageText, Publication, check_message_group, publish
from ._wire.callback import MAX_CALLBACK_BYTES, Callback, CallbackJSON
from ._wire.membership import first_task_id
from ._wire.message import NAMESPACE, OutgoingTask
from .current_task import NOBODY, RunningTask, SentId, running_task
from .errors import SettingError, TaskArgumentsError, TasksNotSentError
from .task import Task, check_task


def send_task(
    task_name: str,
    task_kwargs: Mapping[str, Any] | None = None,
    callback: str | None = None,
    *,
    task_id: str | UUID | None = None,
    message_group: str | None = None,
    listeners: Mapping[str, str] | None = None,
    keep_result: bool = False,
    unique: str | None = None,
    expires: float | None = None,
    cancellable: bool = False,
) -> str:
    """Send one Task to its listener.

    A Task that sends another and runs twice sends it under the same id both times: it
    is derived from the sending Task's own id and from what is sent.

    Args:
        task_name: The Task's name.
        task_kwargs: Its keyword arguments: anything that `ajson` can send. What
            SNS has no room for goes through S3 (`ALGERNON_BUCKET_NAME`).
        callback: The Task that gets the result, or a chain ``"a#b#c"``. A chain
            that begins with the Task itself goes on with the one after it.
        task_id: The id of this run, where it isn't to be made here. A ledger
            (``once=True``) runs one id once.
        message_group: The message group on a FIFO topic: by default that of the
            FIFO queue which the sending Task came from, or else one of its own.
        listeners: The ARN of the SNS topic of each Task, for those that aren't
            found by the options of the worker that sends, by SSM Parameter Store or
            by their name.
        keep_result: Whether the result, of a chain that of its last Task, is kept in the
            worker's bucket, for ``SentTask(task_id).result()``. All workers of the chain have
            to be of version 1.7 or newer: older ones refuse the message, before they run it.
        unique: A key, of which and the Task's name at most one run succeeds within the days
            that the bucket keeps results. A failure frees it. The result of the first run goes
            to the callback of whatever is sent later.
        expires: After how many seconds it isn't begun any more.
        cancellable: Whether ``SentTask(task_id).cancel()`` may cancel it.

    Returns:
        The task_id, a UUID: the id of what is sent, be it one Task or a chain. It is the
        chain_id of all Tasks of the chain as well, unless a Task sends this one: what a Task
        sends belongs to the Task's own chain.

    Raises:
        TaskNameError: A name can't be a Task's.
        TaskArgumentsError: The keyword arguments aren't a mapping with str keys.
        SettingError: The `task_id` is no UUID, or the message group can't be one, or
            the Task's topic has no message groups; or there are both a `task_id` and `unique`,
            or `expires` is no number above 0.
        UnknownListenerError: No topic is known for the Task, or there is none.
        PublishError: SNS doesn't take the message.
        algernon_serialize.UnserializableError: `ajson` can't send an argument.
        algernon_storage.StorageError: An argument can't be stored.

    Example:
        ``send_task("resize", {"width": 640}, callback="store#notify")``
    """
    wanted_id = None if task_id is None else str(task_id)
    task = Task(
        task_name,
        task_kwargs or {},
        callback,
        wanted_id,
        message_group,
        keep_result=keep_result,
        unique=unique,
        expires=expires,
        cancellable=cancellable,
    )
    return send_one(task, listeners)


def send_one(task: Task, listeners: Mapping[str, str] | None) -> str:
    """Send one Task, and return its id. It raises what `send_task` does."""
    ((sent_id, error),) = _send([task], listeners)
    if error is not None:
        raise error
    return sent_id


def send_tasks(tasks: Iterable[Task], *, listeners: Mapping[str, str] | None = None) -> list[str]:
    """Send many Tasks to their listeners, ten a call.

    Args:
        tasks: The Tasks.
        listeners: As in `send_task`.

    Returns:
        The task_id of each, in order.

    Raises:
        UnknownListenerError: No topic is known for a Task; nothing was sent.
        PublishError: There are no credentials, or there is no region, to tell a Task's
            topic by; nothing was sent.
        SettingError: Something is no Task; or one has a message group, but its topic none;
            nothing was sent.
        TaskArgumentsError: A Task's constants are more than the messages of its chain have
            room for; nothing was sent.
        TasksNotSentError: SNS doesn't take some of the messages, which `failures`
            names; the others were sent.
        algernon_serialize.UnserializableError: `ajson` can't send an argument or
            a constant; nothing was sent.
        algernon_storage.StorageError: One can't be stored; nothing was sent.
    """
    outcomes = _send(_listed(tasks), listeners)
    task_ids = [task_id for task_id, _ in outcomes]
    failures = {number: error for number, (_, error) in enumerate(outcomes) if error is not None}
    if failures:
        raise TasksNotSentError(failures, task_ids) from next(iter(failures.values()))
    return task_ids


def _listed(tasks: Iterable[Task]) -> list[Task]:
    try:
        each_task = iter(tasks)
    except TypeError as error:
        check_task(tasks, "send_tasks")
        raise SettingError(
            "send_tasks was given a Task, but wants many: write send_tasks([…]) around it"
        ) from error
    listed = list(each_task)
    for task in listed:
        check_task(task, "send_tasks")
    return listed


#: What takes Tasks in place of their listeners: of Tasks, and of the Task that sends them, it
#: returns the id of each.
Catcher = Callable[[Sequence[Task], RunningTask], Sequence[str]]


@contextmanager
def caught_by(catcher: Catcher | None) -> Iterator[None]:
    """Have what is sent caught while the block lasts, by any thread of the process.

    The innermost block decides. Nothing is looked up for what is caught, and nobody told of it.

    Args:
        catcher: What catches. None has Tasks sent after all, within another block.
    """
    block = _Catching(catcher)
    _catching.append(block)
    try:
        yield
    finally:
        _catching.remove(block)


class _Catching:
    """A block in which Tasks are caught, or not."""

    def __init__(self, catcher: Catcher | None) -> None:
        self.catcher = catcher


_catching: list[_Catching] = []


class _Outgoing(NamedTuple):
    """A message that is ready to be sent, and the id that was taken for it."""

    publication: Publication
    sent_id: SentId


def _send(
    tasks: list[Task], listeners: Mapping[str, str] | None
) -> list[tuple[str, Exception | None]]:
    """Send Tasks, and return the id of each, and why it wasn't sent, if it wasn't."""
    sender = running_task.get() or NOBODY
    block = next(reversed(_catching), None)
    if block is not None and block.catcher is not None:
        return [(sent_id, None) for sent_id in block.catcher(tasks, sender)]
    known = {**sender.listeners.known, **(listeners or {})}
    topics = replace(sender.listeners, known=known).find(task.task_name for task in tasks)
    addressed = []
    for task in tasks:
        topic = topics[task.task_name]
        if isinstance(topic, Exception):
            raise topic
        check_message_group(task.task_name, task.message_group, topic)
        addressed.append((task, topic))
    outgoing = _all_or_none(in_parallel(lambda one: _outgoing(*one, sender), addressed), sender)
    errors = publish([each.publication for each in outgoing])
    for each, error in zip(outgoing, errors, strict=True):
        if error is not None:
            sender.give_back(each.sent_id)
    return [(each.sent_id.task_id, error) for each, error in zip(outgoing, errors, strict=True)]


def _all_or_none(written: list[_Outgoing | Exception], sender: RunningTask) -> list[_Outgoing]:
    outgoing = [each for each in written if isinstance(each, _Outgoing)]
    for error in written:
        if isinstance(error, Exception):
            for each in outgoing:
                each.publication.withdraw()
                sender.give_back(each.sent_id)
            raise error
    return outgoing


def _outgoing(task: Task, topic: str, sender: RunningTask) -> _Outgoing:
    kwargs = dict(task.task_kwargs)
    outgoing, sent_id = outgoing_task(task, kwargs, sender)

    def write(room: int) -> MessageText:
        text = written(kwargs)
        message = outgoing.message(text.decode())
        if len(message.encode()) <= room:
            return MessageText(message)
        stored = StoredData.of(outgoing.task_id, Document.around(text))
        stored.store()  # or it might travel inline all the same
        return MessageText(outgoing.message(ajson.dumps(stored)), stored.size)

    unwritten = Publication(outgoing, topic, task.message_group or sender.group)
    try:
        return _Outgoing(unwritten.written(write), sent_id)
    except Exception:
        sender.give_back(sent_id)
        raise


def outgoing_task(
    task: Task, kwargs: dict[str, Any], sender: RunningTask = NOBODY
) -> tuple[OutgoingTask, SentId]:
    """Return a Task as it is sent with these keyword arguments, and the id that was taken for it.

    Raises:
        TaskArgumentsError: There is no room for its constants.
        algernon_serialize.UnserializableError: `ajson` can't send what its id is made of.
    """
    callback = callback_of(task)
    sent_id = _sent_id(task, kwargs, callback.as_json, sender)
    result_id = task_id = sent_id.task_id
    if keeps_result(task):
        callback = callback.keeping(result_id)
        if callback.chain is not None:
            task_id = first_task_id(result_id, task.task_name)
    outgoing = OutgoingTask(
        task.task_name,
        task_id,
        sender.chain_id or result_id,
        callback.as_json,
        _position(task, callback),
        sender.hops,
        once=task.unique is not None or task.cancellable,
        expires_at=None if task.expires is None else now() + task.expires,
    )
    return outgoing, sent_id


def _sent_id(
    task: Task, kwargs: dict[str, Any], callback: CallbackJSON, sender: RunningTask
) -> SentId:
    if task.task_id:
        return SentId(task.task_id)
    if task.unique is not None:
        return SentId(str(uuid5(NAMESPACE, f"unique:{task.task_name}:{task.unique}")))
    return sender.take_id(lambda: what_is_sent(task, kwargs, callback))


def keeps_result(task: Task) -> bool:
    """Tell whether what a Task returns, or the last one of its chain, is kept for its sender."""
    # A chain ends by its own outcome, by which each of its Tasks sees that it was cancelled.
    is_chain = task.callback is not None
    return task.keep_result or (is_chain and (task.cancellable or task.unique is not None))


def written(kwargs: dict[str, Any]) -> bytes:
    """Return keyword arguments as JSON.

    Raises:
        algernon_serialize.UnserializableError: `ajson` can't send one.
        algernon_storage.StorageError: One can't be stored.
    """
    # Within what it belongs to, so that an error tells the whole path to what can't be sent.
    return ajson.dumpb({"task_kwargs": kwargs})[len('{"task_kwargs":') : -1]


def callback_of(task: Task) -> Callback:
    """Return who gets a Task's result, with the constants, as messages have them.

    Raises:
        TaskArgumentsError: It is more than all messages of the chain have room for.
        algernon_serialize.UnserializableError: `ajson` can't send a constant.
        algernon_storage.StorageError: One can't be stored.
    """
    if not task.constants:
        return Callback(task.callback)
    constants = {n: dict(kwargs) for n, kwargs in sorted(task.constants.items()) if kwargs}
    callback = Callback(task.callback, constants)
    check_room(callback, task.task_name)
    return callback


def check_room(callback: Callback, task_name: str) -> None:
    """Refuse constants for which there is no room in the messages of a chain.

    Raises:
        TaskArgumentsError: There is none.
        algernon_serialize.UnserializableError: `ajson` can't send a constant.
    """
    if callback.constants and (size := callback.size) > MAX_CALLBACK_BYTES:
        raise TaskArgumentsError(
            f"the callback of the Task {task_name!r} and its constants take {size} bytes, more"
            f" than the {MAX_CALLBACK_BYTES} that there is room for in each message of the chain:"
            " make a StoredData of what is large, which goes through S3"
        )


def what_is_sent(task: Task, kwargs: dict[str, Any], callback: CallbackJSON) -> str:
    """Return what is sent as a text that equal messages share.

    Raises:
        algernon_serialize.UnserializableError: `ajson` can't send some of it.
    """
    what = f"{task.task_name}#{task.callback or ''}#{_content(kwargs, 'task_kwargs')}"
    return f"{what}#{_content(callback, 'callback')}" if isinstance(callback, dict) else what


def _content(value: Any, key: str) -> str:
    try:
        return content_sha256(value)
    except (NestingError, UnserializableError) as error:
        error.inside(key)
        raise


def _position(task: Task, callback: Callback) -> int | None:
    # A lone name needs no place, and may be its own Task's, which is then run again.
    if callback.chain is None or (callback.is_plain and "#" not in callback.chain):
        return None
    return 0 if task.begins_its_chain else -1
