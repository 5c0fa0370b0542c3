"""The log groups of a system's workers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from .mappings import find_mappings
from .place import Place
from .queue_facts import read_queue_facts
from .stack import Stack
from .task_queues import find_task_queues

# No more than a boto3 client has connections for.
_THREADS = 10


def find_log_groups(place: Place) -> tuple[str, ...]:
    """Return the log groups of a system's workers.

    Of a stack of ``algernon template`` that is one; of any other system those of the functions
    that take the messages of its Tasks.

    Args:
        place: The system.

    Raises:
        NotASystemError: As of `find_task_queues`.
        botocore.exceptions.ClientError: AWS refused a call, such as for the right
            ``cloudformation:DescribeStackResource`` or, without a stack, one of
            `find_task_queues`, ``lambda:ListEventSourceMappings`` and
            ``lambda:GetFunctionConfiguration``.

    Example:
        >>> find_log_groups(place)  # doctest: +SKIP
        ('/aws/lambda/shop-worker',)
    """
    if place.log_groups:
        return place.log_groups
    if place.stack_name is not None:
        stack = Stack(place.client("cloudformation"), place.stack_name)
        return (stack.physical_id("WorkerLogs"),)
    return _of_functions(place)


def _of_functions(place: Place) -> tuple[str, ...]:
    client, sqs = place.client("lambda"), place.client("sqs")

    def group_of(function_arn: str) -> str:
        found = client.get_function_configuration(FunctionName=function_arn)
        # AWS Lambda API Reference, LoggingConfig: what it is by default.
        default = f"/aws/lambda/{found['FunctionName']}"
        return str(found.get("LoggingConfig", {}).get("LogGroup", default))

    with ThreadPoolExecutor(_THREADS) as pool:
        urls = [each.queue_url for each in find_task_queues(place)]
        queues = [*pool.map(lambda url: read_queue_facts(sqs, url).arn, urls)]
        mappings = find_mappings(client, queues)
        functions = dict.fromkeys(
            each.function_arn for of_queue in mappings.values() for each in of_queue
        )
        return tuple(dict.fromkeys(pool.map(group_of, functions)))
