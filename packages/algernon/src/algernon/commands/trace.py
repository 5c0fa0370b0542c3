"""`algernon trace`: tell the story of a chain of Tasks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import ChainError
from ..story.printing import warn
from .arguments import add_place, number
from .places import find_local_system, is_on_aws

if TYPE_CHECKING:
    from ..system.place import Place

HELP = "tell the story of a chain of Tasks"
DESCRIPTION = (
    "Tell the story of a chain of Tasks, out of what its workers logged in the local system"
    " that runs or, given a region or profile, on AWS."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the chain, and where its workers' lines are."""
    parser.add_argument("chain_id", metavar="CHAIN_ID", help="the chain's id, as send printed it")
    parser.add_argument(
        "--hours", metavar="N", type=number(range(1, 24 * 366)), default=24, help="look back (24)"
    )
    parser.add_argument(
        "--log-group",
        metavar="NAME",
        action="append",
        default=[],
        help="look for lines there too, such as those of another stack; may be repeated",
    )
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print what the lines tell of the chain."""
    from ..story.chain import check_chain_id, read_chain
    from ..story.chain_story import tell_chain
    from ..story.terminal import Terminal

    chain_id = check_chain_id(options.chain_id)
    place = _place_on_aws(options) if is_on_aws(options) else _place_here(options)
    groups = tuple(dict.fromkeys((*place.log_groups, *options.log_group)))
    place = replace(place, log_groups=groups)
    chain = read_chain(chain_id, _lines_of(chain_id, place, options.hours))
    if not chain.tasks:
        raise ChainError(
            f"no line of the last {options.hours} hours in {', '.join(groups)} tells of the chain"
            f" {chain_id}: its first Task may still be waiting or running, or its process was"
            " killed; or its worker isn't decorated with @lambda_logged, or doesn't log from INFO"
            " on"
        )
    print(tell_chain(chain, Terminal.of(sys.stdout)))


def _place_on_aws(options: argparse.Namespace) -> Place:
    from ..system.named_aws import aws_place
    from ..system.stack import Stack

    place = aws_place(options.profile, options.region, stack=options.stack)
    if options.stack is not None:
        stack = Stack(place.client("cloudformation"), options.stack)
        return replace(place, log_groups=(stack.physical_id("WorkerLogs"),))
    if not options.log_group:
        options.usage_error("--stack or --log-group is needed too: where the workers' lines are")
    return place


def _place_here(options: argparse.Namespace) -> Place:
    from ..local.place import place_of_system

    return place_of_system(find_local_system(options))


def _lines_of(chain_id: str, place: Place, hours: int) -> Iterator[str]:
    """Give the lines of the log groups that can be read, and say which can't.

    Raises:
        ChainError: None can be.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from ..system.log_events import find_events

    client = place.client("logs")
    since = datetime.now(UTC) - timedelta(hours=hours)
    unread: dict[str, Exception] = {}
    for group in place.log_groups:
        try:
            yield from find_events(client, group, chain_id, since)
        except (BotoCoreError, ClientError) as error:
            unread[group] = error
    if len(unread) == len(place.log_groups):
        first = place.log_groups[0]
        raise ChainError(
            f"no lines can be read from {', '.join(map(repr, place.log_groups))}: {unread[first]}"
        ) from unread[first]
    for group, reason in unread.items():
        warn(f"the log group {group!r} is left out, since it can't be read: {reason}")
