"""`algernon tasks`: which Tasks a system has, and how they are set up."""

from __future__ import annotations

import argparse
import json
import sys

from .arguments import add_place
from .places import name_of, place_of

HELP = "list the Tasks of a system, and how they are set up"
DESCRIPTION = (
    "List the Tasks of the local system that runs or, given a region or profile, of one on AWS:"
    " which function takes each one's messages, how many at a time, and how often a message is"
    " tried. What isn't known is \N{EN DASH}."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take where the system is."""
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print them."""
    from ..story.tables import console_of
    from ..story.task_table import task_view, tasks_as_json
    from ..story.terminal import Terminal
    from ..system.asking import Asking
    from ..system.task_queues import find_task_queues
    from ..system.task_setup import read_task_setups

    terminal = Terminal.of(sys.stdout)
    if not options.json:
        console_of(terminal)  # what it lacks is said before anything is read
    place, asking = place_of(options), Asking()
    setups = read_task_setups(place, find_task_queues(place), asking)
    missing = sorted(asking.missing_rights)
    if options.json:
        print(json.dumps(tasks_as_json(setups, name_of(place), missing)))
        return
    console_of(terminal).print(task_view(setups, missing, terminal))
