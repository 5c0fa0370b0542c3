"""What a stack tells of itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..settings.settings import Settings
from .bucket import bucket_name
from .expressions import arn
from .functions import Function
from .logical_ids import logical_id


def outputs_of_tasks(tasks: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Return where to send to, who may, and each Task's queues."""
    queues = {
        logical_id(kind, task): _output(
            arn(logical_id(kind, task)), f"The ARN of the {what} of the Task {task}"
        )
        for task in tasks
        for kind, what in (("Queue", "queue"), ("DeadLetterQueue", "dead-letter queue"))
    }
    return {
        "Bucket": _output(bucket_name(settings), "ALGERNON_BUCKET_NAME of the workers"),
        "TopicPrefix": _output(
            {"Fn::Sub": "${AWS::StackName}-"}, "ALGERNON_TOPIC_PREFIX of whoever sends Tasks"
        ),
        "SenderPolicy": _output(
            {"Ref": "SenderPolicy"}, "The ARN of the policy for programs that send Tasks"
        ),
        **queues,
    }


def outputs_of_functions(functions: Sequence[Function]) -> dict[str, Any]:
    """Return the role, the log group, and each function."""
    return {
        "WorkerRole": _output(
            {"Ref": "WorkerRole"},
            "The functions' role, to attach a policy for what else the Tasks use",
        ),
        "WorkerLogs": _output({"Ref": "WorkerLogs"}, "The functions' CloudWatch log group"),
        **{
            function.id: _output({"Ref": function.id}, _what_it_runs(function, functions))
            for function in functions
        },
    }


def _what_it_runs(function: Function, functions: Sequence[Function]) -> str:
    alike = [other for other in functions if other.worker_id == function.worker_id]
    size = f" with {function.size.timeout} s and {function.size.memory} MB" if alike[1:] else ""
    return f"The Lambda function of {function.worker.handler}{size}"


def outputs_for_own_functions(policies: Iterable[str]) -> dict[str, Any]:
    """Return what functions of one's own need besides: settings and the policies of their role."""
    return {
        "CacheDays": _output({"Ref": "CacheDays"}, "ALGERNON_CACHE_DAYS of the workers"),
        **{
            policy: _output({"Ref": policy}, "The ARN of a policy that the workers' role needs")
            for policy in policies
        },
    }


def _output(value: object, description: str) -> dict[str, Any]:
    return {"Value": value, "Description": description}
