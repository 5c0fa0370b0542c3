"""What a stack tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..settings.settings import Settings
from .bucket import bucket_name
from .functions import Function


def outputs(functions: Sequence[Function], settings: Settings) -> dict[str, Any]:
    """Return the bucket, the role, the log group, and each function."""
    return {
        "Bucket": {
            "Value": bucket_name(settings),
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
            function.id: {
                "Value": {"Ref": function.id},
                "Description": f"The Lambda function of {function.worker.handler}",
            }
            for function in functions
        },
    }
