"""The CloudFormation template of a system: its workers, and what their Tasks travel through."""

from __future__ import annotations

from .system.settings.limits import MEMORIES, TIMEOUTS
from .system.template.bucket import CACHE_FOLDER
from .system.template.checks import check_limits
from .system.template.document import system_template
from .system.template.functions import RUNTIMES
from .system.template.logical_ids import logical_id

__all__ = [
    "CACHE_FOLDER",
    "MEMORIES",
    "RUNTIMES",
    "TIMEOUTS",
    "check_limits",
    "logical_id",
    "system_template",
]
