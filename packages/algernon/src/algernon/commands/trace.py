"""`algernon trace`: tell the story of a chain of Tasks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ChainError
from .arguments import add_log_groups, add_place, number
from .places import place_with_bucket, place_with_logs

if TYPE_CHECKING:
    from ..story.chain import Chain
    from ..story.groups import TaskKey
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
        "--json",
        action="store_true",
        help="print all of it as one line of JSON: each Task, each of its runs, and the groups",
    )
    parser.add_argument(
        "--kwargs",
        action="store_true",
        help="tell the Tasks' arguments too, as far as S3 or a dead-letter queue has them",
    )
    add_log_groups(parser)
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print what the lines tell of the chain."""
    from ..story.chain import check_chain_id, read_chain
    from ..story.chain_json import chain_as_json
    from ..story.chain_story import tasks_with_kwargs, tell_chain
    from ..story.terminal import Terminal

    chain_id = check_chain_id(options.chain_id)
    place = place_with_logs(options)
    chain = read_chain(chain_id, _lines_of(chain_id, place, options.hours))
    if not chain.tasks:
        raise ChainError(
            f"no line of the last {options.hours} hours in {', '.join(place.log_groups)} tells of"
            f" the chain {chain_id}: its first Task may still be waiting or running, or its process"
            " was killed; or its worker isn't decorated with @lambda_logged, or doesn't log from"
            " INFO on"
        )
    tasks = [*chain.tasks] if options.json else tasks_with_kwargs(chain)
    kwargs = _kwargs_of(chain, tasks, options) if options.kwargs else None
    if options.json:
        print(json.dumps(chain_as_json(chain, kwargs=kwargs)))
    else:
        print(tell_chain(chain, Terminal.of(sys.stdout), kwargs=kwargs))


def _kwargs_of(
    chain: Chain, tasks: Iterable[TaskKey], options: argparse.Namespace
) -> dict[str, Any]:
    from ..system.chain_kwargs import WantedTask, read_kwargs

    place = place_with_bucket(options)
    senders = {run.next_task: run for run in chain.runs if run.next_task is not None}
    by_task = chain.tasks
    wanted: list[WantedTask] = []
    for task in tasks:
        name, task_id = task
        runs, sender = by_task[task], senders.get(task)
        sizes = [run.arguments_bytes for run in runs if run.arguments_bytes is not None]
        sizes += [] if sender is None or sender.result_bytes is None else [sender.result_bytes]
        wanted.append(
            WantedTask(
                name,
                task_id,
                stored_bytes=sizes[0] if sizes else None,
                callback_of=None if sender is None else sender.task_id,
                may_be_dead=not (runs and runs[-1].is_done),
            )
        )
    return read_kwargs(place, chain.chain_id, wanted)


def _lines_of(chain_id: str, place: Place, hours: int) -> Iterator[str]:
    from ..system.log_events import find_events

    client = place.client("logs")
    since = datetime.now(UTC) - timedelta(hours=hours)
    for group in place.log_groups:
        for event in find_events(client, group, since, phrase=chain_id):
            yield event.text
