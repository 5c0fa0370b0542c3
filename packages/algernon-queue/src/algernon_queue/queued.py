"""The decorator that makes a handler of messages a Lambda handler of SQS batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import wraps
from math import inf
from typing import Any, Literal, overload

from algernon_storage import Ledger, S3Ledger

from .batch import Batch
from .cold_start import make_clients
from .deadline import Deadline
from .ending import end_batch
from .errors import BatchFailedError, SettingError
from .functions import check_function, is_async
from .handing_back import HandingBack, RetryOf, release_claims
from .reading import read_batch
from .receives import extra_receives
from .running import Handler, run_batch
from .sender import Sender, function_arn_of
from .sending_on import record_results, report_failures, send_on, store_parts

Failures = Literal["batch", "report"]
LambdaHandler = Callable[[Any, Any], dict[str, Any]]


@overload
def queued(handler: Handler, /) -> LambdaHandler: ...


@overload
def queued(
    *,
    failures: Failures | None = None,
    listeners: Mapping[str, str] | None = None,
    once: bool | Ledger = False,
    deadline_margin: float | None = None,
    concurrency: int = 10,
) -> Callable[[Handler], LambdaHandler]: ...


def queued(
    handler: Handler | None = None,
    /,
    *,
    failures: Failures | None = None,
    listeners: Mapping[str, str] | None = None,
    once: bool | Ledger = False,
    deadline_margin: float | None = None,
    concurrency: int = 10,
) -> LambdaHandler | Callable[[Handler], LambdaHandler]:
    """Turn ``handler(event, context)`` into a Lambda handler for the batches of an SQS queue.

    The handler is called once for each record, with the message as a dict
    (``task_name``, ``task_kwargs``, ``callback``, ``task_id``) in plain JSON,
    and with the context: a dict whose contents live as long as the worker process.
    But for three keys, which are each record's own: ``aws`` is Lambda's own context,
    ``sqs`` the facts of the record (``message_id``, ``receipt_handle``,
    ``source_arn``, ``aws_region``, ``receive_count``, ``message_attributes``,
    ``message_group``, ``sent_at``), and ``task`` those of its Task (``task_name``,
    ``task_id``, ``chain_id``, ``callback``); `current_task` has the same facts,
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
            default a tenth of the batch's time, and a second at the most.
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
    handle_batches = batch_handling(
        failures=failures,
        listeners=listeners,
        once=once,
        deadline_margin=deadline_margin,
        concurrency=concurrency,
    )

    def decorate(handler: Handler) -> LambdaHandler:
        check_function(handler, "queued", 'failures="report"')
        all_are_async = is_async(handler)
        return wraps(handler)(handle_batches(handler, {}, lambda _: all_are_async))

    return decorate if handler is None else decorate(handler)


def batch_handling(
    *,
    failures: Failures | None,
    listeners: Mapping[str, str] | None,
    once: bool | Ledger,
    deadline_margin: float | None,
    concurrency: int,
    retry_of: RetryOf = lambda _: None,
) -> Callable[[Handler, dict[str, Any], Callable[[str], bool]], LambdaHandler]:
    """Return what makes a Lambda handler of a handler of messages.

    Besides that handler it takes the worker's context, and what tells of a Task, by
    its name, whether it is a coroutine function.

    Args:
        failures: As in `queued`.
        listeners: As in `queued`.
        once: As in `queued`.
        deadline_margin: As in `queued`.
        concurrency: As in `queued`.
        retry_of: How each Task is tried again, by its name.

    Raises:
        SettingError: An option has a value that means nothing.
    """
    if failures is not None:
        _check_failures(failures, "failures")
    _check_numbers(deadline_margin, concurrency)
    ledger = _ledger(once)
    handing_back = HandingBack(retry_of, has_ledger=ledger is not None)
    make_clients(listeners, ledger)

    def make(
        handler: Handler, context: dict[str, Any], is_async_task: Callable[[str], bool]
    ) -> LambdaHandler:
        def handle_batch(event: Any, aws_context: Any) -> dict[str, Any]:
            stays_whole = policy_of(failures) == "batch"
            if not stays_whole:
                extra_receives()  # what it says wrong is told before anything is run
            deadline = Deadline(aws_context, deadline_margin)
            batch = Batch(
                event,
                stays_whole=stays_whole,
                give_up=lambda item: not stays_whole and handing_back.give_up(item, deadline),
            )
            sender = Sender(listeners=listeners or {}, function_arn=function_arn_of(aws_context))
            comes_again = True  # if something ends the process
            try:
                read_batch(batch, ledger, deadline, sender)
                run_batch(
                    batch, handler, context, aws_context, deadline, concurrency, is_async_task
                )
                report_failures(batch)
                store_parts(batch, ledger)
                if ledger is not None:
                    record_results(batch, ledger)
                send_on(batch, deadline, sender)
                if ledger is not None:
                    release_claims(batch, ledger)
                if not stays_whole:
                    handing_back.hand_back(batch, deadline)
                comes_again = stays_whole and bool(batch.failures)
            finally:
                end_batch(batch, comes_again=comes_again)
            if comes_again:
                raise BatchFailedError(batch.failures, len(batch.items))
            return {
                "batchItemFailures": [
                    {"itemIdentifier": message_id} for message_id in batch.failures
                ]
            }

        return handle_batch

    return make


def _ledger(once: bool | Ledger) -> Ledger | None:  # noqa: FBT001 - the option as it was given
    if isinstance(once, bool):
        return S3Ledger() if once else None
    if isinstance(once, type) or not all(
        callable(getattr(once, name, None)) for name in ("claim", "finish", "release")
    ):
        raise SettingError(
            f"once is {once!r}, but it is True, False or a Ledger, which has the methods claim,"
            " finish and release"
        )
    return once


def policy_of(failures: Failures | None) -> str:
    """Return what happens when records fail: what the option says, or else the environment.

    Raises:
        SettingError: `ALGERNON_FAILURES` has a value that means nothing.
    """
    if failures is not None:
        return failures
    setting = os.environ.get("ALGERNON_FAILURES") or "batch"
    _check_failures(setting, "the environment variable ALGERNON_FAILURES")
    return setting


def _check_failures(value: str, name: str) -> None:
    if value not in ("batch", "report"):
        raise SettingError(
            f"{name} is {value!r}, but it is 'batch' (a failure keeps the whole batch in the"
            " queue) or 'report' (only what failed)"
        )


def _check_numbers(deadline_margin: Any, concurrency: Any) -> None:
    if deadline_margin is not None and not (
        type(deadline_margin) in (int, float) and 0 <= deadline_margin < inf
    ):
        raise SettingError(
            f"deadline_margin is {deadline_margin!r}, but it is a number of seconds from 0 on"
        )
    if type(concurrency) is not int or concurrency < 1:
        raise SettingError(f"concurrency is {concurrency!r}, but it is an int from 1 on")
