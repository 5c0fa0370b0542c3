"""What functions of one's own may do that run the Tasks, where the template has none itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..settings.settings import Settings
from .expressions import policy_document
from .policy_quotas import check_managed_policy
from .role import policies_of_tasks, what_tasks_do


def worker_policies(tasks: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Return the managed policies of such a function's role, which takes all of them.

    What a function does for itself, such as to write logs, is for who makes it.

    Raises:
        TemplateError: IAM has no room for them.
    """
    document = policy_document(*what_tasks_do(settings))
    check_managed_policy("WorkerPolicy", document, settings)
    return {
        # How long the lists of a deployment's parameters are isn't known here, so it has room.
        "WorkerPolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Description": "Store and read what Tasks pass on, and tell state machines",
                "PolicyDocument": document,
            },
        },
        **policies_of_tasks(tasks),
    }
