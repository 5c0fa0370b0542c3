"""`algernon exec`: run a program that means a system, local or on AWS."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping

from ..errors import ProgramError
from .arguments import add_place
from .environment import leading_variables

ROLE = "send"
HELP = "run a program that sends its Tasks to a system"
DESCRIPTION = (
    "Run a program in whose environment the local system that runs or, given a region or profile,"
    " one on AWS is meant: it sends Tasks, gets results and cancels by its own code, such as"
    " price.send(…), with no setting besides, and may send objects of the worker's own classes. It"
    " takes this command's place: its signals and its exit status are the program's. It ends with"
    " 127 if there is no such program, and with 126 if it can't be run, as shells do."
)
EXAMPLES = """\
algernon exec -- python send_orders.py --all
algernon exec --stack shop --profile prod -- python -m shop.import_orders
algernon exec --stack shop --region eu-west-1 -- bash\
"""

_CANNOT_RUN, _NOT_FOUND = 126, 127
# Python ignores these, which the program would inherit.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the system, and the program with its arguments."""
    add_place(parser)
    parser.add_argument(
        "command",
        metavar="-- COMMAND",
        nargs=argparse.REMAINDER,
        help="the program and its arguments, as they are; options of algernon exec stand before",
    )


def execute(options: argparse.Namespace) -> None:
    """Become the program."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        options.usage_error("COMMAND is needed: the program to run, behind --")
    _become(command, _environ(leading_variables(options)))


def _environ(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Return the environment of this process with some variables set, and others unset."""
    others = {name: value for name, value in os.environ.items() if name not in variables}
    return others | {name: value for name, value in variables.items() if value is not None}


def _become(command: list[str], environ: Mapping[str, str]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in _IGNORED}
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 - it is what it is for
    except (FileNotFoundError, ValueError) as error:  # the latter of an empty name
        raise ProgramError(
            f"there is no program {command[0]!r}, or not the one that its first line names: look at"
            " how it is written, and at PATH",
            status=_NOT_FOUND,
        ) from error
    except OSError as error:
        raise ProgramError(
            f"the program {command[0]!r} can't be run: {error.strerror}", status=_CANNOT_RUN
        ) from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
