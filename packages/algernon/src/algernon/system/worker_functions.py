"""The functions that take Tasks' messages, as Lambda has them configured."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from .asking import Asking
from .at_once import at_once
from .kept_values import handler_of
from .mappings import function_name


@dataclass(frozen=True, slots=True)
class WorkerFunction:
    """A function that takes a Task's messages; None is what couldn't be read.

    Attributes:
        name: Its name.
        handler: Its worker's handler, such as ``shop.handler``; None also of an image, which has
            its own.
        extra_receives: In how many receives of a message it runs no Task that may have run
            (``ALGERNON_EXTRA_RECEIVES``).
        log_group: The log group that it writes to.
        metrics_namespace: CloudWatch's namespace of its Tasks' metrics
            (``ALGERNON_METRICS_NAMESPACE``); None also where it writes none.
    """

    name: str
    handler: str | None = None
    extra_receives: int | None = None
    log_group: str | None = None
    metrics_namespace: str | None = None


def read_functions(
    client: Any, function_arns: Collection[str], asking: Asking
) -> dict[str, WorkerFunction]:
    """Return functions by their ARNs. It takes a call of Lambda for each.

    Args:
        client: A boto3 client for Lambda.
        function_arns: The functions, or versions or aliases of them.
        asking: What notes if the right ``lambda:GetFunctionConfiguration`` is missing.

    Raises:
        botocore.exceptions.ClientError: Lambda refused it for another reason.
    """
    arns = [*dict.fromkeys(function_arns)]
    return dict(zip(arns, at_once(partial(_read, client, asking), arns), strict=True))


def _read(client: Any, asking: Asking, arn: str) -> WorkerFunction:
    name = function_name(arn)
    try:
        found = asking.ask(
            "lambda:GetFunctionConfiguration",
            lambda: client.get_function_configuration(FunctionName=arn),
        )
    except client.exceptions.ResourceNotFoundException:
        return WorkerFunction(name)  # its mapping outlives it
    if found is None:
        return WorkerFunction(name)
    variables = found.get("Environment", {}).get("Variables", {})
    extra = variables.get("ALGERNON_EXTRA_RECEIVES") or "0"
    return WorkerFunction(
        name,
        handler=handler_of(found),
        extra_receives=int(extra) if extra.isdecimal() else None,
        # AWS Lambda Developer Guide, "Configuring CloudWatch log groups": unless another is set.
        log_group=found.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}",
        metrics_namespace=variables.get("ALGERNON_METRICS_NAMESPACE") or None,
    )
