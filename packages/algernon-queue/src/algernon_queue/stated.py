"""The decorator for workers that a state machine of Step Functions calls directly."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from algernon_serialize import ajson, rebuild_event

from .context import RecordContext
from .functions import check_function, check_result
from .loops import run_coroutine
from .pipeline import PipelineTermination
from .state_machine import output_of

StateHandler = Callable[[Any, dict[str, Any]], Any]


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


def run_state(handler: StateHandler, event: Any, context: dict[str, Any]) -> Any:
    """Run a handler for what Lambda was called with, and return its result as plain JSON."""
    try:
        result = handler(event, context)
        if isinstance(result, Coroutine):
            result = run_coroutine(result)
    except PipelineTermination as end:
        result = end.result
    check_result(result)
    return ajson.loads(output_of(result), rebuild=False)
