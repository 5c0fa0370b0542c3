"""`algernon template`: write a system's CloudFormation template."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ..story.printing import warn
from ..system.template.part import TemplatePart
from .arguments import add_env, add_workers
from .project import modules_of, project_settings, tell_throttled

if TYPE_CHECKING:
    from ..worker import Worker

HELP = "write a system's CloudFormation template"
DESCRIPTION = (
    "Write the CloudFormation template of a system, as JSON, with the settings that [tool.algernon]"
    " in pyproject.toml has, here or above."
)
EXAMPLES = """\
algernon template worker:router > template.json
algernon template worker:router --timeout 60 --memory 512 > template.json
algernon template worker:router --part tasks > tasks.json\
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the workers, what their environment has besides, and which part of their system."""
    add_workers(parser)
    add_env(parser)
    parser.add_argument(
        "--part",
        choices=get_args(TemplatePart),
        default="all",
        help="tasks: what the Tasks travel through, without functions, to put into a template of"
        " your own (%(default)s)",
    )


def execute(options: argparse.Namespace) -> None:
    """Print the template."""
    if options.part == "tasks" and options.env:
        options.usage_error("--env is for functions, and --part tasks has none")
    from ..system.settings.environment import template_settings
    from ..system.template.checks import text_of
    from ..system.workers import import_workers
    from ..template import system_template

    settings = template_settings(project_settings(options), modules_of(options), dict(options.env))
    workers = import_workers(options.targets, Path.cwd(), settings=settings)
    template = system_template(
        workers,
        timeout=options.timeout,
        memory=options.memory,
        settings=settings,
        part=options.part,
    )
    if options.part == "tasks":
        _tell_needs(workers)
    else:
        tell_throttled(workers, settings)
    print(text_of(template))


def _tell_needs(workers: Sequence[Worker]) -> None:
    """Say what Tasks ask of functions and mappings, which aren't in this part."""
    asked = [
        f"{task} ({', '.join(f'{name}={value}' for name, value in asdict(needs).items() if value)})"
        for worker in workers
        for task, needs in worker.needs.items()
    ]
    if asked:
        warn(
            "what these Tasks ask of their functions and mappings isn't in this part, and is for"
            f" your own to give: {'; '.join(asked)}"
        )
