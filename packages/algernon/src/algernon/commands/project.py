"""The project in the current directory: its settings, for the workers that a command names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..story.printing import warn

if TYPE_CHECKING:
    from ..settings import Settings
    from ..worker import Worker


def modules_of(options: argparse.Namespace) -> list[str]:
    """Return the modules of the workers that the command names."""
    from ..worker import split_target

    return [split_target(target)[0] for target in options.targets]


def project_settings(options: argparse.Namespace) -> Settings:
    """Return the settings in the project's pyproject.toml.

    What they say of workers that the command doesn't name holds for nothing, which is told: it
    may be a slip, and may be meant, where one file has the workers of two systems.
    """
    from ..settings import read_settings
    from ..system.settings.unknown_keys import likely_meant

    settings = read_settings(Path.cwd())
    modules = modules_of(options)
    for module in settings.workers:
        if module not in modules:
            meant = likely_meant(module, modules)
            hint = f"; did you mean {meant}?" if meant else ""
            warn(
                f"[tool.algernon.workers] has settings of {module!r}, which is none of the workers"
                f" here ({', '.join(modules)}){hint}"
            )
    return settings


def tell_throttled(workers: Sequence[Worker], settings: Settings) -> None:
    """Say which Tasks may take more than is reserved for their worker."""
    from ..system.template.functions import throttled_tasks

    for module, tasks in throttled_tasks(workers, settings).items():
        warn(
            f"the worker {module} has a reserved_concurrency, and nothing says how much of it"
            f" {', '.join(tasks)} may take: what Lambda throttles counts as a try of its message,"
            " so give each of its Tasks a max_concurrency"
        )
