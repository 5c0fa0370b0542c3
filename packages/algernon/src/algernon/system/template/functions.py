"""The functions that run the workers' Tasks, and the mappings by which Lambda feeds them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from ...errors import TemplateError
from ...worker import Worker
from .. import kept_values
from ..settings.environment import LocalValue
from ..settings.settings import Settings
from .bucket import CACHE_FOLDER, bucket_name
from .expressions import arn
from .function_sizes import FunctionSize, size_for, usual_size
from .logical_ids import by_worker_id, function_id_of, logical_id, mapping_id
from .logs import logging_config
from .longest import BUCKET_NAME, STACK_NAME
from .parameters import PARAMETERS
from .queues import EXTRA_RECEIVES

# AWS Lambda Developer Guide, "Lambda runtimes".
RUNTIMES = ((3, 11), (3, 12), (3, 13), (3, 14))

_BATCH_SIZE = 10

# AWS Lambda Developer Guide, "Lambda quotas": all environment variables of a function, which
# Lambda measures as JSON.
_MOST_ENVIRONMENT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a worker, which runs those of its Tasks that need the same size.

    Attributes:
        id: The function's logical id.
        worker_id: The logical id of its worker's usual function, which may not be there.
        worker: The worker, whose code it is.
        size: Its timeout and memory.
        tasks: The names of the Tasks that it runs.
        reserved_concurrency: How many of its processes Lambda keeps room for, and at most has.
    """

    id: str
    worker_id: str
    worker: Worker
    size: FunctionSize
    tasks: tuple[str, ...]
    reserved_concurrency: int | None = None


def functions_of(workers: Sequence[Worker], settings: Settings) -> list[Function]:
    """Return the functions of a system, those of a worker one after the other.

    Raises:
        TemplateError: The reserved concurrency of a worker is less than what its Tasks may take.
    """
    return [
        function
        for worker_id, worker in by_worker_id(workers)
        for function in _of_worker(worker_id, worker, settings)
    ]


def _of_worker(worker_id: str, worker: Worker, settings: Settings) -> Iterator[Function]:
    usual = usual_size(worker, settings)
    reserved = settings.reserved_concurrency_of(worker.module)
    tasks_of: dict[FunctionSize, list[str]] = {}
    for task in worker.tasks:
        tasks_of.setdefault(size_for(task, worker, settings), []).append(task)
    shares = _shares(worker, tasks_of, usual, reserved)
    for size, tasks in tasks_of.items():
        function_id = worker_id if size == usual else function_id_of(worker, size, usual)
        yield Function(function_id, worker_id, worker, size, tuple(tasks), shares.get(size))


def _shares(
    worker: Worker,
    tasks_of: Mapping[FunctionSize, Sequence[str]],
    usual: FunctionSize,
    reserved: int | None,
) -> dict[FunctionSize, int]:
    """Return how much of a worker's reserved concurrency each of its functions has.

    Raises:
        TemplateError: It is less than what the Tasks may take, or can't be shared.
    """
    if reserved is None:
        return {}
    limits = _limits(worker)
    if reserved < sum(limits.values()):
        raise TemplateError(
            f"the worker {worker.module} has a reserved_concurrency of {reserved}, but its Tasks'"
            f" max_concurrency is {sum(limits.values())} together"
            f" ({', '.join(f'{task}: {limit}' for task, limit in limits.items())}): Lambda would"
            " throttle what is above, and each time counts as a try of the message; reserve as"
            " much, or let the Tasks have less"
        )
    if len(tasks_of) <= 1:
        return dict.fromkeys(tasks_of, reserved)
    if unlimited := [task for task in worker.tasks if task not in limits]:
        raise TemplateError(
            f"the worker {worker.module} has a reserved_concurrency of {reserved} for"
            f" {len(tasks_of)} functions, since its Tasks need different timeouts or memory, and"
            f" nothing says how much of it {', '.join(unlimited)} may take: give each of its"
            " Tasks a max_concurrency, or put those with needs of their own into a worker of"
            " their own"
        )
    shares = {size: sum(limits[task] for task in tasks) for size, tasks in tasks_of.items()}
    takes_the_rest = usual if usual in shares else next(iter(shares))
    shares[takes_the_rest] += reserved - sum(limits.values())
    return shares


def throttled_tasks(workers: Sequence[Worker], settings: Settings) -> dict[str, list[str]]:
    """Return the Tasks that may take more than what is reserved for their worker, by its module."""
    return {
        worker.module: unlimited
        for worker in workers
        if settings.reserved_concurrency_of(worker.module) is not None
        and (unlimited := [task for task in worker.tasks if task not in _limits(worker)])
    }


def _limits(worker: Worker) -> dict[str, int]:
    return {
        task: needs.max_concurrency
        for task, needs in worker.needs.items()
        if needs.max_concurrency is not None
    }


def functions(own_functions: Iterable[Function], settings: Settings) -> dict[str, Any]:
    """Return each function, and a mapping for each of its Tasks.

    Args:
        own_functions: All of `functions_of`.
        settings: The system's.

    Raises:
        TemplateError: Lambda has no runtime for the Python that is running, or no room for an
            environment.
    """
    resources: dict[str, Any] = {}
    for _, of_worker in groupby(own_functions, key=attrgetter("worker_id")):
        first, *others = of_worker
        own = settings.of_worker(first.worker.module)
        handler, variables = _start(first.worker, own, settings)
        _check_environment(first.worker, variables, settings)
        for function in (first, *others):
            resources[function.id] = _function(function, handler, variables, own, settings)
            for task in function.tasks:
                resources[mapping_id(function.worker_id, task)] = _mapping(function, task)
    return resources


