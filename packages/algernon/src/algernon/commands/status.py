"""`algernon status`: how the Tasks of a system are."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING

from .arguments import add_place, number
from .places import name_of, place_of, place_with_bucket

if TYPE_CHECKING:
    from ..system.held_groups import HeldGroups
    from ..system.place import Place
    from ..system.status import StatusReader, SystemStatus

HELP = "tell how the Tasks of a system are"
DESCRIPTION = (
    "Tell how the Tasks of the local system that runs or, given a region or profile, of one on AWS"
    " are: how many messages wait, are in flight and are dead, how old the oldest is, what came of"
    " the last hour's runs, and whether a worker takes them. What isn't known is \N{EN DASH}."
)
EXAMPLES = """\
algernon status
algernon status --watch --stack shop --region eu-west-1\
"""

_WATCH_SECONDS = 5
_INTERVALS = range(1, 3600 + 1)
# Above and below the table of what is watched: the summary, the headings and the notes.
_OTHER_ROWS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take how it is shown, and where the system is."""
    parser.add_argument(
        "--watch",
        metavar="SECONDS",
        type=number(_INTERVALS),
        nargs="?",
        const=_WATCH_SECONDS,
        help=f"show it again every so many seconds ({_WATCH_SECONDS}), until Ctrl-C, which ends"
        " it with 0",
    )
    parser.add_argument(
        "--groups",
        action="store_true",
        help="tell which groups dead letters hold, too: all of them are looked at",
    )
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print how they are, once or again and again."""
    from ..system.status import StatusReader

    if options.groups and options.watch is not None:
        options.usage_error(
            "--groups goes without --watch: each look takes all dead letters in hand"
        )
    place = place_with_bucket(options) if options.groups else place_of(options)
    reader = StatusReader(place)
    if options.watch is None:
        _print(reader, place, is_json=options.json, has_groups=options.groups)
        return
    try:
        if options.json or not sys.stdout.isatty():
            _print_again_and_again(reader, place, options.watch, is_json=options.json)
        else:
            _redraw(reader, place, options.watch)
    except KeyboardInterrupt:
        pass  # it is how one ends what has no end


def _print(reader: StatusReader, place: Place, *, is_json: bool, has_groups: bool = False) -> None:
    from ..story.held_groups import held_groups_as_json, held_groups_lines
    from ..story.status import status_as_json, status_view
    from ..story.tables import console_of, text_of
    from ..story.terminal import Terminal

    status = reader.read()
    if is_json:
        found = status_as_json(status, name_of(place))
        if has_groups:
            found["held_groups"] = held_groups_as_json(_held_groups(place, status))
        print(json.dumps(found), flush=True)
        return
    terminal = Terminal.of(sys.stdout)
    console = console_of(terminal)
    console.print(status_view(status, name_of(place), terminal))
    if has_groups:
        console.print()
        for line in held_groups_lines(_held_groups(place, status)):
            console.print(text_of(line))


def _held_groups(place: Place, status: SystemStatus) -> HeldGroups:
    from ..system.held_groups import find_held_groups

    return find_held_groups(place, [task.queues for task in status.tasks])


def _print_again_and_again(
    reader: StatusReader, place: Place, seconds: int, *, is_json: bool
) -> None:
    while True:
        _print(reader, place, is_json=is_json)
        time.sleep(seconds)
        if not is_json:
            print()


def _redraw(reader: StatusReader, place: Place, seconds: int) -> None:
    """Show it in the same place of the terminal, as wide and as high as that is by now."""
    from ..story.status import status_view
    from ..story.tables import console_of
    from ..story.terminal import Terminal

    console = console_of(Terminal.of(sys.stdout))
    from rich.live import Live

    with Live(console=console, auto_refresh=False) as live:
        while True:
            status = reader.read()
            terminal = Terminal.of(sys.stdout)
            console.width = terminal.width or console.width
            rows = max(1, console.height - _OTHER_ROWS)
            live.update(status_view(status, name_of(place), terminal, most_rows=rows), refresh=True)
            time.sleep(seconds)
