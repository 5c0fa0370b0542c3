"""The log groups of a system's workers."""

from __future__ import annotations

from .asking import Asking
from .mappings import find_mappings
from .place import Place
from .stack import Stack
from .task_queues import find_task_queues
from .worker_functions import read_functions


def find_log_groups(place: Place) -> tuple[str, ...]:
    """Return the log groups of a system's workers.

    Of a stack of ``algernon template`` that is one; of any other system those of the functions
    that take the messages of its Tasks, as far as they may be read.

    Args:
        place: The system.

    Raises:
        NotASystemError: As of `find_task_queues`.
        botocore.exceptions.ClientError: AWS refused a call, such as for the right
            ``cloudformation:DescribeStackResource`` or, without a stack, one of
            `find_task_queues` and ``lambda:ListEventSourceMappings``.

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
    client = place.client("lambda")
    mappings = find_mappings(client, [each.queue_arn for each in find_task_queues(place)])
    arns = [each.function_arn for of_queue in mappings.values() for each in of_queue]
    functions = read_functions(client, arns, Asking()).values()
    return tuple(dict.fromkeys(each.log_group for each in functions if each.log_group is not None))