def _function(
    function: Function,
    handler: str,
    variables: Mapping[str, Any],
    own: Settings,
    settings: Settings,
) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}},
            "Handler": handler,
            "Runtime": _runtime(),
            "Architectures": [settings.architecture],
            "Timeout": function.size.timeout,
            "MemorySize": function.size.memory,
            "Role": arn("WorkerRole"),
            "TracingConfig": {"Mode": {"Fn::If": ["TracingIsOff", "PassThrough", "Active"]}},
            # A long chain through one worker looks to Lambda like a loop: AWS Lambda
            # Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops".
            "RecursiveLoop": {"Ref": "RecursiveLoop"},
            "LoggingConfig": logging_config(),
            "Environment": {"Variables": variables},
            **_where_given(function, own, settings),
        },
    }


def _where_given(function: Function, own: Settings, settings: Settings) -> dict[str, Any]:
    """Return the properties that a function has only where the settings say something of them."""
    properties: dict[str, Any] = {}
    if function.reserved_concurrency is not None:
        properties["ReservedConcurrentExecutions"] = function.reserved_concurrency
    if own.layers:
        properties["Layers"] = list(own.layers)
    if settings.kms_key is not None:
        properties["KmsKeyArn"] = settings.kms_key
    if settings.vpc is not None:
        properties["VpcConfig"] = {
            "SubnetIds": list(settings.vpc.subnets),
            "SecurityGroupIds": list(settings.vpc.security_groups),
        }
    return properties


def _start(worker: Worker, own: Settings, settings: Settings) -> tuple[str, dict[str, Any]]:
    """Return a worker's handler and environment, of which secrets are read when it starts."""
    plain = {name: value for name, value in own.environment.items() if isinstance(value, str)}
    kept = {name: value for name, value in own.environment.items() if not isinstance(value, str)}
    handler, variables = kept_values.start(worker.handler, kept)
    return handler, {**_templates_own(settings), **plain, **variables}


def _templates_own(settings: Settings) -> dict[str, Any]:
    return {
        "ALGERNON_BUCKET_NAME": bucket_name(settings),
        # A group has to be through before its objects expire.
        "ALGERNON_CACHE_DAYS": {"Ref": "CacheDays"},
        "ALGERNON_EXTRA_RECEIVES": str(EXTRA_RECEIVES),
        # Belongs with ReportBatchItemFailures: one without the other
        # loses messages.
        "ALGERNON_FAILURES": "report",
        "ALGERNON_INLINE_BYTES": {"Ref": "InlineBytes"},
        "ALGERNON_METRICS_NAMESPACE": {"Ref": "MetricsNamespace"},
        "ALGERNON_TOPIC_PREFIX": {"Fn::Sub": "${AWS::StackName}-"},
        "ALGERNON_TRACING": {"Ref": "Tracing"},
        "ALGERNON_TRUSTED_BUCKETS": {"Ref": "TrustedBuckets"},
        "CACHE_FOLDER_NAME": CACHE_FOLDER,
        "DEBUG": {"Ref": "Debug"},
    }


def _check_environment(worker: Worker, variables: Mapping[str, Any], settings: Settings) -> None:
    """Refuse more variables than Lambda has room for.

    Raises:
        TemplateError: They are too many, or too long.
    """
    longest = {
        **{name: value for name, value in variables.items() if not isinstance(value, LocalValue)},
        "ALGERNON_BUCKET_NAME": BUCKET_NAME,
        "ALGERNON_TOPIC_PREFIX": f"{STACK_NAME}-",
    }
    values = {
        **{name: each.get("Default", "") for name, each in PARAMETERS.items()},
        **settings.parameters,
    }
    longest |= {
        name: f"{values[value['Ref']]}"
        for name, value in longest.items()
        if isinstance(value, dict)
    }
    size = _bytes_of(longest)
    if size > _MOST_ENVIRONMENT_BYTES:
        sizes = {name: _bytes_of({name: value}) for name, value in longest.items()}
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:3]
        raise TemplateError(
            f"the environment of the worker {worker.module} takes up to {size:,} bytes, but Lambda"
            f" has room for {_MOST_ENVIRONMENT_BYTES:,} in all (the largest are"
            f" {', '.join(f'{name}: {sizes[name]:,}' for name in largest)}): {_remedy(largest[0])}"
        )


def _remedy(largest: str) -> str:
    if largest == kept_values.PLACES:
        return (
            "keep several values in one secret that is a JSON object, of which each is a key, or"
            " read some in the Tasks"
        )
    return (
        'keep long values in Parameter Store, NAME = { parameter = "/name" }, or in a file of the'
        " code"
    )


def _bytes_of(variables: Mapping[str, Any]) -> int:
    return len(json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode())


def _mapping(function: Function, task: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "EventSourceArn": arn(logical_id("Queue", task)),
        "FunctionName": {"Ref": function.id},
        "BatchSize": _BATCH_SIZE,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    if (needs := function.worker.needs.get(task)) is not None:
        if needs.batch_size is not None:
            properties["BatchSize"] = needs.batch_size
        if needs.batch_window is not None:
            properties["MaximumBatchingWindowInSeconds"] = needs.batch_window
        if needs.max_concurrency is not None:
            properties["ScalingConfig"] = {"MaximumConcurrency": needs.max_concurrency}
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}


def _runtime() -> str:
    running = sys.version_info[:2]
    if running not in RUNTIMES:
        supported = ", ".join(f"{major}.{minor}" for major, minor in RUNTIMES)
        raise TemplateError(
            f"Lambda has no runtime for Python {running[0]}.{running[1]}, which is running: run"
            f" this under one of {supported}"
        )
    return f"python{running[0]}.{running[1]}"
