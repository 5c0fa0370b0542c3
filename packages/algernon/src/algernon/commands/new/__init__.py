"""`algernon new`: make a project that runs, is tested and can be deployed as it is."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "make a project: a worker with two Tasks, their tests, and settings"
DESCRIPTION = (
    "Make a folder with a project that runs, is tested and can be deployed as it is: a worker with"
    " two Tasks and a chain of them, tests, settings, and Algernon itself, as it is installed here."
)
EXAMPLES = "algernon new shop"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the project's name."""
    parser.add_argument(
        "name",
        metavar="NAME",
        help="the project's name, and that of its folder, which mustn't be there yet",
    )


def execute(options: argparse.Namespace) -> None:
    """Make the project, and say how to go on.

    Raises:
        ProjectError: The name can't be that of a project, or something is there already.
    """
    from .names import project_name
    from .project import make_project

    name = project_name(options.name)
    make_project(name, Path.cwd())
    print(
        f"{name.name} is made: a worker with two Tasks, {name.package}/worker.py, and its tests.\n"
        "Go on with\n"
        f"  cd {name.name}\n"
        "  uv sync && . .venv/bin/activate\n"
        "  pytest\n"
        f"  algernon run {name.package}.worker:router --reload\n"
        "and README.md there, which says how to send a Task, and how to deploy."
    )
