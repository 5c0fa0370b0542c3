"""`algernon result`: wait for what came of what was sent, and print it as JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from .arguments import add_place, add_timeout
from .exit_status import STATUSES
from .places import place_with_bucket

ROLE = "send"
HELP = "wait for the result of a Task, a chain or a group, and print it"
DESCRIPTION = (
    "Wait for the result of a Task, a chain or a group of the local system that runs or, given a"
    " region or profile, on AWS, and print it as JSON. That of a Task or a chain is kept if it was"
    f" sent with keep_result. {STATUSES}"
)
EXAMPLES = """\
algernon result 1f6d4a3e-6b0d-4a53-8a1c-0f8f9c0a3a52 --timeout 60
algernon result 1f6d4a3e-6b0d-4a53-8a1c-0f8f9c0a3a52 --json --stack shop --region eu-west-1\
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what was sent, and how long to wait."""
    parser.add_argument("id", metavar="ID", help="the id under which it was sent")
    add_timeout(parser)
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one line with the state, also of what has no result",
    )
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print the result."""
    from ..system.place import leading_to

    place = place_with_bucket(options)
    with leading_to(place):
        print_result(options.id, timeout=options.timeout, is_whole=options.json)


def print_result(sent_id: str, *, timeout: float | None, is_whole: bool = False) -> None:
    """Wait for the result of what was sent, in the system that this process is led to.

    Args:
        sent_id: The id under which it was sent.
        timeout: For how many seconds, or None for as long as it takes.
        is_whole: Whether the state is printed too, also that of what has no result.

    Raises:
        algernon_queue.QueueError: There is no result, which is printed before if all is to be.
    """
    from algernon_queue import QueueError

    from ..story.json_text import printable_json, shown_json
    from ..system.results import read_result

    try:
        text = read_result(sent_id, timeout=timeout)
    except QueueError as error:
        if is_whole and (known := _known_of(error)):
            print(json.dumps(known))
        raise
    print(printable_json(f'{{"state":"done","result":{text}}}') if is_whole else shown_json(text))


def _known_of(error: Exception) -> dict[str, Any] | None:
    """Return what an error tells of that which has no result."""
    from algernon_queue import (
        ResultNotKeptError,
        ResultTimeoutError,
        TaskCancelledError,
        TaskExpiredError,
        TaskFailedError,
    )

    match error:
        case TaskFailedError():
            return {"state": "failed", "failure": asdict(error.failure)}
        case TaskCancelledError():
            return {"state": "cancelled"}
        case TaskExpiredError():
            return {"state": "expired"}
        case ResultNotKeptError():
            return {"state": "done"}
        case ResultTimeoutError():
            (state,) = error.states.values()
            return {"state": state}
    return None
