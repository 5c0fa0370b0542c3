"""`algernon send`: send a Task, and print its task_id, or what comes of it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentsError, UnknownTaskError
from ..story.printing import warn
from .arguments import add_place, add_timeout
from .exit_status import STATUSES
from .places import find_local_system, is_on_aws, place_of, place_with_bucket
from .result import print_result

if TYPE_CHECKING:
    from ..local.entries import RunningSystem
    from ..system.place import Place

HELP = "send a Task, and print its task_id, or its result"
DESCRIPTION = (
    "Send a Task to the local system that runs or, given a region or profile, to AWS, and print the"
    f" id under which it was sent. With --wait, its result is kept and printed. {STATUSES}"
)
EXAMPLES = """\
algernon send resize --kwargs '{"width": 640}' --callback store
algernon send resize --kwargs '{"width": 640}' --wait --timeout 60
algernon send resize --stack shop --profile prod\
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the Task, and where it goes."""
    parser.add_argument("task", metavar="TASK", help="the Task's name")
    parser.add_argument(
        "--kwargs", metavar="JSON", default="{}", help="keyword arguments, a JSON object ({})"
    )
    parser.add_argument("--callback", metavar="a#b", help="Tasks that the result goes on to")
    parser.add_argument(
        "--wait",
        action="store_true",
        help="wait for the result, of a chain that of its last Task, and print it as JSON",
    )
    add_timeout(parser)
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Send the Task."""
    from ..system.place import leading_to

    if options.timeout is not None and not options.wait:
        options.usage_error("--timeout is for --wait: how long to wait for the result")
    kwargs = _keyword_arguments(options.kwargs)
    place = _place_on_aws(options) if is_on_aws(options) else _place_here(options)
    with leading_to(place):
        from algernon_queue import send_task

        task_id = send_task(options.task, kwargs, options.callback, keep_result=options.wait)
        if not options.wait:
            print(task_id)
            return
        # Whoever interrupts it, or has waited too long, asks again by algernon result.
        warn(f"sent as {task_id}")
        print_result(task_id, timeout=options.timeout)


def _place_on_aws(options: argparse.Namespace) -> Place:
    from ..system.topics import check_topic_is_of_stack

    place = place_with_bucket(options) if options.wait else place_of(options)
    if place.stack_name is not None:
        check_topic_is_of_stack(place, options.task, place.stack_name)
    return place


def _place_here(options: argparse.Namespace) -> Place:
    from ..local.place import place_of_system

    system = find_local_system(options)
    _check_tasks(options, system)
    return place_of_system(system)


def _check_tasks(options: argparse.Namespace, system: RunningSystem) -> None:
    chain = [options.task, *(options.callback.split("#") if options.callback else ())]
    for name in chain:
        if name not in system.tasks:
            raise UnknownTaskError(
                f"the system has no Task {name!r}; its Tasks are {', '.join(system.tasks)}"
            )


def _keyword_arguments(text: str) -> dict[str, Any]:
    from algernon_serialize import SerializeError, ajson

    try:
        kwargs = ajson.loads(text)
    except SerializeError as error:
        raise ArgumentsError(f"--kwargs: {error}") from error
    if not isinstance(kwargs, dict):
        raise ArgumentsError(
            f"--kwargs holds {_with_article(type(kwargs).__name__)}, but a Task takes keyword"
            " arguments: write a JSON object, such as '{\"width\": 640}'"
        )
    return kwargs


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "AEIOaeiou" else f"a {noun}"
