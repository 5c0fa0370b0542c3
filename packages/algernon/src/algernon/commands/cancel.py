"""`algernon cancel`: cancel a Task, a chain or a group, unless it is too late."""

from __future__ import annotations

import argparse

from ..errors import TooLateError
from ..story.printing import warn
from .arguments import add_place
from .places import place_with_bucket

ROLE = "send"
HELP = "cancel a Task, a chain or a group"
DESCRIPTION = (
    "Cancel what was sent, in the local system that runs or, given a region or profile, on AWS:"
    " what hasn't begun never does, and of what runs nothing comes. A Task or a chain has to have"
    " been sent with cancellable or unique, or its worker to have a ledger (once); any other runs"
    " all the same. It ends with 0 when it is cancelled by this, and with 1 when it was too late."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what was sent."""
    parser.add_argument("id", metavar="ID", help="the id under which it was sent")
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Cancel it, and say so."""
    from ..system.place import leading_to

    place = place_with_bucket(options)
    with leading_to(place):
        from algernon_queue import SentTask

        from ..system.results import find_group

        group = find_group(options.id)
        sent = group or SentTask[object](options.id)
        if not sent.cancel():
            raise TooLateError(f"it is too late to cancel {options.id}: it is {sent.state()}")
    print("cancelled")
    if group is None:
        # By its id alone nobody knows how it was sent.
        warn(
            "that holds for what was sent with cancellable or unique, and for Tasks whose worker"
            " has a ledger (once); any other runs all the same"
        )
