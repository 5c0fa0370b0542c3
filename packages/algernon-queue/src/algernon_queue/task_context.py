"""The context that a Task gets from its worker."""

from __future__ import annotations

from typing import Any


class TaskContext(dict[str, Any]):
    """The dict that a Task gets from its worker, besides what was sent.

    Its contents live as long as the worker process, for what isn't to be made for each
    message: a database connection, credentials. But for three keys, which are each
    record's own:

    - ``aws``: Lambda's own context of the invocation.
    - ``sqs``: a dict of what SQS says of the record: ``message_id``, ``receipt_handle``,
      ``source_arn``, ``aws_region``, ``receive_count``, ``message_attributes``,
      ``message_group`` and ``sent_at``, in seconds since 1970. It is empty for a bare
      message, which comes from no queue.
    - ``task``: a dict of what its message says of the Task: ``task_name``, ``task_id``,
      ``chain_id`` and ``callback``.

    A Task's function gets it in its first parameter, whatever that is called, if it is
    annotated with this class, and in any parameter that is called ``context``. Where it
    is both, type checkers don't ask for it when the Task is sent. Nobody can send an
    argument in its place.

    Example:
        >>> from algernon_queue import TaskRouter
        >>> router = TaskRouter()
        >>> @router.task
        ... def greet(context: TaskContext, name: str):
        ...     context.setdefault("greeted", []).append(name)
        ...     return {"task": context["task"]["task_name"], "greeted": context["greeted"]}
        >>> router.handler({"task_name": "greet", "task_kwargs": {"name": "Ada"}}, None)
        {'task': 'greet', 'greeted': ['Ada']}
    """

    __slots__ = ()
