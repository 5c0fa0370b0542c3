"""The CloudFormation template of a system: its workers, and what their Tasks travel through."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .system.template.bucket import CACHE_FOLDER
from .system.template.checks import MEMORIES, TIMEOUTS, check_limits
from .system.template.document import system_template
from .system.template.functions import RUNTIMES
from .system.template.logical_ids import logical_id
from .worker import Worker

__all__ = [
    "CACHE_FOLDER",
    "MEMORIES",
    "RUNTIMES",
    "TIMEOUTS",
    "check_limits",
    "logical_id",
    "system_template",
    "template_of_workers",
]


def template_of_workers(workers: Sequence[Worker], *, timeout: int, memory: int) -> dict[str, Any]:
    """Return what `system_template` does, which takes the same since 1.5.

    Raises:
        TemplateError: As `system_template` does.
    """
    warnings.warn(
        "template_of_workers ends with algernon 1.6: system_template takes the same",
        DeprecationWarning,
        stacklevel=2,
    )
    return system_template(workers, timeout=timeout, memory=memory)
