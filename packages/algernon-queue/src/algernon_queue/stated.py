"""The decorator for workers that a state machine of Step Functions calls directly."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from algernon_serialize import ajson, rebuild_event
from algernon_storage import Document

from ._aws.step_functions import output_of, report_failure, report_success
from ._batch.context import RecordContext
from ._batch.functions import check_function, check_result
from ._batch.loops import run_coroutine
from .task import PipelineTermination
from .task_context import TaskContext

logger = logging.getLogger("algernon_queue")

StateHandler = Callable[[Any, TaskContext], Any]


def stated(handler: StateHandler, /) -> Callable[[Any, Any], Any]:
    """Turn ``handler(event, context)`` into a Lambda handler for a state of Step Functions.

    The event is the state's input with its objects rebuilt and stored data
    fetched. What the handler returns is the state's output: plain JSON with tags,
    which the next `stated` worker rebuilds; or a pointer to it in S3, where it is
    larger than the 262,144 bytes that Step Functions passes on (AWS Step Functions
    Developer Guide, "Service quotas"). An error goes to the state machine under
    its class's name, for ``Retry`` and ``Catch`` to match.

    The context is a dict whose contents live as long as the worker process, but
    for ``aws``, which is Lambda's own context.

    Args:
        handler: The function, which may be ``async def``.

    Raises:
        SettingError: It is no function, a generator, or a method of no object.
        UnrunTaskError: By the handler, when the function returns what still has to run.
        algernon_serialize.SerializeError: By the handler, when the input can't be
            rebuilt here or the result can't be sent.
        algernon_storage.StorageError: By the handler, when something can't be
            fetched or stored.

    Example:
        >>> from decimal import Decimal
        >>> @stated
        ... def handler(event, context):
        ...     return {"total": sum(event["prices"], Decimal(0))}
        >>> handler({"prices": [{"_alg_class": "decimal", "value": "9.90"}]}, None)
        {'total': {'_alg_class': 'decimal', 'value': '9.90'}}
    """
    check_function(handler, "stated", "")
    context: dict[str, Any] = {}

    @wraps(handler)
    def handle_state(event: Any, aws_context: Any) -> Any:
        own_context = RecordContext(context, {"aws": aws_context})
        return run_state(handler, rebuild_event({"input": event})["input"], own_context)

    return handle_state


def run_state(handler: StateHandler, event: Any, context: TaskContext) -> Any:
    """Run a handler for what Lambda was called with, and return its result as plain JSON."""
    return ajson.loads(_output(handler, event, context), rebuild=False)


def run_waited_for(handler: StateHandler, event: Any, context: TaskContext, task_token: str) -> Any:
    """Run a handler as `run_state` does, and tell the state machine that waits what came of it.

    Of a failure nothing is raised once the state machine knows: Lambda tries an
    asynchronous call again, but trying again is the state machine's business.

    Raises:
        botocore.exceptions.ClientError: Step Functions doesn't take the report.
    """
    try:
        output = _output(handler, event, context)
    except Exception as error:
        logger.exception("the Task that a state machine waits for failed")
        report_failure(task_token, error)
        return None
    report_success(task_token, output)
    return ajson.loads(output, rebuild=False)


def _output(handler: StateHandler, event: Any, context: TaskContext) -> str:
    try:
        result = handler(event, context)
        if isinstance(result, Coroutine):
            result = run_coroutine(result)
    except PipelineTermination as end:
        result = end.result
    check_result(result)
    return output_of(Document.of(result))
