"""`algernon send`: send a Task, and print its task_id, or what comes of it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
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

ROLE = "send"
HELP = "send a Task, and print its task_id, or its result"
DESCRIPTION = (
    "Send a Task to the local system that runs or, given a region or profile, to AWS, and print the"
    f" id under which it was sent. With --wait, its result is kept and printed. {STATUSES}"
)
EXAMPLES = """\
algernon send resize --kwargs '{"width": 640}' --callback store
algernon send resize --kwargs '{"width": 640}' --wait --timeout 60
algernon send resize --stack shop --profile prod
algernon send shop.worker:price --kwargs "$(cat item.json)"\
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the Task, and where it goes."""
    parser.add_argument(
        "task",
        metavar="TASK",
        type=_task,
        help="the Task's name; or MODULE:TASK, a worker's module, which is imported, and the name"
        " of a Task in it or of its function",
    )
    parser.add_argument(
        "--kwargs",
        metavar="JSON",
        default="{}",
        help="keyword arguments, a JSON object, which may hold objects of MODULE's classes, as they"
        " are tagged ({})",
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
    module_name, _, task = options.task.rpartition(":")
    kwargs = {} if module_name else _keyword_arguments(options.kwargs)
    system = None if is_on_aws(options) else find_local_system(options)
    place = _place_on_aws(options) if system is None else _place_here(system)
    with leading_to(_with_variables_of(module_name, place) if module_name else place):
        from algernon_queue import send_task

        if module_name:
            task = _task_of(module_name, task)
            # Not before, since it may hold objects of the module's classes.
            kwargs = _keyword_arguments(options.kwargs)
        _check_tasks(task, options.callback, place, system)
        task_id = send_task(task, kwargs, options.callback, keep_result=options.wait)
        if not options.wait:
            print(task_id)
            return
        # Whoever interrupts it, or has waited too long, asks again by algernon result.
        warn(f"sent as {task_id}")
        print_result(task_id, timeout=options.timeout)


def _task(text: str) -> str:
    """Read a Task's name, which may stand behind a module."""
    module_name, sign, task = text.rpartition(":")
    if sign and not (task and all(part.isidentifier() for part in module_name.split("."))):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no MODULE:TASK: write the module as import takes it, and a Task of it,"
            " such as shop.worker:price"
        )
    return text


def _place_on_aws(options: argparse.Namespace) -> Place:
    return place_with_bucket(options) if options.wait else place_of(options)


def _place_here(system: RunningSystem) -> Place:
    from ..local.place import place_of_system

    return place_of_system(system)


def _with_variables_of(module_name: str, place: Place) -> Place:
    """Return a place whose environment has what the settings give a worker, too."""
    from ..settings import read_settings

    variables = read_settings(Path.cwd()).of_worker(module_name).environment
    # Nobody knows the values of secrets here.
    plain = {name: value for name, value in variables.items() if isinstance(value, str)}
    return replace(place, environ={**plain, **place.environ})


def _task_of(module_name: str, name: str) -> str:
    """Import a module as that of a worker, and return the name of one of its Tasks."""
    from ..system.loading import load_module, task_in

    return task_in(load_module(module_name, Path.cwd()), name)


def _check_tasks(
    task: str, callback: str | None, place: Place, system: RunningSystem | None
) -> None:
    """Refuse what isn't a Task of the system, as far as that is known: on AWS, of the first."""
    if system is None:
        from ..system.topics import check_topic_is_of_stack

        if place.stack_name is not None:
            check_topic_is_of_stack(place, task, place.stack_name)
        return
    for name in (task, *(callback.split("#") if callback else ())):
        if name not in system.tasks:
            raise UnknownTaskError(
                f"the system has no Task {name!r}; its Tasks are {', '.join(system.tasks)}"
            )


def _keyword_arguments(text: str) -> dict[str, Any]:
    from algernon_serialize import SerializeError, UnknownClassError, ajson

    try:
        kwargs = ajson.loads(text)
    except UnknownClassError as error:
        raise ArgumentsError(
            f"--kwargs: {error}; a TASK that is named as MODULE:TASK has its module imported"
        ) from error
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
