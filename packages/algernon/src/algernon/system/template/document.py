"""The whole template: what all its parts are put together to."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ...worker import Worker
from ..settings.settings import Settings
from .alarms import alarms
from .bucket import bucket
from .checks import (
    check_limits,
    check_sections,
    check_settings,
    check_size,
    text_of,
)
from .deprecated import takes_tasks_too
from .functions import functions, functions_of
from .given import with_given
from .logs import log_group
from .outputs import outputs_for_own_functions, outputs_of_functions, outputs_of_tasks
from .parameters import CONDITIONS, CONDITIONS_OF_TASKS, PARAMETERS, PARAMETERS_OF_TASKS
from .part import TemplatePart, check_part
from .policy_quotas import check_number_of_policies
from .queues import topics_and_queues
from .role import policies_of_tasks, role
from .senders import sender_policy
from .tags import tagged
from .worker_checks import check_workers
from .worker_policies import worker_policies


@takes_tasks_too
def system_template(
    workers: Sequence[Worker],
    *,
    timeout: int | None = None,
    memory: int | None = None,
    settings: Settings | None = None,
    part: TemplatePart = "all",
    customize: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Return the CloudFormation template of a system of one or more workers.

    Each worker is a Lambda function that is fed by the queues of its own Tasks, and one more for
    those of them that need another timeout or memory. All share one zip, one bucket, one role and
    one log group, so that a Task's callback may be any worker's.

    It is plain CloudFormation, without macros, and deployed with CAPABILITY_IAM,
    for the role. A stack of the template of Algernon 1.4 and older, which was one of
    AWS SAM, is updated in place: no resource is replaced.

    The first worker's function is called `Worker` in the template, those of the others by
    their handlers alone: to add a worker to a deployed system, name it in any place after the
    first, and leave the first one first. A function for Tasks that need another timeout or
    memory is called by its worker's handler and what differs. So there is no function, and no
    output, `Worker` where all Tasks of the first worker need another timeout or memory than it
    has: an update makes their function, has the mappings lead there, and deletes `Worker`.

    The template has the parameters `CodeBucket` and `CodeKey`, where the zip is, and those of
    these that the settings say nothing of: `CacheDays`; `Debug`; `InlineBytes`; `LogFormat`,
    which is JSON or Text; `MetricsNamespace`, CloudWatch's of the Tasks' metrics, of which none
    are written without; `RecursiveLoop`, which is Allow or Terminate; `StateMachines`, the ARNs
    of those that wait for Tasks; `Tracing`, which is xray, otel or off; and `TrustedBuckets`.
    Its outputs are the bucket, what the topics' names begin with, the policy of whoever sends,
    the ARNs of each Task's queue and dead-letter queue, the functions, their role and their log
    group. The log group is shared as AWS Lambda Developer Guide, "Configuring CloudWatch log
    groups", describes.

    Its part `tasks` is what the Tasks travel through, for functions of one's own: without
    functions, their role and their log group, and with managed policies for the role of one's
    own. Its parameters are `CacheDays`, `StateMachines` and `TrustedBuckets`; besides what it
    shares with the whole, its outputs are `CacheDays`, and the policies.

    A queue gives a message out twice more than its Task is tried, which
    `ALGERNON_EXTRA_RECEIVES` tells the workers: so a message whose worker died
    comes back to be moved to the dead-letter queue with the reason.

    Args:
        workers: The workers. A Task is tried again as often as its worker's
            `retries` say (0 to 997), and five times at the least.
        timeout: How long one batch may take, in seconds (1 to 900), in place of what the
            settings say for all functions and for those of one worker; what a Task itself needs
            holds all the same.
        memory: The functions' memory, in MB (128 to 10,240), which their share of a CPU goes
            with, likewise.
        settings: What else the system is made of; the defaults by default.
        part: What it describes: ``"all"`` of the system, or its ``"tasks"``.
        customize: Is called with the finished template, which shares nothing with any other,
            to change it as it likes.

    Raises:
        TemplateError: There is no worker, a number is outside Lambda's limits, a
            Task's name is too long for a topic, or it has more retries than its
            queue receives, two workers have the same handler or a Task of the same
            name, a worker's environment is larger than Lambda takes, or its reserved
            concurrency less than its Tasks may take, IAM has no room for what their role may
            do, or there are more Tasks than one template holds.
        TypeError: What is among the workers isn't a `Worker`, or what is given isn't settings
            or what Tasks need; or `customize` returned something, which would be lost.

    Example:
        >>> shop = Worker("shop.handler", ("order", "pay"), retries={"pay": 7})
        >>> mailer = Worker("mailer.handler", ("send_mail",), retries={})
        >>> system_template([shop, mailer], timeout=60)["Metadata"]
        {'Algernon': {'Tasks': ['order', 'pay', 'send_mail']}}
    """
    check_limits(timeout, memory)
    if settings is None:
        settings = Settings()
    check_settings(settings)
    settings = _in_place_of_the_settings(timeout, memory, settings)
    check_part(part)
    check_workers(workers)
    tasks = [task for worker in workers for task in worker.tasks]
    own_functions = functions_of(workers, settings) if part == "all" else []
    resources = {
        **bucket(settings),
        **topics_and_queues(workers, settings),
        **sender_policy(settings),
        **alarms(tasks, own_functions, settings),
    }
    outputs = outputs_of_tasks(tasks, settings)
    if part == "all":
        policies = policies_of_tasks(tasks)
        resources |= policies
        resources |= role(policies, workers, settings)
        resources |= log_group(settings)
        resources |= functions(own_functions, settings)
        outputs |= outputs_of_functions(own_functions)
    else:
        policies = worker_policies(tasks, settings)
        resources |= policies
        outputs |= outputs_for_own_functions(policies)
    parts = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": _description(workers, part),
        "Metadata": {"Algernon": {"Tasks": tasks}},
        "Parameters": PARAMETERS if part == "all" else PARAMETERS_OF_TASKS,
        "Conditions": CONDITIONS if part == "all" else CONDITIONS_OF_TASKS,
        "Resources": tagged(resources, settings.tags),
        "Outputs": outputs,
    }
    # Parts of it stand there several times, or in the settings: who changes one means that alone.
    template: dict[str, Any] = json.loads(json.dumps(with_given(parts, settings.parameters)))
    if customize is not None:
        _customize(template, customize)
        check_sections(template)
    check_size(len(tasks), len(template["Resources"]), len(template["Outputs"]))
    check_number_of_policies(list(policies))
    text_of(template)
    return template


def _in_place_of_the_settings(
    timeout: int | None, memory: int | None, settings: Settings
) -> Settings:
    """Return settings in which a timeout and a memory that are given hold for all workers."""
    if timeout is not None:
        workers = {name: replace(own, timeout=None) for name, own in settings.workers.items()}
        settings = replace(settings, timeout=timeout, workers=workers)
    if memory is not None:
        workers = {name: replace(own, memory=None) for name, own in settings.workers.items()}
        settings = replace(settings, memory=memory, workers=workers)
    return settings


def _customize(template: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> None:
    returned = change(template)
    if returned is not None:
        raise TypeError(
            f"customize returned what is of the class {type(returned).__name__}, but it is to"
            " change the template that it is called with, and to return None: what it returns"
            " would be lost"
        )


def _description(workers: Sequence[Worker], part: TemplatePart) -> str:
    first, *others = workers
    more = f" and {len(others)} more" if others else ""
    what = "system" if part == "all" else "Tasks"
    return f"Algernon: the {what} of {first.handler}{more}"
