"""`algernon send`: send a Task, and print its task_id."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentsError, UnknownTaskError
from .arguments import add_place
from .places import find_local_system, is_on_aws

if TYPE_CHECKING:
    from ..local.entries import RunningSystem
    from ..system.place import Place

HELP = "send a Task, and print its task_id"
DESCRIPTION = "Send a Task to the local system that runs or, given a region or profile, to AWS."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the Task, and where it goes."""
    parser.add_argument("task", metavar="TASK", help="the Task's name")
    parser.add_argument(
        "--kwargs", metavar="JSON", default="{}", help="keyword arguments, a JSON object ({})"
    )
    parser.add_argument("--callback", metavar="a#b", help="Tasks that the result goes on to")
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Send the Task."""
    from ..system.place import leading_to

    kwargs = _keyword_arguments(options.kwargs)
    place = _place_on_aws(options) if is_on_aws(options) else _place_here(options)
    with leading_to(place):
        from algernon_queue import send_task

        print(send_task(options.task, kwargs, options.callback))


def _place_on_aws(options: argparse.Namespace) -> Place:
    from ..system.named_aws import aws_place
    from ..system.topics import check_topic_is_of_stack

    if options.stack is None:
        options.usage_error("--stack is needed too: the name of the stack on AWS to send to")
    place = aws_place(options.profile, options.region, stack=options.stack)
    check_topic_is_of_stack(place, options.task, options.stack)
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
