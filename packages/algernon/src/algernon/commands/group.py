"""`algernon group`: tell how far a group has got, and what holds it."""

from __future__ import annotations

import argparse
import json
import sys

from ..errors import GroupError
from .arguments import add_place
from .places import place_with_bucket

HELP = "tell how far a group has got, and what holds it"
DESCRIPTION = (
    "Tell how far a group has got, in the local system that runs or, given a region or profile, on"
    " AWS: how many of its members are done, and of the others which have failed, why, and whether"
    " they lie in a dead-letter queue. It ends with 0 however the group is."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the group."""
    parser.add_argument("group_id", metavar="ID", help="the group's id")
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print how it is."""
    from ..story.group_story import group_as_json, tell_group
    from ..story.terminal import Terminal
    from ..system.groups import group_status
    from ..system.place import leading_to
    from ..system.results import find_group

    place = place_with_bucket(options)
    with leading_to(place):
        group = find_group(options.group_id)
        if group is None:
            raise GroupError(
                f"the system's bucket has no group {options.group_id}: it was never sent, was sent"
                " to another system, or its objects have expired (CacheDays). The group that a"
                " Task returned is named by algernon trace"
            )
        status = group_status(group, place)
    if options.json:
        print(json.dumps(group_as_json(status)))
    else:
        print(tell_group(status, Terminal.of(sys.stdout)))
