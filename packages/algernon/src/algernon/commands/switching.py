"""What `algernon pause` and `algernon resume` have in common: which Tasks, and waiting."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .arguments import add_place, add_timeout
from .places import name_of, place_of

if TYPE_CHECKING:
    from ..system.pausing import MappedTask
    from ..system.place import Place

# Within which AWS has done it, as a rule: half a minute or so.
_TIMEOUT = 180


def add_switch(parser: argparse.ArgumentParser) -> None:
    """Take the Tasks, how long to wait, and where the system is."""
    parser.add_argument("tasks", metavar="TASK", nargs="*", help="a Task's name")
    parser.add_argument("--all", action="store_true", help="all Tasks that have a worker")
    add_timeout(parser, default=_TIMEOUT, until="AWS does it all the same")
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_place(parser)


def switch(options: argparse.Namespace, *, is_enabled: bool) -> None:
    """Pause or resume the Tasks, wait until it holds, and print how they are then."""
    from ..story.switched import switched_as_json, switched_view
    from ..story.tables import console_of
    from ..story.terminal import Terminal
    from ..system.asking import Asking
    from ..system.pausing import switch_tasks

    if bool(options.tasks) == options.all:
        options.usage_error("name the TASKs, or --all of them")
    terminal = Terminal.of(sys.stdout)
    if not options.json:
        console_of(terminal)  # what it lacks is said before anything is changed
    place, asking = place_of(options), Asking()
    before = _chosen(place, options)
    with _waiting(options):
        after = switch_tasks(
            place, before, is_enabled=is_enabled, timeout=options.timeout, asking=asking
        )
    states = [task.feeding for task in before]
    missing, now = sorted(asking.missing_rights), datetime.now(UTC)
    if options.json:
        print(json.dumps(switched_as_json(states, after, name_of(place), missing, now)))
    else:
        view = switched_view(states, after, missing, now, terminal, is_enabled=is_enabled)
        console_of(terminal).print(view)


def _waiting(options: argparse.Namespace) -> AbstractContextManager[object]:
    """Show people that something goes on."""
    from ..story.tables import console_of
    from ..story.terminal import Terminal

    if options.json or not sys.stderr.isatty():
        return nullcontext()
    console = console_of(Terminal.of(sys.stderr), sys.stderr)
    return console.status("Waiting until it holds: on AWS that takes a while.")


def _chosen(place: Place, options: argparse.Namespace) -> list[MappedTask]:
    """Return the Tasks that were named, each of which has to have a worker."""
    from ..errors import MappingError
    from ..system.pausing import check_all_are_mapped, read_mapped_tasks
    from ..system.task_queues import choose_task, find_task_queues

    found = find_task_queues(place)
    if not options.all:
        names = dict.fromkeys(options.tasks)
        tasks = read_mapped_tasks(place, [choose_task(found, name) for name in names])
        check_all_are_mapped(tasks)
        return tasks
    tasks = [task for task in read_mapped_tasks(place, found) if task.mappings]
    if not tasks:
        raise MappingError(f"no Task of {name_of(place)} has a worker: look with algernon tasks")
    return tasks
