"""What a stack tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...worker import Worker
from .logical_ids import by_function_id


def outputs(workers: Sequence[Worker]) -> dict[str, Any]:
    """Return the bucket, the role, the log group, and each function."""
    return {
        "Bucket": {
            "Value": {"Ref": "Bucket"},
            "Description": "ALGERNON_BUCKET_NAME of the workers",
        },
        "WorkerRole": {
            "Value": {"Ref": "WorkerRole"},
            "Description": "The functions' role, to attach a policy for what else the Tasks use",
        },
        "WorkerLogs": {
            "Value": {"Ref": "WorkerLogs"},
            "Description": "The functions' CloudWatch log group",
        },
        **{
            function_id: {
                "Value": {"Ref": function_id},
                "Description": f"The Lambda function of {worker.handler}",
            }
            for function_id, worker in by_function_id(workers)
        },
    }
