"""The whole template: what all its parts are put together to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...worker import Worker
from .bucket import bucket
from .checks import check_limits, check_size, check_workers
from .deprecated import takes_tasks_too
from .functions import functions
from .logs import log_group
from .outputs import outputs
from .parameters import CONDITIONS, PARAMETERS
from .queues import topics_and_queues
from .role import role


@takes_tasks_too
def system_template(
    workers: Sequence[Worker], *, timeout: int = 30, memory: int = 256
) -> dict[str, Any]:
    """Return the CloudFormation template of a system of one or more workers.

    Each worker is a Lambda function that is fed by the queues of its own Tasks.
    All share one zip, one bucket, one role and one log group, so that a Task's
    callback may be any worker's.

    It is plain CloudFormation, without macros, and deployed with CAPABILITY_IAM,
    for the role. A stack of the template of Algernon 1.4 and older, which was one of
    AWS SAM, is updated in place: no resource is replaced.

    The first function is called `Worker` in the template, the others by their
    handlers alone: to add a worker to a deployed system, name it in any place
    after the first, and leave the first one first.

    The template has the parameters `CodeBucket` and `CodeKey`, where the zip is;
    `CacheDays`; `Debug`; `LogFormat`, which is JSON or Text; `MetricsNamespace`,
    CloudWatch's of the Tasks' metrics, of which none are written without;
    `RecursiveLoop`, which is Allow or Terminate; `StateMachines`, the ARNs of those
    that wait for Tasks; and `Tracing`, which is xray, otel or off. Its outputs are
    the bucket, the functions, their role and their log group. The log group is
    shared as AWS Lambda Developer Guide, "Configuring CloudWatch log groups",
    describes.

    A queue gives a message out twice more than its Task is tried, which
    `ALGERNON_EXTRA_RECEIVES` tells the workers: so a message whose worker died
    comes back to be moved to the dead-letter queue with the reason.

    Args:
        workers: The workers. A Task is tried again as often as its worker's
            `retries` say (0 to 997), and five times at the least.
        timeout: How long one batch of ten may take, in seconds (1 to 900), in
            each of the functions.
        memory: Each function's memory, in MB (128 to 10,240), which its share of
            a CPU goes with.

    Raises:
        TemplateError: There is no worker, a number is outside Lambda's limits, a
            Task's name is too long for a topic, or it has more retries than its
            queue receives, two workers have the same handler or a Task of the same
            name, or there are more Tasks than one template holds.
        TypeError: What is among the workers isn't a `Worker`.

    Example:
        >>> shop = Worker("shop.handler", ("order", "pay"), retries={"pay": 7})
        >>> mailer = Worker("mailer.handler", ("send_mail",), retries={})
        >>> system_template([shop, mailer], timeout=60)["Metadata"]
        {'Algernon': {'Tasks': ['order', 'pay', 'send_mail']}}
    """
    check_limits(timeout, memory)
    check_workers(workers)
    tasks = [task for worker in workers for task in worker.tasks]
    resources = {
        **bucket(),
        **topics_and_queues(workers, timeout),
        **role(tasks),
        **log_group(),
        **functions(workers, timeout, memory),
    }
    check_size(len(tasks), len(resources))
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": _description(workers),
        "Metadata": {"Algernon": {"Tasks": tasks}},
        "Parameters": PARAMETERS,
        "Conditions": CONDITIONS,
        "Resources": resources,
        "Outputs": outputs(workers),
    }


def _description(workers: Sequence[Worker]) -> str:
    first, *others = workers
    more = f" and {len(others)} more" if others else ""
    return f"Algernon: the system of {first.handler}{more}"
