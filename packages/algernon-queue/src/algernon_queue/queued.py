"""The decorator that makes a handler of messages a Lambda handler of SQS batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Literal, overload

from .batch import Batch, Handler
from .errors import BatchFailedError, SettingError
from .functions import check_function

Failures = Literal["batch", "report"]
LambdaHandler = Callable[[Any, Any], dict[str, Any]]


@overload
def queued(handler: Handler, /) -> LambdaHandler: ...


@overload
def queued(
    *, failures: Failures | None = None, listeners: Mapping[str, str] | None = None
) -> Callable[[Handler], LambdaHandler]: ...


def queued(
    handler: Handler | None = None,
    /,
    *,
    failures: Failures | None = None,
    listeners: Mapping[str, str] | None = None,
) -> LambdaHandler | Callable[[Handler], LambdaHandler]:
    """Turn ``handler(event, context)`` into a Lambda handler for the batches of an SQS queue.

    The handler is called once for each record, with the message as a dict
    (``task_name``, ``task_kwargs``, ``callback``, ``task_id``) in plain JSON,
    and with the context: one dict that lives as long as the worker process.
    In it ``aws`` is Lambda's own context, ``sqs`` the facts of the current
    record (``message_id``, ``receipt_handle``, ``source_arn``, ``aws_region``,
    ``receive_count``), and everything else the handler's own. What it returns
    goes to the message's callback, through S3.

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

    Returns:
        A function for Lambda to call, which returns
        ``{"batchItemFailures": [{"itemIdentifier": MESSAGE_ID}, …]}`` (AWS Lambda
        Developer Guide, "Handling errors for an SQS event source in Lambda").

    Raises:
        SettingError: `failures` or `ALGERNON_FAILURES` is neither of the two, or the
            handler is no function, an async function or a generator.
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
    if failures is not None:
        _check_failures(failures, "failures")

    def decorate(handler: Handler) -> LambdaHandler:
        check_function(handler, "queued", 'failures="report"')
        context: dict[str, Any] = {}

        @wraps(handler)
        def handle_batch(event: Any, aws_context: Any) -> dict[str, Any]:
            policy = failures or _failures_setting()
            context["aws"] = aws_context
            batch = Batch(event, stays_whole=policy == "batch")
            batch.read()
            batch.run(handler, context)
            batch.send_on(listeners, getattr(aws_context, "invoked_function_arn", None))
            if policy == "batch" and batch.failures:
                raise BatchFailedError(batch.failures, len(batch.entries))
            return {
                "batchItemFailures": [
                    {"itemIdentifier": message_id} for message_id in batch.failures
                ]
            }

        return handle_batch

    return decorate if handler is None else decorate(handler)


def _failures_setting() -> str:
    setting = os.environ.get("ALGERNON_FAILURES") or "batch"
    _check_failures(setting, "the environment variable ALGERNON_FAILURES")
    return setting


def _check_failures(value: str, name: str) -> None:
    if value not in ("batch", "report"):
        raise SettingError(
            f"{name} is {value!r}, but it is 'batch' (a failure keeps the whole batch in the"
            " queue) or 'report' (only what failed)"
        )
