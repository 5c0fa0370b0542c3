"""The functions, one for each worker, and the mappings by which Lambda feeds them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ...errors import TemplateError
from ...worker import Worker
from .bucket import CACHE_FOLDER
from .expressions import arn
from .logical_ids import by_function_id, logical_id, mapping_id
from .logs import logging_config
from .queues import EXTRA_RECEIVES

# AWS Lambda Developer Guide, "Lambda runtimes".
RUNTIMES = ((3, 11), (3, 12), (3, 13), (3, 14))

_BATCH_SIZE = 10


def functions(workers: Sequence[Worker], timeout: int, memory: int) -> dict[str, Any]:
    """Return each worker's function, and a mapping for each of its Tasks.

    Raises:
        TemplateError: Lambda has no runtime for the Python that is running.
    """
    resources: dict[str, Any] = {}
    for function_id, worker in by_function_id(workers):
        resources[function_id] = _function(worker.handler, timeout, memory)
        for task in worker.tasks:
            resources[mapping_id(function_id, task)] = _mapping(function_id, task)
    return resources


def _function(handler: str, timeout: int, memory: int) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}},
            "Handler": handler,
            "Runtime": _runtime(),
            "Timeout": timeout,
            "MemorySize": memory,
            "Role": arn("WorkerRole"),
            "TracingConfig": {"Mode": {"Fn::If": ["TracingIsOff", "PassThrough", "Active"]}},
            # A long chain through one worker looks to Lambda like a loop: AWS Lambda
            # Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops".
            "RecursiveLoop": {"Ref": "RecursiveLoop"},
            "LoggingConfig": logging_config(),
            "Environment": {
                "Variables": {
                    "ALGERNON_BUCKET_NAME": {"Ref": "Bucket"},
                    # A group has to be through before its objects expire.
                    "ALGERNON_CACHE_DAYS": {"Ref": "CacheDays"},
                    "ALGERNON_EXTRA_RECEIVES": str(EXTRA_RECEIVES),
                    # Belongs with ReportBatchItemFailures: one without the other
                    # loses messages.
                    "ALGERNON_FAILURES": "report",
                    "ALGERNON_METRICS_NAMESPACE": {"Ref": "MetricsNamespace"},
                    "ALGERNON_TOPIC_PREFIX": {"Fn::Sub": "${AWS::StackName}-"},
                    "ALGERNON_TRACING": {"Ref": "Tracing"},
                    "CACHE_FOLDER_NAME": CACHE_FOLDER,
                    "DEBUG": {"Ref": "Debug"},
                }
            },
        },
    }


def _mapping(function_id: str, task: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": arn(logical_id("Queue", task)),
            "FunctionName": {"Ref": function_id},
            "BatchSize": _BATCH_SIZE,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
    }


def _runtime() -> str:
    running = sys.version_info[:2]
    if running not in RUNTIMES:
        supported = ", ".join(f"{major}.{minor}" for major, minor in RUNTIMES)
        raise TemplateError(
            f"Lambda has no runtime for Python {running[0]}.{running[1]}, which is running: run"
            f" this under one of {supported}"
        )
    return f"python{running[0]}.{running[1]}"
