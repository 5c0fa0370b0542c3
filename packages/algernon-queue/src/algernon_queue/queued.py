"""The decorator that makes a handler of messages a Lambda handler of SQS batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Unpack, overload

from ._batch.functions import check_function, is_async
from ._batch.handler import BatchHandler
from ._batch.options import OptionArguments, Options
from .retry import Retry
from .task_context import TaskContext

Handler = Callable[[dict[str, Any], TaskContext], Any]
LambdaHandler = Callable[[Any, Any], dict[str, Any]]


@overload
def queued(handler: Handler, /) -> LambdaHandler: ...


@overload
def queued(**options: Unpack[OptionArguments]) -> Callable[[Handler], LambdaHandler]: ...


def queued(
    handler: Handler | None = None, /, **options: Unpack[OptionArguments]
) -> LambdaHandler | Callable[[Handler], LambdaHandler]:
    """Turn ``handler(event, context)`` into a Lambda handler for the batches of an SQS queue.

    The handler is called once for each record, with the message as a dict
    (``task_name``, ``task_kwargs``, ``callback``, ``task_id``) in plain JSON,
    and with the context: a dict whose contents live as long as the worker process.
    But for three keys, which are each record's own: ``aws`` is Lambda's own context,
    ``sqs`` what SQS says of the record (``message_id``, ``receipt_handle``,
    ``source_arn``, ``aws_region``, ``receive_count``, ``message_attributes``,
    ``message_group``, ``sent_at``), and ``task`` what its message says of the Task
    (``task_name``, ``task_id``, ``chain_id``, ``callback``); `current_task` has the same,
    typed. What the handler returns goes to the message's callback, through S3.

    An ``async def`` handler is awaited for many records at a time, on one event
    loop that lives as long as the worker process; what is called from other threads
    meanwhile, or from within a coroutine, gets another.

    Args:
        handler: The handler, where the decorator stands bare.
        failures: What happens when records fail. ``"batch"`` raises one error,
            and the whole batch stays in the queue. ``"report"`` returns the
            failed ones, and is only for an event source mapping with
            ``ReportBatchItemFailures``: without it, Lambda takes the answer for
            a success and deletes the whole batch. By default the environment
            variable `ALGERNON_FAILURES` decides, and else ``"batch"``.
        listeners: The ARN of the SNS topic of each Task, for those that aren't
            found by SSM Parameter Store or by their name.
        once: True keeps a ledger in the worker's bucket, so that a Task that is
            done isn't run again, however often its message comes; its callback
            is sent its first result again. A Ledger keeps it elsewhere.
        deadline_margin: How much of Lambda's time is kept back for sending results
            on, in seconds: a record isn't started when less than this would be
            left after it, should it take as long as the longest one so far. By
            default a tenth of the batch's time, and at the most a second for every
            twenty records.
        concurrency: How many records at most an async handler works on at a time.

    Returns:
        A function for Lambda to call, which returns
        ``{"batchItemFailures": [{"itemIdentifier": MESSAGE_ID}, …]}`` (AWS Lambda
        Developer Guide, "Handling errors for an SQS event source in Lambda").

    Raises:
        SettingError: An option, or `ALGERNON_FAILURES`, has a value that means
            nothing, or the handler is no function, a generator, or a method of no
            object.
        NotAnSQSEventError: By the handler, when its event is no SQS event.
        BatchFailedError: By the handler, when records failed under ``"batch"``.

    Example:
        >>> @queued
        ... def handler(event, context):
        ...     return {"doubled": 2 * event["task_kwargs"]["n"]}
        >>> body = '{"task_name": "double", "task_kwargs": {"n": 21}}'
        >>> message_id = "059f36b4-87a3-44ab-83d2-661975830a7d"
        >>> handler({"Records": [{"messageId": message_id, "body": body}]}, None)
        {'batchItemFailures': []}
    """
    checked = Options(**options)

    def decorate(handler: Handler) -> LambdaHandler:
        check_function(handler, "queued", 'failures="report"')
        batches = BatchHandler(_OneHandler(handler), checked, {})

        @wraps(handler)
        def handle_batch(event: Any, aws_context: Any) -> dict[str, Any]:
            return batches.handle(event, aws_context)

        return handle_batch

    return decorate if handler is None else decorate(handler)


class _OneHandler:
    """The Tasks of a worker that has one handler for all of them."""

    def __init__(self, handler: Handler) -> None:
        self.run = handler
        self._is_async = is_async(handler)

    def is_async(self, task_name: str) -> bool:  # noqa: ARG002 - all are alike
        return self._is_async

    def as_arguments(self, result: Any) -> Any:
        # What a handler makes of its messages is its own business.
        return result

    def retry(self, task_name: str) -> Retry | None:  # noqa: ARG002 - all are alike
        return None
