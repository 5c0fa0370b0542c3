"""The arguments that say which dead letters are meant."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING
from uuid import UUID

from ..arguments import add_since, number

if TYPE_CHECKING:
    from ...system.letters.letter import Selection
    from ...system.task_queues import TaskQueues

#: What ``--error`` calls letters that have none.
NO_ERROR = "none"

_MOST = 10**9
_BEGINNING = re.compile(r"[0-9A-Za-z-]{4,128}")


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Take which letters are meant: all that what is given holds for."""
    selection = parser.add_argument_group("which letters are meant, all by default")
    selection.add_argument("--task", metavar="TASK", help="those of this Task")
    selection.add_argument(
        "--error",
        metavar="NAME",
        help="those that failed with this error, as list has it; none: those of which nobody"
        " noted why, since SQS itself moved them",
    )
    selection.add_argument("--chain", metavar="ID", type=_uuid, help="those of this chain")
    add_since(selection, "those that came")
    selection.add_argument(
        "--id",
        metavar="ID",
        dest="ids",
        type=letter_id,
        action="append",
        default=[],
        help="the one whose id begins so; may be repeated",
    )
    selection.add_argument(
        "--limit", metavar="N", type=number(range(1, _MOST)), help="no more than so many"
    )


def selection_of(options: argparse.Namespace) -> Selection:
    """Return which letters are meant, but for `options.limit`."""
    from ...system.letters.letter import Selection

    return Selection(
        # Tracebacks and logs have its module before it.
        error="" if options.error == NO_ERROR else options.error and options.error.split(".")[-1],
        task=options.task,
        chain=options.chain,
        since=options.since,
        ids=tuple(options.ids),
    )


def tasks_of(options: argparse.Namespace, tasks: list[TaskQueues]) -> list[TaskQueues]:
    """Return the Tasks whose dead-letter queues have to be read.

    Raises:
        UnknownTaskError: The system has no such Task.
    """
    from ...system.task_queues import choose_task

    return tasks if options.task is None else [choose_task(tasks, options.task)]


def letter_id(text: str) -> str:
    """Read an id, or what it begins with.

    Raises:
        argparse.ArgumentTypeError: It can't be one, or is too short.
    """
    if not _BEGINNING.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} isn't what an id begins with: at least 4 of its characters, as list and the"
            " logs show it"
        )
    return text.lower()


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} isn't a chain's id, which is a UUID") from error
