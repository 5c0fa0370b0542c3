"""What functions of one's own may do that run the Tasks, where the template has none itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..settings.settings import Settings
from .expressions import policy_document
from .role import policies_of_tasks, what_tasks_do


def worker_policies(tasks: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Return the managed policies of such a function's role, which takes all of them.

    What a function does for itself, such as to write logs, is for who makes it.
    """
    return {
        # How long the lists of a deployment's parameters are isn't known here, so it has room.
        "WorkerPolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Description": "Store and read what Tasks pass on, and tell state machines",
                "PolicyDocument": policy_document(*what_tasks_do(settings)),
            },
        },
        **policies_of_tasks(tasks),
    }
