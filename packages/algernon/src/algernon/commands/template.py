"""`algernon template`: write a system's CloudFormation template."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from ..story.printing import warn
from ..system.template.checks import TemplatePart, text_of
from .arguments import add_env, add_workers
from .project import modules_of, project_settings

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
    from ..system.template.functions import throttled_tasks
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
    for module, tasks in throttled_tasks(workers, settings).items():
        warn(
            f"the worker {module} has a reserved_concurrency, and nothing says how much of it"
            f" {', '.join(tasks)} may take: what Lambda throttles counts as a try of its message,"
            " so give each of its Tasks a max_concurrency"
        )
    print(text_of(template))
