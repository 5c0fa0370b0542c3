"""`algernon template`: write a system's CloudFormation template."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .arguments import add_env, add_workers

HELP = "write a system's CloudFormation template"
DESCRIPTION = (
    "Write the CloudFormation template of a system, as JSON, with the settings that [tool.algernon]"
    " in the workers' pyproject.toml has."
)
EXAMPLES = """\
algernon template worker:router > template.json
algernon template worker:router --timeout 60 --memory 512 > template.json\
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the workers, and what their environment has besides."""
    add_workers(parser)
    add_env(parser)


def execute(options: argparse.Namespace) -> None:
    """Print the template."""
    from ..settings import read_settings
    from ..system.settings.environment import with_env
    from ..system.workers import import_workers
    from ..template import system_template
    from ..worker import split_target

    modules = [split_target(target)[0] for target in options.targets]
    settings = with_env(read_settings(Path.cwd()), modules, dict(options.env))
    workers = import_workers(options.targets, Path.cwd(), settings=settings)
    template = system_template(
        workers, timeout=options.timeout, memory=options.memory, settings=settings
    )
    print(json.dumps(template, indent=2))
